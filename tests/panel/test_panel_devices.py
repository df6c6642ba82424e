"""The factories of the real devices, as far as they go on a machine that has none."""

import pytest

from hw.errors import BusError, BusFault
from hw.hd44780 import SIZE_16X2, SIZE_20X4
from sciabc_tui.cli.devices import glass_size, lcd_factory, panel_devices
from sciabc_tui.config import PanelSettings


def test_what_is_off_is_never_opened() -> None:
    """`off` gives no factory at all; `auto` gives both."""
    off = panel_devices(PanelSettings(lcd="off", lamp="off"))
    assert (off.lcd, off.stick) == (None, None)
    auto = panel_devices(PanelSettings())
    assert auto.lcd
    assert auto.stick


def test_a_missing_bus_is_told_with_the_next_step() -> None:
    """Opening, not making the factory, meets the hardware; the error names what to do."""
    opens = lcd_factory(PanelSettings(i2c_bus=255))
    assert opens
    with pytest.raises(BusError, match="dtparam") as caught:
        opens()
    assert caught.value.kind is BusFault.NO_BUS


def test_the_size_is_as_configured() -> None:
    """Both sizes of glass."""
    assert glass_size(PanelSettings(size="16x2")) == SIZE_16X2
    assert glass_size(PanelSettings(size="20x4")) == SIZE_20X4
