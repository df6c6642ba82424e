"""Kill what runs a job, at random moments, and see whether the truth is told and nothing is left behind.

    python tests/bench/kill_campaign.py [--runs 200] [--seed 1] [--launcher /usr/bin/mpirun]

Each run is one attempt of a real launcher on three nodes: this machine, and two real sshd on loopback. Its
ranks print numbered lines, and each leaves a child that ignores signals in a session of its own. A victim
(the runner, mpirun, a rank, an ssh; or nobody) gets SIGKILL. A wrong final state, a process that carries the
job's token, a line missing before a later one, a line there twice, a damaged log: each is a fault.

All nodes are one machine here: what is left on a node is ended from the head too. head_campaign.py tells them
apart, and kills the service and the whole head too, in the lab.
"""

import argparse
import contextlib
import os
import random
import re
import secrets
import select
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jobs import detach, procs
from jobs.attempt import AttemptFiles, AttemptStatus, read_plan, read_status, read_unswept
from jobs.errors import JobsError
from jobs.hostfile import Host
from jobs.launchers import Launcher, detect
from jobs.logstore import parse_line
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec
from jobs.states import JobState
from tests.head.servers import Sshd, running

LINES = 150
"""How many lines each rank prints, one in 10 ms."""

CHILD = """
trap '' TERM INT HUP
setsid bash -c 'for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done
exec sleep 1000' >/dev/null 2>&1 </dev/null &
trap - TERM INT HUP
"""
"""What each rank leaves behind, in sh. MPICH's proxy would wait for who holds the socket that it gave it."""

PROGRAM = f"""{CHILD}
i=0
while [ $i -lt {LINES} ]; do echo "line $i"; i=$((i + 1)); sleep 0.01; done
"""
"""What each rank does, in sh."""

FILLER = b" " + 60 * b"-"
"""What a line may end with: Open MPI 4.1 cuts many short ones."""

_RANK = re.compile(rb"(^|\0)(OMPI_COMM_WORLD|PMI)_RANK=")
_MOMENTS = 3.0  # seconds; an attempt takes about that long
_END_SECONDS = 40.0


class Victim(StrEnum):
    """Who is killed."""

    NOBODY = "nobody"
    RUNNER = "runner"
    MPIRUN = "mpirun"
    RANK = "rank"
    SSH = "ssh"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run.

    Attributes:
        victim: Who was to be killed.
        hit: Whether he was there.
        status: How the attempt ended.
        faults: What is wrong; nothing, as it should be.
        seconds: From the kill to the final status.
    """

    victim: Victim
    hit: bool
    status: AttemptStatus | None
    faults: tuple[str, ...]
    seconds: float


class Briefcase:
    """Three nodes on one machine."""

    def __init__(self, top: Path, launcher: Launcher, servers: list[Sshd]) -> None:
        self._top = top
        self._launcher = launcher
        head = Host("head", "127.0.0.1", 1, local=True)
        names = [f"node{number:02}" for number in range(1, len(servers) + 1)]
        nodes = [
            Host(name, server.address, 1, port=server.port, host_key_alias=name, identity=str(_key(server)))
            for name, server in zip(names, servers, strict=True)
        ]
        self.hosts = (head, *nodes)
        known = top / "known_hosts"
        known.write_text(
            "".join(f"{name} {server.keys.public}\n" for name, server in zip(names, servers, strict=True))
        )
        self._site = Site(known_hosts=known, uid=os.geteuid(), allow_root=True)

    def run(self, number: int, victim: Victim, moment: float, chance: random.Random) -> Outcome:
        """Run one attempt, kill the victim, and look at what is left."""
        folder = self._top / f"attempt-{number}"
        spec = JobSpec("/bin/sh", ("-c", PROGRAM), ranks=len(self.hosts), cwd="/")
        token = secrets.token_hex(16)
        prepare(folder, self._launcher, spec, self.hosts, job=number, attempt=1, token=token, site=self._site)
        runner = detach.launch(folder)
        threading.Event().wait(moment)
        hit = _kill(folder, runner, victim, chance)
        began = time.monotonic()
        try:
            status = _end(folder, runner)
            seconds = time.monotonic() - began
            faults = (*_wrong(status, folder, len(self.hosts), hit), *_left(token, folder))
        finally:
            procs.end_all(token)
        return Outcome(victim, hit, status, faults, seconds)


@contextlib.contextmanager
def briefcase(top: Path, launcher: Launcher) -> Generator[Briefcase]:
    """Start the nodes, and end them."""
    with contextlib.ExitStack() as stack:
        servers: list[Sshd] = []
        for number in (2, 3):
            folder = top / f"127.0.0.{number}"
            folder.mkdir()
            server = Sshd(folder, address=f"127.0.0.{number}")
            server.admit()
            servers.append(stack.enter_context(running(server)))
        yield Briefcase(top, launcher, servers)


def _key(server: Sshd) -> Path:
    return server.folder / "id_ed25519"


def _kill(folder: Path, runner: int, victim: Victim, chance: random.Random) -> bool:
    token = read_plan(folder).token
    match victim:
        case Victim.NOBODY:
            return False
        case Victim.RUNNER:
            found = [runner]
        case Victim.MPIRUN:
            status = read_status(folder)
            found = [status.launcher_pid] if status is not None and status.launcher_pid is not None else []
        case Victim.RANK:
            found = [pid for pid in procs.of_job(token) if _is_rank(pid)]
        case Victim.SSH:
            found = [pid for pid in procs.of_job(token) if _name(pid) == "ssh"]
    if not found:
        return False
    pid = chance.choice(sorted(found))
    started = procs.start_time(pid)
    return started is not None and procs.send(pid, started, signal.SIGKILL)


def _is_rank(pid: int) -> bool:
    """Tell a rank's own process from what it started, and from the launcher's."""
    with contextlib.suppress(OSError):
        return _name(pid) == "sh" and _RANK.search(Path(f"/proc/{pid}/environ").read_bytes()) is not None
    return False


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return ""


def _end(folder: Path, runner: int) -> AttemptStatus | None:
    """Wait for the runner's end, as the head does, and give what it makes of it."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(runner)
        try:
            if not select.select([descriptor], [], [], _END_SECONDS)[0]:
                return None
        finally:
            os.close(descriptor)
    status = read_status(folder)
    return status if status is not None and status.state.final else detach.clear(folder)


