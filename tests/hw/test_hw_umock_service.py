"""The real head service drives emulated devices below the system calls; what is on them is what is served."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from sciabc_tui.cluster.state import State
from tests.hw.umock import Umock, need_umockdev
from tests.hw.umock_service import Service


@contextmanager
def furnished(size: Size) -> Generator[Umock]:
    """Give a bus with a display of that size, and a stick."""
    need_umockdev()
    with Umock(size) as world:
        world.add_bus()
        world.plug_stick()
        yield world


def mirrored(service: Service, world: Umock) -> State:
    """Wait until glass and mirror read the same, and no problem with the display is told."""

    def same(state: State) -> bool:
        panel = state.panel
        return panel is not None and panel.lines == world.state.glass and not panel.lcd_problem

    return service.until(same)


@pytest.mark.parametrize(("size", "name"), [(SIZE_16X2, "16x2"), (SIZE_20X4, "20x4")])
def test_glass_and_lamp_live_with_the_service(size: Size, name: str, tmp_path: Path) -> None:
    """Whole pages only, in time; the lamp breathes; at the end last words, a dark lamp, a silent stdout."""
    with furnished(size) as world, Service(tmp_path, world.env, PANEL_SIZE=name) as service:
        state = mirrored(service, world)
        assert state.panel is not None
        assert state.panel.stick_problem == ""
        world.until(lambda seen: len({data for _, data in seen.reports}) > 5)
        world.until(lambda seen: len(world.shown) > 3)
        status, said = service.end()
        assert (status, said) == (0, "")
        texts = [lines for _, lines in world.shown]
        assert all(any(line.strip() for line in lines) for lines in texts[1:])  # the first is of the power-up
        seen = world.state
        assert seen.glass[0].startswith("MONITOR STOPPED")
        assert not any(seen.reports[-1][1])
        assert seen.violations == 0


def test_both_devices_are_pulled_out_and_put_back(tmp_path: Path) -> None:
    """Each is told in the state with what to do, once in the log, and found again by itself."""
    with furnished(SIZE_16X2) as world, Service(tmp_path, world.env) as service:
        mirrored(service, world)
        world.until(lambda seen: bool(seen.reports))
        world.order("unplug_lcd")
        world.order("unplug_stick")
        service.until(
            lambda state: bool(state.panel and state.panel.lcd_problem and state.panel.stick_problem)
        )
        world.order("plug_lcd")
        world.plug_stick()
        mirrored(service, world)
        world.until(lambda seen: bool(seen.reports))
        service.until(lambda state: bool(state.panel and not state.panel.stick_problem))
        status, said = service.end()
        assert (status, said) == (0, "")
        told = [line for line in service.log.splitlines() if "sciabc_tui.panel" in line]
        assert 4 <= len(told) <= 8, told
        assert world.state.violations == 0
