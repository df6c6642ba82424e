"""Kill what runs a job, the head service and the head itself among them, at random moments, in the lab.

    python tests/bench/head_campaign.py [--runs 200] [--seed 1] [--launcher open-mpi-5] [--flood]

Needs root. Each run is a job of a real head service with a rank on each of three machines, all real sshd. The
victim (service, runner, mpirun, an ssh, a rank, the head's power; or nobody) is killed up to three seconds
after its submission; a killed service is started again, as systemd does. Faults are: a job that is not told
as it ended, a process that carries its token on any machine, a line missing before a later one, a line there
twice, a damaged log. With `--flood` the first rank, which is the head's, prints bursts that the runner
keeps in its spool, and what was there before the kill must be in the log (but for a power cut, see
docs/jobs.md). The other ranks don't, for Open MPI 4.1 cuts by itself what it carries from another machine.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobs.attempt import AttemptFiles, read_plan, read_runner, read_status
from jobs.errors import JobsError
from jobs.logspool import spool_path
from tests.bench.kill_campaign import CHILD, FILLER, LINES, PROGRAM, counted
from tests.lab.errors import LabError
from tests.lab.flight import JOBS, Flight
from tests.lab.image import HOME
from tests.lab.lab import Lab
from tests.lab.launchers import Launcher
from tests.lab.losing import environment
from tests.lab.needs import missing
from tests.lab.procs import until

_PROGRAM = f"{HOME}/work.sh"
_MOMENTS = 3.0  # seconds; a job takes about that long
_END_SECONDS = 60.0
_CLEAN_SECONDS = 30.0
_BURSTS = 12
_BURST = 20_000  # lines
_FLOOD = f"""
if [ "${{PMI_RANK-$OMPI_COMM_WORLD_RANK}}" != 0 ]; then {PROGRAM} exit
fi
{CHILD}
i=0
while [ $i -lt {_BURSTS * _BURST} ]; do
seq -f 'line %.0f{FILLER.decode()}' $i $((i + {_BURST - 1})); i=$((i + {_BURST})); sleep 0.1; done
"""
_PRINTED = re.compile(rb"line (\d+)%b\n" % FILLER)
_PAGE = 16 * 1024


class Victim(StrEnum):
    """Who is killed."""

    NOBODY = "nobody"
    SERVICE = "service"
    RUNNER = "runner"
    MPIRUN = "mpirun"
    SSH = "ssh"
    RANK = "rank"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run.

    Attributes:
        hit: Whether the victim was there.
        spooled: Whether lines were in the spool at that moment.
        state: How the job ended; empty if it did not.
        faults: What is wrong; nothing, as it should be.
        seconds: From the kill to the job's end.
    """

    hit: bool
    spooled: bool
    state: str
    faults: tuple[str, ...]
    seconds: float


class Campaign:
    """Jobs on one head."""

    def __init__(self, flight: Flight, chance: random.Random, lines: Callable[[int], int]) -> None:
        """Make no run yet.

        Args:
            flight: The head service.
            chance: Picks who is killed.
            lines: How many each rank prints.
        """
        self._flight = flight
        self._chance = chance
        self._lines = lines

    def run(self, victim: Victim, moment: float) -> Outcome:
        """Run one job, kill the victim, and look at what is left."""
        flight = self._flight
        said = flight.run("run", "--detach", "--per-node", "1", _PROGRAM)
        job = said.split()[1]
        threading.Event().wait(moment)
        log = AttemptFiles(self._folder(job, 1)).log
        spooled = _last_printed(spool_path(log))
        printed = max(spooled, _last_printed(log))
        hit = self._kill(victim, job)
        began = time.monotonic()
        try:
            flight.until(f"jobs[{job}].state.ended", timeout=_END_SECONDS)
        except (LabError, subprocess.TimeoutExpired) as error:
            return Outcome(hit, spooled >= 0, "", (f"no end: {str(error)[-300:]}",), time.monotonic() - began)
        seconds = time.monotonic() - began
        (told,) = (
            each for each in json.loads(flight.run("jobs", "--json"))["jobs"] if str(each["id"]) == job
        )
        folder = self._folder(job, told["attempt"])
        counts: Counter[int] = Counter()
        wrong = tuple(_wrong(told, folder, victim if hit else Victim.NOBODY, self._lines, counts))
        lost = victim is not Victim.POWER and counts[0] <= printed
        gone = (f"line {printed} was there at the kill, the log has {counts[0]}",) if lost else ()
        faults = (*wrong, *gone, *self._left(job, told["attempt"]))
        return Outcome(hit, spooled >= 0, told["state"], faults, seconds)

    def _folder(self, job: str, attempt: int) -> Path:
        return self._flight.file(f"{JOBS}/{job}/attempt-{attempt}")

    def _kill(self, victim: Victim, job: str) -> bool:
        flight = self._flight
        folder = self._folder(job, 1)
        match victim:
            case Victim.NOBODY:
                return False
            case Victim.SERVICE:
                flight.kill()
                flight.start()
                return True
            case Victim.POWER:
                flight.cut_power()
                flight.restore_power()
                return True
            case Victim.RUNNER | Victim.MPIRUN:
                runner, status = read_runner(folder), read_status(folder)
                pid = runner and runner.pid
                if victim is Victim.MPIRUN:
                    pid = status and status.launcher_pid
                # numbers of the head's own namespace
                return (
                    bool(pid)
                    and flight.lab.head.run(["kill", "-KILL", f"{pid}"], check=False).returncode == 0
                )
            case Victim.SSH | Victim.RANK:
                return self._kill_one(folder, "ssh" if victim is Victim.SSH else f"/bin/sh {_PROGRAM}")

    def _kill_one(self, folder: Path, command: str) -> bool:
        if not AttemptFiles(folder).plan.exists():
            return False
        lab = self._flight.lab
        token = read_plan(folder).token
        carrying = lab.carrying(token)
        found = [
            (machine, process)
            for machine in (lab.head, *lab.nodes)
            for process in carrying.get(machine.name, ())
            if process.command.startswith((command, f"/usr/bin/{command}"))
        ]
        if not found:
            return False
        machine, process = self._chance.choice(found)
        try:
            machine.kill(process.pid)
        except LabError:
            return False  # it ended meanwhile
        return True

    def _left(self, job: str, attempts: int) -> Iterator[str]:
        lab = self._flight.lab
        for number in range(1, attempts + 1):
            folder = self._folder(job, number)
            if not AttemptFiles(folder).plan.exists():
                continue
            token = read_plan(folder).token
            until(lambda token=token: not any(lab.carrying(token).values()), timeout=_CLEAN_SECONDS)
            for name, processes in lab.carrying(token).items():
                for process in processes:
                    yield f"{name} holds {process.command[:60]!r}"


