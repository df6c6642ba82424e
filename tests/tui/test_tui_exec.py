"""A command on nodes: typed, run, folded as it comes, filtered, saved, cancelled; and harmless."""

from pathlib import Path

import pytest

from sciabc_tui.api.remote import ExecWish
from sciabc_tui.api.works import Begun, Ended, Over, Said
from sciabc_tui.cluster.gather import Gathering
from sciabc_tui.tui.present import exec as presented
from sciabc_tui.tui.present.cells import cell_width
from sciabc_tui.tui.present.exec import Ran
from sciabc_tui.tui.screens.confirm import ConfirmScreen
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.exec import ExecScreen
from tests.tui import states, works_told
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage
from tests.tui.views import seen, text

ALL = ("headnode", "node01", "node02", "node03")


async def ran(stage: Stage, command: str = "uptime") -> None:
    """Run a command on all nodes."""
    await stage.press("asterisk", "x", *command, "enter")
    await stage.until(lambda: any(call[0] == "work" for call in stage.client.asked))


def listed(said: Gathering, wanted: str = "", width: int = 77) -> list[str]:
    """Give the rows of the table."""
    table = presented.table(seen(states.ready()), Ran("x", said), wanted, width)
    return [text(row.cells).rstrip() for row in table.rows]


def gathered(*said: tuple[str, bytes, int | None]) -> Gathering:
    """Let nodes say something and end with a code; None: not yet."""
    gathering = Gathering([name for name, _, _ in said])
    for name, data, code in said:
        gathering.said(name, data)
        if code is not None:
            gathering.ended(name, ok=not code, code=code)
    return gathering


