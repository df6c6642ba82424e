"""The stream of readings from a trusted node.

A login happens only after the node has shown the very host key that a person approved. Keys and the agent,
never a password. All of this blocks and belongs in a thread; only `Stream.read` returns at once.
"""

import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm

from sciabc_tui.cluster.node import READING_PERIOD, Facts, HostKey
from sciabc_tui.head import readings
from sciabc_tui.head.dial import unreachable
from sciabc_tui.head.errors import ContactFailed, HostKeyMismatch, LoginDenied, Unreachable
from sciabc_tui.head.keys import Transport, exchange_keys

_CHANNEL_WITHIN = 8.0

_FACTS_WITHIN = 8.0
"""Seconds between two pieces of what a board tells of itself."""

_PIECE = 4096
"""Bytes taken from a stream at a time: thirty readings; a node that floods us waits."""

_TOO_MANY = 3
"""Keys after which an end of the connection is the server's patience (MaxAuthTries), not the network's."""

_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the head may prove itself with.

    Attributes:
        identity: A private key that the settings name. None: the agent's and those of the folder.
        folder: Where OpenSSH keeps a user's keys.
    """

    identity: Path | None
    folder: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The key files that are there."""
        named = (self.identity,) if self.identity else tuple(self.folder / name for name in _DEFAULT_KEYS)
        return tuple(path for path in named if path.is_file())


@dataclass(frozen=True, slots=True)
class Login:
    """Where to log in, as whom, and the host key that must be shown."""

    address: str
    port: int
    user: str
    host_key: HostKey


class Stream:
    """An open stream of readings. `read` may be called from one thread and `end` from another."""

    def __init__(self, transport: Transport, channel: paramiko.Channel) -> None:
        self._transport = transport
        self._channel = channel

    def read(self) -> bytes:
        """Give what has arrived, at once; empty when nothing has.

        Raises:
            ContactFailed: The stream is at its end; the text says why.
        """
        # looked at before the data: what arrives between the two looks is taken the next time
        ended = self._channel.closed or not self._transport.is_active()
        try:
            if self._channel.recv_stderr_ready():  # it shares the window, so it must not fill up
                self._channel.recv_stderr(_PIECE)
            data = self._channel.recv(_PIECE) if self._channel.recv_ready() else b""
        except Exception as error:
            # whatever a hostile node makes of the library must not end the thread that reads all streams
            raise ContactFailed("connection lost") from error
        if ended and not data:
            raise ContactFailed(self._why())
        return data

    def wait(self, within: float) -> bytes:
        """Give what arrives next; blocks for `within` seconds at most.

        Raises:
            ContactFailed: Nothing came, or the stream is at its end.
        """
        try:
            self._channel.settimeout(within)
            data = self._channel.recv(_PIECE)
        except Exception as error:
            raise ContactFailed("nothing came") from error
        if not data:
            raise ContactFailed(self._why())
        return data

    @property
    def session(self) -> Transport:
        """The SSH session, for more than readings; it lasts as long as the stream."""
        return self._transport

    def end(self) -> None:
        """Disconnect, which ends the program on the node; waits a second at most. Safe to call twice."""
        self._transport.end()

    def _why(self) -> str:
        if self._channel.exit_status_ready() and (status := self._channel.recv_exit_status()) >= 0:
            return f"the program there ended with status {status}"
        error = self._transport.get_exception()
        if isinstance(error, OSError):
            return str(unreachable(error))
        return "the node closed the connection"


def open_stream(
    connection: socket.socket,
    login: Login,
    credentials: Credentials,
    period: float = READING_PERIOD,
    boot_id: str = "",
) -> Stream:
    """Check the host key, log in and start the readings on a connected socket, which the stream then owns.

    Args:
        connection: Closed if anything fails.
        login: Whom to be, and who must be met.
        credentials: The keys to try.
        period: Seconds between two readings.
        boot_id: The run of the node's kernel of which it is known what MPI and Python there are.

    Raises:
        Unreachable: No SSH server, or it went away.
        HostKeyMismatch: Another key than the approved one was shown. No login was tried.
        LoginDenied: The node did not let the head in, or can't start a program.
    """
    transport, offered = exchange_keys(connection, prefer=login.host_key.kind)
    try:
        _check(offered, login.host_key)
        _log_in(transport, login, credentials)
        return Stream(transport, _start(transport, login, readings.script(period, boot_id)))
    except BaseException:
        transport.end()
        raise


