"""Scripts that nodes run for us over the SSH session that is open there; on the head, in a shell of its own.

A script says what happens in lines that begin with `MARK`; all else that it writes is dropped. What is said
came from a node: it is cut, and made printable.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.keys import Transport
from sciabc_tui.head.sessions import Sessions

MARK = "@sciabc "

_OPEN_WITHIN = 8.0
_SESSION_WITHIN = 3.0
"""Seconds that a session may take to be there."""

_PIECE = 4096
_LONGEST = 200
"""Characters of a line that are kept."""

Hear = Callable[[str], None]


class Talk(Protocol):
    """A shell that reads one script. `run` blocks; `end` may be called from another thread."""

    def run(self, script: str, hear: Hear) -> None:
        """Let the shell read the script; tell each word. Raises `ContactFailed` if that is cut off."""
        ...

    def end(self) -> None:
        """Hang up: the shell finds that nobody listens any more."""
        ...


class Talks:
    """Lets nodes run scripts."""

    def __init__(self, sessions: Sessions, worker: Executor) -> None:
        """Take the open sessions, and threads: one is needed for each node at the same time."""
        self._sessions = sessions
        self._worker = worker

    async def tell(self, node: NodeId, script: str, hear: Hear) -> None:
        """Let a node run a script to its end; cancelled, it hangs up.

        Args:
            node: Which; the head runs it itself.
            script: For `sh`.
            hear: Called on the loop with each word that the script says.

        Raises:
            ContactFailed: There is no session, or it was lost meanwhile.
        """
        talk: Talk = _Here() if node == HEAD else _There(await self._session(node))
        loop = asyncio.get_running_loop()

        def pass_on(word: str) -> None:
            loop.call_soon_threadsafe(hear, word)

        running = loop.run_in_executor(self._worker, talk.run, script, pass_on)
        try:
            await running
        finally:
            talk.end()

    async def _session(self, node: NodeId) -> Transport:
        try:
            async with asyncio.timeout(_SESSION_WITHIN):
                return (await self._sessions.of(node)).session
        except TimeoutError as error:
            raise ContactFailed("there is no SSH session with it") from error


class _There:
    """Another board's shell."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._ended = threading.Event()
        self._close: Callable[[], None] = lambda: None

    def run(self, script: str, hear: Hear) -> None:
        words = _Words(hear)
        try:
            channel = self._transport.open_session(timeout=_OPEN_WITHIN)
            self._close = channel.close
            if self._ended.is_set():
                channel.close()
            channel.set_combine_stderr(True)  # it shares the window, which must not fill up unread
            # through standard input, so that no login shell's quoting rules matter
            channel.exec_command("exec sh -s")
            channel.sendall(script.encode())
            channel.shutdown_write()
            while data := channel.recv(_PIECE):
                words.feed(data)
            lost = channel.recv_exit_status() < 0
        except Exception as error:
            # whatever a hostile node makes of the library
            raise ContactFailed("the connection was lost") from error
        if lost or self._ended.is_set():
            raise ContactFailed("the connection was lost")

    def end(self) -> None:
        self._ended.set()
        # to close a channel may wait for a node that does not read: not on the loop
        threading.Thread(target=self._hang_up, name="sciabc-hang-up", daemon=True).start()

    def _hang_up(self) -> None:
        with contextlib.suppress(Exception):
            self._close()


class _Here:
    """A shell of this machine."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()

    def run(self, script: str, hear: Hear) -> None:
        words = _Words(hear)
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-s"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # no terminal to ask at
                bufsize=0,
            )
        except OSError as error:
            raise ContactFailed(f"no shell can be started: {error.strerror}") from error
        self._process = process
        with process:
            if self._ended.is_set():
                self.end()
            if process.stdin is None or process.stdout is None:
                raise ContactFailed("its shell has no pipes")
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(script.encode())
                process.stdin.close()
            # with sudo before it no signal of ours reaches it: it ends when nobody reads it any more
            while not self._ended.is_set() and (data := process.stdout.read(_PIECE)):
                words.feed(data)

    def end(self) -> None:
        self._ended.set()
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGHUP)


class _Words:
    """Finds the lines that are meant for us."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[: 2 * _LONGEST]
        for line in lines:
            text = line.decode("utf-8", "replace")
            if text.startswith(MARK):
                shown = "".join(letter for letter in text.removeprefix(MARK) if letter.isprintable())
                self._hear(shown.strip()[:_LONGEST])
