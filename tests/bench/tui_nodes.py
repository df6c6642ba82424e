"""What the screen costs, and how soon it answers a key, with many nodes that all change each second.

    python -m tests.bench.tui_nodes [--nodes 8 750 3000] [--seconds 20] [--keys 60] [--size 80x24]

The service and the screen are processes of their own; states come over the real socket. CPU is that of the
screen's process, from /proc/PID/stat: in per cent of one core, after it has settled. A key is `j` or `k`; it
is answered when the cursor stands in another line of the terminal.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.tui.fleet import fleet
from tests.tui.terminal import Terminal

_SETTLE = 4.0
_TICK = os.sysconf("SC_CLK_TCK")
_ROOT = Path(__file__).parents[2]
_MARK = "▸"


def cpu(pid: int) -> float:
    """Give the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident(pid: int) -> int:
    """Give the MiB of memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def load(terminal: Terminal, seconds: float) -> float:
    """Give the CPU in per cent of a core while nobody presses a key."""
    used, begin = cpu(terminal.pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu(terminal.pid) - used) / (time.monotonic() - begin)


def keys(terminal: Terminal, count: int) -> list[float]:
    """Press keys at moments of their own, and give the milliseconds until each is answered."""
    took: list[float] = []
    rng = random.Random(6)
    for number in range(count):
        time.sleep(rng.uniform(0.1, 0.4))
        before = _line(terminal.text)
        begin = time.monotonic()
        terminal.press(b"j" if number % 12 < 6 else b"k")
        terminal.until(lambda text, before=before: _line(text) not in {-1, before}, within=5)
        took.append((time.monotonic() - begin) * 1e3)
    return took


def _line(text: str) -> int:
    return next((number for number, line in enumerate(text.splitlines()) if line.startswith(_MARK)), -1)


def measure(nodes: int, options: argparse.Namespace) -> None:
    """Measure one size and print its line."""
    width, _, height = options.size.partition("x")
    command = [sys.executable, "-m", "tests.tui.seat"]
    with tempfile.TemporaryDirectory(prefix="sciabc-") as folder:
        socket = Path(folder) / "run" / "api.sock"
        with (
            fleet(socket, nodes, idle=options.idle, jobs=options.jobs) as service,
            Terminal([*command, str(socket)], size=(int(width), int(height)), cwd=_ROOT) as terminal,
        ):
            terminal.until("node", within=20)
            for key in options.press:
                terminal.press(key.encode())
            time.sleep(_SETTLE)
            written = terminal.written
            begin = time.monotonic()
            serving = cpu(service)
            busy = load(terminal, options.seconds)
            passed = time.monotonic() - begin
            rate = (terminal.written - written) / passed
            serving = 100 * (cpu(service) - serving) / passed
            took = sorted(keys(terminal, options.keys)) if options.keys else [0.0]
            print(
                f"{nodes:6} {busy:7.1f} {statistics.median(took):12.1f} {took[int(0.95 * len(took))]:9.1f}"
                f" {took[-1]:9.1f} {resident(terminal.pid):8} {rate:9.0f} {serving:10.1f}",
                flush=True,
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What the screen costs with many nodes.")
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 750, 3000])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--idle", action="store_true", help="each second measures the same")
    parser.add_argument("--press", default="", help="keys that are pressed before, as `v` for the heat map")
    options = parser.parse_args()
    print(" nodes   CPU %  key median ms    p95 ms    max ms  RSS MiB  bytes/s  service %")
    for nodes in options.nodes:
        measure(nodes, options)


if __name__ == "__main__":
    main()
