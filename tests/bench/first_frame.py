"""How soon the first frame is there, beside an empty application: `python -m tests.bench.first_frame`.

Each is started in a pty, in turn, in one run; the time goes from the start of the process to the first text
of the dashboard (its footer) or of the empty application. With a service that answers, and with none; and the
command itself, `sciabc-tui`, with one that answers.
"""

import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.tui.fleet import fleet

ROOT = Path(__file__).parents[2]
LIMIT = 1.5

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("first frame")
Empty().run(mouse=False)
"""


def first_frame(command: list[str], wanted: bytes, environ: dict[str, str]) -> float:
    """Start a program in a pty; give the seconds until it has written `wanted`."""
    master, child = os.openpty()
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, cwd=ROOT, env=environ, start_new_session=True
    )
    os.close(child)
    seen = b""
    try:
        while wanted not in seen:
            ready, _, _ = select.select([master], [], [], 20)
            if not ready:
                raise SystemExit(f"no first frame of {command}: {seen[-500:]!r}")
            seen += (said := os.read(master, 65536))
            os.write(master, b"\x1b[1;1R" * said.count(b"\x1b[6n"))  # as a terminal answers
        return time.perf_counter() - begin
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(master)


def main(rounds: int) -> int:
    """Measure in turn; give 0 when both medians are within the limit."""
    with tempfile.TemporaryDirectory(prefix="sciabc-") as folder:
        socket = Path(folder) / "api.sock"
        environ = {
            **{name: value for name, value in os.environ.items() if name not in {"TMUX", "NO_COLOR"}},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
            "LINES": "24",
            "PYTHONDONTWRITEBYTECODE": "",
            "SCIABC_PATHS_RUNTIME": folder,
            "SCIABC_PATHS_STATE": f"{folder}/state",
        }
        seat = [sys.executable, "-m", "tests.tui.seat"]
        kinds = {
            "empty": ([sys.executable, "-c", EMPTY], b"first frame"),
            "attached": ([*seat, str(socket)], b"leave"),
            "alone": ([*seat, str(Path(folder) / "none.sock")], b"leave"),
            "command": ([sys.executable, "-m", "sciabc_tui"], b"leave"),
        }
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        with fleet(socket, 8):
            for number in range(rounds + 1):
                for kind, (command, wanted) in kinds.items():
                    seconds = first_frame(command, wanted, environ)
                    if number:  # the first round fills the caches
                        times[kind].append(seconds)
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    worst = 0.0
    for kind, median in medians.items():
        ratio = median / medians["empty"]
        worst = max(worst, ratio)
        print(f"{kind:9} median {median * 1000:6.0f} ms  ratio {ratio:.2f}")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
