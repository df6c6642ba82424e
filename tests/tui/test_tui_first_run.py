"""What somebody reads who has no node yet, or no head service."""

from dataclasses import replace

import pytest

from sciabc_tui.cluster.node import Readiness
from sciabc_tui.cluster.state import Listening, State
from sciabc_tui.tui.present import detail
from sciabc_tui.tui.present.cells import Tone, line_width
from sciabc_tui.tui.present.glyphs import ASCII, UNICODE
from sciabc_tui.tui.present.view import View
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, on_stage
from tests.tui.views import seen, text


def told(view: View, width: int = 77) -> str:
    """Give what is told, as one text."""
    return "\n".join(text(line) for line in detail.first_run(view, width))


def listening(**changes: object) -> State:
    """Give a head alone that listens otherwise."""
    return replace(states.empty(), listening=replace(Listening(("eth0",), ("10.0.0.1/24",)), **changes))


def test_only_without_nodes() -> None:
    """It is there while the head is alone, and goes when there is a node or nothing is known yet."""
    assert told(seen(states.empty()))
    assert told(seen(states.ready())) == ""
    assert told(View(UNICODE)) == ""


def test_it_says_what_is_listened_for() -> None:
    """The interface and its address, no interface, and what hinders it."""
    assert "for _sciabc._tcp on eth0 (10.0.0.1/24)" in told(seen(states.empty()))
    assert "on no interface" in told(seen(listening(interfaces=(), addresses=())))
    assert "on eth0: port 5353 is taken" in told(seen(listening(addresses=(), problem="port 5353 is taken")))


def test_the_head_computes_by_itself() -> None:
    """It names the slots and the key; no key in the read-only mode, no slots where there are none."""
    assert "on 4 slots: press n" in told(seen(states.empty()))
    assert "press n" not in told(replace(seen(states.empty()), read_only=True))
    head = replace(states.head_node(), readiness=Readiness.UNPROVISIONED)
    assert "not ready yet" in told(seen(replace(states.empty(), nodes={head.id: head})))


def test_how_to_add_a_board() -> None:
    """The lines to type, the command for networks without multicast, and the one that looks for trouble."""
    shown = told(seen(states.empty()))
    for line in detail.BOARD_LINES:
        assert line in shown
    assert "sciabc-tui nodes add [USER@]HOST" in shown
    assert "sciabc-tui doctor" in shown


def test_without_a_service_it_says_how_to_start_one() -> None:
    """Once nobody answers, and not before: then it is only slow."""
    gone = View(UNICODE, gone=3.0, problem="no head service answers. Next: sciabc-tui head")
    assert "sciabc-tui head starts it" in told(gone)
    assert "sciabc-tui doctor" in told(gone)


@pytest.mark.parametrize("width", [57, 77, 91])
def test_lines_fit(width: int) -> None:
    """What can be typed stands on one line each, whatever the width; no other line is too wide."""
    hostile = listening(interfaces=("eth\x1b[31m0" * 9,), problem="[/x]\x9b" * 40)
    for view in (
        seen(hostile),
        seen(hostile, glyphs=ASCII),
        View(UNICODE, gone=1.0, problem="\x1b]52;" * 90),
    ):
        for line in detail.first_run(view, width):
            shown = text(line)
            assert shown.isprintable()
            assert line_width(line) <= width + 1 or shown.strip() in detail.BOARD_LINES


def test_what_is_old_is_dim() -> None:
    """When the service went away while the head was alone, nothing of it looks fresh."""
    lines = detail.first_run(seen(states.empty(), gone=5.0), 77)
    assert {cell.tone for line in lines for cell in line} == {Tone.DIM}


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_it_is_on_the_first_screen(size: tuple[int, int]) -> None:
    """At both sizes it is there in full beside nodes, jobs and events, and gone with the first node."""
    client = CapturingClient(states.empty())
    async with on_stage(client, size) as stage:
        shown = stage.text
        for words in ("press n", *detail.BOARD_LINES, "sciabc-tui doctor", "no job yet", "headnode ready"):
            assert words in shown
        client.send(states.ready())
        await stage.until(lambda: "avahi-publish" not in stage.text)


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_it_is_there_without_a_service(size: tuple[int, int]) -> None:
    """Nobody answers from the start: the screen says what to do, and goes on by itself when one does."""
    client = CapturingClient()
    async with on_stage(client, size, waiting=True) as stage:
        assert "sciabc-tui doctor" not in stage.text
        client.go_away()
        await stage.until_text("sciabc-tui doctor")
        assert "sciabc-tui head starts it" in stage.text
        client.send(states.ready())
        await stage.until(lambda: "No head service answers yet" not in stage.text)
