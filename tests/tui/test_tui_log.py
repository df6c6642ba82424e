"""The log on the screen: its end, the reader's place in it, and its bounds."""

from dataclasses import replace

from sciabc_tui.api.messages import LogChunk
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.messages import LogReceived
from sciabc_tui.tui.screens.log import LogScreen
from sciabc_tui.tui.widgets.log import KEPT, LogView
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import Stage, on_stage


async def _open_log(stage: Stage) -> LogView:
    await stage.press("tab", "l")
    await stage.until_text("step")
    return stage.app.screen.query_one("#log", LogView)


async def test_log_follows_until_the_reader_scrolls() -> None:
    """The log opens at its end and follows; scrolling up pauses it, `f` and the end follow again."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        view = await _open_log(stage)
        await stage.until_text("step    99")
        await stage.press("k")
        assert not view.following
        client.log_data += states.log_records(50, first=100)
        stage.app._look_again()
        await stage.until(lambda: view.total == 150)
        await stage.pilot.pause()
        assert "step    98" in stage.text
        assert "step   149" not in stage.text
        assert "paused" in stage.text
        await stage.press("f")
        await stage.until_text("step   149")


async def test_log_window_is_bounded() -> None:
    """However much a job prints, the window keeps so many lines and no more."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        view = await _open_log(stage)
        client.log_data += states.log_records(KEPT + 2000, first=100)
        stage.app._look_again()
        await stage.until(lambda: view.total == KEPT + 2100)
        assert view.kept == KEPT
        await stage.until_text(f"step {KEPT + 2099:5}")


async def test_log_of_a_job_that_waits_is_not_read() -> None:
    """A job that has not begun has no log; nothing is asked for."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("tab", "j", "l")
        await stage.until_text("No output yet")
        assert client.asked == []


def _attempt(state: JobState, attempt: int) -> State:
    """Give the cluster with job 42 as it is at some attempt."""
    found = states.running()
    began = states.WALL if state is JobState.RUNNING else None
    nbody = replace(found.jobs[JobId(42)], state=state, attempt=attempt, started_at=began)
    return replace(found, jobs={**found.jobs, nbody.id: nbody})


async def test_the_next_attempt_begins_a_new_page() -> None:
    """While it waits the output of the attempt before stays; then the next one is read."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        view = await _open_log(stage)
        await stage.until(lambda: view.total == 100)
        client.send(_attempt(JobState.PENDING, 1))
        await stage.until_text("pending")
        assert view.total == 100
        client.log_data = states.log_records(3, first=7000)
        client.send(_attempt(JobState.RUNNING, 2))
        await stage.until_text("Output of attempt 2")
        await stage.until(lambda: stage.app._look_again() or view.total == 3)
        await stage.until_text("step  7002")
        assert "step    99" not in stage.text


async def test_a_waiting_job_shows_its_last_attempt() -> None:
    """What the attempt before printed is read once, not again and again."""
    client = CapturingClient(_attempt(JobState.PENDING, 1), log=states.log_records(100))
    async with on_stage(client) as stage:
        await stage.press("tab", "l")
        await stage.until_text("step    99")
        for _ in range(5):
            stage.app._look_again()
            await stage.pilot.pause()
        assert [call[0] for call in client.asked] == ["log"]


async def test_an_answer_of_the_attempt_before_is_dropped() -> None:
    """What was asked of one attempt and answered in the next is shown in neither."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        view = await _open_log(stage)
        screen = stage.app.screen
        assert isinstance(screen, LogScreen)
        screen._asked = True
        client.send(_attempt(JobState.RUNNING, 2))
        await stage.until_text("No output yet of attempt 2")
        screen.post_message(LogReceived(LogChunk(states.log_records(9), 500, ended=False)))
        await stage.until(lambda: not screen._asked)
        assert view.total == 0
        await stage.until(lambda: stage.app._look_again() or view.total == 100)


async def test_job_without_a_state_is_told() -> None:
    """A log opened for a job that is no longer known says so."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        stage.app._open_log(JobId(7))
        await stage.until_text("job 7: not known here any longer")
