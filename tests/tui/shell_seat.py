"""The real screen with a login that is none: `python -m tests.tui.shell_seat COMMAND...` runs that."""

import subprocess
import sys
import threading

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.run import run_tui
from tests.tui.play import Player
from tests.tui.states import running


class StubShell:
    """Runs a command in this terminal, whatever the node; node03 refuses."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def open(self, node: NodeId, /) -> int:
        """Run it until it ends."""
        if node == "node03":
            raise CommandRefused("node03 lets nobody in. Next: ask it")
        sys.stdout.write(f"on {node}: exit returns to sciabc-tui\n")
        sys.stdout.flush()
        with self._lock:
            process = self._process = subprocess.Popen(self._command)
        return process.wait()

    def close(self) -> None:
        """End it."""
        with self._lock:  # it may print before `Popen` returns
            if self._process is not None:
                self._process.terminate()


def main(command: list[str]) -> int:
    """Show a running cluster."""
    return run_tui(lambda: Player(running()), shell=lambda: StubShell(command))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
