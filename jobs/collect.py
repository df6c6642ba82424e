"""Bring home what an attempt made on nodes that were given a folder: outputs, and the checkpoint.

A node needs ``find`` and ``tar`` for it, GNU's or busybox's, beside what ``jobs.sweep`` needs. Its processes
of the job are ended first, so that no file changes meanwhile; its folder is removed afterwards, by the sweep.
"""

import os
import re
import select
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from jobs.attempt import AttemptFiles, AttemptPlan, read_order, read_unswept, write_unswept
from jobs.collectarrivals import Arrivals
from jobs.collectnames import Patterns, checked_name
from jobs.collectstream import Limits, NodeStream
from jobs.collecttar import Member, members
from jobs.collecttold import Brought, Collected, told
from jobs.errors import CollectError, NodeSilent, StoreError
from jobs.hostfile import Host
from jobs.losses import Losses
from jobs.staging import CHECKPOINT_FOLDER, FOLDER, WORK
from jobs.states import JobState
from jobs.sweep import WITHIN, ending_script, is_staged, sweep
from jobs.visit import Visit, visit

_BROKEN = 255  # ssh's own exit status
_AT_ONCE = 32
_LOOK_SECONDS = 0.1  # between two looks at which nodes are lost
_NO_ANSWER = "it does not answer"
_CANCELLED = "cancelled"
_SAME_TIME = 2.0  # seconds: clocks that differ by less are taken for right
_GREETING = re.compile(rb"\nsciabc-here\n")
_FILES = re.compile(rb"\nsciabc-files ([0-9]{1,12})\n")

# GNU's own format, where there is a choice: no extended headers; and a backslash in a name means itself. One
# tar for as many files as fit into a command line: there may be several, their archives behind each other.
_SCRIPT = """\
printf '\\nsciabc-here\\n'
{ending}
printf '\\nsciabc-files %s\\n' "$(date +%s)"
[ "$HOME" ] && cd "$HOME/{folder}/{token}" || exit 0
options=''
case "$(tar --version)" in *'GNU tar'*) options='--format=gnu --no-unquote' ;; esac
status=0
send() {{
  top=$1
  shift
  if [ -d "$top" ]; then find "$top" -type f "$@" -exec tar $options -cf - {{}} + </dev/null || status=1; fi
}}
{sending}exit $status
"""


