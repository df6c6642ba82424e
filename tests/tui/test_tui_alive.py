"""Unexpected errors: logged, told in one line, and the screen goes on."""

import asyncio
import logging
import sys
import threading
import warnings
from contextvars import ContextVar
from pathlib import Path

import pytest
from textual import message_pump
from textual.app import App
from textual.geometry import Region
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from sciabc_tui.tui.guard import QUIET, Surprises, nothing_printed, watch_loop
from sciabc_tui.tui.run import logged
from sciabc_tui.tui.screens.base import ClusterScreen
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.help import HelpScreen
from sciabc_tui.tui.widgets.lines import HeaderBar
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import Ticker, on_stage

TOLD = "unexpected error (ZeroDivisionError); see tui.log"


def fail(*_: object) -> None:
    """Fail as nobody expects."""
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "name", ["_dispatch_message", "_register_child", "_start_widget", "_handle_exception", "_fatal_error"]
)
def test_private_names_of_the_application(name: str) -> None:
    """What the hook overrides is there in Textual; were it not, Textual would go its own way."""
    assert callable(getattr(App, name))


def test_private_names_of_a_message_pump() -> None:
    """What the hook looks up is there in Textual."""
    assert callable(MessagePump._dispatch_message)
    assert callable(Widget.render_lines)
    assert isinstance(getattr(message_pump, "active_message_pump", None), ContextVar)
    assert MessagePump()._is_mounted is False
    assert MessagePump()._parent is None


async def test_error_in_a_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """An action that fails is told, and the next key works; the traceback is nowhere on the screen."""
    monkeypatch.setattr(DashboardScreen, "action_section", fail)
    async with on_stage(CapturingClient(states.running()), surprises=True) as stage:
        await stage.press("tab")
        await stage.until_text(TOLD)
        assert "Traceback" not in stage.text
        await stage.press("question_mark")
        assert isinstance(stage.app.screen, HelpScreen)


async def test_error_each_time_data_come(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that comes with every state is logged and told once a minute; later data are shown."""
    client = CapturingClient(states.ready())
    async with on_stage(client, surprises=True) as stage:
        monkeypatch.setattr(DashboardScreen, "present", fail)
        for _ in range(20):
            client.send(states.running())
        await stage.until(lambda: stage.app.surprises.count >= 20)
        await stage.until_text(TOLD)
        assert stage.text.count("unexpected error") == 1
        assert [record.message for record in caplog.records] == ["unexpected error"]
        stage.clock.now += QUIET
        client.send(states.running())
        await stage.until(lambda: len(caplog.records) == 2)
        assert "19 more since the last" in caplog.records[1].message
        monkeypatch.undo()
        client.send(states.running())
        await stage.until_text("wave2d")


async def test_error_while_painting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A widget that can't paint is blank; everything around it is painted."""

    def render_line(widget: HeaderBar, y: int) -> Strip:
        raise ZeroDivisionError

    async with on_stage(CapturingClient(states.running()), surprises=True) as stage:
        monkeypatch.setattr(HeaderBar, "render_line", render_line)
        for bar in stage.app.screen.query(HeaderBar):
            bar.refresh()
        await stage.until_text(TOLD)
        assert "nbody" in stage.text


async def test_error_while_a_screen_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen that can't be built is left again, and the one before it goes on."""
    for method in ("body", "present"):
        with monkeypatch.context() as patch:
            patch.setattr(HelpScreen, method, fail)
            async with on_stage(CapturingClient(states.running()), surprises=True) as stage:
                await stage.press("question_mark")
                await stage.until_text(TOLD)
                await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))
                await stage.press("tab")
                assert "nbody" in stage.text


async def test_error_in_timer_callback_and_worker() -> None:
    """Errors of a timer, of a callback, of a worker and of a worker's thread end none but themselves."""

    async def work() -> None:
        raise ZeroDivisionError

    async with on_stage(CapturingClient(states.running()), surprises=True) as stage:
        app = stage.app
        timer = app.set_interval(0.01, fail)
        await stage.until(lambda: app.surprises.count >= 2)
        timer.stop()
        for begin in (
            lambda: app.call_later(fail),
            lambda: app.call_after_refresh(fail),
            lambda: app.run_worker(work()),
            lambda: app.run_worker(fail, thread=True),
        ):
            before = app.surprises.count
            begin()
            app.refresh()
            await stage.until(lambda before=before: app.surprises.count > before)
        await stage.press("question_mark")
        assert isinstance(stage.app.screen, HelpScreen)


async def test_first_screen_that_fails_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before there is a first frame nothing can be told on it: it ends with one line and status 1."""
    monkeypatch.setattr(DashboardScreen, "body", fail)
    with pytest.raises(ZeroDivisionError):
        async with on_stage(CapturingClient(states.running()), waiting=True) as stage:
            await stage.until(lambda: stage.app.return_code == 1)
    said = " ".join(capsys.readouterr().err.split())  # it is wrapped to the terminal's width
    assert said == "sciabc-tui: unexpected error (ZeroDivisionError); see tui.log. Jobs and service go on."
    assert "the screen failed" in caplog.text


def test_kinds_are_told_apart() -> None:
    """Another place or another type is another error; the oldest kinds are forgotten, not kept for ever."""
    told: list[str] = []
    clock = Ticker()
    surprises = Surprises(told.append, clock)
    for number in range(200):
        source = "\n" * number + "raise KeyError"
        with pytest.raises(KeyError) as caught:
            exec(compile(source, "made up", "exec"), {})
        surprises.take(caught.value)
        surprises.take(caught.value)
    assert told == ["unexpected error (KeyError)"] * 200
    assert surprises.count == 400


def test_threads_warnings_and_lost_errors_print_nothing(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What Python itself would print onto the screen goes to the log instead."""
    taken: list[BaseException] = []

    class Broken:
        def __del__(self) -> None:
            raise KeyError

    with logged(tmp_path / "tui.log"), nothing_printed(taken.append), warnings.catch_warnings():
        warnings.simplefilter("always")
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        broken = Broken()
        del broken
        warnings.warn("old hat", DeprecationWarning, stacklevel=1)
        logging.getLogger("asyncio").error("lost")
    assert [type(error) for error in taken] == [ZeroDivisionError, KeyError]
    assert capfd.readouterr() == ("", "")
    written = (tmp_path / "tui.log").read_text()
    assert "old hat" in written
    assert "lost" in written
    assert sys.unraisablehook is not None


async def test_loop_prints_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What asyncio would print of a callback that failed is taken, too."""
    taken: list[BaseException] = []
    loop = asyncio.get_running_loop()
    watch_loop(loop, taken.append)
    loop.call_soon(fail)
    loop.call_exception_handler({"message": "something else"})
    over = asyncio.Event()
    loop.call_soon(over.set)
    await over.wait()
    assert isinstance(taken[0], ZeroDivisionError)
    assert [record.message for record in caplog.records] == ["asyncio: something else"]


async def test_screens_have_a_shield() -> None:
    """Every widget of a screen is guarded, Textual's own as well as ours."""
    async with on_stage(CapturingClient(states.running())) as stage:
        screen: Screen[object] = stage.app.screen
        assert isinstance(screen, ClusterScreen)
        for widget in (screen, *screen.query("*")):
            assert "_dispatch_message" in vars(widget)
            assert widget.render_lines(Region(0, 0, 1, 1)) is not None
