"""A head service in the lab, driven as a user would: by its commands, and by watching its state."""

import json
import select
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from tests.lab.errors import CommandFailed
from tests.lab.image import HOME, REPOSITORY
from tests.lab.lab import Lab
from tests.lab.procs import until
from tests.lab.running import Running
from tests.lab.watcher import Change, Line, Packet

PROGRAM = (sys.executable, "-m", "sciabc_tui")
SERVICE_LOG = f"{HOME}/head.log"
JOBS = f"{HOME}/.local/state/sciabc/jobs"
NODES_TXT = f"{HOME}/.local/state/sciabc/hostfile/nodes.txt"

KEYS_READ = "all(node.host_key for node in state.nodes.values() if node.origin != 'local')"
"""A condition for `Flight.until`: the host key of every node was read."""

_PATIENCE_S = 60.0
"""Until a test has failed: long, for machines that do much else; speed is for the benchmarks."""

_Line = TypeVar("_Line", Change, Packet)

# Reads a condition in a line of JSON; prints one with the seconds until it held; and so on.
_AWAIT = """
import json, sys, time
from sciabc_tui.api.client import Client
from sciabc_tui.cluster.node import row_word
from sciabc_tui.cluster.schedule import total_slots
from sciabc_tui.config import load
from sciabc_tui.errors import ServiceUnavailable

def states():
    while True:
        try:
            yield from Client(load().settings.paths.socket).watch()
        except ServiceUnavailable:
            time.sleep(0.02)

def holds(condition, state):
    words = {node.name: row_word(node, busy=False).value for node in state.nodes.values()}
    return eval(condition, {"state": state, "words": words, "slots": total_slots(state), "jobs": state.jobs})

for line in sys.stdin:
    condition, began = compile(json.loads(line), "condition", "eval"), time.monotonic()
    next(state for state in states() if holds(condition, state))
    print(json.dumps(time.monotonic() - began), flush=True)
"""


