"""Jobs that lose a board, on a real head service: two at once, one that ends with it and one that goes on.

What is asked of both is in `lose`; `tests/lab/test_node_loss.py` and `tests/bench/node_loss.py` ask it.
"""

import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from jobs.attempt import AttemptFiles, read_plan
from jobs.errors import JobsError
from jobs.logstore import parse_line
from tests.lab.flight import JOBS, Flight
from tests.lab.image import HOME, REPOSITORY
from tests.lab.lab import Lab
from tests.lab.launchers import Launcher
from tests.lab.machine import Machine
from tests.lab.procs import until
from tests.lab.running import Running

BOUND = 3.0
"""Seconds from the word that a node is dead to the end, or the next attempt, of a job that was on it."""

_PATIENCE_S = 60.0
_STARTUP_S = 20.0
_PROGRAM = f"{HOME}/work.py"

# The first attempt never ends by itself, every other one at once.
_SOURCE = """
import os, sys, time
from mpi4py import MPI

world = MPI.COMM_WORLD
world.barrier()
print("up", flush=True)
while os.environ["SCIABC_ATTEMPT"] == "1":
    if sys.argv[1] == "talks":
        world.allreduce(1)
    else:
        sum(range(10_000))
    time.sleep(0.05)
print("done", world.allreduce(1), flush=True)
"""

# Prints a line whenever a node's liveness or a job is another than before.
_FOLLOW = """
import time
import msgspec
from sciabc_tui.api.client import Client
from sciabc_tui.config import load

before = None
for state in Client(load().settings.paths.socket).watch():
    nodes = {node.name: [node.liveness.value, node.schedulable] for node in state.nodes.values()}
    jobs = {
        str(job.id): [job.state.value, job.attempt, job.reason, [part.name for part in job.allocation]]
        for job in state.jobs.values()
    }
    if before != (nodes, jobs):
        before = nodes, jobs
        seen = {"at": time.monotonic(), "nodes": nodes, "jobs": jobs}
        print(msgspec.json.encode(seen).decode(), flush=True)
"""


class Program(StrEnum):
    """What the ranks do."""

    TALKS = "talks"
    """One allreduce after the other."""
    SILENT = "silent"
    """Each computes by itself."""


class Loss(StrEnum):
    """What happens to a board."""

    UNPLUG = "unplug"
    POWER_OFF = "power off"


class JobSeen(Struct, frozen=True, array_like=True):
    """A job at a moment."""

    state: str
    attempt: int
    reason: str
    hosts: tuple[str, ...]


class NodeSeen(Struct, frozen=True, array_like=True):
    """A node at a moment."""

    liveness: str
    schedulable: bool


class Seen(Struct, frozen=True):
    """The state at a moment of `time.monotonic()`."""

    at: float
    nodes: Mapping[str, NodeSeen]
    jobs: Mapping[str, JobSeen]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one job.

    Attributes:
        policy: `fail` or `requeue`.
        detected: Seconds from the loss of the board to the word that it is dead.
        state: The job's last state, and what became of it in between.
        seconds: From the word that the node is dead to the final state, or to the next attempt's start.
        relaunched: Until that one's first line, likewise; None with `fail`.
        faults: What is wrong, lateness apart; nothing, as it should be.
        leftovers: What is left of it on any board, during the loss or after it.
    """

    policy: str
    detected: float
    state: str
    seconds: float
    relaunched: float | None
    faults: tuple[str, ...]
    leftovers: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether all was as asked, and in time."""
        return not self.faults and not self.leftovers and self.seconds <= BOUND


class StartHung(Exception):
    """A launcher did not bring all ranks up (Open MPI 5.0.11 does so now and then on a busy machine)."""


class Follower:
    """What a client in the head saw of nodes and jobs."""

    def __init__(self, program: Running) -> None:
        self._program = program
        self._seen: list[Seen] = []
        self._news = threading.Condition()
        self._failed = ""
        self._thread = threading.Thread(target=self._read, name="follower")
        self._thread.start()

    def first(self, wanted: Callable[[Seen], bool], *, since: float = 0.0) -> Seen:
        """Wait for the first state of that kind at or after a time.

        Raises:
            TimeoutError: It did not come; the text holds the newest.
        """
        deadline = time.monotonic() + _PATIENCE_S
        looked_at = 0
        with self._news:
            while True:
                for seen in self._seen[looked_at:]:
                    if seen.at >= since and wanted(seen):
                        return seen
                looked_at = len(self._seen)
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise TimeoutError(f"not within {_PATIENCE_S:g} s: {self._seen[-3:]} {self._failed}")

    def close(self) -> None:
        """End it."""
        self._program.kill()
        self._thread.join()

    def _read(self) -> None:
        decoder = msgspec.json.Decoder(Seen)
        for text in self._program.stdout:
            with self._news:
                try:
                    self._seen.append(decoder.decode(text))
                except msgspec.DecodeError:
                    self._failed += text  # a traceback
                self._news.notify_all()


