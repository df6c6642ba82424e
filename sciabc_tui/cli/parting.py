"""The last words as a program of its own: `python -m sciabc_tui.cli.parting`.

systemd starts it when the head service has ended, however it ended (`ExecStopPost=`), and once more when the
machine stands. It takes no service and no settings that can be read, and is over in seconds whatever the
devices do. What it can't say is a line on standard error; the exit status is 0.
"""

import contextlib
import os
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from hw.errors import HwError
from hw.hd44780 import SIZE_20X4, Size
from sciabc_tui.cli.devices import glass_size, lcd_factory, stick_factory
from sciabc_tui.cli.ending import judged, machine_goes_down
from sciabc_tui.cli.harmless import harmless
from sciabc_tui.config import PanelSettings, load
from sciabc_tui.errors import SciabcError
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.panel.farewell import Ending, Farewell, last_words
from sciabc_tui.panel.last_lamp import leave_lamp
from sciabc_tui.panel.ports import Lcd, LocalTime, Stick

WITHIN = 4.0
"""Seconds after which a device that does not answer is left as it is."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """How to open what can still speak; None for what is not wanted.

    Attributes:
        lcd: Opens the LCD as one of 20x4, whatever it is: see `glass_lines`.
        stick: Opens the BlinkStick.
        size: Of the glass, as far as is known.
    """

    lcd: Callable[[], Lcd] | None
    stick: Callable[[], Stick] | None
    size: Size


def say(
    farewell: Farewell,
    outlets: Outlets,
    *,
    wall: float,
    local: LocalTime = time.localtime,
    within: float = WITHIN,
) -> tuple[str, ...]:
    """Leave the last words on the glass and in the lamp, at the same time.

    Args:
        farewell: How it ended.
        outlets: What can speak.
        wall: Seconds since the epoch.
        local: The time zone.
        within: Seconds that it may take; a device that hangs is not waited for any longer.

    Returns:
        What hindered, a line a device; empty when all was said.
    """
    deadline = time.monotonic() + within
    problems: list[str] = []
    glass = None
    if outlets.lcd:
        lines = glass_lines(farewell, wall, outlets.size, local)
        # A daemon: a transfer that hangs must not keep the command from ending.
        glass = threading.Thread(target=_show, args=(outlets.lcd, lines, problems), name="glass", daemon=True)
        glass.start()
    lamp = leave_lamp(farewell.ending, outlets.stick, within=within) if outlets.stick else ""
    if glass:
        glass.join(max(0.0, deadline - time.monotonic()))
        if glass.is_alive():
            problems.append("LCD was left as it is, for it hangs. Next: switch it off and on")
    return tuple(filter(None, (*problems, lamp)))


def glass_lines(farewell: Farewell, wall: float, size: Size, local: LocalTime) -> tuple[str, ...]:
    """Give lines for a glass of 20x4 that say it on every glass.

    A 16x2 shows the begin of the first two lines of a 20x4 (both are two lines of 40 to the controller); who
    writes all four, the rest of them blank, leaves nothing old on a glass of either size.
    """
    lines = last_words(farewell, wall, size=size, local=local)
    full = (*lines, *("",) * (SIZE_20X4.rows - len(lines)))
    return tuple(line.ljust(SIZE_20X4.columns) for line in full)


def panel_settings(file: Path | None, as_installed: Sequence[str]) -> PanelSettings:
    """Read the settings of the panel; where they can't be read, take them as they were.

    Args:
        file: As `sciabc_tui.config.load` takes it.
        as_installed: `KEY=VALUE` for what was not the default when the service was installed.
    """
    with contextlib.suppress(SciabcError, OSError, RuntimeError):
        return load(file=file).settings.panel
    try:
        return msgspec.convert(dict(text.split("=", 1) for text in as_installed), PanelSettings, strict=False)
    except ValueError:  # msgspec.ValidationError is one: written by another version of this program
        return PanelSettings()


def outlets(panel: PanelSettings) -> Outlets:
    """Give the real devices, as the settings name them."""
    return Outlets(
        lcd_factory(msgspec.structs.replace(panel, size="20x4")), stick_factory(panel), glass_size(panel)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Say the last words; give the exit status, which is 0 also where nothing could be said."""
    parser = ArgumentParser(prog="sciabc-tui last-words", description=__doc__)
    parser.add_argument("ending", nargs="?", type=Ending, choices=tuple(Ending))
    parser.add_argument("--config", type=Path)
    parser.add_argument("--panel", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    part(options.ending, options.config, options.panel)
    return 0


def part(ending: Ending | None, file: Path | None, as_installed: Sequence[str]) -> None:
    """Say the last words on the real devices.

    Args:
        ending: How it ended; None to find out from systemd's environment.
        file: A configuration file in place of the user's own.
        as_installed: See `panel_settings`.
    """
    farewell = Farewell(ending) if ending else judged(os.environ, going_down=machine_goes_down)
    if farewell is None:
        return
    told = ", ".join(filter(None, (farewell.ending.value, farewell.why)))
    for problem in say(farewell, outlets(panel_settings(file, as_installed)), wall=SystemClock().wall()):
        print(f"sciabc-tui: last words ({told}): {harmless(problem)}", file=sys.stderr)  # noqa: T201 - a program of its own


def _show(opens: Callable[[], Lcd], lines: Sequence[str], problems: list[str]) -> None:
    try:
        lcd = opens()
        try:
            lcd.show(lines, backlight=True)
        finally:
            lcd.close()
    except HwError as error:
        problems.append(str(error))


def leave(status: int) -> NoReturn:
    """End at once: a thread that hangs in a transfer would trip an orderly end of Python, or hold it up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    leave(main())