@dataclass(slots=True)
class Flight:
    """The head of a lab with its service."""

    lab: Lab
    env: dict[str, str] = field(default_factory=dict[str, str])
    service: Sequence[str] = (*PROGRAM, "head")
    _service: Running | None = None
    _waiting: Running | None = None

    def start(self) -> None:
        """Start the head service as pi, detached as systemd would, and wait until it answers.

        Raises:
            CommandFailed: It does not; the text holds the end of its log.
        """
        command = f"exec {shlex.join(self.service)} 2>>{SERVICE_LOG}"
        service = self._service = self.lab.head.popen(["sh", "-c", command], env=self.env)
        waiting = self._await("True")
        until(lambda: _is_told(waiting, 0.1) or service.poll() is not None, timeout=_PATIENCE_S)
        if not _is_told(waiting, 0.0):
            log = self.file(SERVICE_LOG).read_text(encoding="utf-8")
            raise CommandFailed(f"head: the service (status {service.poll()}) is silent: {log[-2000:]}")
        self._answer(waiting)

    def kill(self) -> None:
        """End the service by SIGKILL."""
        assert self._service is not None
        self.lab.head.run(["pkill", "-KILL", "-f", "sciabc_tui[.]cli[.]daemon"])
        self._service.wait()

    def cut_power(self) -> None:
        """Cut the power of the head: every process on it (service, runners, launchers) is gone at once.

        Nobody hears of it: its link is cut first. Files outlive it as if every write had reached the card.
        """
        self.lab.head.power_off()
        self._service = None

    def restore_power(self) -> None:
        """Switch the head on again, with the same card, and start the service; return when it answers."""
        self.lab.head.power_on()
        self.lab.introduce()
        self.start()

    def freeze(self) -> None:
        """Stop the service where it is (SIGSTOP)."""
        assert self._service is not None
        self._service.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the service go on (SIGCONT)."""
        assert self._service is not None
        self._service.signal(signal.SIGCONT)
        self._service.wake()

    def up(self, *nodes: str) -> None:
        """Start the service, let all nodes in and wait until each takes jobs; none named: all of the lab."""
        self.start()
        wanted = set(nodes or (node.name for node in self.lab.nodes))
        self.until(f"words.keys() >= {wanted!r} and {KEYS_READ}")
        self.run("nodes", "approve", "--all", "--yes")
        self.until(f"all(words.get(name) == 'ready' for name in {wanted!r})")

    @contextmanager
    def watch(self) -> "Generator[Watch]":
        """Follow what changes in the state, with times; ends with the context."""
        command = [sys.executable, "-m", "tests.lab.watcher"]
        program = self.lab.head.popen(command, env=self.env, cwd=str(REPOSITORY))
        watch = Watch(program)
        try:
            watch.change(lambda change: change.id == "head")
            yield watch
        finally:
            watch.close()

    def until(self, condition: str, *, timeout: float = _PATIENCE_S) -> float:
        """Wait until a condition on the state holds; give the seconds that it took.

        Args:
            condition: A Python expression over `state`, `words` (node name to row word), `slots`, `jobs`.
            timeout: Seconds until the test has failed.

        Raises:
            CommandFailed: It did not come to hold in time, or can't be told.
        """
        waiting = self._await(condition)
        if not _is_told(waiting, timeout):
            waiting.kill()
            self._waiting = None
            shown = self.run("nodes", "--json", check=False)
            raise CommandFailed(f"head: not within {timeout:g} s: {condition}; it has {shown}")
        return self._answer(waiting)

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

    def _await(self, condition: str) -> Running:
        """Ask the one in the head who knows the state to wait for a condition; give him."""
        if self._waiting is None or self._waiting.poll() is not None:  # the head lost power
            command = [sys.executable, "-c", _AWAIT]
            self._waiting = self.lab.head.popen(command, env=self.env, cwd=str(REPOSITORY))
        assert self._waiting.outer.stdin is not None
        self._waiting.outer.stdin.write(json.dumps(condition) + "\n")
        self._waiting.outer.stdin.flush()
        return self._waiting

    @staticmethod
    def _answer(waiting: Running) -> float:
        """Read what he says, in a line; anything else is how he failed."""
        told = waiting.stdout.readline()
        try:
            return float(told)
        except ValueError:
            raise CommandFailed(f"head: {told}{waiting.stdout.read()}") from None


def _is_told(waiting: Running, within: float) -> bool:
    """Return whether something can be read from a program, if need be after some seconds."""
    return bool(select.select([waiting.stdout], [], [], within)[0])


class Watch:
    """What the watcher in the head said so far; times are `time.monotonic()`, here as there."""

    def __init__(self, program: Running) -> None:
        self._program = program
        self._lines: list[Line] = []
        self._news = threading.Condition()
        self._failed = ""
        self._thread = threading.Thread(target=self._read, name="watch")
        self._thread.start()

    @property
    def changes(self) -> list[Change]:
        """All changes so far."""
        with self._news:
            return [line for line in self._lines if isinstance(line, Change)]

    def change(
        self, wanted: Callable[[Change], bool], *, since: float = 0.0, timeout: float = _PATIENCE_S
    ) -> Change:
        """Wait for the first change of that kind at or after a time.

        Raises:
            TimeoutError: It did not come; the text holds the newest lines.
        """
        return self._first(Change, wanted, since, timeout)

    def packet(
        self, wanted: Callable[[Packet], bool], *, since: float = 0.0, timeout: float = _PATIENCE_S
    ) -> Packet:
        """Wait for the first mDNS packet of that kind at or after a time.

        Raises:
            TimeoutError: It did not come; the text holds the newest lines.
        """
        return self._first(Packet, wanted, since, timeout)

    def close(self) -> None:
        """End it."""
        self._program.kill()
        self._thread.join()

    def _first(
        self, kind: type[_Line], wanted: Callable[[_Line], bool], since: float, timeout: float
    ) -> _Line:
        deadline = time.monotonic() + timeout
        looked_at = 0
        with self._news:
            while True:
                for line in self._lines[looked_at:]:
                    if isinstance(line, kind) and line.at >= since and wanted(line):
                        return line
                looked_at = len(self._lines)
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    newest = "\n".join(str(line) for line in self._lines[-12:])
                    raise TimeoutError(f"not within {timeout:g} s; the newest:\n{newest}\n{self._failed}")

    def _read(self) -> None:
        decoder = msgspec.json.Decoder(Change | Packet)
        for text in self._program.stdout:
            with self._news:
                try:
                    self._lines.append(decoder.decode(text))
                except msgspec.DecodeError:
                    self._failed += text  # the watcher's traceback
                self._news.notify_all()
