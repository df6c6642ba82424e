"""What staging does on a node over the SSH session that the head has there: runs scripts, copies files.

All of this blocks and belongs in a thread; `Wire.end` may be called from another one.
"""

import contextlib
import hashlib
import queue
import secrets
import threading
from collections.abc import Callable, Generator

import paramiko

from jobs.staging import Item
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.keys import Transport
from sciabc_tui.head.sessions import Sessions

_OPEN_WITHIN = 8.0
_SCRIPT_WITHIN = 600.0
"""Seconds between two words of a script: a slow card takes minutes for the checksum of a large file."""

_FILES_WITHIN = 60.0
"""Seconds that a node may take to answer for a piece of a file."""

_PIECE = 32 * 1024
_MOST_SAID = 4 * 2**20


class FileRefused(Exception):
    """The node took a file not, or not whole; the text is what its SFTP server said."""


class Wires:
    """The ways to nodes, through the sessions that are open."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def to(self, node: NodeId, instead_of: object = None) -> "Wire":
        """Give a way to a node, another than one that was cut off; waits until there is one."""
        old = instead_of.transport if isinstance(instead_of, Wire) else None
        return Wire((await self._sessions.of(node, old)).session)


class Wire:
    """One node, for the staging of one job.

    Attributes:
        transport: The session.
    """

    def __init__(self, transport: Transport) -> None:
        """Take a session that is logged in; it stays open in the end."""
        self.transport = transport
        self._ended = threading.Event()
        self._channels: list[paramiko.Channel] = []
        self._sftp: paramiko.SFTPClient | None = None

    def ask(self, script: str) -> bytes:
        """Let the node's shell read a script; give what that said.

        The shell stays for the next script, of this job or another one, as long as the session does.

        Raises:
            ContactFailed: The connection was lost, or `end` was called.
        """
        mark = f"\nsciabc-{secrets.token_hex(8)}\n".encode()
        unread = bytearray()
        with self._guarded():
            shell = self._shell()
            # in a subshell, of which the next script finds nothing; it is read whole before it says a word
            shell.sendall(b"printf '%s'\n(\n%s\n) </dev/null\nprintf '%s'\n" % (mark, script.encode(), mark))
            _until(mark, shell, unread)
            shell.settimeout(_SCRIPT_WITHIN)
            said = _until(mark, shell, unread)
            if self._ended.is_set() or not self.transport.is_active():
                raise ContactFailed("the connection was lost")
            self._channels.remove(shell)
            if said is not None:
                self._leave(shell)
            else:
                shell.close()
        return bytes(unread) if said is None else said

    def write(self, item: Item, target: str, progress: Callable[[int], None]) -> None:
        """Write a copy of a file; what the node could not store shows in `ask` alone.

        Args:
            item: The head's file.
            target: An absolute path there.
            progress: Told how many bytes more are on their way.

        Raises:
            ContactFailed: As `ask`.
            FileRefused: The node refused it.
            OSError: The head's own file can't be read.
        """
        with item.path.open("rb") as source, self._guarded():
            files = self._files()
            with self._refusal(), files.open(target, "wb") as copy:
                copy.set_pipelined(pipelined=True)
                while data := source.read(_PIECE):
                    copy.write(data)
                    progress(len(data))
            with self._refusal():
                files.chmod(target, 0o700 if item.executable else 0o600)
                files.utime(target, (item.modified, item.modified))

    def checksum(self, target: str) -> str:
        """Read a file back; give its SHA-256 in hex.

        Raises:
            ContactFailed: As `ask`.
            FileRefused: It is not there.
        """
        digest = hashlib.sha256()
        with self._guarded(), self._refusal(), self._files().open(target) as copy:
            copy.prefetch()
            while data := copy.read(_PIECE):
                digest.update(data)
        return digest.hexdigest()

    def end(self) -> None:
        """Stop whatever is under way; from any thread, more than once."""
        self._ended.set()
        for channel in tuple(self._channels):
            channel.close()

    def _files(self) -> paramiko.SFTPClient:
        if self._sftp is None:
            channel = self._open()
            channel.settimeout(_FILES_WITHIN)
            try:
                channel.invoke_subsystem("sftp")
                self._sftp = paramiko.SFTPClient(channel)
            except paramiko.SSHException as error:
                if self._ended.is_set() or not self.transport.is_active():
                    raise
                raise FileRefused("its sshd_config has no Subsystem sftp") from error
        return self._sftp

    def _shell(self) -> paramiko.Channel:
        """Take the shell that waits there, or start one."""
        with contextlib.suppress(queue.Empty):
            waiting = self.transport.shell.get_nowait()
            if not waiting.exit_status_ready():
                waiting.settimeout(_OPEN_WITHIN)  # it need not begin
                return self._used(waiting)
            waiting.close()
        channel = self._open()
        channel.settimeout(_SCRIPT_WITHIN)
        channel.set_combine_stderr(True)  # it shares the window, which must not fill up unread
        # through standard input, so that no login shell's quoting rules matter
        channel.exec_command("exec sh -s")
        channel.sendall(b"exec 2>&1\n")  # on its own way it might come after the end
        return channel

    def _leave(self, shell: paramiko.Channel) -> None:
        """Let it wait for the next script, if none does."""
        try:
            self.transport.shell.put_nowait(shell)
        except queue.Full:
            shell.close()

    def _open(self) -> paramiko.Channel:
        return self._used(self.transport.open_session(timeout=_OPEN_WITHIN))

    def _used(self, channel: paramiko.Channel) -> paramiko.Channel:
        self._channels.append(channel)
        if self._ended.is_set():  # by somebody who did not see this one
            channel.close()
        return channel

    @contextlib.contextmanager
    def _guarded(self) -> Generator[None]:
        """Make one error of all that a connection, or a hostile node, makes of the library."""
        if self._ended.is_set():
            raise ContactFailed("stopped")
        try:
            yield
        except (ContactFailed, FileRefused):
            raise
        except TimeoutError as error:
            raise ContactFailed("it does not answer") from error
        except Exception as error:
            raise ContactFailed("the connection was lost") from error

    @contextlib.contextmanager
    def _refusal(self) -> Generator[None]:
        try:
            yield
        except TimeoutError:
            raise
        except OSError as error:
            raise FileRefused(error.strerror or str(error)) from error


def _until(mark: bytes, shell: paramiko.Channel, unread: bytearray) -> bytes | None:
    """Take out what a shell says before a mark, with the mark; None if it is gone without one."""
    looked = 0
    while (end := unread.find(mark, looked)) < 0:
        looked = max(0, len(unread) - len(mark))
        if not (data := shell.recv(_PIECE)):
            return None
        unread += data
        if len(unread) > _MOST_SAID:
            raise ContactFailed("it talks without end")
    said = bytes(unread[:end])
    del unread[: end + len(mark)]
    return said
