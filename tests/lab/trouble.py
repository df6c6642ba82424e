"""What goes wrong on a board while it is on: somebody holds apt's lock, its card fills up."""

import os

from tests.lab.errors import BootFailed
from tests.lab.machine import Machine
from tests.lab.running import Running

# Holds dpkg's lock as apt does (fcntl), under the name of another who often does, until it is ended.
_HOLDER = """
import fcntl, pathlib, signal
pathlib.Path("/proc/self/comm").write_text("unattended-upgr")
held = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(held, fcntl.LOCK_EX)
print("held", flush=True)
signal.pause()
"""


def hold_apt_lock(board: Machine) -> Running:
    """Let a process on a board hold dpkg's lock, as an upgrade would, until it is killed.

    Raises:
        BootFailed: It could not have it.
    """
    holder = board.popen(["/usr/bin/python3", "-I", "-c", _HOLDER], user="root")
    if holder.stdout.readline() != "held\n":
        raise BootFailed(f"{board.name}: nobody holds dpkg's lock")
    return holder


def fill(board: Machine, leave_kib: int) -> None:
    """Fill the card of a board, whose size is bounded (`Bare.free_kib`), until so many KiB are left."""
    found = os.statvfs(board.path("/"))
    free = found.f_bavail * found.f_frsize - leave_kib * 1024
    board.run(["fallocate", "--length", str(free), "/filled"], user="root")
