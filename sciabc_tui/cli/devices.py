"""Opens the real LCD and the real lamp, as the settings name them."""

from collections.abc import Callable

from hw.bus import ADDRESSES, Bus, probe
from hw.errors import BusError, BusFault
from hw.hd44780 import SIZES, PinMap, Size
from hw.i2c import SmbusBus
from hw.lcd import Lcd
from hw.stick import Stick
from sciabc_tui.config import PanelSettings
from sciabc_tui.panel.followers import PanelDevices


def glass_size(panel: PanelSettings) -> Size:
    """Give the size of the glass."""
    return SIZES[panel.size]


def pin_map(panel: PanelSettings) -> PinMap:
    """Give how the LCD's expander is wired: the pins of `i2c_pins`, P0 first."""
    names = panel.i2c_pins.split()
    lit_low = "bl-low" in names
    at = {name.removesuffix("-low"): number for number, name in enumerate(names)}
    return PinMap(
        rs=at["rs"],
        rw=at["rw"],
        e=at["e"],
        backlight=at["bl"],
        d4=at["d4"],
        d5=at["d5"],
        d6=at["d6"],
        d7=at["d7"],
        lit_low=lit_low,
    )


def panel_devices(panel: PanelSettings) -> PanelDevices:
    """Give how to open what the settings want."""
    return PanelDevices(lcd=lcd_factory(panel), stick=stick_factory(panel))


def lcd_factory(panel: PanelSettings) -> Callable[[], Lcd] | None:
    """Give how to open the LCD; None when it is off. What it gives raises `hw.errors.BusError`."""
    return None if panel.lcd == "off" else lambda: _open_lcd(panel)


def stick_factory(panel: PanelSettings) -> Callable[[], Stick] | None:
    """Give how to open the BlinkStick; None when it is off. What it gives raises `hw.errors.StickError`."""
    return None if panel.lamp == "off" else Stick.open_first


def _open_lcd(panel: PanelSettings) -> Lcd:
    bus = SmbusBus(panel.i2c_bus)
    try:
        return Lcd(bus, _find_lcd(bus, panel), glass_size(panel), pins=pin_map(panel))
    except BusError:
        bus.close()
        raise


def _find_lcd(bus: Bus, panel: PanelSettings) -> int:
    addresses = (panel.i2c_address,) if panel.i2c_address else ADDRESSES
    address = probe(bus, addresses)
    if address is None:
        tried = ", ".join(f"0x{tried:02x}" for tried in addresses)
        raise BusError(
            BusFault.ABSENT,
            f"/dev/i2c-{panel.i2c_bus}: no display answers at {tried}. "
            f"Next: check its four wires, then i2cdetect -y {panel.i2c_bus}",
        )
    return address
