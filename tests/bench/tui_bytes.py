"""How many bytes a second the screen sends to the terminal: `python -m tests.bench.tui_bytes [SECONDS]`.

A cluster of 8 nodes behind the real API, in a process of its own, and the real screen on the real client in
a pty; busy nodes change all they measure each second, idle ones nothing. Beside it the stock path, Textual's
own driver under the same application, at the same time on the same cluster. What is wanted is in issue 6.
"""

import sys
import tempfile
import time
from pathlib import Path

from textual.drivers.linux_driver import LinuxDriver

from sciabc_tui.api.client import Client
from sciabc_tui.tui import run, terminal_app
from tests.tui.fleet import fleet
from tests.tui.terminal import Terminal

ROOT = Path(__file__).parents[2]
NODES = 8
SIZES = ((80, 24), (140, 40))
LIMITS = {False: 1000.0, True: 150.0}
"""Bytes a second: of a busy cluster, of an idle one."""

OURS = ("-m", "tests.tui.seat")
STOCK = ("-m", "tests.bench.tui_bytes", "--stock")


def stock(socket: Path) -> int:
    """Run the screen with Textual's own driver."""
    terminal_app.TerminalDriver = LinuxDriver
    return run.run_tui(lambda: Client(socket))


def rates(socket: Path, size: tuple[int, int], seconds: float) -> dict[str, float]:
    """Give bytes a second by path, both measured in the same seconds."""
    command = {"ours": OURS, "stock": STOCK}
    seats = {
        name: Terminal([sys.executable, *words, str(socket)], size=size, cwd=ROOT)
        for name, words in command.items()
    }
    try:
        for seat in seats.values():
            seat.until(f"node0{NODES - 1}", within=30)
        begin = time.monotonic()
        while time.monotonic() - begin < 3:  # the first frames are over
            time.sleep(0.1)
        before = {name: seat.written for name, seat in seats.items()}
        begin = time.monotonic()
        while (spent := time.monotonic() - begin) < seconds:
            time.sleep(0.1)
        return {name: (seat.written - before[name]) / spent for name, seat in seats.items()}
    finally:
        for seat in seats.values():
            seat.end()


def main(seconds: float = 30.0) -> int:
    """Measure and print; 1 if it is more than is wanted."""
    worst = 0.0
    print("cluster  size     B/s  stock B/s  ratio  wanted")
    for idle in (False, True):
        with tempfile.TemporaryDirectory() as folder, fleet(Path(folder, "api"), NODES, idle=idle, jobs=2):
            for size in SIZES:
                found = rates(Path(folder, "api"), size, seconds)
                ours, theirs = found["ours"], found["stock"]
                worst = max(worst, ours / LIMITS[idle])
                name, shape = ("idle" if idle else "busy"), f"{size[0]}x{size[1]}"
                ratio = ours / theirs
                print(f"{name:7}  {shape:6}  {ours:5.0f}  {theirs:9.0f}  {ratio:5.2f}  {LIMITS[idle]:6.0f}")
    return int(worst > 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stock"]:
        sys.exit(stock(Path(sys.argv[2])))
    sys.exit(main(*map(float, sys.argv[1:])))
