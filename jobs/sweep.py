"""Leave nothing of an attempt behind on other nodes: no process that carries its token, no files.

A node needs sshd, a POSIX shell (dash and busybox are enough), ``tr``, ``grep`` and ``rm`` for it.
"""

import contextlib
import os
import re
import selectors
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jobs import leftovers, sessions
from jobs.attempt import AttemptFiles, AttemptPlan, read_plan, read_unswept, write_unswept
from jobs.errors import StoreError
from jobs.hostfile import Host
from jobs.launchers import TOKEN
from jobs.losses import Losses
from jobs.visit import KNOCK_SECONDS, Visit, visit

WITHIN = 3.0
"""How long the cleaning of all nodes may take, in seconds: one that is silent is left for later."""

_WORD = "sciabc-swept"
_ANSWER = re.compile(rb"^sciabc-swept ([0-9]{1,9}) ([0-9]{1,9})$", re.MULTILINE)
_ANSWER_BYTES = 16 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_STAGED = re.compile(r"[0-9a-f]{32}")  # only such a token can be the name of a folder of ours

# What is found is stopped first, until nothing new is found: it can neither fork nor start a companion again
# then. One grep for all processes where it knows -z (GNU's, most of busybox's): 20 ms instead of 2 s. Else
# one for each, but for kernel threads (no exe) and processes of others (environ not readable). One look would
# not do: in the middle of an execve(2) a process shows no environment.
_SCRIPT = """\
exec 2>/dev/null
mark='{name}={token}'
if printf 'a\\0b\\0' | grep -qzxF b; then
  carriers() {{ grep -lzxF "$mark" "$@"; }}
  enough=3
else
  carriers() {{
    for environ in "$@"; do
      [ -r "$environ" ] && [ -e "${{environ%environ}}exe" ] &&
        tr '\\0' '\\n' <"$environ" | grep -qxF "$mark" && echo "$environ"
    done
  }}
  enough=2
fi
found() {{
  for environ in $(carriers /proc/[0-9]*/environ); do
    pid=${{environ#/proc/}}
    pid=${{pid%/environ}}
    [ "$pid" = $$ ] || echo "$pid"
  done
}}
hold() {{
  held=''
  looks=0
  calm=0
  while [ $calm -lt $enough ] && [ $looks -lt 20 ]; do
    looks=$((looks + 1))
    calm=$((calm + 1))
    for pid in $(found); do
      case " $held " in
        *" $pid "*) ;;
        *) kill -STOP "$pid" && held="$held $pid" && calm=0 ;;
      esac
    done
  done
}}
ended=''
count=0
round=0
hold
while [ "$held" ] && [ $round -lt 20 ]; do
  round=$((round + 1))
  for pid in $held; do
    if [ "$(carriers "/proc/$pid/environ")" ]; then kill -KILL "$pid"; else kill -CONT "$pid"; fi
    case " $ended " in
      *" $pid "*) ;;
      *) ended="$ended $pid"; count=$((count + 1)) ;;
    esac
  done
  sleep 0.05 || sleep 1
  hold
done
left=0
for pid in $held; do left=$((left + 1)); done
"""

_REMOVE = """
folder="$HOME/.cache/sciabc/jobs/{token}"
if [ "$HOME" ]; then
  rm -rf -- "$folder"
  if [ -e "$folder" ]; then left=$((left + 1)); fi
fi
"""


def script(token: str, *, remove: bool = True) -> str:
    """Write the program that cleans one node, for ``sh -s``; it says how much it ended and what is left.

    Args:
        token: What marks the processes, and names the staged folder.
        remove: Whether the staged folder is removed; the launcher's directory always is.

    Raises:
        StoreError: The token is none: it would mean something to a shell.
    """
    ending = ending_script(token)
    removing = _REMOVE.format(token=token) if remove and is_staged(token) else ""
    unused = leftovers.REMOVING_SCRIPT
    return f'{ending}{sessions.removing_script(token)}{removing}{unused}echo "{_WORD} $count $left"\n'


def ending_script(token: str) -> str:
    """Write the part that ends the processes; sets ``count`` and ``left``, prints nothing.

    Raises:
        StoreError: The token is none: it would mean something to a shell.
    """
    if not _TOKEN.fullmatch(token):
        raise StoreError("The job's token is damaged. Next: submit the job again")
    return _SCRIPT.format(token=token, name=TOKEN)


def is_staged(token: str) -> bool:
    """Tell whether nodes can have a folder for it: only 32 hex digits are the name of one."""
    return _STAGED.fullmatch(token) is not None


