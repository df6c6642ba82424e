"""A shell on a node: the terminal is lent to it, and everything is as it was when it ends."""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sciabc_tui.cluster.node import Trust
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.shell import NOT_SO, refused
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import on_stage
from tests.tui.terminal import Terminal
from tests.tui.views import seen

ROOT = Path(__file__).parents[2]

PASTE, CURSOR, ALTERNATE, FOCUS = 2004, 25, 1049, 1004

ASKS = "echo a prompt; read line; echo got $line; read line; exit 3"


@contextmanager
def seated(script: str, *, answers: bool = True) -> Generator[Terminal, None, None]:
    """Open the screen; `s` runs a script."""
    command = [sys.executable, "-m", "tests.tui.shell_seat", "sh", "-c", script]
    with Terminal(command, cwd=ROOT, answers=answers) as terminal:
        terminal.until("nbody", within=30)
        yield terminal


def test_lent_and_taken_back() -> None:
    """The shell has the terminal as it was before, what is typed goes to it; after it all is there again."""
    with seated(ASKS) as terminal:
        before = terminal.text
        terminal.press(b"js")
        terminal.until("on node01: exit returns to sciabc-tui")
        terminal.until("a prompt")
        assert not terminal.modes & {ALTERNATE, PASTE, FOCUS}
        assert CURSOR in terminal.modes
        terminal.press(b"words\r")
        terminal.until("got words")
        quiet = terminal.written
        terminal.until(lambda text: "nbody" not in text)
        terminal.press(b"\r")
        terminal.until("▸ node01")
        assert {ALTERNATE, PASTE} <= terminal.modes
        assert terminal.written > quiet
        rows = [line[:20].replace("▸", " ").strip() for line in before.splitlines() if "node0" in line]
        terminal.until(lambda text: all(row in text for row in rows))
        terminal.press(b"?")
        terminal.until("Keys")
        terminal.press(b"\x1b")
        terminal.until(lambda text: "nbody" in text and "Keys" not in text)
        terminal.press(b"q")
        assert terminal.wait(20) == 0
        assert not terminal.modes & {PASTE, ALTERNATE, FOCUS}


def test_nothing_is_shown_meanwhile() -> None:
    """States go on to come, a second each; not a byte of them reaches the terminal that is lent."""
    # an answer that the terminal gives late would be echoed
    with seated("echo a prompt; sleep 2.5; echo enough; read line", answers=False) as terminal:
        terminal.press(b"js")
        terminal.until("a prompt")
        begin = terminal.raw.index(b"a prompt")
        terminal.until("enough")
        end = terminal.raw.index(b"enough")
        assert terminal.raw[begin:end] == b"a prompt\r\n"


def test_interrupt_is_for_the_shell() -> None:
    """Ctrl-C while a login is under way ends that, and the screen goes on."""
    with seated("echo a prompt; exec sleep 60") as terminal:
        terminal.press(b"js")
        terminal.until("a prompt")
        terminal.press(b"\x03")
        terminal.until("▸ node01")
        terminal.press(b"q")
        assert terminal.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_from_outside(number: signal.Signals) -> None:
    """A signal ends the shell and the screen, and the terminal is as it was found."""
    with seated("echo a prompt; exec sleep 60") as terminal:
        terminal.press(b"js")
        terminal.until("a prompt")
        terminal.signal(number)
        assert terminal.wait(20) == 0
        assert not terminal.modes & {PASTE, ALTERNATE, FOCUS}
        assert CURSOR in terminal.modes
        assert b"Traceback" not in terminal.raw


def test_a_refusal_is_told_on_the_screen() -> None:
    """What speaks against it when it is tried comes as a notice; the terminal is taken back at once."""
    with seated("exit 0") as terminal:
        terminal.press(b"jjjs")
        terminal.until("node03 lets nobody in. Next: ask it")
        terminal.until("nbody")


def test_who_is_refused() -> None:
    """Boards without an approved key, with a changed one, without an address, and simulated ones."""
    state = states.lost()
    view, nodes = seen(state), {node.name: node for node in state.nodes.values()}
    assert refused(nodes["node01"], view) == ""
    assert refused(nodes["headnode"], view) == ""
    assert "not approved yet. Next: a " in refused(nodes["node05"], view)
    assert "another host key" in refused(nodes["node07"], view)
    nowhere = replace(nodes["node01"], contact="", addresses=())
    assert "Next: switch it on" in refused(nowhere, view)
    assert "--demo" in refused(nodes["node01"], seen(states.simulated(state)))
    assert nodes["node07"].trust is Trust.CHANGED


async def test_not_every_screen_can() -> None:
    """Where no shell was given the key says what to type instead."""
    async with on_stage(CapturingClient(states.running())) as stage:
        await stage.press("j", "s")
        await stage.until_text("Next: sciabc-tui shell NODE")
        assert isinstance(stage.app.screen, DashboardScreen)
    assert "Next:" in NOT_SO
