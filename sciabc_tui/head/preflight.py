"""Whether nodes are fit for a job: asked all at once, through the very ssh that a launch would use."""

import asyncio
import contextlib
import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from jobs.complaints import why_unreached
from jobs.errors import JobsError, SpecError
from jobs.fitness import Check, Exchange, Subject, Verdict, judge, not_asked, unreached
from jobs.hostfile import Host, checked_address
from jobs.launchers import Flavour, Launcher, choose, local_python
from jobs.machine import own_machine
from jobs.preflight import ENDED, GREETED, HELLO, TIMED, Wanted, script
from jobs.preflight_facts import parse
from jobs.prepare import Site
from jobs.spec import JobSpec, Kind, validated
from jobs.sshconfig import ssh_config
from sciabc_tui.api.messages import (
    PreflightBegun,
    PreflightCheck,
    PreflightReport,
    PreflightRow,
    PreflightWish,
)
from sciabc_tui.cluster.job import Allocation
from sciabc_tui.cluster.node import Node, Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head import remote_nodes
from sciabc_tui.head.dispatcher import hosts
from sciabc_tui.head.ingress import printable
from sciabc_tui.head.ports import Clock
from sciabc_tui.head.runs import Surroundings
from sciabc_tui.head.users import Users

AT_ONCE = 16
"""Nodes that are asked at the same time: so many threads the executor should have."""

PATIENCE = 5.0
"""Seconds that a node may take."""

WHOLE = 20.0
"""Seconds after which no further node is asked; the client waits for 30."""

HOLDS = 60.0
"""Seconds for which what a node said is good."""

