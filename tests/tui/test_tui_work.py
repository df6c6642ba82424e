"""A work as it goes: parts in batches, the grid, what failed, and that it is cancelled after a yes only."""

import threading

import pytest
from textual.message import Message

from sciabc_tui.api.powering import IdentifyWish, PowerWish, UnpackWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Said, Step
from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.present import work
from sciabc_tui.tui.present.cells import Grid, cell_width
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.requests import StartWork, StopWork
from sciabc_tui.tui.running import MOST, Running, WorkEnded, WorkTold
from sciabc_tui.tui.screens.confirm import ConfirmScreen
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.work import WorkScreen
from tests.tui import states, works_told
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage
from tests.tui.views import seen, text

HOSTILE = "[/x]\x1b]52;c;AAAA\x07\u202e\nmore"


def parts_of(client: CapturingClient, kind: type) -> list[Part]:
    """Give what was laid ready for works of a kind."""
    return client.told[kind]


def progress_of(*parts: Part, over: bool = False) -> work.Progress:
    """Give a progress in which this was told."""
    progress = work.told(work.begun(states.AT - 7), parts)
    return work.finished(progress, states.AT, "") if over else progress


def rows(grid: Grid) -> dict[str, str]:
    """Give the cells of each row as one text."""
    return {row.key: " ".join(cell.text.strip() for cell in row.cells) for row in grid.rows}


async def unpack(stage: Stage, *parts: Part) -> None:
    """Open a work that says nothing yet, or this."""
    stage.client.tell(UnpackWish, *parts)
    await stage.press("colon", *"unpack", "enter")
    await stage.until(lambda: ("work", UnpackWish()) in stage.client.asked)


def test_one_message_a_batch() -> None:
    """What is told while nobody takes is one message; after it was taken there is another one."""
    posted: list[Message] = []
    client = CapturingClient()
    client.tell(UnpackWish, Begun(("a", "b")), Step("a", "wait", "running"), Ended("a", ok=True), Over())
    running = Running(7, client, posted.append)
    assert running.run(UnpackWish()) == WorkEnded(7)
    (message,) = posted
    assert isinstance(message, WorkTold)
    assert message.take() == tuple(parts_of(client, UnpackWish))
    assert running.take() == ()
    running.run(UnpackWish())
    assert len(posted) == 2