def read_facts(connection: socket.socket, login: Login, credentials: Credentials) -> Facts:
    """Log in as `open_stream` does, read the facts of the board, and hang up. Blocks.

    Raises:
        ContactFailed: As `open_stream`, or no facts came.
    """
    stream = open_stream(connection, login, credentials)
    parser = readings.Parser()
    try:
        while True:
            facts = [item for item in parser.feed(stream.wait(_FACTS_WITHIN), 0.0) if isinstance(item, Facts)]
            if facts:
                return facts[0]
    finally:
        stream.end()


def _check(offered: HostKey, approved: HostKey) -> None:
    if offered != approved:
        raise HostKeyMismatch(offered)


def _start(transport: Transport, login: Login, script: str) -> paramiko.Channel:
    try:
        channel = transport.open_session(timeout=_CHANNEL_WITHIN)
        # through standard input, so that no login shell's quoting rules matter
        channel.exec_command("exec sh")
        channel.sendall(script.encode())
        channel.shutdown_write()
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise no_readings(login, "it starts no program") from error
    return channel


def no_readings(login: Login, why: str) -> LoginDenied:
    """Say that a node let the head in and sent no reading."""
    port = "" if login.port == 22 else f"-p {login.port} "
    where = f"{login.user}@{login.address}"
    return LoginDenied(f"no readings after the login: {why}. Next: ssh {port}{where} awk 1 /proc/loadavg")


def _log_in(transport: Transport, login: Login, credentials: Credentials) -> None:
    tried = 0
    hung_up = False
    with _agent_keys(credentials) as offered:
        for key in (*offered, *_file_keys(credentials)):
            tried += 1
            if _accepted(transport, login.user, key):
                return
            hung_up = not transport.is_active()
            if hung_up:
                break
    if hung_up and tried < _TOO_MANY:
        raise Unreachable("connection lost at the login", answered=True)
    raise _denied(login, credentials, tried=tried, hung_up=hung_up)


def _accepted(transport: Transport, user: str, key: paramiko.PKey) -> bool:
    try:
        more = transport.auth_publickey(user, key)
    except (OSError, EOFError, paramiko.SSHException):
        return False
    # a server that wants more than a key is not satisfied yet
    return not more and transport.is_authenticated()


@contextmanager
def _agent_keys(credentials: Credentials) -> Generator[tuple[paramiko.PKey, ...]]:
    """Give the agent's keys; a named identity that can be read makes it needless."""
    if credentials.identity is not None and load_key(credentials.identity) is not None:
        yield ()
        return
    try:
        agent = paramiko.Agent()
    except (OSError, paramiko.SSHException):
        yield ()
        return
    try:
        yield agent.get_keys()
    finally:
        agent.close()


def _file_keys(credentials: Credentials) -> Iterator[paramiko.PKey]:
    return (key for path in credentials.files if (key := load_key(path)) is not None)


def load_key(path: Path) -> paramiko.PKey | None:
    """Read a private key; None when it is none, or sealed with a passphrase: that is the agent's work."""
    try:
        return paramiko.PKey.from_path(path)
    except (OSError, TypeError, ValueError, UnsupportedAlgorithm):
        return None
    except (paramiko.SSHException, paramiko.UnknownKeyType):
        return None


def _denied(login: Login, credentials: Credentials, *, tried: int, hung_up: bool) -> LoginDenied:
    port = "" if login.port == 22 else f"-p {login.port} "
    where = f"{login.user}@{login.address}"
    if credentials.identity is not None and not credentials.files:
        return LoginDenied(f"the key {credentials.identity} does not exist. Next: set cluster.identity")
    key = f"-i {credentials.files[0]} " if credentials.files else ""
    copy = f"ssh-copy-id {key}{port}{where}"
    if not tried and not credentials.files:
        return LoginDenied(f"the head has no SSH key. Next: ssh-keygen -t ed25519, then {copy}")
    if not tried:
        return LoginDenied(
            f"{credentials.files[0]} needs its passphrase. Next: ssh-add {credentials.files[0]}"
        )
    if hung_up:
        return LoginDenied(f"hung up after {tried} keys. Next: set cluster.identity, then {copy}")
    return LoginDenied(f"lets no key in as {login.user}. Next: {copy}")
