"""Leave nothing of an attempt behind on other nodes: no process that carries its token, no staged files.

A node needs sshd, a POSIX shell (dash and busybox are enough), ``tr``, ``grep`` and ``rm`` for it.
"""

import contextlib
import math
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jobs.attempt import AttemptFiles, AttemptPlan, read_plan, read_unswept, write_unswept
from jobs.errors import StoreError
from jobs.hostfile import Host, checked_address
from jobs.launchers import TOKEN

WITHIN = 3.0
"""How long the cleaning of all nodes may take, in seconds: one that is silent is left for later."""

# A node's kernel answers within milliseconds, however busy its programs are. One that has not by then is left
# for later, if there is no time for a second SYN, which goes out after 1 s: what lost a node must end soon.
_KNOCK_SECONDS = 0.5
_SYN_SENT = "02"  # the states of include/net/tcp_states.h, as proc(5) shows them in /proc/net/tcp
_STATE, _INODE = 3, 9  # columns there
_SSH = shutil.which("ssh") or "/usr/bin/ssh"
_WORD = "sciabc-swept"
_ANSWER = re.compile(rb"^sciabc-swept ([0-9]{1,9}) ([0-9]{1,9})$", re.MULTILINE)
_ANSWER_BYTES = 16 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_STAGED = re.compile(r"[0-9a-f]{32}")  # only such a token can be the name of a folder of ours

# What is found is stopped first, until nothing new is found: it can neither fork nor start a companion again
# then. One grep for all processes where it knows -z (GNU's, most of busybox's): 20 ms instead of 2 s. Else
# one for each, but for kernel threads (no exe) and processes of others (environ not readable).
_SCRIPT = """\
exec 2>/dev/null
mark='{name}={token}'
if printf 'a\\0b\\0' | grep -qzxF b; then
  carriers() {{ grep -lzxF "$mark" "$@"; }}
else
  carriers() {{
    for environ in "$@"; do
      [ -r "$environ" ] && [ -e "${{environ%environ}}exe" ] &&
        tr '\\0' '\\n' <"$environ" | grep -qxF "$mark" && echo "$environ"
    done
  }}
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
  fresh=yes
  while [ "$fresh" ] && [ $looks -lt 20 ]; do
    looks=$((looks + 1))
    fresh=''
    for pid in $(found); do
      case " $held " in
        *" $pid "*) ;;
        *) kill -STOP "$pid" && held="$held $pid" && fresh=yes ;;
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
for pid in $(found); do left=$((left + 1)); done
{staged}
echo "{word} $count $left"
"""

_REMOVE = """\
folder="$HOME/.cache/sciabc/jobs/{token}"
if [ "$HOME" ]; then
  rm -rf -- "$folder"
  if [ -e "$folder" ]; then left=$((left + 1)); fi
fi"""


def script(token: str) -> str:
    """Write the program that cleans one node, for ``sh -s``; it says how much it ended and what is left.

    Raises:
        StoreError: The token is none: it would mean something to a shell.
    """
    if not _TOKEN.fullmatch(token):
        raise StoreError("The job's token is damaged. Next: submit the job again")
    staged = _REMOVE.format(token=token) if _STAGED.fullmatch(token) else ""
    return _SCRIPT.format(token=token, name=TOKEN, staged=staged, word=_WORD)


def sweep(plan: AttemptPlan, ssh_config: Path, *, within: float = WITHIN) -> tuple[str, ...]:
    """Clean every other node of an attempt, all at once.

    Args:
        plan: Whose token marks the processes, and where they were started.
        ssh_config: For ``ssh -F``: the attempt's own.
        within: Seconds after which the nodes that have not answered are given up.

    Returns:
        The names of the hosts that could not be cleaned, in the plan's order.

    Raises:
        StoreError: The plan holds a token or an address that is none.
    """
    return _swept(plan, [host for host in plan.hosts if not host.local], ssh_config, within)


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
class _Visit:
    """One ssh on its way."""

    host: Host
    process: "subprocess.Popen[bytes]"
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

    def knocks(self) -> bool:
        """Tell whether the node's kernel has not yet answered."""
        own: set[str] = set()
        with contextlib.suppress(OSError):  # ssh is gone
            for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):  # closed meanwhile
                    own.add(str(link.readlink()))
        return not own.isdisjoint(_unanswered())

    def end(self) -> None:
        """Let go, whatever it does."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def _swept(plan: AttemptPlan, hosts: list[Host], ssh_config: Path, within: float) -> tuple[str, ...]:
    if not hosts:
        return ()
    until = time.monotonic() + within
    text = script(plan.token).encode()
    addresses = [checked_address(host.address) for host in hosts]
    visits: list[_Visit] = []
    try:
        for host, address in zip(hosts, addresses, strict=True):
            with contextlib.suppress(OSError):  # no ssh here, or no process left for it: not clean
                visits.append(_Visit(host, _ssh(address, ssh_config, text, within)))
        _listen(visits, until, until if within >= WITHIN else time.monotonic() + _KNOCK_SECONDS)
        clean = {visit.host.name for visit in visits if visit.clean}
    finally:
        for visit in visits:
            visit.end()
    return tuple(host.name for host in hosts if host.name not in clean)


def _listen(visits: list[_Visit], until: float, silent_at: float) -> None:
    """Hear what the nodes say; let go of those that have not answered at all by `silent_at`."""
    with selectors.DefaultSelector() as selector:
        for visit in visits:
            if visit.process.stdout is not None:
                selector.register(visit.process.stdout, selectors.EVENT_READ, visit)
        while selector.get_map() and (now := time.monotonic()) < until:
            if now >= silent_at:
                silent_at = until
                for key in [key for key in selector.get_map().values() if key.data.knocks()]:
                    selector.unregister(key.fileobj)
                continue
            for key, _ in selector.select(min(until, silent_at) - now):
                visit: _Visit = key.data
                if not visit.listen(key.fd):
                    selector.unregister(key.fileobj)


def _unanswered() -> frozenset[str]:
    """Give the sockets that wait for the first word of another kernel, as links in /proc/PID/fd name them."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):  # a kernel without IPv6
            rows = (row.split() for row in Path(table).read_text(encoding="ascii").splitlines()[1:])
            found |= {f"socket:[{row[_INODE]}]" for row in rows if row[_STATE] == _SYN_SENT}
    return frozenset(found)


def _ssh(address: str, ssh_config: Path, text: bytes, within: float) -> "subprocess.Popen[bytes]":
    # Should we be killed meanwhile, it ends by itself soon.
    own = (f"ConnectTimeout={math.ceil(within)}", "ServerAliveInterval=1", "ServerAliveCountMax=3")
    process = subprocess.Popen(
        [_SSH, "-T", "-F", str(ssh_config), *(f"-o{option}" for option in own), address, "exec sh -s"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Its own: what ends the launcher's group must not end its cleaning.
        start_new_session=True,
        bufsize=0,
    )
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(text)  # far less than a pipe holds: it never waits
    return process
