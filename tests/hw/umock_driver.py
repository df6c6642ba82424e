"""Opens the devices as the head service does, and does with them what it is told; in a world of `umock`.

    python -m tests.hw.umock_driver ORDERS_FD ANSWERS_FD '{"size": "20x4"}'

Every line from the first descriptor is an order, one line on the second answers it. Its stdout and stderr are
those of the libraries alone: nothing may come there.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, cast

import msgspec

from hw.errors import BusError, StickError
from hw.lcd import Lcd
from hw.stick import Colour, Stick
from sciabc_tui.cli.devices import lcd_factory, stick_factory
from sciabc_tui.config import PanelSettings


class Steps:
    """What may be asked for."""

    def __init__(self, settings: PanelSettings) -> None:
        """Open nothing yet."""
        opens_lcd, opens_stick = lcd_factory(settings), stick_factory(settings)
        assert opens_lcd is not None
        assert opens_stick is not None
        self._opens_lcd = opens_lcd
        self._opens_stick = opens_stick
        self._lcd: Lcd | None = None
        self._stick: Stick | None = None

    def open_lcd(self) -> None:
        """Open the display."""
        self._lcd = self._opens_lcd()

    def show(self, lines: list[str], *, backlight: bool = True) -> None:
        """Show a page."""
        assert self._lcd is not None
        self._lcd.show(lines, backlight=backlight)

    def close_lcd(self) -> None:
        """Give it back."""
        assert self._lcd is not None
        self._lcd.close()

    def open_stick(self) -> None:
        """Open the stick."""
        self._stick = self._opens_stick()

    def colour(self, red: int, green: int, blue: int) -> None:
        """Show a colour."""
        assert self._stick is not None
        self._stick.set(red, green, blue)

    def row(self, colours: list[Colour]) -> None:
        """Show a colour on each LED."""
        assert self._stick is not None
        self._stick.show(colours)

    def off(self) -> None:
        """Go dark."""
        assert self._stick is not None
        self._stick.off()

    def close_stick(self) -> None:
        """Give it back."""
        assert self._stick is not None
        self._stick.close()

    def held(self) -> list[int]:
        """Count the open descriptors and the threads."""
        return [len(list(Path("/proc/self", kind).iterdir())) for kind in ("fd", "task")]


def main() -> None:
    """Obey until there are no more orders."""
    steps = Steps(msgspec.convert(json.loads(sys.argv[3]), PanelSettings))
    with (
        os.fdopen(int(sys.argv[1]), encoding="utf-8") as orders,
        os.fdopen(int(sys.argv[2]), "w", encoding="utf-8") as answers,
    ):
        for line in orders:
            order = cast("dict[str, Any]", json.loads(line))
            try:
                answer = getattr(steps, order.pop("do"))(**order)
            except (BusError, StickError) as error:
                answer = f"{error.kind}: {error}"
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
