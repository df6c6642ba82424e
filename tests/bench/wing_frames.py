"""How many pictures a second the wing's screen paints: a real head, a real job, a real screen in a terminal.

    python tests/bench/wing_frames.py [--seconds 20] [--size 80x24] [--ranks N] [--runs 5]

Counted is what arrives at the terminal: parts of the output, each behind 20 ms of silence, in which a cell of
the picture is another (nothing else on that screen is a half-block). Where the flow is steady two pictures
may be the same on the screen: the second is not counted. They are counted from the first to the last: the
program may be done before the time is over. Beside it stands how many the program printed, the CPU time of
the screen, and the load. Head, screen and job share this machine. The worst run counts: below ten pictures a
second it fails.
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

_SILENCE = 0.02
_ENOUGH = 10.0
_HALF_BLOCK = "\N{UPPER HALF BLOCK}".encode()


def _terminal(argv: list[str], environ: dict[str, str], columns: int, rows: int) -> tuple[int, int]:
    """Start a program in a terminal of its own; give its pid and our end."""
    pid, ours = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, environ)
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return pid, ours


def _parts(ours: int, until: float) -> list[tuple[float, bytes]]:
    """Read until then; give what came, cut at silences, and answer what terminals are asked."""
    parts: list[tuple[float, bytes]] = []
    last = 0.0
    while (left := until - time.monotonic()) > 0:
        if not select.select([ours], [], [], left)[0]:
            break
        data, now = os.read(ours, 1 << 16), time.monotonic()
        if b"\x1b[c" in data or b"\x1b[6n" in data:
            os.write(ours, b"\x1b[?62c" if b"\x1b[c" in data else b"\x1b[1;1R")
        if parts and now - last < _SILENCE:
            parts[-1] = (parts[-1][0], parts[-1][1] + data)
        else:
            parts.append((now, data))
        last = now
    return parts


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _printed(command: list[str], environ: dict[str, str]) -> int:
    """Count the pictures in the job's log."""
    log = subprocess.run([*command, "logs", "1"], env=environ, capture_output=True, check=False).stdout
    return log.count(b"@sciabc frame")


def _one_run(seconds: float, size: str, ranks: int) -> float:
    """Print how it went in a line; give the pictures a second."""
    columns, rows = map(int, size.split("x"))
    with tempfile.TemporaryDirectory(prefix="wing-") as folder:
        environ = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "SCIABC_CLUSTER_INTERFACES": "lo",
            "SCIABC_PATHS_STATE": f"{folder}/state",
            "SCIABC_PATHS_RUNTIME": f"{folder}/run",
        }
        if ranks:
            environ["SCIABC_CLUSTER_HEAD_SLOTS"] = str(ranks)
        command = [sys.executable, "-m", "sciabc_tui"]
        head = subprocess.Popen(
            [*command, "head"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        pid = 0
        try:
            while subprocess.run(
                [*command, "status"], env=environ, capture_output=True, check=False
            ).returncode:
                select.select([], [], [], 0.2)
            pid, ours = _terminal(command, environ, columns, rows)
            _parts(ours, time.monotonic() + 4)
            os.write(ours, b":wing\r")
            _parts(ours, time.monotonic() + 2)
            began, cpu = time.monotonic(), _cpu(pid)
            os.write(ours, b"\r")
            parts = _parts(ours, began + seconds)
            cpu = _cpu(pid) - cpu
            times = [when for when, data in parts if _HALF_BLOCK in data]
            if len(times) < 2:
                print(b"".join(data for _, data in parts)[-2000:])
                return 0.0
            took = times[-1] - times[0]
            rate, printed = (len(times) - 1) / took, _printed(command, environ) / took
            kib = sum(len(data) for _, data in parts) / took / 1024
            print(
                f"{rate:5.1f} pictures a second for {took:.1f} s, {printed:5.1f} printed; "
                f"{kib:.0f} KiB/s to the terminal; the screen took {100 * cpu / took:.0f}% of a core; "
                f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()}",
                flush=True,
            )
            subprocess.run([*command, "cancel", "1"], env=environ, capture_output=True, check=False)
            select.select([], [], [], 2.0)
        finally:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            head.terminate()
            head.wait()
    return rate


def main() -> int:
    """Run it; tell whether the worst run is enough."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--ranks", type=int, default=0, help="slots of the head; 0: what it has")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    worst = min(_one_run(options.seconds, options.size, options.ranks) for _ in range(options.runs))
    print(f"{worst:5.1f} in the worst of {options.runs}")
    return 0 if worst >= _ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
