"""The emulated stick behaves as the real one."""

import pytest

from hw.emulated_stick import EmulatedStick


def test_the_stick_remembers_its_colours() -> None:
    """Colours are kept in order and closing does not darken it."""
    stick = EmulatedStick()
    stick.set(255, 40, 0)
    stick.off()
    stick.set(1, 2, 3)
    stick.close()
    assert list(stick.colours) == [(0, 0, 0), (255, 40, 0), (0, 0, 0), (1, 2, 3)]
    assert stick.closed
    with pytest.raises(ValueError, match="0-255"):
        stick.set(256, 0, 0)