def environment(launcher: Launcher) -> dict[str, str]:
    """Give the settings of a head whose jobs are all launched by it."""
    return {
        "SCIABC_CLUSTER_HEAD_SLOTS": "2",
        "SCIABC_JOBS_LAUNCHER": str(launcher.mpirun),
        "SCIABC_JOBS_PYTHON": str(launcher.python),
    }


@contextmanager
def following(flight: Flight) -> Generator[Follower]:
    """Put the program on every board and follow the state; ends with the context."""
    for machine in (flight.lab.head, *flight.lab.nodes):
        machine.path(_PROGRAM).write_text(_SOURCE, encoding="utf-8")
    running = flight.lab.head.popen([sys.executable, "-c", _FOLLOW], env=flight.env, cwd=str(REPOSITORY))
    follower = Follower(running)
    try:
        follower.first(lambda _: True)
        yield follower
    finally:
        follower.close()


@dataclass(frozen=True, slots=True)
class Round:
    """Two jobs on all boards lose the same one.

    Attributes:
        flight: The head, of `environment(launcher)`.
        follower: Of that head.
        launcher: Whose jobs they are.
        programs: What the job runs that fails, and the one that is requeued.
        loss: What happens to the board.
        victim: The board's name.
    """

    flight: Flight
    follower: Follower
    launcher: Launcher
    programs: tuple[Program, Program]
    loss: Loss
    victim: str

    def play(self) -> tuple[Outcome, ...]:
        """Start the jobs, take the board away, look at all that is left, and give it back.

        Raises:
            StartHung: A job was not up in time; both were cancelled.
            TimeoutError: Something did not happen at all.
        """
        policies = zip(("fail", "requeue"), self.programs, strict=True)
        ids = {policy: self._submit(policy, program) for policy, program in policies}
        try:
            folders = {policy: self._up(job, 1) for policy, job in ids.items()}
        except StartHung:
            for job in ids.values():
                self.flight.run("cancel", job, check=False)
            self.follower.first(lambda seen: all(seen.jobs[job].state == "cancelled" for job in ids.values()))
            raise
        tokens = {policy: read_plan(folder).token for policy, folder in folders.items()}
        victim = self.flight.lab.node(self.victim)
        cut = time.monotonic()
        self._take_away(victim)
        dead = self.follower.first(lambda seen: seen.nodes[self.victim].liveness == "dead", since=cut).at
        ended = (
            self._failed(ids["fail"], tokens["fail"], cut, dead),
            self._went_on(ids["requeue"], tokens["requeue"], cut, dead),
        )
        # the board comes back while the survivors work: a round takes two seconds less
        back = self._give_back(victim)
        unusable = self._next_job()
        left = self._cleaned(back, tuple(tokens.values()))
        return tuple(
            replace(one, faults=(*one.faults, *unusable), leftovers=(*one.leftovers, *left)) for one in ended
        )

    def _submit(self, policy: str, program: Program) -> str:
        flavour = self.launcher.flavour
        how = ("--mpi", flavour, "--per-node", "1", "--on-node-loss", policy, "--detach")
        return self.flight.run("run", *how, _PROGRAM, program.value).split()[1]

    def _up(self, job: str, attempt: int) -> Path:
        """Wait until all ranks of an attempt say that they are up; give its folder."""
        seen = self.follower.first(lambda seen: _runs(seen, job, attempt))
        folder = self.flight.file(f"{JOBS}/{job}/attempt-{attempt}")
        ranks = len(seen.jobs[job].hosts)
        if not until(lambda: _said(folder, b"up") >= ranks, timeout=_STARTUP_S):
            raise StartHung(f"job {job}: {_said(folder, b'up')} of {ranks} ranks are up")
        return folder

    def _take_away(self, node: Machine) -> None:
        if self.loss is Loss.UNPLUG:
            node.unplug()
        else:
            node.power_off()

    def _failed(self, job: str, token: str, cut: float, dead: float) -> Outcome:
        end = self.follower.first(lambda seen: seen.jobs[job].state not in {"pending", "running"}, since=cut)
        seen = end.jobs[job]
        left = self._leftovers(token)
        faults: list[str] = []
        rank = seen.hosts.index(self.victim)
        if seen.state != "node_fail" or f"{self.victim} was lost (dead, rank {rank})" not in seen.reason:
            faults.append(f"{seen.state}: {seen.reason}")
        return Outcome("fail", dead - cut, seen.state, end.at - dead, None, tuple(faults), left)

    def _went_on(self, job: str, token: str, cut: float, dead: float) -> Outcome:
        again = self.follower.first(
            lambda seen: _runs(seen, job, 2) or seen.jobs[job].state not in {"pending", "running"}, since=cut
        )
        left = self._leftovers(token)
        faults: list[str] = []
        if self.victim in again.jobs[job].hosts:
            faults.append(f"relaunched on {again.jobs[job].hosts}")
        folder = self.flight.file(f"{JOBS}/{job}/attempt-2")
        up = until(lambda: _said(folder, b"up") > 0, timeout=_STARTUP_S)
        first_line = time.monotonic() - dead if up else None
        end = self.follower.first(lambda seen: seen.jobs[job].state not in {"pending", "running"}, since=cut)
        survivors = len(self.flight.lab.nodes)
        if end.jobs[job].state != "completed" or _said(folder, b"done %d" % survivors) != survivors:
            faults.append(f"{end.jobs[job].state}: {end.jobs[job].reason}")
        state = f"attempt {end.jobs[job].attempt} {end.jobs[job].state}"
        return Outcome("requeue", dead - cut, state, again.at - dead, first_line, tuple(faults), left)

    def _next_job(self) -> Sequence[str]:
        """Run one more job on the survivors."""
        flavour = self.launcher.flavour
        where = ("--per-node", "1", "--exclude", self.victim)
        said = self.flight.run("run", "--mpi", flavour, *where, "hello", check=False)
        survivors = len(self.flight.lab.nodes)
        return () if f"All {survivors} ranks" in said else (f"the next job: {said[-300:]}",)

    def _leftovers(self, token: str) -> tuple[str, ...]:
        found = self.flight.lab.carrying(token)
        return tuple(
            f"{name} holds {process.command[:80]}"
            for name, processes in found.items()
            for process in processes
            if name != self.victim
        )

    def _give_back(self, node: Machine) -> float:
        """Put the board back; give when that was."""
        back = time.monotonic()
        if self.loss is Loss.UNPLUG:
            node.plug()
        else:
            node.power_on()
        return back

    def _cleaned(self, back: float, tokens: Sequence[str]) -> Sequence[str]:
        """Give what is left of the jobs once the board takes jobs again and has been cleaned."""
        self.follower.first(lambda seen: seen.nodes[self.victim].schedulable, since=back)
        lab = self.flight.lab
        until(lambda: not any(lab.carrying(token) for token in tokens), timeout=_STARTUP_S)
        until(lambda: not _leftovers(lab), timeout=_STARTUP_S)
        return [
            *(f"{self.victim} came back with {found}" for token in tokens if (found := lab.carrying(token))),
            *_leftovers(lab),
        ]


def _leftovers(lab: Lab) -> list[str]:
    """Give what ranks and launchers left in files of the lab's machines, as `node01:FILE`."""
    return [
        f"{each.name}:{file.name}"
        for each in lab.powered
        for file in (*each.path("/dev/shm").iterdir(), *each.path("/tmp").glob("hydra_*"))
    ]


def _runs(seen: Seen, job: str, attempt: int) -> bool:
    found = seen.jobs.get(job)
    return found is not None and (found.state, found.attempt) == ("running", attempt)


def _said(folder: Path, text: bytes) -> int:
    """Count the ranks' lines that are this text."""
    log = AttemptFiles(folder).log
    records = log.read_bytes().splitlines() if log.exists() else []
    return sum(_text(record) == text for record in records)


def _text(record: bytes) -> bytes:
    try:
        return parse_line(record).text
    except JobsError:  # its end is not written yet
        return b""
