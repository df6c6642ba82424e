"""One ssh to another node of an attempt, which runs a shell program there and is heard."""

import contextlib
import math
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from jobs.hostfile import Host, checked_address

KNOCK_SECONDS = 0.5
"""A node's kernel answers within milliseconds, however busy its programs are. One that has not by then is
given up if there is no time for a second SYN, which goes out after 1 s: what lost a node must end soon."""

_SSH = shutil.which("ssh") or "/usr/bin/ssh"
_SYN_SENT = "02"  # the states of include/net/tcp_states.h, as proc(5) shows them in /proc/net/tcp
_STATE, _INODE = 3, 9  # columns there


@dataclass(frozen=True, slots=True)
class Visit:
    """One ssh on its way."""

    host: Host
    process: "subprocess.Popen[bytes]"

    def knocks(self) -> bool:
        """Tell whether the node's kernel has not yet answered."""
        own: set[str] = set()
        with contextlib.suppress(OSError):  # ssh is gone
            for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):  # closed meanwhile
                    own.add(str(link.readlink()))
        return not own.isdisjoint(_unanswered())

    def wait(self, seconds: float) -> int:
        """Wait for its end, when it has said all; give ssh's exit status, 255 if it does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return 255

    def close(self) -> None:
        """Let go, whatever it does."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def visit(host: Host, ssh_config: Path, program: str, within: float) -> Visit:
    """Start a program on a node; what it prints comes by the process's standard output.

    Args:
        host: Where.
        ssh_config: For ``ssh -F``: the attempt's own.
        program: For ``sh -s``; shorter than a pipe holds (64 KiB), so that writing it never waits.
        within: Seconds that the node may take to answer.

    Raises:
        SpecError: The address is none.
        OSError: There is no ssh here, or no process left for it.
    """
    # Should we be killed meanwhile, it ends by itself soon.
    own = (f"ConnectTimeout={math.ceil(within)}", "ServerAliveInterval=1", "ServerAliveCountMax=3")
    options = [f"-o{option}" for option in own]
    process = subprocess.Popen(
        [_SSH, "-T", "-F", str(ssh_config), *options, checked_address(host.address), "exec sh -s"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Its own: what ends the launcher's group must not end its cleaning.
        start_new_session=True,
        bufsize=0,
    )
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(program.encode())
    return Visit(host, process)


def _unanswered() -> frozenset[str]:
    """Give the sockets that wait for the first word of another kernel, as links in /proc/PID/fd name them."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):  # a kernel without IPv6
            rows = (row.split() for row in Path(table).read_text(encoding="ascii").splitlines()[1:])
            found |= {f"socket:[{row[_INODE]}]" for row in rows if row[_STATE] == _SYN_SENT}
    return frozenset(found)
