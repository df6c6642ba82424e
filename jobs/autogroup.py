"""How much of the processors our session gets beside other sessions.

With autogroups (sched(7), on in Debian and Raspberry Pi OS) the kernel shares the processors between sessions
first, and ``nice`` only counts within one. A runner and its launcher are two sessions: whatever the runner
does with much output takes the launcher and its ranks off a processor that they share. Measured with Open MPI
4.1 on two processors: a million lines of ``seq`` are captured at 0.60 of ``mpirun > file``; with a nice value
of 19 for the session of the runner at 0.74.
"""

import errno
import os
from pathlib import Path

OURS = Path("/proc/self/autogroup")


class Autogroup:
    """The nice value of our session; where the kernel has no autogroups, nothing happens."""

    def __init__(self, path: Path = OURS) -> None:
        """Take it to be 0, as a session begins.

        Args:
            path: Where the kernel takes the value.
        """
        self._path = path
        self._nice = 0

    def set(self, nice: int) -> bool:
        """Set it, from 0 to 19: that needs no privilege.

        Returns:
            False if it has to be given again: the kernel takes ten values a second from all unprivileged
            processes together.
        """
        if nice == self._nice:
            return True
        try:
            # no file object: it would write again when it is closed
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, b"%d" % nice)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return False
        self._nice = nice
        return True
