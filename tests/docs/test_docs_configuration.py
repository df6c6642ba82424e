"""docs/configuration.md is what the code says."""

from sciabc_tui.config import load
from tests.cli.shell import Shell
from tests.docs.pages import read


def test_the_page_is_what_the_program_prints(shell: Shell) -> None:
    """To renew it: sciabc-tui config --markdown > docs/configuration.md."""
    done = shell.run("config", "--markdown")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == read("configuration.md")


def test_every_setting_is_in_it_with_its_default() -> None:
    """In the section's table, whatever holds on this machine."""
    page = read("configuration.md")
    for setting in load(environ={}).effective:
        section, _, key = setting.key.partition(".")
        table = page.partition(f"\n## [{section}]\n")[2].partition("\n## ")[0]
        assert f"| `{key}` | `{setting.toml}` |" in table, setting.key
        assert setting.about in table


def test_what_holds_here_changes_nothing_in_it(shell: Shell) -> None:
    """The reference gives defaults."""
    changed = shell.run("config", "--markdown", SCIABC_PANEL_SIZE="20x4").stdout
    assert changed == read("configuration.md")
