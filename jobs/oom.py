"""Whether memory ran out when a rank was killed: asked of the kernels, by their own record.

A kernel that ends a process for want of memory writes so into its log, with the process's number. On
Raspberry Pi OS everybody may read that (``dmesg``), on Debian the members of ``adm``, as the first user is
one (``journalctl -k``). Where nobody may, only the counter of /proc/vmstat is left, which counts since
boot: 0 of it excludes the matter, any other number says nothing of this attempt, since nobody looked at its
beginning.
"""

import os
import re
import select
import subprocess
import time
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.attempt import AttemptPlan
from jobs.errors import JobsError
from jobs.hostfile import Host, ranks_of
from jobs.losses import Losses
from jobs.outcome import Ending, Killed, Memory, killed
from jobs.visit import Visit, visit

WITHIN = 2.0
"""How long the nodes may take to answer, in seconds: the end of a job waits for it."""

_MOST = 16  # nodes that are asked if the launcher does not tell the rank
_ANSWER_BYTES = 64 * 1024
_LOOK_SECONDS = 0.1  # between two looks at which nodes are lost
_CLOCKS = 2.0  # seconds by which the kernel's two clocks differ at most: that of its log, and the uptime

_SCRIPT = """\
exec 2>/dev/null
LC_ALL=C PAGER=cat
export LC_ALL PAGER
while read -r name value; do [ "$name" = oom_kill ] && count=$value; done </proc/vmstat
read -r uptime rest </proc/uptime
if dmesg >/dev/null; then show='dmesg'
elif [ "$(journalctl -kqb -n 1)" ]; then show='journalctl -kqb -n 5000 -o short-monotonic'
else show=''
fi
printf '\\nsciabc-memory %s %s %s %s\\n' "${show:+log}" "$(id -u)" "$uptime" "${count:--}"
[ "$show" ] && $show | grep 'Killed process' | tail -n 50
echo sciabc-over
"""
_GREETING = re.compile(rb"\nsciabc-memory (log|) (\d{1,10}) (\d{1,10}(?:\.\d{1,9})?) (\d{1,18}|-)\n")
_OVER = b"\nsciabc-over\n"
# Linux 4.19 to 6.12, mm/oom_kill.c; older ones do not tell the user
_VICTIM = re.compile(
    rb"\[\s*(\d{1,10}\.\d{1,9})\].{0,80}Killed process (\d{1,10}) \((?:.{0,200} UID:(\d{1,10})\b)?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class _Word:
    """What a node's kernel says.

    Attributes:
        host: Which node.
        victims: The numbers of our processes that it ended during the attempt; None if it may not be asked.
        count: How many processes it ever ended; None if it does not count.
    """

    host: Host
    victims: frozenset[int] | None
    count: int | None

    def memory(self, victim: Killed) -> Memory:
        """Say what that means for the rank that was killed."""
        if self.victims is None:
            return Memory.ENOUGH if self.count == 0 else Memory.UNKNOWN
        if not self.victims:
            return Memory.ENOUGH
        # another number: that of a child of the rank, or of another rank, which took this one along
        return Memory.OUT if victim.pid in self.victims else Memory.PROBABLY_OUT


def examined(
    ending: Ending, plan: AttemptPlan, ssh_config: Path, *, seconds: float, losses: Losses | None = None
) -> Ending:
    """Add what the kernels say, if a rank was killed; nobody is asked otherwise.

    Args:
        ending: What is known of the end.
        plan: What was run.
        ssh_config: For ``ssh -F``: the attempt's own.
        seconds: How long ago the launcher was started.
        losses: Says which hosts are lost: nobody waits for those.
    """
    if ending.exit_code == 0 or (victim := killed(ending)) is None:
        return ending
    hosts = _places(plan, victim)
    lost = set(losses.names() if losses else ())
    with ThreadPoolExecutor(_MOST, thread_name_prefix="memory") as threads:
        answers = [threads.submit(_asked, host, ssh_config, seconds, lost) for host in hosts]
        while losses and wait(answers, _LOOK_SECONDS).not_done:
            lost.update(losses.names())
        words = [word for answer in answers if (word := answer.result()) is not None]
    found = {word.host.name: word.memory(victim) for word in words}
    for memory in (Memory.OUT, Memory.PROBABLY_OUT):
        if short := tuple(name for name, each in found.items() if each is memory):
            return replace(ending, memory=memory, short=short)
    told = len(words) == len(hosts) and set(found.values()) == {Memory.ENOUGH}
    return replace(ending, memory=Memory.ENOUGH) if told else ending


def _places(plan: AttemptPlan, victim: Killed) -> Sequence[Host]:
    """Give the node of the rank, or all of them if that is not told and they are few."""
    if victim.rank is not None:
        for host, ranks in zip(plan.hosts, ranks_of(plan.hosts, None, None), strict=True):
            if victim.rank in ranks:
                return (host,)
    return plan.hosts if len(plan.hosts) <= _MOST else ()


def _asked(host: Host, ssh_config: Path, seconds: float, lost: Container[str]) -> _Word | None:
    """Ask a node; None if it does not answer, or is lost meanwhile."""
    if host.name in lost:
        return None
    try:
        there = _here(host) if host.local else visit(host, ssh_config, _SCRIPT, WITHIN)
    except (OSError, JobsError):
        return None
    try:
        return _understood(host, _answer(there, lost), seconds)
    finally:
        there.close()


def _here(host: Host) -> Visit:
    process = subprocess.Popen(
        ["/bin/sh", "-c", _SCRIPT],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )
    return Visit(host, process)


def _answer(there: Visit, lost: Container[str]) -> bytes:
    """Give what a node says within the time."""
    said = bytearray()
    until = time.monotonic() + WITHIN
    pipe = there.process.stdout
    while pipe is not None and _OVER not in said and time.monotonic() < until and there.host.name not in lost:
        if select.select([pipe], [], [], _LOOK_SECONDS)[0]:
            if not (data := os.read(pipe.fileno(), _ANSWER_BYTES)):
                break
            said += data
            del said[:-_ANSWER_BYTES]  # a login's greetings stand before the answer
    return bytes(said)


def _understood(host: Host, said: bytes, seconds: float) -> _Word | None:
    if (greeting := _GREETING.search(said)) is None or _OVER not in said:
        return None
    readable, user, uptime, count = greeting.groups()
    begun = float(uptime) - seconds - _CLOCKS
    victims = frozenset(
        int(pid)
        for at, pid, owner in _VICTIM.findall(said, greeting.end())
        if float(at) >= begun and owner in {b"", user}
    )
    return _Word(host, victims if readable else None, None if count == b"-" else int(count))
