"""A program on a node that is read piece by piece: through the session that is open, or on the head itself.

Opening and closing block and belong in a thread; reading returns at once. Who does not read holds the program
up: of what it writes, a channel's window is all that is kept.
"""

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Sequence
from typing import Protocol

import paramiko

from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.keys import Transport
from sciabc_tui.head.remote_shell import KILLED_AFTER

_OPEN_WITHIN = 8.0
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ")


class Program(Protocol):
    """A program that runs somewhere."""

    def read(self, most: int) -> tuple[bytes, bytes]:
        """Give what has arrived on standard output and on standard error, at most so many bytes of each.

        Raises:
            ContactFailed: The connection was lost.
        """
        ...

    @property
    def exited(self) -> bool:
        """Whether it has ended; something of its output may still come."""
        ...

    @property
    def finished(self) -> bool:
        """Whether nothing can come any more."""
        ...

    @property
    def code(self) -> int:
        """Its exit status; -1 if there is none."""
        ...

    def stop(self) -> None:
        """Make it end: nobody listens any more."""
        ...

    def close(self) -> None:
        """Let go of it; what runs still ends within seconds. From any thread, more than once."""
        ...


class RemoteProgram:
    """A program that a node's shell reads from its input, on a channel of the open session."""

    def __init__(self, transport: Transport, script: str) -> None:
        """Start it. Blocks.

        Raises:
            ContactFailed: The connection was lost, or no program can be started there.
        """
        self._transport = transport
        try:
            self._channel = transport.open_session(timeout=_OPEN_WITHIN)
        except Exception as error:
            raise self._failed() from error
        try:
            self._channel.settimeout(_OPEN_WITHIN)
            # through standard input, so that no login shell's quoting rules matter
            self._channel.exec_command("exec sh")
            self._channel.sendall(script.encode())
        except Exception as error:
            self.close()
            raise self._failed() from error

    def read(self, most: int) -> tuple[bytes, bytes]:
        """See `Program.read`."""
        # looked at before the data: what arrives between the two looks is taken the next time
        lost = not self._transport.is_active()
        channel = self._channel
        try:
            out = channel.recv(most) if channel.recv_ready() else b""
            err = channel.recv_stderr(most) if channel.recv_stderr_ready() else b""
        except Exception as error:  # whatever a hostile node makes of the library
            raise ContactFailed("the connection was lost") from error
        if lost and self.code < 0 and not (out or err):
            raise ContactFailed("the connection was lost")
        return out, err

    @property
    def exited(self) -> bool:
        """See `Program.exited`."""
        return self._channel.exit_status_ready()

    @property
    def finished(self) -> bool:
        """See `Program.finished`."""
        channel = self._channel
        return channel.closed and not channel.recv_ready() and not channel.recv_stderr_ready()

    @property
    def code(self) -> int:
        """See `Program.code`."""
        return self._channel.recv_exit_status() if self.exited else -1

    def stop(self) -> None:
        """See `Program.stop`."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.shutdown_write()

    def close(self) -> None:
        """See `Program.close`."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.close()

    def _failed(self) -> ContactFailed:
        lost = not self._transport.is_active()
        return ContactFailed("the connection was lost" if lost else "its sshd starts no program")


class LocalProgram:
    """A program that the head's own shell reads from its input, in a session of its own."""

    def __init__(self, argv: Sequence[str], script: str) -> None:
        """Start it. Blocks for a moment.

        Args:
            argv: What reads the script.
            script: Written to its input, which then stays open.

        Raises:
            ContactFailed: It can't be started.
        """
        user = pwd.getpwuid(os.geteuid())
        own = {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": user.pw_shell}
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=kept | own,
                start_new_session=True,
            )
        except OSError as error:
            raise ContactFailed(f"{argv[0]} can't be started: {error.strerror}") from error
        process = self._process
        pipes = (("in", process.stdin), ("out", process.stdout), ("err", process.stderr))
        self._open = {name: pipe for name, pipe in pipes if pipe is not None}
        for name in ("out", "err"):
            os.set_blocking(self._open[name].fileno(), False)
        with contextlib.suppress(BrokenPipeError):
            self._open["in"].write(script.encode())
            self._open["in"].flush()

    def read(self, most: int) -> tuple[bytes, bytes]:
        """See `Program.read`."""
        return self._read("out", most), self._read("err", most)

    def _read(self, name: str, most: int) -> bytes:
        if (pipe := self._open.get(name)) is None:
            return b""
        try:
            data = os.read(pipe.fileno(), most)
        except BlockingIOError:
            return b""
        if not data:
            del self._open[name]
            pipe.close()
        return data

    @property
    def exited(self) -> bool:
        """See `Program.exited`."""
        return self._process.poll() is not None

    @property
    def finished(self) -> bool:
        """See `Program.finished`."""
        return self.exited and not self._open.keys() & {"out", "err"}

    @property
    def code(self) -> int:
        """See `Program.code`."""
        code = self._process.poll()
        return -1 if code is None else code if code >= 0 else 128 - code

    def stop(self) -> None:
        """See `Program.stop`."""
        if (pipe := self._open.pop("in", None)) is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def close(self) -> None:
        """See `Program.close`. Waits for its end."""
        self.stop()
        for name in ("out", "err"):
            if (pipe := self._open.pop(name, None)) is not None:
                pipe.close()
        try:
            self._process.wait(KILLED_AFTER + 1)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
