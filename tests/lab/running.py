"""A program that runs in a machine, held from outside."""

import signal
import subprocess
from typing import IO

from tests.lab.procs import only_child, signal_quietly, until

_START_TIMEOUT_S = 30.0


class Running:
    """A started program: signals go to the program itself, not to the nsenter that leads into the machine."""

    def __init__(self, outer: "subprocess.Popen[str]") -> None:
        self.outer = outer
        """nsenter: it ends as the program ends (same exit status, or by the same signal)."""
        self._pid: int | None = None

    @property
    def pid(self) -> int:
        """The program's process number as the host sees it."""
        if self._pid is None:
            until(self._found_or_over, timeout=_START_TIMEOUT_S)
        if self._pid is None:
            raise ProcessLookupError("the program has already ended")
        return self._pid

    @property
    def stdout(self) -> IO[str]:
        """Its output, line by line (stderr is in it unless it was asked for apart)."""
        assert self.outer.stdout is not None
        return self.outer.stdout

    def signal(self, number: int) -> None:
        """Send the program a signal; no error when it has already ended."""
        try:
            signal_quietly(self.pid, number)
        except ProcessLookupError:
            return

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it (SIGKILL)."""
        self.signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """Return its exit status (negative: the signal that ended it), or None while it runs."""
        return self.outer.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit status; after `timeout` seconds raise `TimeoutExpired`."""
        return self.outer.wait(timeout)

    def communicate(self, text: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Write to its stdin, read its outputs to the end; after `timeout` seconds end it and raise."""
        try:
            out, err = self.outer.communicate(text, timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self.outer.communicate()
            raise
        return out or "", err or ""

    def wake(self) -> None:
        """Let nsenter go on: it stops itself when its program is frozen, and then doesn't see it end."""
        if self.poll() is None:
            signal_quietly(self.outer.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it if it runs and close its pipes."""
        if self.poll() is None:
            self.wake()
            self.kill()
        self.outer.wait()
        for pipe in (self.outer.stdin, self.outer.stdout, self.outer.stderr):
            if pipe is not None:
                pipe.close()

    def _found_or_over(self) -> bool:
        self._pid = only_child(self.outer.pid)
        return self._pid is not None or self.outer.poll() is not None
