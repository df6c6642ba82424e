"""`sciabc-tui panel`: the front panel in a terminal, through a pipe and as JSON."""

import json
import time
from dataclasses import replace

import pytest

from hw.hd44780 import SIZE_16X2, SIZE_20X4
from sciabc_tui.cli.preview import drawn, panel_of
from sciabc_tui.cluster.state import LampState, PanelView, State
from sciabc_tui.panel.present import present
from tests.api.scripted import Serving
from tests.cli.shell import Shell
from tests.panel.scenes import cluster

STATE = cluster()
SHOWN = PanelView(
    ("203.0.113.254  ♥", "8/8up 63°C 14:07"), LampState.IDLE, rhythm="sky blue, breathes every 5 s"
)


def showing(view: PanelView) -> State:
    """Give a cluster whose panel shows this."""
    return replace(STATE, panel=view)


def publish(service: Serving, view: PanelView) -> None:
    """Let the service's panel show this."""
    state = service.backend.state
    service.do(lambda: service.backend.publish(replace(state, panel=view)))


def test_what_is_drawn_is_what_is_shown() -> None:
    """The glass's own text, not another reading of the state: the same frame in the same second."""
    odd = replace(SHOWN, lines=("as the service  ", "has shown it    "), backlight=False)
    panel = panel_of(showing(odd), None, configured=SIZE_20X4)
    assert panel == panel_of(showing(odd), SIZE_16X2, configured=SIZE_20X4)
    assert drawn(panel) == [
        "+----------------+",
        "|as the service  |",
        "|has shown it    |",
        "+----------------+",
        "light  off",
        "lamp   idle: sky blue, breathes every 5 s",
    ]


@pytest.mark.parametrize("shown", [SHOWN, None])
def test_another_size_shows_what_such_a_glass_would(shown: PanelView | None) -> None:
    """A glass that is not there is presented, of the same second."""
    panel = panel_of(replace(STATE, panel=shown), SIZE_20X4, configured=SIZE_16X2, local=time.gmtime)
    frame = present(STATE, STATE.at, STATE.wall, size=SIZE_20X4, local=time.gmtime)
    assert panel.lines == frame.lines
    assert panel.rhythm == "sky blue, breathes every 5 s"


def test_before_the_first_frame_the_configured_glass_is_drawn() -> None:
    """A service that has just begun has shown nothing yet."""
    assert len(panel_of(STATE, None, configured=SIZE_20X4).lines) == 4


def test_what_hinders_the_devices_is_told_in_the_width_of_the_terminal() -> None:
    """A long problem goes on in further lines; no line is longer than the terminal, and none steers it."""
    view = replace(
        SHOWN,
        lcd_problem="/dev/i2c-1: no display answers at 0x27, 0x3f. Next: check its wires",
        stick_problem="a\x1b[2Jb",
    )
    lines = drawn(panel_of(showing(view), None, configured=SIZE_16X2), 40)
    assert lines[-3:] == [
        "LCD    /dev/i2c-1: no display answers at",
        "       0x27, 0x3f. Next: check its wires",
        "stick  a\\x1b[2Jb",
    ]
    assert max(map(len, lines)) <= 40


def test_the_panel_in_a_pipe_is_drawn_once(shell: Shell, service: Serving) -> None:
    """A program that reads it gets an end; `--once` draws it once on a terminal, too."""
    publish(service, SHOWN)
    piped = shell.run("panel", "--preview")
    assert piped.returncode == 0
    assert piped.stdout.splitlines()[1] == "|203.0.113.254  ♥|"
    with shell.terminal("panel", "--once") as terminal:
        assert terminal.ended() == 0
    assert "\x1b" not in terminal.text


def test_the_panel_as_json(shell: Shell, service: Serving) -> None:
    """All that is shown, each by its name."""
    publish(service, replace(SHOWN, stick_problem="no stick"))
    assert json.loads(shell.run("panel", "--json").stdout) == {
        "lines": list(SHOWN.lines),
        "backlight": True,
        "lamp": "idle",
        "rhythm": SHOWN.rhythm,
        "lcd_problem": "",
        "stick_problem": "no stick",
        "simulated": False,
    }


def test_the_preview_follows_until_it_is_interrupted(shell: Shell, service: Serving) -> None:
    """On a terminal the glass is drawn over itself whenever it changes; Ctrl-C ends it, without a trace."""
    publish(service, SHOWN)
    with shell.terminal("panel", "--preview") as terminal:
        terminal.until("breathes every 5 s")
        publish(
            service, replace(SHOWN, lines=("!node03 DOWN   ♥", "2m14s       1of2"), stick_problem="no stick")
        )
        terminal.until("no stick")
        assert "\x1b[6F" in terminal.text  # back to the first of six lines
        publish(service, SHOWN)
        terminal.until("\x1b[7F")
        terminal.type(b"\x03")
        assert terminal.ended() == 130
    assert "Traceback" not in terminal.text


def test_the_preview_ends_with_the_service(shell: Shell, service: Serving) -> None:
    """Nobody takes the last frame for the present: it says that the service went away."""
    publish(service, SHOWN)
    with shell.terminal("panel", "--preview") as terminal:
        terminal.until("breathes every 5 s")
        service.loop.call_soon_threadsafe(service.stop.set)
        terminal.until("The head service went away. Next: sciabc-tui status")
        assert terminal.ended() == 3