def clean_up(
    folder: Path,
    plan: AttemptPlan,
    *,
    since: float,
    wall: Callable[[], float] | None,
    sending_within: Callable[[], float] = lambda: WITHIN,
    clean_within: Callable[[], float] = lambda: WITHIN,
    losses: Losses | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> str:
    """Bring home what the other nodes hold, then leave nothing of the attempt there.

    Which nodes could not be cleaned stands in the folder afterwards (``attempt.read_unswept``).

    Args:
        folder: The attempt's folder.
        plan: What was run.
        since: When it began, in seconds since 1970.
        wall: Says what time it is, to tell how wrong the nodes' clocks are; None takes them for right.
        sending_within: Says in how many seconds from now on a node must begin to send what it holds. One that
            does has the time it needs.
        clean_within: Says in how many seconds from now on the nodes must be clean.
        losses: Says which hosts are lost: nobody waits for those.
        tell: Is given what could not be brought, if anything, before the nodes' folders are removed.

    Returns:
        What could not be brought; empty if nothing is missing.

    Raises:
        StoreError: The plan holds a token that is none, or the folder can't be written to.
        SpecError: It holds an address that is none.
    """
    got = collect(folder, plan, since=since, wall=wall, within=sending_within(), losses=losses)
    if got.problem:
        tell(got.problem)
    ssh_config = AttemptFiles(folder).ssh_config
    left = sweep(plan, ssh_config, within=clean_within(), losses=losses, keep=got.keep, given_up=got.silent)
    write_unswept(folder, left)
    return got.problem


def collect(
    folder: Path,
    plan: AttemptPlan,
    *,
    since: float,
    wall: Callable[[], float] | None,
    within: float = WITHIN,
    losses: Losses | None = None,
    limits: Limits | None = None,
) -> Collected:
    """Bring home what the plan asks for, from all nodes at once that were given a folder.

    Ends the attempt's processes on these nodes first, and removes nothing there. Nothing is asked of any node
    if the plan asks for nothing.

    Args:
        folder: The attempt's folder.
        plan: Which files, from where, to where.
        since: When the attempt began, in seconds since 1970.
        wall: Says what time it is, to tell how wrong the nodes' clocks are; None takes them for right.
        within: Seconds in which a node must answer.
        losses: Says which hosts are lost: nobody waits for those.
        limits: What one node may cost; None means what is usual.

    Raises:
        StoreError: The plan holds a token that is none.
        SpecError: It holds an address that is none.
    """
    hosts = _staged(folder, plan)
    if not hosts or not (plan.collect or plan.checkpoint):
        return Collected()
    limits = limits or Limits()
    arrivals = Arrivals(folder, plan, limits)
    try:
        arrivals.prepare()
        visitor = _Visitor(AttemptFiles(folder).ssh_config, program(plan), arrivals, limits, within, wall)
        with ThreadPoolExecutor(min(len(hosts), _AT_ONCE), thread_name_prefix="collect") as threads:
            visitor.give_up(losses.names() if losses else frozenset())
            visits = [threads.submit(visitor.bring, host, number) for number, host in enumerate(hosts)]
            while losses and wait(visits, _LOOK_SECONDS).not_done:
                asked = select.select([losses], [], [], 0.0)[0]
                visitor.give_up(losses.names())
                if asked and _cancelled(folder):  # whoever cancels has seen enough
                    visitor.stop()
            brought = [done.result() for done in visits]
        for number, each in enumerate(brought):
            each.left += arrivals.place(each.host, number, since=since, ahead=each.ahead)
        if arrivals.any_stored:
            os.sync()  # the nodes' own copies are removed next; the log was forced onto the card by itself
    except OSError as error:
        brought = [Brought(host, [_words(error)]) for host in hosts]
    finally:
        arrivals.tidy()
    return told(plan, brought)


def program(plan: AttemptPlan) -> str:
    """Write the program that sends what one node holds, for ``sh -s``.

    Raises:
        StoreError: The plan's token is none.
    """
    lines: list[str] = []
    if plan.checkpoint:
        lines.append(f"send {CHECKPOINT_FOLDER}\n")
    if plan.collect:
        lines.append(f"send {WORK} \\( {Patterns(plan.collect).find(WORK)} \\)\n")
    ending = ending_script(plan.token)
    return _SCRIPT.format(ending=ending, folder=FOLDER, token=plan.token, sending="".join(lines))


def _cancelled(folder: Path) -> bool:
    try:
        order = read_order(folder)
    except StoreError:  # whoever wrote it wanted an end
        return True
    return order is not None and order.state is JobState.CANCELLED


def _staged(folder: Path, plan: AttemptPlan) -> list[Host]:
    """Give the nodes that have a folder: they were written down before anything was copied."""
    others = [host for host in plan.hosts if not host.local]
    if not is_staged(plan.token):
        return []
    try:
        names = read_unswept(folder)
    except StoreError:
        return others
    return [host for host in others if host.name in names]


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Goes to nodes, each in a thread of its own."""

    ssh_config: Path
    program: str
    arrivals: Arrivals
    limits: Limits
    within: float
    wall: Callable[[], float] | None
    _on_their_way: dict[str, Visit] = field(default_factory=dict[str, Visit])
    _given_up: set[str] = field(default_factory=set[str])
    _stopped: threading.Event = field(default_factory=threading.Event)

    def give_up(self, names: Iterable[str]) -> None:
        """Let go of nodes, or never go there; what they sent so far is taken."""
        self._given_up.update(names)
        for name in names:
            if (there := self._on_their_way.get(name)) is not None:
                there.process.kill()

    def stop(self) -> None:
        """Let go of all that are still at it."""
        self._stopped.set()
        self.give_up([*self._on_their_way])

    def bring(self, host: Host, number: int) -> Brought:
        """Let a node send what it has; what arrived whole is there, whatever came then."""
        if host.name in self._given_up:
            return Brought(host, [_NO_ANSWER], silent=True)
        if self._stopped.is_set():
            return Brought(host, [_CANCELLED])
        brought = Brought(host)
        try:
            with closing(visit(host, self.ssh_config, self.program, self.within)) as there:
                self._on_their_way[host.name] = there
                self._receive(there, number, brought)
        except NodeSilent as error:
            brought.silent = not self._stopped.is_set()
            brought.left.insert(0, self._why(host, error))
        except CollectError as error:
            brought.left.insert(0, str(error))
        except OSError as error:
            brought.left.insert(0, _words(error))
        return brought

    def _why(self, host: Host, error: NodeSilent) -> str:
        if self._stopped.is_set():
            return _CANCELLED
        return _NO_ANSWER if host.name in self._given_up else str(error)

    def _receive(self, there: Visit, number: int, brought: Brought) -> None:
        stream = NodeStream(there, self.limits, self.within, hurry=self.within < WITHIN)
        stream.first_word(_GREETING)
        clock = int(stream.word(_FILES)[1])
        if self.wall is not None and abs(ahead := clock - self.wall()) > _SAME_TIME:
            brought.ahead = ahead
        for sent, member in enumerate(members(stream), 1):
            if sent > self.limits.members:
                raise CollectError(f"it has more than {self.limits.members} files")
            self._take(stream, member, number, brought)
        code = there.wait(self.limits.silence)
        if code == _BROKEN or code < 0:  # or it was given up by us
            raise NodeSilent("the connection to it broke")
        if code != 0:
            raise CollectError("not all of it could be read there")

    def _take(self, stream: NodeStream, member: Member, number: int, brought: Brought) -> None:
        path = checked_name(member.name)
        where = None if path is None else self.arrivals.wanted(path, number)
        if path is None:
            brought.left.append("a file has a name that can't be used here")
        if where is None:
            for _ in stream.parts(member.size):
                pass
        elif member.same_as:
            other = checked_name(member.same_as)
            if not self.arrivals.store_again(where, other and self.arrivals.wanted(other, number)):
                brought.left.append(f"{path} is another name of a file that was not asked for")
        else:
            self.arrivals.store(where, member, stream.parts(member.size))
        stream.exactly(member.padding)


def _words(error: OSError) -> str:
    return f"{error.strerror or 'an error'} on the head"
