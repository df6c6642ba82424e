"""What staging does on a node over the SSH session that the head has there: runs scripts, copies files.

All of this blocks and belongs in a thread; `Wire.end` may be called from another one.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Generator

import paramiko

from jobs.staging import Item
from jobs.staging_words import ENDED
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

        Raises:
            ContactFailed: The connection was lost, or `end` was called.
        """
        said = bytearray()
        with self._guarded():
            channel = self._open()
            channel.settimeout(_SCRIPT_WITHIN)
            channel.set_combine_stderr(True)  # it shares the window, which must not fill up unread
            # through standard input, so that no login shell's quoting rules matter
            channel.exec_command("exec sh -s")
            channel.sendall(script.encode())
            channel.shutdown_write()
            while not said.endswith(ENDED) and (data := channel.recv(_PIECE)):
                said += data
                if len(said) > _MOST_SAID:
                    raise ContactFailed("it talks without end")
            if self._ended.is_set() or not self.transport.is_active():
                raise ContactFailed("the connection was lost")
            self._channels.remove(channel)
            channel.close()
        return bytes(said)

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

    def _open(self) -> paramiko.Channel:
        channel = self.transport.open_session(timeout=_OPEN_WITHIN)
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
