"""The factories of the real devices, as far as they go on a machine that has none."""

import errno
import itertools
import os

import pytest

from hw.emulated import EmulatedLcd
from hw.errors import BusError, BusFault
from hw.hd44780 import SIZE_16X2, SIZE_20X4, PinMap, Register
from hw.lcd import Lcd
from sciabc_tui.cli.devices import glass_size, lcd_factory, panel_devices, pin_map
from sciabc_tui.config import LCD_PINS, PanelSettings, load
from sciabc_tui.errors import ConfigError


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


def test_the_usual_backpack_is_the_default() -> None:
    """PCF8574 backpacks as they are mostly sold: RS, R/W, E and the light on P0-P3, the data on P4-P7."""
    assert pin_map(PanelSettings()) == PinMap()


@pytest.mark.parametrize(
    ("pins", "letter_a"),
    [
        ("rs rw e bl d4 d5 d6 d7", 0b0100_1001),  # LCM1602, YwRobot, SainSmart, DFRobot
        ("e rw rs bl d4 d5 d6 d7", 0b0100_1100),
        ("d4 d5 d6 d7 e rw rs bl-low", 0b0100_0100),  # mjkdz
        ("rs e rw bl d7 d6 d5 d4", 0b0010_1001),
    ],
)
def test_other_backpacks_are_named_by_their_pins(pins: str, letter_a: int) -> None:
    """P0 first: the upper half of an "A" lies where the names say, and the display works."""
    wired = pin_map(PanelSettings(i2c_pins=pins))
    assert wired.port(Register.DATA, 0x4, backlight=True) == letter_a
    for rw_wired in (True, False):
        glass = EmulatedLcd(SIZE_16X2, pins=wired, rw_wired=rw_wired)
        lcd = Lcd(glass, 0x27, SIZE_16X2, pins=wired, sleep=glass.sleep)
        for backlight in (True, False, True):
            lcd.show(("203.0.113.254  ♥", "7/8up 63°C 14:07"), backlight=backlight)
            assert glass.backlight is backlight
        assert glass.glass() == ("203.0.113.254  ♥", "7/8up 63°C 14:07")
        assert glass.violations == 0


def test_every_order_of_the_pins_is_taken() -> None:
    """A wiring is any order of the eight names."""
    for names in itertools.islice(itertools.permutations(LCD_PINS), 0, None, 997):
        wired = pin_map(PanelSettings(i2c_pins=" ".join(names)))
        assert {wired.rs, wired.rw, wired.e, wired.backlight} | {
            wired.d4,
            wired.d5,
            wired.d6,
            wired.d7,
        } == set(range(8))
        assert names[wired.e] == "e"


@pytest.mark.parametrize(
    "pins",
    [
        "",
        "rs",
        "rs rw e bl d4 d5 d6",
        "rs rw e bl d4 d5 d6 d7 d7",
        "rs rs e bl d4 d5 d6 d7",
        "rs rw e light d4 d5 d6 d7",
        "rs,rw,e,bl,d4,d5,d6,d7",
        "RS RW E BL D4 D5 D6 D7",
        "rs rw e bl-low-low d4 d5 d6 d7",
        "rs rw e bl d4 d5 d6 \x1b[31m",
    ],
)
def test_a_wiring_that_can_not_be_is_refused(pins: str) -> None:
    """The error names the setting and where it came from, and lets no control character pass."""
    with pytest.raises(ConfigError, match=r"\$SCIABC_PANEL_I2C_PINS: .*i2c_pins .*Next: ") as caught:
        load(environ={"SCIABC_PANEL_I2C_PINS": pins})
    assert str(caught.value).isprintable()


def test_a_bus_that_fails_while_it_is_opened_leaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is open when the adapter is asked what it can do, and is closed when that fails."""
    opens = lcd_factory(PanelSettings())
    assert opens
    held: list[int] = []

    def fails(*_: object) -> None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def opened(*_: object) -> int:
        held.append(os.dup(1))
        return held[-1]

    monkeypatch.setattr("smbus2.smbus2.ioctl", fails)
    monkeypatch.setattr("smbus2.smbus2.os.open", opened)
    with pytest.raises(BusError, match="dtparam"):
        opens()
    (number,) = held
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
