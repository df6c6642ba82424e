"""How fast the wing and linpack are on this machine, on one rank and on two.

    python tests/bench/programs_speed.py

Pictures of the wing are counted as a reader sees them: marked lines a second between the first and the last,
by the reader's own clock. The helper prints twelve a second at most. Steps a second leave out the start.
"""

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

from jobs.progress import Frame, Metric, told
from jobs.spec import PROGRAMS

STEPS = 2000
SIZES = (500, 1000, 2000)
ENOUGH = 10.0
"""Pictures a second that we promise."""


def lines(ranks: int, program: str, *args: str) -> list[tuple[float, bytes]]:
    """Run a program; give its lines and when they came."""
    mpirun = Path(sys.prefix, "bin", "mpirun")
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    with subprocess.Popen(
        [
            *(str(mpirun), "--oversubscribe", "--bind-to", "none", "-n", str(ranks)),
            *(sys.executable, "-m", "mpi4py", str(PROGRAMS / f"{program}.py"), *args),
        ],
        stdout=subprocess.PIPE,
        env=os.environ | root,
    ) as process:
        assert process.stdout is not None
        found = [(monotonic(), line.rstrip(b"\n")) for line in process.stdout]
    if process.returncode:
        raise SystemExit(f"{program} failed")
    return found


def metric(found: list[tuple[float, bytes]], name: str) -> float:
    """Give the last value of a metric."""
    read = [told(line) for _, line in found]
    return [each.value for each in read if isinstance(each, Metric) and each.name == name][-1]


def wing(ranks: int) -> float:
    """Print a line on the wing; give its pictures a second."""
    found = lines(ranks, "wing", "--steps", str(STEPS))
    shown = [when for when, line in found if isinstance(told(line), Frame)]
    rate = (len(shown) - 1) / (shown[-1] - shown[0])
    print(
        f"wing      {ranks} rank(s)  {STEPS / metric(found, 'together'):7.0f} steps/s  {rate:5.1f} pictures/s"
    )
    return rate


def main() -> int:
    """Measure; fail where the wing is too slow to watch."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    rates = [wing(ranks) for ranks in (1, 2)]
    for ranks in (1, 2):
        for size in SIZES:
            speed = metric(lines(ranks, "linpack", "--n", str(size)), "speed")
            print(f"linpack   {ranks} rank(s)  n {size:5}  {speed:7.2f} GFLOPS")
    return 0 if max(rates) >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
