"""What the guides quote from the screen is what the program says."""

import re
import tomllib
from pathlib import Path

import pytest

from sciabc_tui.cli.unit import udev_rules
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.node import RowWord
from tests.docs.pages import ROOT, files, read

TABLES = {"troubleshooting.md": 0, "wiring.md": 1}
"""Pages with tables of symptoms, and the column that quotes."""


def said() -> str:
    """Give all texts of the program in one, without the seams of literals that go over several lines."""
    sources = [path for folder in ("sciabc_tui", "jobs", "hw") for path in (ROOT / folder).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    return re.sub(r'"\s*\n\s*f?"', "", text)


def quotes(page: str, column: int) -> list[str]:
    """Give what a page quotes: code in that column of its tables of symptoms."""
    found: list[str] = []
    for line in read(page).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 3:
            found += re.findall(r"`([^`]+)`", cells[column])
    return found


@pytest.mark.parametrize("page", TABLES)
def test_every_quoted_text_is_said(page: str) -> None:
    """Somewhere in the code it stands so, or is made so from a value of the domain."""
    code = said()
    made = {"!", " DOWN", " OLD", "MONITOR STOPPED", "MONITOR CRASHED"}  # put together from parts
    missing = [text for text in quotes(page, TABLES[page]) if text not in code and text not in made]
    assert missing == []


def test_every_word_of_a_row_is_told() -> None:
    """Whoever sees one finds it, at the begin of a line of the table."""
    table = read("troubleshooting.md").partition("## The word on its row\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    assert told >= {word.value for word in RowWord} - {RowWord.READY.value}


def test_every_end_of_a_job_is_told() -> None:
    """That is no good one."""
    page = read("troubleshooting.md") + read("jobs.md")
    for state in JobState:
        assert f"`{state.value}`" in page or state in {JobState.PENDING, JobState.RUNNING}, state


def test_there_are_quotes() -> None:
    """The search finds what it should look up."""
    assert len(quotes("troubleshooting.md", 0)) > 60
    assert len(quotes("wiring.md", 1)) >= 6


@pytest.mark.parametrize("page", ["troubleshooting.md", "when-a-node-dies.md", "wiring.md"])
def test_settings_that_are_named_exist(page: str) -> None:
    """As section.key."""
    reference = read("configuration.md")
    sections = re.findall(r"^## \[(\w+)\]$", reference, re.MULTILINE)
    for section, key in re.findall(rf"`({'|'.join(sections)})\.(\w+)[` ]", read(page)):
        table = reference.partition(f"## [{section}]")[2].partition("\n## ")[0]
        assert f"| `{key}` |" in table, f"{section}.{key}"


def test_the_images_of_raspberry_pi_os_are_told_in_their_form() -> None:
    """custom.toml is TOML with the tables that raspberrypi-sys-mods reads; user-data begins as it must."""
    page = read("images.md")
    custom = re.search(r"```ini\n# custom.toml\n(.*?)```", page, re.DOTALL)
    assert custom is not None
    tables = tomllib.loads(custom[1])
    assert tables.pop("config_version") == 1
    assert set(tables) <= {"system", "user", "ssh", "wlan", "locale"}
    user_data = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert user_data is not None
    assert user_data[1].startswith("#cloud-config\n")


def test_the_udev_rule_is_for_the_same_device() -> None:
    """As the one that install-service writes."""
    for page in ("wiring.md", "head.md"):
        [rule] = [line.strip() for line in read(page).splitlines() if line.strip().startswith("SUBSYSTEM==")]
        assert rule.partition(", MODE=")[0] in udev_rules(1)


def test_exports_and_fstab_are_in_their_form() -> None:
    """exports(5): a path, then HOST(OPTIONS); fstab(5): six fields. Both name the same folder and network."""
    shown = files("networks.md")
    [export] = [line for line in shown["/etc/exports.d/sciabc.exports"].splitlines() if line[0] != "#"]
    found = re.fullmatch(r"(/\S+) ([\d./]+)\((\w+(?:,\w+)*)\)", export)
    assert found is not None
    known = {"rw", "ro", "sync", "async", "no_subtree_check", "subtree_check", "root_squash"}
    assert set(found[3].split(",")) <= known
    [line] = [line for line in shown["/etc/fstab"].splitlines() if line[0] != "#"]
    source, target, kind, _, dump, order = line.split()
    assert source == f"10.77.0.1:{found[1]}"
    assert (target, kind, dump, order) == (found[1], "nfs", "0", "0")
    assert Path(target).is_absolute()
