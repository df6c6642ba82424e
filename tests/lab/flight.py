"""A head service in the lab, driven as a user would: by its commands, and by watching its state."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.image import HOME, REPOSITORY
from tests.lab.lab import Lab
from tests.lab.running import Running

PROGRAM = (sys.executable, "-m", "sciabc_tui")
SERVICE_LOG = f"{HOME}/head.log"
NODES_TXT = f"{HOME}/.local/state/sciabc/hostfile/nodes.txt"

KEYS_READ = "all(node.host_key for node in state.nodes.values() if node.origin != 'local')"
"""A condition for `Flight.until`: the host key of every node was read."""

# Prints the seconds until the condition held, and the words of the rows.
_AWAIT = """
import sys, time
from sciabc_tui.api.client import Client
from sciabc_tui.cluster.node import row_word
from sciabc_tui.cluster.schedule import total_slots
from sciabc_tui.config import load
from sciabc_tui.errors import ServiceUnavailable

condition, began = compile(sys.argv[1], "condition", "eval"), time.monotonic()
while True:
    try:
        for state in Client(load().settings.paths.socket).watch():
            words = {node.name: row_word(node, busy=False).value for node in state.nodes.values()}
            names = {"state": state, "words": words, "slots": total_slots(state), "jobs": state.jobs}
            if eval(condition, names):
                print(time.monotonic() - began, words, flush=True)
                sys.exit()
    except ServiceUnavailable:
        continue
"""


@dataclass(slots=True)
class Flight:
    """The head of a lab with its service."""

    lab: Lab
    env: dict[str, str] = field(default_factory=dict[str, str])
    _service: Running | None = None

    def start(self) -> None:
        """Start the head service as pi, detached as systemd would, and wait until it answers."""
        command = f"exec {' '.join(PROGRAM)} head 2>>{SERVICE_LOG}"
        self._service = self.lab.head.popen(["sh", "-c", command], env=self.env)
        self.until("True")

    def kill(self) -> None:
        """End the service by SIGKILL."""
        assert self._service is not None
        self.lab.head.run(["pkill", "-KILL", "-f", "^.*sciabc_tui head$"])
        self._service.wait()

    def until(self, condition: str, *, timeout: float = 20.0) -> float:
        """Wait until a condition on the state holds; give the seconds that it took.

        Args:
            condition: A Python expression over `state`, `words` (node name to row word), `slots`, `jobs`.
            timeout: Seconds until the test has failed.
        """
        waiting = [sys.executable, "-c", _AWAIT, condition]
        done = self.lab.head.run(waiting, env=self.env, cwd=str(REPOSITORY), timeout=timeout)
        return float(done.stdout.split()[0])

    def run(self, *command: str, check: bool = True, timeout: float = 60.0) -> str:
        """Run a command of the program as pi; give what it printed."""
        done = self.lab.head.run([*PROGRAM, *command], env=self.env, check=check, timeout=timeout)
        return done.stdout

    def fingerprint(self, node: str) -> str:
        """Give the host key of a node as `nodes --json` shows it."""
        answer = json.loads(self.run("nodes", "--json"))
        return next(found["fingerprint"] for found in answer["nodes"] if found["name"] == node)

    def file(self, path: str) -> Path:
        """Give a file of the head."""
        return self.lab.head.path(path)
