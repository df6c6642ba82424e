"""How soon a job's first line is there: from its submission, against bare mpirun with the same arguments.

    python tests/bench/submit.py [--rounds 15] [--nodes 4] [--launcher open-mpi-5] [--apart]

In the lab, on real sshd: needs root. One rank on each of so many machines: the head, which has rank 0 then,
is one of them, or with --apart all are reached over ssh, rank 0's too. Rounds alternate: a client submits the
job and follows its log until rank 0's first line is in its hands; and the very command line of such a job
(its plan's argv, environment, hostfile and ssh configuration) is started by hand and read through a pipe. Two
programs: `sh` prints at once, `mpi` prints behind a barrier of mpi4py.
"""

import argparse
import statistics
import sys
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lab.flight import JOBS, Flight
from tests.lab.image import HOME, REPOSITORY
from tests.lab.lab import Lab
from tests.lab.launchers import Launcher, usable
from tests.lab.losing import environment
from tests.lab.needs import missing

_PROGRAMS = {
    "sh": "#!/bin/sh\necho up\n",
    "mpi": "from mpi4py import MPI\nMPI.COMM_WORLD.barrier()\nprint('up', flush=True)\n",
}

# Prints for each round the seconds of the job and of bare mpirun.
_MEASURE = """
import os, subprocess, sys, time
from pathlib import Path
from jobs.attempt import read_plan
from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.config import load

program, launcher, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = Client(load().settings.paths.socket)
request = SubmitJob(
    program, per_node=1, launcher=launcher, cwd=os.path.expanduser("~"), exclude=tuple(sys.argv[5:])
)
jobs = Path(sys.argv[4])

def submitted():
    began = time.monotonic()
    job = client.submit(request)
    said = b""
    took = None
    for piece in client.follow(job.id):
        said += piece
        if took is None and any(b" 0 out " in line for line in said.splitlines()):
            took = time.monotonic() - began
    while not client.job(job.id).state.ended:
        time.sleep(0.01)
    assert took is not None, said
    return took, job.id

def bare(plan):
    began = time.monotonic()
    process = subprocess.Popen(plan.argv, env={**os.environ, **plan.env}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=plan.cwd)
    line = process.stdout.readline()
    while line and not (line.startswith(b"[1,0]<") or line.startswith(b"up")):
        line = process.stdout.readline()
    took = time.monotonic() - began
    assert b"up" in line, line
    process.stdout.read()
    assert process.wait() == 0
    return took

_, first = submitted()
plan = read_plan(jobs / str(first) / "attempt-1")
for number in range(rounds):
    time.sleep(1.0)  # the next one finds an idle cluster
    if number % 2:
        ours = submitted()[0]
        time.sleep(1.0)
        plain = bare(plan)
    else:
        plain = bare(plan)
        time.sleep(1.0)
        ours = submitted()[0]
    print(ours, plain, flush=True)
"""


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Measure what the program adds to a launch.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--nodes", type=int, default=4, help="machines that compute")
    parser.add_argument("--apart", action="store_true", help="the head is not one of them")
    parser.add_argument("--launcher", type=Launcher, choices=[*Launcher], action="append")
    options = parser.parse_args()
    if lacks := missing():
        print("no lab on this machine: " + "; ".join(lacks))
        return 0
    for launcher in usable(options.launcher or []):
        measure(launcher, options.nodes, options.rounds, apart=options.apart)
    return 0


def measure(launcher: Launcher, machines: int, rounds: int, *, apart: bool) -> None:
    """Measure one launcher in a lab of its own."""
    with Lab(nodes=machines if apart else machines - 1, shown=launcher.shown) as lab:
        flight = Flight(lab, environment(launcher))
        flight.up()
        for name, source in _PROGRAMS.items():
            program = f"{HOME}/{name}{'.py' if name == 'mpi' else ''}"
            for machine in (lab.head, *lab.nodes):
                machine.path(program).write_text(source, encoding="utf-8")
                machine.path(program).chmod(0o755)
            said = lab.head.run(
                [
                    *(sys.executable, "-c", _MEASURE, program, launcher.flavour, str(rounds)),
                    JOBS,
                    *(["head"] if apart else []),
                ],
                env=flight.env,
                cwd=str(REPOSITORY),
                timeout=60 + rounds * 20,
            ).stdout
            pairs = [tuple(map(float, line.split())) for line in said.splitlines()]
            ours, plain = (statistics.median(pair[which] for pair in pairs) for which in (0, 1))
            ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
            print(
                f"{launcher.value}, {name}{', apart' if apart else ''}: submitted {ours:.3f} s, "
                f"bare {plain:.3f} s, "
                f"ratio of medians {ours / plain:.2f}, median ratio {ratio:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
