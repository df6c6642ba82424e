"""What importing this package costs: guarded in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOREIGN = {"smbus2", "blinkstick", "usb", "sciabc_tui", "jobs"}


@pytest.mark.parametrize(
    ("module", "may"),
    [
        ("hw.errors", set[str]()),
        ("hw.bus", set[str]()),
        ("hw.hd44780", set[str]()),
        ("hw.instep", set[str]()),
        ("hw.care", set[str]()),
        ("hw.lcd", set[str]()),
        ("hw.emulated", set[str]()),
        ("hw.stick", set[str]()),
        ("hw.emulated_stick", set[str]()),
        ("hw.i2c", {"smbus2"}),
    ],
)
def test_importing_brings_no_library_but_its_own(module: str, may: set[str]) -> None:
    """The display's logic, the emulation and the stick cost no device library until a device is opened."""
    program = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & FOREIGN == may