def sweep(
    plan: AttemptPlan,
    ssh_config: Path,
    *,
    within: float = WITHIN,
    losses: Losses | None = None,
    keep: Collection[str] = (),
    given_up: Collection[str] = (),
) -> tuple[str, ...]:
    """Clean every other node of an attempt, all at once.

    Args:
        plan: Whose token marks the processes, and where they were started.
        ssh_config: For ``ssh -F``: the attempt's own.
        within: Seconds after which the nodes that have not answered are given up.
        losses: Says which hosts are lost: those are not gone to, or given up at once.
        keep: Names of hosts whose staged folders stay.
        given_up: Names of hosts that were found silent: those are not gone to.

    Returns:
        The names of the hosts that could not be cleaned, in the plan's order.

    Raises:
        StoreError: The plan holds a token or an address that is none.
    """
    hosts = [host for host in plan.hosts if not host.local]
    answering = [host for host in hosts if host.name not in given_up]
    left = _swept(plan, answering, ssh_config, within, keep, losses)
    return tuple(host.name for host in hosts if host.name in left or host.name in given_up)


def sweep_again(folder: Path, names: Iterable[str], *, within: float = WITHIN) -> tuple[str, ...]:
    """Clean hosts of an attempt that could not be cleaned at its end, now that they are back.

    Args:
        folder: The attempt's folder; the names in its ``unswept.json`` that are clean now are taken out.
        names: Which hosts to go to; others than the attempt's are passed over.
        within: As in ``sweep``.

    Returns:
        Which of the names are still not clean.

    Raises:
        StoreError: The plan is not there or damaged.
    """
    plan = read_plan(folder)
    wanted = set(names)
    hosts = [host for host in plan.hosts if host.name in wanted and not host.local]
    left = _swept(plan, hosts, AttemptFiles(folder).ssh_config, within)
    clean = {host.name for host in hosts} - set(left)
    before = read_unswept(folder)
    if clean & set(before):
        write_unswept(folder, tuple(name for name in before if name not in clean))
    return left


@dataclass(slots=True)
class _Cleaning:
    """A node that is being cleaned."""

    visit: Visit
    said: bytearray = field(default_factory=bytearray)

    @property
    def clean(self) -> bool:
        """Whether the node said that nothing is left."""
        answer = _ANSWER.search(self.said)
        return answer is not None and int(answer[2]) == 0

    def listen(self, descriptor: int) -> bool:
        """Take in what the node says; return whether it may say more."""
        data = os.read(descriptor, _ANSWER_BYTES)
        self.said += data
        del self.said[:-_ANSWER_BYTES]  # a login's greetings stand before the answer
        return bool(data) and not _ANSWER.search(self.said)


def _swept(
    plan: AttemptPlan,
    hosts: list[Host],
    ssh_config: Path,
    within: float,
    keep: Collection[str] = (),
    losses: Losses | None = None,
) -> tuple[str, ...]:
    if not hosts:
        return ()
    until = time.monotonic() + within
    lost = losses.names() if losses else frozenset[str]()
    cleanings: list[_Cleaning] = []
    try:
        for host in (host for host in hosts if host.name not in lost):
            program = script(plan.token, remove=host.name not in keep)
            with contextlib.suppress(OSError):  # no ssh here, or no process left for it: not clean
                cleanings.append(_Cleaning(visit(host, ssh_config, program, within)))
        silent_at = until if within >= WITHIN else time.monotonic() + KNOCK_SECONDS
        _Hearing(cleanings, losses).listen(until, silent_at)
        clean = {cleaning.visit.host.name for cleaning in cleanings if cleaning.clean}
    finally:
        for cleaning in cleanings:
            cleaning.visit.close()
    return tuple(host.name for host in hosts if host.name not in clean)


class _Hearing:
    """Hears all nodes at once, until each has said its word or is let go."""

    def __init__(self, cleanings: Iterable[_Cleaning], losses: Losses | None) -> None:
        pipes = ((cleaning.visit.process.stdout, cleaning) for cleaning in cleanings)
        self._heard = {pipe.fileno(): cleaning for pipe, cleaning in pipes if pipe is not None}
        self._losses = losses

    def listen(self, until: float, silent_at: float) -> None:
        """Listen; let go of those that have not answered at all by `silent_at`, and of the lost."""
        with selectors.DefaultSelector() as selector:
            for descriptor in (*self._heard, *([self._losses] if self._losses else [])):
                selector.register(descriptor, selectors.EVENT_READ)
            while self._heard and (now := time.monotonic()) < until:
                if now >= silent_at:
                    silent_at = until
                    self._let_go(selector, lambda cleaning: cleaning.visit.knocks())
                    continue
                for key, _ in selector.select(min(until, silent_at) - now):
                    self._hear(selector, key.fd)

    def _hear(self, selector: selectors.BaseSelector, descriptor: int) -> None:
        cleaning = self._heard.get(descriptor)
        if cleaning is not None:
            if not cleaning.listen(descriptor):
                self._let_go(selector, lambda each: each is cleaning)
        elif self._losses is not None and descriptor == self._losses.fileno():
            lost = self._losses.names()
            self._let_go(selector, lambda each: each.visit.host.name in lost)

    def _let_go(self, selector: selectors.BaseSelector, unwanted: Callable[[_Cleaning], bool]) -> None:
        for descriptor in [each for each, cleaning in self._heard.items() if unwanted(cleaning)]:
            selector.unregister(descriptor)
            del self._heard[descriptor]