_SSH = shutil.which("ssh") or "/usr/bin/ssh"
_MOST_BYTES = 64 * 1024
_PIECE = 16 * 1024


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was found on a node, and when on the monotonic clock."""

    checks: tuple[Check, ...]
    at: float


class Preflight:
    """Asks nodes, and remembers for a while what they said."""

    def __init__(
        self,
        launchers: tuple[Launcher, ...] | JobsError,
        site: Site,
        *,
        surroundings: Surroundings,
        users: Users,
        clock: Clock,
        worker: Executor,
        patience: float = PATIENCE,
    ) -> None:
        """Ask nobody yet.

        Args:
            launchers: Every mpirun of this machine, or why there is none.
            site: What holds for every job.
            surroundings: What MPI each node has by its own word.
            users: Whom to log in as on which node.
            clock: The head's, which the nodes' are compared with.
            worker: For what blocks for seconds; `AT_ONCE` threads.
            patience: Seconds that a node may take.
        """
        self._launchers = launchers
        self._site = site
        self._surroundings = surroundings
        self._users = users
        self._clock = clock
        self._worker = worker
        self._patience = patience
        self._kept: dict[tuple[Host, Wanted], _Kept] = {}

    async def run(self, state: State, wish: PreflightWish) -> PreflightReport:
        """Ask the nodes that are wanted. Raises what `follow` raises."""
        return await whole(self.follow(state, wish))

    async def follow(
        self, state: State, wish: PreflightWish
    ) -> AsyncGenerator[PreflightBegun | PreflightRow, None]:
        """Say which nodes are asked, then what each of them said as soon as it did.

        Raises:
            NotFound: There is no node of that name.
            CommandRefused: There is no launcher, nothing to check, or the program can't be run as it stands.
        """
        asked = self._hosts(state, chosen(state, wish))
        loop = asyncio.get_running_loop()
        try:
            wanted = await loop.run_in_executor(self._worker, self._wanted, wish, asked)
        except JobsError as error:
            raise CommandRefused(str(error)) from error
        self._forget_old()
        until = time.monotonic() + WHOLE
        yield PreflightBegun(wanted.launcher.title, tuple(host.name for host in asked))
        asking: dict[asyncio.Future[tuple[Check, ...]], Host] = {}
        try:
            for host in asked:
                kept = None if wish.fresh else self._kept.get((host, wanted))
                if kept is None:
                    asking[loop.run_in_executor(self._worker, self._ask, host, wanted, until)] = host
                else:
                    yield self._row(host, kept)
            while asking:
                done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
                for said in done:
                    host = asking.pop(said)
                    yield self._row(host, self._keep(host, wanted, said.result()))
        finally:
            for unheard in asking:
                unheard.cancel()  # one that was not asked yet never is

    def _hosts(self, state: State, nodes: Sequence[Node]) -> tuple[Host, ...]:
        parts = tuple(Allocation(node.id, node.name, max(1, node.slots)) for node in nodes)
        return hosts(state, parts, users=self._users)

    def _wanted(self, wish: PreflightWish, asked: Sequence[Host]) -> Wanted:
        if isinstance(self._launchers, JobsError):
            raise self._launchers
        asked_for = _flavour(wish.launcher)
        launcher = choose(self._launchers, asked_for, self._surroundings.flavours(asked))
        if not wish.program:
            return Wanted(launcher, cwd=_directory(wish.cwd), machine=own_machine())
        kind = Kind.EACH if wish.each else Kind.MPI
        spec = validated(JobSpec(wish.program, cwd=wish.cwd, kind=kind), total_slots=None)
        python = local_python(self._site.python) if all(host.local for host in asked) else self._site.python
        return Wanted(
            launcher,
            python=python if spec.is_python else "",
            program=spec.program,
            sha256="" if _on_path(wish.program, spec.program) else _checksum(Path(spec.program)),
            cwd=spec.cwd,
            each=spec.each,
            machine=own_machine(),
        )

    def _keep(self, host: Host, wanted: Wanted, checks: tuple[Check, ...]) -> _Kept:
        kept = _Kept(checks, self._clock.monotonic())
        # who mended something must see that at once, without another word
        if not any(check.verdict in {Verdict.FAIL, Verdict.UNKNOWN} for check in checks):
            self._kept[host, wanted] = kept
        else:
            self._kept.pop((host, wanted), None)
        return kept

    def _row(self, host: Host, kept: _Kept) -> PreflightRow:
        age = max(0.0, self._clock.monotonic() - kept.at)
        return PreflightRow(host.name, age, tuple(map(_message, kept.checks)))

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        self._kept = {question: kept for question, kept in self._kept.items() if now - kept.at < HOLDS}

    def _ask(self, host: Host, wanted: Wanted, until: float) -> tuple[Check, ...]:
        """Ask one node and judge what it says. Blocks."""
        if time.monotonic() >= until:
            return not_asked("no time was left for it", "Next: ask fewer nodes at once: -w", wanted)
        try:
            with _Visit(host, self._site, self._clock) as visit:
                visit.converse(script(wanted).encode(), self._patience)
        except SpecError as error:
            problem, _, fix = str(error).partition(". Next: ")
            return unreached(problem, f"Next: {fix}", wanted)
        except OSError as error:
            return unreached(f"ssh can't be started: {error.strerror}", "Next: free space and memory", wanted)
        if not visit.greeted:
            complaint = visit.complaint.decode("utf-8", "replace")
            waited = self._patience if visit.late else None
            return unreached(*why_unreached(complaint, host, waited), wanted)
        return judge(parse(bytes(visit.said)), wanted, host, visit.exchange)


@dataclass(slots=True)
class _Visit:
    """One ssh on its way, or a shell of this machine."""

    host: Host
    site: Site
    clock: Clock
    said: bytearray = field(default_factory=bytearray)
    complaint: bytearray = field(default_factory=bytearray)
    greeted: bool = False
    late: bool = False
    exchange: Exchange | None = None
    _asked: float = 0.0
    _script: bytes = b""
    _process: "subprocess.Popen[bytes] | None" = None
    _folder: "tempfile.TemporaryDirectory[str] | None" = None

    def __enter__(self) -> "_Visit":
        self._folder = tempfile.TemporaryDirectory(prefix="sciabc-preflight-")
        try:
            self._process = subprocess.Popen(
                self._command(Path(self._folder.name) / "ssh_config"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # no terminal to ask at
                bufsize=0,
            )
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # not one of them is left
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
        if self._folder is not None:
            self._folder.cleanup()

    def converse(self, text: bytes, patience: float) -> None:
        """Say what is to be said and listen, until all is told or so many seconds are over."""
        until = time.monotonic() + patience
        self._script = text
        self._tell(HELLO.encode())
        with selectors.DefaultSelector() as selector:
            for pipe, kept in self._ears():
                selector.register(pipe, selectors.EVENT_READ, kept)
            while selector.get_map():
                left = until - time.monotonic()
                if left <= 0:
                    self.late = True
                    return
                for key, _ in selector.select(left):
                    kept: bytearray = key.data
                    if not self._listen(key.fd, kept):
                        selector.unregister(key.fileobj)
                if ENDED.search(self.said) or len(self.said) > _MOST_BYTES:
                    return

    def _command(self, config: Path) -> list[str]:
        if self.host.local:
            return ["/bin/sh", "-s"]
        text = ssh_config([self.host], known_hosts=self.site.known_hosts, identity=self.site.identity)
        config.write_text(text)
        return [_SSH, "-T", "-F", str(config), checked_address(self.host.address), "exec sh -s"]

    def _ears(self) -> Iterable[tuple[int, bytearray]]:
        if self._process is not None and self._process.stdout and self._process.stderr:
            yield self._process.stdout.fileno(), self.said
            yield self._process.stderr.fileno(), self.complaint

    def _listen(self, descriptor: int, kept: bytearray) -> bool:
        """Take in what comes; return whether more may come."""
        data = os.read(descriptor, _PIECE)
        kept += data
        if kept is not self.said:
            del kept[:-_PIECE]  # what ended it stands last
            return bool(data)
        if not self.greeted:
            self._look_for_greeting()
        elif self.exchange is None and TIMED.search(self.said):
            self.exchange = Exchange(self._asked, self.clock.wall())
        return bool(data)

    def _look_for_greeting(self) -> None:
        found = GREETED.search(self.said)
        if found is None:
            del self.said[:-_PIECE]  # a login's greetings stand before the answer
            return
        self.greeted = True
        del self.said[: found.end()]
        self._asked = self.clock.wall()
        self._tell(self._script)

    def _tell(self, text: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(text)  # far less than a pipe holds: it never waits
        except OSError:
            return  # it is gone, and what it said tells why
        if text is self._script:
            self._process.stdin.close()


class DemoPreflight:
    """Asks nobody, because there is nobody: says so in every cell."""

    async def run(self, state: State, wish: PreflightWish) -> PreflightReport:
        """Give a grid in which nothing is known."""
        return await whole(self.follow(state, wish))

    async def follow(
        self, state: State, wish: PreflightWish
    ) -> AsyncGenerator[PreflightBegun | PreflightRow, None]:
        """Give the same, row by row."""
        checks = tuple(PreflightCheck(subject.value, "unknown", "SIMULATED") for subject in Subject)
        nodes = chosen(state, wish)
        yield PreflightBegun("SIMULATED, no MPI", tuple(node.name for node in nodes))
        for node in nodes:
            yield PreflightRow(node.name, 0.0, checks)


async def whole(parts: AsyncGenerator[PreflightBegun | PreflightRow, None]) -> PreflightReport:
    """Wait for every row; the report has them in the order in which the nodes were named."""
    begun, rows = PreflightBegun("", ()), dict[str, PreflightRow]()
    async with contextlib.aclosing(parts):
        async for part in parts:
            if isinstance(part, PreflightBegun):
                begun = part
            else:
                rows[part.node] = part
    return PreflightReport(begun.launcher, tuple(rows[node] for node in begun.nodes))


def chosen(state: State, wish: PreflightWish) -> tuple[Node, ...]:
    """Give the nodes to check, the head first: those that are named, else all that are there and trusted.

    Raises:
        NotFound: There is no node of that name.
        CommandRefused: There is nothing to check, or two have that name.
    """
    names = {node.name for node in state.nodes.values()}
    for name in wish.exclude:
        if name not in names:
            raise NotFound(f"There is no node {printable(name)}. Next: sciabc-tui nodes")
    wanted = (
        remote_nodes.chosen(state, wish.nodes)
        if wish.nodes
        else [node for node in state.nodes.values() if node.id == HEAD or _takes_jobs(node)]
    )
    found = [node for node in wanted if node.name not in wish.exclude]
    if not found:
        raise CommandRefused("There is no node to check. Next: sciabc-tui nodes")
    return tuple(sorted(found, key=lambda node: (node.id != HEAD, node.name)))


def _takes_jobs(node: Node) -> bool:
    """Would it take jobs, if it is as it should be?"""
    return node.present and node.trust is Trust.TRUSTED and node.drained is None


def _message(check: Check) -> PreflightCheck:
    return PreflightCheck(check.subject.value, check.verdict.value, check.value, check.fix)


def _flavour(text: str) -> str:
    if text not in {"", *Flavour}:
        raise SpecError("launcher", f"{printable(text)} is no MPI. Next: give one of {', '.join(Flavour)}")
    return text


def _directory(text: str) -> str:
    if text and not (Path(text).is_absolute() and text.isprintable()):
        raise SpecError("cwd", "it is no absolute path. Next: give the path from /")
    return text


def _on_path(asked: str, program: str) -> bool:
    """Was it found on PATH? Then another version will do, as it may be on another system."""
    found = None if "/" in asked else shutil.which(asked)
    return found is not None and str(Path(found).absolute()) == program


def _checksum(program: Path) -> str:
    try:
        with program.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError("program", f"{error.strerror}. Next: make it readable") from error
