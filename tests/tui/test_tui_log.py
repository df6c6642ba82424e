"""The log on the screen: its end, the reader's place in it, and its bounds."""

from sciabc_tui.cluster.job import JobId
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


async def test_job_without_a_state_is_told() -> None:
    """A log opened for a job that is no longer known says so."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        stage.app._open_log(JobId(7))
        await stage.until_text("job 7: not known here any longer")
