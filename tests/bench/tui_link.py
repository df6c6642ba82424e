"""From key to screen over slow links: `python -m tests.bench.tui_link [KEYS]`.

8 busy nodes behind the real API, 140x40, the real screen on the real client in a pty, and a link between that
and the terminal with a rate, a round trip and 64 KiB of room. Each key moves the cursor of the nodes table by
one line; it has come when the mark stands there on the terminal's side of the link. Beside it the stock path,
which is given up after a while. The wanted medians are in issue 6.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.tui_bytes import NODES, OURS, ROOT, STOCK
from tests.tui.fleet import fleet
from tests.tui.terminal import Line, Terminal

SIZE = (140, 40)
LINKS = {
    "10 kB/s, 200 ms": (Line(rate=10_000, delay=0.1), 0.5),
    "4 kB/s, 400 ms": (Line(rate=4_000, delay=0.2), 3.0),
    "no limit": (Line(), 0.1),
}
"""The link, and the median that is wanted."""

_GIVEN_UP = 30.0


def waits(socket: Path, line: Line, keys: int, *, words: tuple[str, ...] = OURS) -> tuple[list[float], int]:
    """Press keys at moments of no rhythm; give the seconds of each, and the most that was ever under way."""
    random.seed(6)
    found: list[float] = []
    held = 0
    with Terminal([sys.executable, *words, str(socket)], size=SIZE, cwd=ROOT, line=line) as seat:
        seat.until(f"node0{NODES - 1}", within=120)
        pause(10)
        at, step = 0, 1
        for _ in range(keys):
            at += step
            seat.press(b"\x1b[B" if step > 0 else b"\x1b[A")
            try:
                found.append(seat.until(lambda text, at=at: marked(text) == at, within=_GIVEN_UP))
            except AssertionError:
                found.append(_GIVEN_UP)
                break
            if at in {0, NODES - 1}:
                step = -step
            held = max(held, seat.held)
            pause(random.uniform(0.3, 1.7))
    return found, held


def marked(text: str) -> int:
    """Give the number of the node that the cursor is on."""
    names = ["headnode", *(f"node{number:02d}" for number in range(1, NODES))]
    found = [number for number, name in enumerate(names) if f"▸ {name}" in text]
    return found[0] if len(found) == 1 else -1


def pause(seconds: float) -> None:
    """Let the link be used as it is."""
    time.sleep(seconds)


def main(keys: int = 25) -> int:
    """Measure and print; 1 if a median is more than is wanted."""
    bad = False
    print("link              path   median   p95    worst  bytes under way  wanted")
    with tempfile.TemporaryDirectory() as folder, fleet(Path(folder, "api"), NODES, jobs=2):
        for name, (line, wanted) in LINKS.items():
            for path, words in (("ours", OURS), ("stock", STOCK)):
                found, held = waits(Path(folder, "api"), line, keys if path == "ours" else 8, words=words)
                median = statistics.median(found)
                p95 = sorted(found)[int(0.95 * (len(found) - 1))]
                bad = bad or (path == "ours" and median > wanted)
                numbers = f"{median:6.2f}  {p95:6.2f}  {max(found):6.2f}  {held:15}  {wanted:6.2f}"
                print(f"{name:16}  {path:5}  {numbers}", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
