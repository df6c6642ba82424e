"""How soon the display shows a new external address, in the lab, with a real head service. Needs root.

    python tests/bench/ip_to_glass.py [--rounds 20]

From just before the kernel gets the new address of the head's eth1, at any moment of a second, until the
transfer on the I2C bus ended after which the glass reads it (umockdev in the head, below smbus2). One clock.
Target: median within 1 s.
"""

import argparse
import random
import statistics
import sys
import threading
import time
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from tests.hw.umock import Umock, lacks
from tests.lab.flight import Flight
from tests.lab.glass import display
from tests.lab.lab import Lab
from tests.lab.needs import missing

_SETTLED = 11.0
"""Seconds after the start from which on another address is news."""


def seconds(lab: Lab, world: Umock, address: str) -> float:
    """Change the address; give how long the glass took."""
    threading.Event().wait(1.0 + random.random())
    began = time.monotonic()
    lab.external.set(f"{address}/24")

    def when() -> float | None:
        found = (
            at
            for at, lines in world.shown
            if at > began and any(f"{address} " in f"{line} " for line in lines)
        )
        return next(found, None)

    world.until(lambda _: when() is not None)
    return (when() or 0.0) - began


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Time the way of an address to the glass.")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    if reasons := (*missing(), *filter(None, [lacks()])):
        print("not on this machine: " + "; ".join(reasons))
        return
    for size in (SIZE_16X2, SIZE_20X4):
        report(size, measure(size, options.rounds))


def measure(size: Size, rounds: int) -> list[float]:
    """Give the seconds of so many changes on one head."""
    with Lab(nodes=1) as lab, display(lab, size) as world:
        env = {
            "SCIABC_CLUSTER_INTERFACES": "eth0",
            "SCIABC_PANEL_LAMP": "off",
            "SCIABC_PANEL_SIZE": f"{size.columns}x{size.rows}",
        }
        Flight(lab, env | world.env).start()
        world.until(lambda seen: any("203.0.113.254" in line for line in seen.glass))
        threading.Event().wait(_SETTLED)
        took = [seconds(lab, world, f"203.0.113.{10 + number}") for number in range(rounds)]
        if world.state.violations:
            print(f"the display saw {world.state.violations} violations of its datasheet")
        return took


def report(size: Size, took: list[float]) -> None:
    """Print a line."""
    median = statistics.median(took)
    print(
        f"{size.columns}x{size.rows}: median {median:.2f} s, worst {max(took):.2f} s of {len(took)}; "
        f"target 1 s: {'met' if median <= 1.0 else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
