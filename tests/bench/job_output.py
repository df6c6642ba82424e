"""How fast output is captured, against `mpirun > file` with the same arguments, in alternating rounds.

    python tests/bench/job_output.py [--lines 1000000] [--rounds 21] [--ranks 1] [--launcher PATH]
        [--program seq|python|unbuffered]

For the bare launcher the time from its start to its end; for the runner what its status says, from before
the launcher starts until all that was printed is in files and nothing of the job is left. Each rank prints so
many lines. In each round both also run the program with one line, and the rate is that of the other lines:
what a start and an end cost is another matter (`tests/bench/submit.py`). It is made of the medians of these
times: some of the launchers are through in 0.15 s, where one start that is 10 ms longer makes a tenth of a
round's own rate. The ratio of the whole times is told beside it, and what each has in its file at the end: a
launcher may lose lines by itself. Beside them `mpirun | cat > file` shows what it costs to read a launcher at
all: who captures has a pipe, and a process more on the same cores.

Much output is kept first and sorted into the log after it: `sorted` says how much later than that end the
final status stood, with which the log is whole, and `rate when sorted` is the rate up to there.

`unbuffered` is the same Python that writes each line by itself, as `PYTHONUNBUFFERED` makes it; that variable
of your shell counts for none of the programs.
"""

import argparse
import os
import secrets
import select
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jobs import sessions
from jobs.attempt import AttemptFiles, AttemptPlan, read_status
from jobs.detach import launch
from jobs.hostfile import Host
from jobs.launchers import detect
from jobs.logparts import parts
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec

PYTHON = "import sys\nfor i in range(int(sys.argv[1])): print('step', i, 'energy', i * 0.5)\n"


class Took(NamedTuple):
    """Seconds that a round took, with one line and with all of them."""

    one: float
    lines: float


def rate(plain: Sequence[Took], other: Sequence[Took]) -> float:
    """Give how fast the lines behind the first are printed, as a part of the plain launcher's speed."""
    return _behind_the_first(plain) / _behind_the_first(other)


def _behind_the_first(rounds: Sequence[Took]) -> float:
    return statistics.median(each.lines for each in rounds) - statistics.median(each.one for each in rounds)


def bare(plan: AttemptPlan, output: Path, *, piped: bool = False) -> tuple[float, int]:
    """Give the seconds of the launcher alone, or of it and a cat, and the lines in its file."""
    environment = {**os.environ, **plan.env}
    with output.open("wb") as file:
        began = time.monotonic()
        with subprocess.Popen(
            plan.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else file,
            env=environment,
            cwd=plan.cwd or None,
        ) as process:
            if process.stdout is not None:
                subprocess.run(["cat"], stdin=process.stdout, stdout=file, check=True)
        took = time.monotonic() - began
        assert process.returncode == 0, process.returncode
    sessions.remove(plan.argv, plan.token)
    return took, output.read_bytes().count(b"\n")


def captured(folder: Path) -> tuple[float, int, float]:
    """Give the seconds of the job, the lines in its log, and how much later that was whole."""
    process = os.pidfd_open(launch(folder))
    select.select([process], [], [])
    os.close(process)
    status = read_status(folder)
    assert status is not None
    assert status.ended_at is not None
    assert status.exit_code == 0, status
    later = AttemptFiles(folder).status.stat().st_mtime - status.ended_at
    return status.ended_at - status.started_at, lines_in(folder), later


def lines_in(folder: Path) -> int:
    """Count the lines in an attempt's log."""
    return sum(part.path.read_bytes().count(b"\n") for part in parts(AttemptFiles(folder).log))


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description="Measure the capture of output.")
    options.add_argument("--lines", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("--ranks", type=int, default=1)
    options.add_argument("--launcher")
    options.add_argument("--program", choices=("seq", "python", "unbuffered"), default="seq")
    asked = options.parse_args()
    os.environ.pop("PYTHONUNBUFFERED", None)
    variables = {"PYTHONUNBUFFERED": "1"} if asked.program == "unbuffered" else {}
    launcher = detect(asked.launcher)
    plainly: list[Took] = []
    ours: list[Took] = []
    ours_sorted: list[Took] = []
    piped: list[Took] = []
    with tempfile.TemporaryDirectory(prefix="sciabc-") as name:
        home = Path(name)
        printer = home / "printer.py"
        printer.write_text(PYTHON)
        program = "/usr/bin/seq" if asked.program == "seq" else str(printer)
        site = Site(known_hosts=home / "known_hosts", uid=os.geteuid())
        host = Host("head", "127.0.0.1", asked.ranks, local=True)

        def all_of(number: int, lines: int) -> tuple[tuple[float, int], tuple[float, int, float], float]:
            """Give what the launcher alone took for so many lines, the runner (in turns first), the cat."""
            folder = home / f"attempt-{number}-{lines}"
            spec = JobSpec(program, (str(lines),), asked.ranks, "printer", str(home), variables)
            token = secrets.token_hex(16)
            plan = prepare(folder, launcher, spec, [host], job=1, attempt=1, token=token, site=site)
            if number % 2:
                took, plain = captured(folder), bare(plan, home / "output")
            else:
                plain, took = bare(plan, home / "output"), captured(folder)
            for part in parts(AttemptFiles(folder).log):
                part.path.unlink()
            return plain, took, bare(plan, home / "output", piped=True)[0]

        print(f"{launcher.title}, {asked.ranks} ranks x {asked.lines} lines of {asked.program}")
        for number in range(asked.rounds):
            (plain_one, _), (one, _, one_later), piped_one = all_of(number, 1)
            (plain, found), (took, kept, later), pipe = all_of(number, asked.lines)
            plainly.append(Took(plain_one, plain))
            ours.append(Took(one, took))
            ours_sorted.append(Took(one + one_later, took + later))
            piped.append(Took(piped_one, pipe))
            print(
                f"  > file {plain:7.3f} s ({plain_one:.3f} for one) {found:9,} lines   captured "
                f"{took:7.3f} s ({one:.3f} for one) {kept:9,} lines, sorted {later:.3f} s later   "
                f"| cat {pipe:7.3f} s"
            )
    whole, whole_ours = (statistics.median(each.lines for each in rounds) for rounds in (plainly, ours))
    print(
        f"  rate {rate(plainly, ours):.2f} x; whole times {whole / whole_ours:.2f} x; mpirun | cat > file "
        f"{rate(plainly, piped):.2f} x; rate when sorted {rate(plainly, ours_sorted):.2f} x"
    )


if __name__ == "__main__":
    main()