def test_a_work_that_says_too_much_waits() -> None:
    """No more than a bounded amount waits to be shown; when it is taken the work goes on."""
    client = CapturingClient()
    client.tell(UnpackWish, Begun(("a",)), *[Said("a", b"x" * (MOST // 4))] * 40, Over())
    news = threading.Semaphore(0)
    running = Running(1, client, lambda _: news.release())
    thread = threading.Thread(target=running.run, args=(UnpackWish(),))
    thread.start()
    took = 0
    while took < 42:
        assert news.acquire(timeout=10)
        batch = running.take()
        assert sum(len(part.data) for part in batch if isinstance(part, Said)) <= 1.25 * MOST
        took += len(batch)
    thread.join(10)
    assert not thread.is_alive()


def test_stopping_ends_one_that_waits_for_us() -> None:
    """A work whose parts nobody takes any more is ended too, and so is one that says nothing."""
    for silent in (False, True):
        client = CapturingClient()
        client.tell(UnpackWish, Begun(("a",)), *([] if silent else [Said("a", b"x" * MOST)] * 3))
        running = Running(1, client.apart(), lambda _: None)
        ended: list[WorkEnded] = []
        thread = threading.Thread(target=lambda: ended.append(running.run(UnpackWish())))  # noqa: B023
        thread.start()
        running.stop()
        thread.join(10)
        assert ended == [WorkEnded(1)]


def test_a_refusal_is_the_end() -> None:
    """Why it could not be done comes with its end."""
    client = CapturingClient()
    client.refusal = CommandRefused("jobs run there. Next: wait")
    assert Running(1, client, lambda _: None).run(UnpackWish()).problem == "jobs run there. Next: wait"


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_grid_fits(width: int, glyphs: Glyphs) -> None:
    """At every width every node has a row, and cells are a glyph and a word in this terminal's characters."""
    client = CapturingClient()
    works_told.provisioning(client)
    view = seen(states.lost(), glyphs=glyphs)
    progress = progress_of(*parts_of(client, works_told.ProvisionWish))
    grid = work.grid(view, "Provision", progress, width)
    assert [row.key for row in grid.rows] == ["node05", "10.77.0.12", "node08"]
    shown = rows(grid)
    assert f"{glyphs.failed} FAIL" in shown["node08"]
    assert "45%" in shown["10.77.0.12"]
    if glyphs is ASCII:
        assert "".join(shown.values()).isascii()
    for line in work.status(view, "Provision: 3 boards", progress, "", width):
        assert cell_width(text(line)) <= width


def test_steps_that_are_well_everywhere_go_first() -> None:
    """On a narrow terminal the columns that say nothing go, and the note names them."""
    client = CapturingClient()
    works_told.nothing_to_do(client)
    progress = progress_of(*parts_of(client, works_told.ProvisionWish), over=True)
    grid = work.grid(seen(states.lost()), "Provision", progress, 60)
    assert len(grid.columns) < len(works_told.STEPS)
    assert "check, head's key" in grid.note
    assert len(work.grid(seen(states.lost()), "Provision", progress, 140).columns) > len(grid.columns)


def test_what_is_told_under_the_cursor() -> None:
    """A failure's text and fix; hostile texts are plain; several lines of a dry run are several lines."""
    progress = progress_of(
        Begun(("a",), ("one",)),
        Step("a", "one", "would", f"first\nsecond {HOSTILE}"),
        Ended("a", ok=False, text=HOSTILE, fix="Next: do this"),
    )
    lines = [text(line) for line in work.remedy(seen(states.ready()), progress, "a", "one", 60)]
    assert "first" in lines
    assert "Next: do this" in lines
    assert all(line.isprintable() for line in lines)


def test_failed_are_those_that_are_not_well() -> None:
    """Those that ended so, and those of which no end was told; while it runs none is."""
    parts = (Begun(("a", "b", "c")), Ended("a", ok=True), Ended("b", ok=False))
    assert progress_of(*parts).failed == ()
    assert progress_of(*parts, over=True).failed == ("b", "c")


async def test_parts_are_shown_as_they_come() -> None:
    """Rows appear while it runs; the end says what came of it and what to do next."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await unpack(stage, Begun(("node01", "node02")), Step("node01", "wait", "running", "not heard yet"))
        await stage.until_text("0 of 2 over, node01: wait (not heard yet); esc cancels")
        client.tell(UnpackWish, Ended("node01", ok=True, text="is ready"))
        await stage.until_text("1 of 2 over")
        client.tell(
            UnpackWish,
            Ended("node02", ok=False, text="is not there", fix="Next: its cable"),
            Over("1 of 2 nodes are there; missing: node02"),
        )
        await stage.until_text("missing: node02")
        await stage.until_text("Next: its cable")
        await stage.press("r")  # nobody said how it is done again
        assert len([call for call in client.asked if call[0] == "work"]) == 1
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))


async def test_escape_asks_before_it_cancels() -> None:
    """Anything but `y` leaves it; `y` cancels it at the service, and Esc then leaves."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await unpack(stage, Begun(("node01",)))
        await stage.until_text("0 of 1 over")
        await stage.press("escape")
        assert isinstance(stage.app.screen, ConfirmScreen)
        await stage.press("enter")
        assert client.cancelled == []
        await stage.press("escape", "y")
        await stage.until(lambda: client.cancelled == [UnpackWish()])
        await stage.until_text("Cancelled: what was begun on the nodes is ended.")
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))


async def test_a_refusal_is_shown() -> None:
    """What the service says against it stands there, whole."""
    client = CapturingClient(states.ready())
    client.refusal = CommandRefused("Nothing can be unpacked here. Next: sciabc-tui nodes")
    async with on_stage(client) as stage:
        await stage.press("colon", *"unpack", "enter")
        await stage.until_text("Nothing can be unpacked here. Next: sciabc-tui nodes")


async def test_one_work_is_cancelled_and_no_other() -> None:
    """Each has a client of its own."""
    client = CapturingClient(states.running())
    works_told.rebooting(client)
    client.tell(IdentifyWish, Begun(("node01",)), Step("node01", "blink", "running"))
    async with on_stage(client) as stage:
        await stage.press("j", "i")
        await stage.until_text("node01: blinks for 30 s; i or esc ends it")
        await unpack(stage, Begun(("node01",)))
        await stage.press("escape", "y")
        await stage.until(lambda: client.cancelled)
        assert client.cancelled == [UnpackWish()]


async def test_leaving_asks_what_would_be_cancelled() -> None:
    """`q` with a work under way says so; blinking is not worth a question."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await unpack(stage, Begun(("node01",)))
        await stage.press("q")
        assert isinstance(stage.app.screen, ConfirmScreen)
        assert "A work is under way on nodes" in stage.text
        await stage.press("n", "q", "y")
    assert client.was_cancelled(10) == [UnpackWish()]  # in the thread that did it


async def test_late_parts_of_another_one_change_nothing() -> None:
    """What is told after the cancel is not taken for what is told of the next."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await unpack(stage, Begun(("node01",)))
        await stage.until_text("0 of 1 over")
        screen = stage.app.screen
        assert isinstance(screen, WorkScreen)
        await stage.press("escape", "y")
        await stage.until_text("Cancelled")
        screen.post_message(WorkTold(1, lambda: (Ended("node01", ok=True, text="late"),)))
        screen.post_message(WorkEnded(1, "late"))
        await stage.pilot.pause()
        assert "late" not in stage.text


async def test_stopping_what_does_not_run_does_nothing() -> None:
    """A number that nobody knows is no error."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        stage.app.take(StopWork(9))
        stage.app.take(StartWork(PowerWish(("node01",), "on"), 9))
        await stage.until(lambda: client.asked)
        stage.app.take(StopWork(9))
        await stage.until(lambda: client.cancelled)


@pytest.mark.parametrize("size", [(60, 20), SMALL, WIDE])
async def test_every_size(size: tuple[int, int]) -> None:
    """At each size the rows, the failure under the cursor and its fix are seen."""
    client = CapturingClient(states.running())
    works_told.rebooting(client)
    async with on_stage(client, size) as stage:
        await stage.press("j", "space", "space", "space", "B", "r", "y")
        await stage.until_text("2 of 3 over")
        await stage.press("down", "down")
        await stage.until_text("Next: sciabc-tui power reboot node03")
        assert "sudo asks for a password" in stage.text