@pytest.mark.parametrize(
    ("keys", "nodes"),
    [
        (("j", "x"), ("node01",)),
        (("j", "space", "space", "x"), ("node01", "node02")),
        (("asterisk", "x"), ALL),
        (("j", "enter", "x"), ("node01",)),
    ],
    ids=["cursor", "selected", "all", "node"],
)
async def test_on_which_nodes(keys: tuple[str, ...], nodes: tuple[str, ...]) -> None:
    """The selected ones, else the one under the cursor, or the one that is open."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press(*keys, *"df -h /", "enter")
        await stage.until(lambda: ("work", ExecWish(nodes, "df -h /")) in client.asked)


async def test_outputs_are_folded_as_they_come() -> None:
    """Equal ones once, under the nodes and how many; the end of each as it comes, the exit code the worst."""
    client = CapturingClient(states.ready())
    works_told.asked(client)
    async with on_stage(client) as stage:
        await ran(stage)
        await stage.until_text("3 of 4 over, waiting for headnode; esc cancels")
        assert "node[01-02] (2)" in stage.text
        assert stage.text.count("up 12 days") == 1
        assert "! ls: cannot access" in stage.text
        client.tell(ExecWish, Said("headnode", b"Linux 6.12.25+rpt-rpi-v8\nup 12 days\n"))
        client.tell(ExecWish, Ended("headnode", ok=True, code=0), Over())
        await stage.until_text("4 nodes in 0.0 s, 2 different outputs; exit code 2")
        assert "headnode,node[01-02] (3)" in stage.text


def test_the_worst_comes_last() -> None:
    """What went well first, then what runs, then the failures by their codes."""
    said = gathered(
        ("a", b"1\n", 3), ("b", b"2\n", None), ("c", b"3\n", 0), ("d", b"4\n", 1), ("e", b"5\n", 0)
    )
    heads = [line.split()[0] for line in listed(said) if "(1)" in line]
    assert heads == ["c", "e", "b", "d", "a"]
    assert presented.worst(said) == 3


@pytest.mark.parametrize("width", [57, 77, 137])
def test_rows_are_harmless_and_fit(width: int) -> None:
    """Whatever a program writes, a row is printable cells of the width at most, and nothing of it is lost."""
    long = b"".join(b"%04d " % number for number in range(500))
    said = gathered(
        ("a", works_told.HOSTILE + long + b"\n\xff\xfe\x00\n", 0), ("b\x1b[2J" + "x" * 90, b"\n", 1)
    )
    rows = listed(said, width=width)
    assert all(row.isprintable() and cell_width(row) <= width for row in rows)
    assert "QUFB" not in "".join(rows)
    assert "[bold]no markup[/]" in "".join(rows)
    joined = "".join(row[2:] for row in rows).replace(" ", "")
    assert "".join(f"{number:04d}" for number in range(500)) in joined


def test_much_output_is_shown_in_part() -> None:
    """Of each group the newest lines, as many as there is patience for; the file has all that was kept."""
    said = gathered(("a", b"".join(b"line %d\n" % n for n in range(30_000)), 0))
    rows = listed(said)
    assert len(rows) <= presented.MOST + 2
    assert "(10,000 lines above are not shown" in rows[1]
    assert rows[-1].endswith("line 29999")
    assert presented.file_text(Ran("x", said)).count("line ") == 30_000


def test_the_filter_keeps_groups_that_hold_it() -> None:
    """Lines with the text, whatever its case, and the heads of those groups only."""
    said = gathered(("a", b"one\nTwo\n", 0), ("b", b"three\n", 0))
    rows = listed(said, "two")
    assert len(rows) == 2
    assert rows[1].endswith("Two")


async def test_filter_keys() -> None:
    """`/` types a filter, Enter keeps it, Esc takes it away, and a slash in a command is a slash."""
    client = CapturingClient(states.ready())
    works_told.answered(client)
    async with on_stage(client) as stage:
        await ran(stage, "ls /tmp")
        assert ("work", ExecWish(ALL, "ls /tmp")) in client.asked
        await stage.until_text("exit code 2")
        await stage.press("slash", *"markup", "enter")
        await stage.until_text("with markup")
        assert "up 12 days" not in stage.text
        await stage.press("escape")
        await stage.until_text("up 12 days")
        assert isinstance(stage.app.screen, ExecScreen)


async def test_history_and_again() -> None:
    """Up offers what was run in this session, also on other nodes; `r` runs the last one again."""
    client = CapturingClient(states.ready())
    works_told.answered(client)
    async with on_stage(client) as stage:
        await ran(stage, "uptime")
        await stage.until_text("exit code 2")
        await stage.press("r")
        await stage.until(lambda: len(client.asked) == 2)
        await stage.until_text("exit code 2")
        await stage.press("x", "end", "ctrl+u", *"hostname", "enter")
        await stage.until(lambda: len(client.asked) == 3)
        await stage.until_text("exit code 2")
        await stage.press("escape", "escape", "j", "x", "down", "down", "enter")
        await stage.until(lambda: len(client.asked) == 4)
        commands = [call[1].command for call in client.asked if isinstance(call[1], ExecWish)]
        assert commands == ["uptime", "uptime", "hostname", "uptime"]


async def test_escape_asks_before_it_cancels() -> None:
    """While it runs; `y` ends it on the nodes, what was said stays, and Esc then leaves."""
    client = CapturingClient(states.ready())
    works_told.asked(client)
    async with on_stage(client) as stage:
        await ran(stage)
        await stage.until_text("3 of 4 over")
        await stage.press("escape")
        assert isinstance(stage.app.screen, ConfirmScreen)
        assert "It runs on 1 of 4 nodes" in stage.text
        await stage.press("n", "escape", "y")
        await stage.until(lambda: len(client.cancelled) == 1)
        await stage.until_text("cancelled after 0 s: 3 of 4 were over")
        assert "up 12 days" in stage.text
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))


def _only_file(folder: Path) -> tuple[Path, str]:
    (path,) = folder.iterdir()
    return path, path.read_text()


async def test_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`S` writes all of it into a new file; one that is there is left alone."""
    monkeypatch.setenv("HOME", str(tmp_path))
    client = CapturingClient(states.ready())
    works_told.answered(client)
    async with on_stage(client, WIDE) as stage:
        await ran(stage)
        await stage.until_text("exit code 2")
        await stage.press("S")
        await stage.until_text("saved in ")
        path, saved = _only_file(tmp_path)
        assert saved.startswith("$ uptime\n")
        assert "--- node[01-02] (2)  exit 0\nLinux 6.12.25+rpt-rpi-v8\nup 12 days\n" in saved
        await stage.press("S")
        await stage.until_text("not saved: File exists")
        assert _only_file(tmp_path) == (path, saved)


@pytest.mark.parametrize("size", [(60, 20), SMALL, WIDE])
async def test_every_size(size: tuple[int, int]) -> None:
    """At each size the field, the groups and the outcome are seen."""
    client = CapturingClient(states.ready())
    works_told.answered(client)
    async with on_stage(client, size) as stage:
        await ran(stage)
        await stage.until_text("exit code 2")
        assert "node[01-02] (2)" in stage.text
        assert "Command" in stage.text


async def test_nothing_typed_runs_nothing() -> None:
    """Enter on an empty field does nothing, and Esc leaves at once."""
    client = CapturingClient(states.ready())
    client.tell(ExecWish, Begun(()))
    async with on_stage(client) as stage:
        await stage.press("x", "space", "enter")
        assert client.asked == []
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))