def _last_printed(output: Path) -> int:
    """Give the number of the flood's last line in a log or a spool; -1 without one."""
    try:
        with output.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _PAGE))
            found = _PRINTED.findall(file.read())
    except FileNotFoundError:
        return -1
    return int(found[-1]) if found else -1


def _wrong(
    told: dict[str, object], folder: Path, victim: Victim, lines: Callable[[int], int], counts: Counter[int]
) -> Iterator[str]:
    try:
        yield from counted(AttemptFiles(folder).log, counts)
    except JobsError as error:
        yield str(error)
    complete = told["state"] != "completed" or all(
        counts[rank] == lines(rank) for rank in range(read_plan(folder).ranks)
    )
    allowed = {
        Victim.NOBODY: {"completed"},
        Victim.SERVICE: {"completed"},
        Victim.POWER: {"completed", "node_fail"},
    }.get(victim, {"completed", "failed"})
    if told["state"] not in allowed or not complete:
        yield f"{told['state']}: {told['reason']}, lines {dict(counts)}"


def _flooding(rank: int) -> int:
    return LINES if rank else _BURSTS * _BURST


def main() -> int:
    """Make the campaign and print what came of it; the exit status is 1 if there was a fault."""
    parser = argparse.ArgumentParser(description="Kill what runs a job, at random moments, in the lab.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--launcher", type=Launcher, choices=[*Launcher], default=Launcher.OPEN_MPI_5)
    parser.add_argument("--flood", action="store_true", help="print much at once, too")
    options = parser.parse_args()
    if lacks := missing():
        print("no lab on this machine: " + "; ".join(lacks))
        return 0
    launcher: Launcher = options.launcher
    chance = random.Random(options.seed)
    ended: Counter[str] = Counter()
    faulty, spooled, longest = 0, 0, 0.0
    with Lab(nodes=2, slots=2, shown=launcher.shown) as lab:
        flight = Flight(lab, environment(launcher))
        flight.up()
        for machine in (lab.head, *lab.nodes):
            machine.path(_PROGRAM).write_text(
                f"#!/bin/sh\n{_FLOOD if options.flood else PROGRAM}", encoding="utf-8"
            )
            machine.path(_PROGRAM).chmod(0o755)
        campaign = Campaign(flight, chance, _flooding if options.flood else lambda _: LINES)
        for number in range(1, options.runs + 1):
            victim = chance.choice([*Victim])
            outcome = campaign.run(victim, chance.uniform(0.0, _MOMENTS))
            ended[
                f"{victim.value}{'' if outcome.hit else ' (not there)'} -> {outcome.state or 'no end'}"
            ] += 1
            longest = max(longest, outcome.seconds)
            faulty += bool(outcome.faults)
            spooled += outcome.hit and outcome.spooled
            for fault in outcome.faults:
                print(f"run {number}, {victim.value}: {fault}", flush=True)
            if number % 20 == 0:
                print(f"{number} runs, {faulty} with a fault", flush=True)
            flight.until("sum(node.schedulable for node in state.nodes.values()) == 3")
    for what, count in sorted(ended.items()):
        print(f"{count:5} {what}")
    print(f"{launcher.value}: {options.runs} runs, {faulty} with a fault; at most {longest:.1f} s to the end")
    if options.flood:
        print(f"{spooled} kills while there was a spool")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