def _wrong(status: AttemptStatus | None, folder: Path, ranks: int, hit: bool) -> Iterator[str]:
    if status is None:
        yield f"no end within {_END_SECONDS:g} s"
        return
    counts: Counter[int] = Counter()
    yield from counted(AttemptFiles(folder).log, counts)
    complete = all(counts[rank] == LINES for rank in range(ranks))
    match status.state:
        case JobState.COMPLETED if not complete:
            yield f"completed, but the ranks printed only {dict(counts)}"
        case JobState.COMPLETED:
            pass
        case JobState.FAILED | JobState.NODE_FAIL if hit:
            pass
        case _:
            yield f"{status.state.value}: {status.error}\n{_last_words(AttemptFiles(folder).log)}"


def _last_words(log: Path) -> str:
    """Give what the launcher said at the end, to find out why."""
    return log.read_bytes()[-2000:].decode(errors="replace") if log.exists() else "(no log)"


def counted(log: Path, counts: Counter[int]) -> Iterator[str]:
    """Count the lines of each rank, up to the first that is wrong; give what is wrong."""
    astray: set[int] = set()
    *records, rest = log.read_bytes().split(b"\n") if log.exists() else [b""]
    if rest:
        yield f"the log ends in the middle of a record: {rest[-80:]!r}"
    for number, record in enumerate(records, 1):
        try:
            line = parse_line(record)
        except JobsError as error:
            yield f"damaged log: {error}"
            continue
        due = counts[line.rank if line.rank is not None else -1]
        if line.rank is None or line.rank in astray or not line.text.startswith(b"line"):
            continue
        if line.text.removesuffix(FILLER) == b"line %d" % due:
            counts[line.rank] += 1
        elif number < len(records):  # the last one may be cut, where the runner was killed
            astray.add(line.rank)
            yield f"rank {line.rank}: {line.text!r} where {due} was due"


def _left(token: str, folder: Path) -> Iterator[str]:
    for pid in procs.of_job(token):
        yield f"process {pid} ({_name(pid)}) is left"
    for name in read_unswept(folder):
        yield f"{name} was not cleaned"


def campaign(top: Path, launcher: Launcher, *, runs: int, seed: int) -> Iterator[Outcome]:
    """Make so many runs; the seed decides who is killed when."""
    chance = random.Random(seed)
    with briefcase(top, launcher) as nodes:
        for number in range(1, runs + 1):
            victim = chance.choice([*Victim])
            yield nodes.run(number, victim, chance.uniform(0.0, _MOMENTS), chance)


def main() -> int:
    """Make the campaign and print what came of it; the exit status is 1 if there was a fault."""
    parser = argparse.ArgumentParser(description="Kill what runs a job, at random moments.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--launcher", default=None, help="which mpirun; the one beside this Python otherwise")
    options = parser.parse_args()
    ended: Counter[str] = Counter()
    faulty = 0
    longest = (0.0, "")
    with tempfile.TemporaryDirectory() as top:
        launcher = detect(options.launcher)
        print(f"{launcher.title}, seed {options.seed}")
        outcomes = campaign(Path(top), launcher, runs=options.runs, seed=options.seed)
        for number, outcome in enumerate(outcomes, 1):
            state = outcome.status.state.value if outcome.status else "no end"
            ended[f"{outcome.victim.value}{'' if outcome.hit else ' (not there)'} -> {state}"] += 1
            if outcome.hit:
                longest = max(longest, (outcome.seconds, outcome.victim.value))
            faulty += bool(outcome.faults)
            for fault in outcome.faults:
                print(f"run {number}, {outcome.victim.value}: {fault}", flush=True)
    for what, count in sorted(ended.items()):
        print(f"{count:5} {what}")
    print(f"{options.runs} runs, {faulty} with a fault; from a kill to the end at most {longest[0]:.1f} s")
    print(f"(that was the {longest[1] or 'wait for nobody'})")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
