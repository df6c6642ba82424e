"""Devices that hang are no reason for the API to wait: the real service, emulated below the system calls."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sciabc_tui.cluster.state import State
from tests.hw.umock import Umock, need_umockdev
from tests.hw.umock_service import Service

REQUESTS = 200


@pytest.fixture
def world() -> Iterator[Umock]:
    """Give a bus with a display, and a stick."""
    need_umockdev()
    with Umock() as world:
        world.add_bus()
        world.plug_stick()
        yield world


def test_the_api_answers_while_both_devices_hang(world: Umock, tmp_path: Path) -> None:
    """Hundreds of requests during one transfer on each wire; let go, both devices work as if nothing was."""
    world.order("trouble", hangs=True)
    world.order("manner", manner="hangs")
    with Service(tmp_path, world.env) as service:
        before = world.until(lambda seen: seen.hanging_lcd == 1 and seen.hanging_stick == 1)
        states = [service.client.state() for _ in range(REQUESTS)]
        revision = states[-1].revision
        service.until(
            lambda state: state.revision > revision + 2
        )  # and the cluster is looked after meanwhile
        after = world.state
        assert (after.transfers, after.hanging_lcd, after.hanging_stick) == (before.transfers, 1, 1)
        assert (after.written, after.reports) == (before.written, ())
        world.order("trouble")
        world.order("manner", manner="well")

        def recovered(state: State) -> bool:
            panel, seen = state.panel, world.state
            return panel is not None and panel.lines == seen.glass and bool(seen.reports)

        service.until(recovered)
        assert service.end() == (0, "")
        assert world.state.violations == 0


def test_a_stuck_bus_and_a_silent_stick_do_not_hold_up_the_end(world: Umock, tmp_path: Path) -> None:
    """Told to stop during a transfer that takes its second, the service ends in order."""
    world.order("trouble", number=110, takes=1.0)
    world.order("manner", manner="silent")
    with Service(tmp_path, world.env) as service:
        world.until(lambda seen: seen.hanging_stick == 1)
        assert service.end(signal.SIGTERM) == (0, "")
        assert "Traceback" not in service.log


def test_a_transfer_that_never_ends_does_not_hold_up_the_end(world: Umock, tmp_path: Path) -> None:
    """Told to stop while the bus hangs for good, the service gives the display up, says so and ends."""
    world.order("trouble", hangs=True)
    with Service(tmp_path, world.env) as service:
        world.until(lambda seen: seen.hanging_lcd == 1)
        assert service.end() == (0, "")
        assert "LCD was left as it is: it does not answer" in service.log


def test_a_slow_bus_is_used_and_nobody_else_is_slow(world: Umock, tmp_path: Path) -> None:
    """Where each transfer takes a second the glass lags behind and is right; requests go on at once."""
    world.order("trouble", takes=1.0)
    with Service(tmp_path, world.env) as service:
        before = world.until(lambda seen: seen.transfers > 0)
        states = [service.client.state() for _ in range(REQUESTS)]
        assert len(states) == REQUESTS
        world.until(lambda seen: seen.transfers > before.transfers + 2 and bool(seen.glass[0].strip()))
        assert world.state.violations == 0
