"""How fast the output of other machines is captured, against `mpirun > file` with the same arguments.

    python tests/bench/cluster_output.py [--lines 1000000] [--rounds 7] [--nodes 4] [--launcher open-mpi-5]
        [--program seq|python|unbuffered] [--who first|all]

In the lab, on real sshd: needs root. A head and so many nodes, a rank on each, none on the head. The lines
come from the first rank (`first`: the others print nothing), or a share of them from each (`all`). Rounds
alternate: a client submits the job, and its attempt's status says how long it took, from before the launcher
starts until all that was printed is in files and nothing of the job is left; and the very command line of
that job is started by hand, once into a file and once through a cat. In each round each also runs with one
line, and the rate is that of the other lines, made of the medians of all rounds. Beside it stands what each
has in its file: Open MPI 4.1 leaves out many short lines.

What a head does for ranks of its own alone is measured by `tests/bench/job_output.py`.
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.job_output import Took, rate
from tests.lab.flight import JOBS, Flight
from tests.lab.image import HOME, REPOSITORY
from tests.lab.lab import Lab
from tests.lab.launchers import Launcher, usable
from tests.lab.losing import environment
from tests.lab.needs import missing

_PRINTS = "python3 -c \"for i in range($1): print('step', i, 'energy', i * 0.5)\""
_PROGRAMS = {
    "seq": 'exec seq "$1"',
    "python": f"exec {_PRINTS}",
    "unbuffered": f"export PYTHONUNBUFFERED=1; exec {_PRINTS}",
}
_RANK = "${PMI_RANK-$OMPI_COMM_WORLD_RANK}"
_FIRST_ONLY = f'[ "{_RANK}" = 0 ] || exit 0\n'

# Prints for each round, for one line and for all: the seconds of the plain launcher and its lines, those of
# the job, and the seconds with a cat.
_MEASURE = """
import os, sys
from pathlib import Path
from jobs.attempt import read_plan, read_status
from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.config import load
from tests.bench.job_output import bare, lines_in

program, launcher, rounds, lines, jobs = sys.argv[1:6]
client = Client(load().settings.paths.socket)
os.environ.pop("PYTHONUNBUFFERED", None)

def submitted(count):
    request = SubmitJob(program, (str(count),), per_node=1, launcher=launcher,
        cwd=os.path.expanduser("~"), exclude=("head",))
    job = client.submit(request)
    next(state for state in client.watch() if state.jobs[job.id].state.ended)
    folder = Path(jobs) / str(job.id) / "attempt-1"
    status = read_status(folder)
    assert status is not None and status.exit_code == 0, status
    return status.ended_at - status.started_at, lines_in(folder), read_plan(folder)

output = Path.home() / "output"
plans = {count: submitted(count)[2] for count in (1, int(lines))}
for number in range(int(rounds)):
    for count, plan in plans.items():
        if number % 2:
            ours, plain = submitted(count)[:2], bare(plan, output)
        else:
            plain, ours = bare(plan, output), submitted(count)[:2]
        print(*plain, *ours, bare(plan, output, piped=True)[0], flush=True)
"""


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Measure the capture of output that comes over ssh.")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--nodes", type=int, default=4, help="machines that compute, beside the head")
    parser.add_argument("--launcher", type=Launcher, choices=[*Launcher], action="append")
    parser.add_argument("--program", choices=[*_PROGRAMS], action="append")
    parser.add_argument("--who", choices=("first", "all"), action="append")
    options = parser.parse_args()
    if lacks := missing():
        print("no lab on this machine: " + "; ".join(lacks))
        return 0
    for launcher in usable(options.launcher or []):
        with Lab(nodes=options.nodes, shown=launcher.shown) as lab:
            flight = Flight(lab, environment(launcher))
            flight.up()
            for program in options.program or [*_PROGRAMS]:
                for who in options.who or ("first", "all"):
                    measure(flight, launcher, program, who, options.lines, options.rounds)
    return 0


def measure(flight: Flight, launcher: Launcher, program: str, who: str, lines: int, rounds: int) -> None:
    """Measure one program, and print what comes out."""
    lab = flight.lab
    path = f"{HOME}/{program}-{who}"
    for machine in (lab.head, *lab.nodes):
        machine.path(path).write_text(
            f"#!/bin/sh\n{_FIRST_ONLY if who == 'first' else ''}{_PROGRAMS[program]}\n", encoding="utf-8"
        )
        machine.path(path).chmod(0o755)
    each = lines if who == "first" else lines // len(lab.nodes)
    said = lab.head.run(
        [sys.executable, "-c", _MEASURE, path, launcher.flavour, str(rounds), str(each), JOBS],
        env=flight.env,
        cwd=str(REPOSITORY),
        timeout=120 + rounds * 180,
    ).stdout
    told = [tuple(map(float, line.split())) for line in said.splitlines()]
    plainly: list[Took] = []
    ours: list[Took] = []
    piped: list[Took] = []
    print(f"{launcher.value}, {program}, {who}:")
    for one, all_of_them in zip(told[::2], told[1::2], strict=True):
        plain, found, took, captured, pipe = all_of_them
        plainly.append(Took(one[0], plain))
        ours.append(Took(one[2], took))
        piped.append(Took(one[4], pipe))
        print(
            f"  > file {plain:6.2f} s ({one[0]:.2f} for one) {found:9,.0f} lines   captured {took:6.2f} s "
            f"({one[2]:.2f} for one) {captured:9,.0f} lines   | cat {pipe:6.2f} s",
            flush=True,
        )
    print(f"  rate {rate(plainly, ours):.2f} x; | cat > file {rate(plainly, piped):.2f} x")


if __name__ == "__main__":
    sys.exit(main())
