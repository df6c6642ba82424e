"""Logging in to a board: its host key must be the approved one, then the head's keys, then the password.

The password goes to a board that has shown the approved host key, and nowhere else: not to a file, a log or
an error. All of this blocks and belongs in a thread; `Line.end` may be called from another one.
"""

import contextlib
import socket
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from sciabc_tui.cluster.node import HostKey
from sciabc_tui.head.dial import unreachable
from sciabc_tui.head.errors import ContactFailed, Unreachable
from sciabc_tui.head.keys import Transport, exchange_keys
from sciabc_tui.head.provisioning.places import Place
from sciabc_tui.head.provisioning.ports import StepFailed
from sciabc_tui.head.ssh import Credentials, load_key

_DIAL_WITHIN = 5.0

_MOST_KEYS = 5
"""sshd hangs up after six (MaxAuthTries)."""

_ALIVE = {
    socket.TCP_KEEPIDLE: 3,
    socket.TCP_KEEPINTVL: 3,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 10_000,
}
"""A board that was unplugged is noticed after 10 to 13 s, whether or not something was under way."""


class Line:
    """The connection with a board, to be ended from any thread."""

    def __init__(self) -> None:
        self._transport: Transport | None = None
        self._ended = threading.Event()

    def hold(self, transport: Transport) -> None:
        """Take a connection in the place of the one before.

        Raises:
            ContactFailed: It was ended already.
        """
        former, self._transport = self._transport, transport
        if former is not None:
            former.end()
        if self._ended.is_set():
            transport.end()
            raise ContactFailed("stopped")

    def end(self) -> None:
        """Disconnect, which ends what runs there. More than once."""
        self._ended.set()
        if self._transport is not None:
            self._transport.end()

    @property
    def ended(self) -> bool:
        """Whether it was ended from here."""
        return self._ended.is_set()


@dataclass(frozen=True, slots=True)
class Access:
    """What a board is entered with.

    Attributes:
        fingerprint: Of the host key that a person approved.
        password: Empty: keys alone.
    """

    fingerprint: str
    credentials: Credentials
    password: str = field(default="", repr=False)


def log_in(place: Place, access: Access, line: Line) -> tuple[Transport, HostKey]:
    """Connect, compare the host key, and log in.

    Raises:
        StepFailed: The key is another one, or the board does not let us in; nothing was changed there.
        ContactFailed: It was stopped.
    """
    transport, key = _meet(place, access, line)
    if _with_keys(transport, place.user, access.credentials):
        return transport, key
    if not access.password:
        raise StepFailed(
            f"it lets none of the head's keys in as {place.user}, and there is no password",
            f"Next: do it again with {place.user}'s password, or name another user: USER@{place.host}",
        )
    transport, key = _meet(place, access, line)  # the tries of a connection may be used up
    _with_password(transport, place, access.password)
    return transport, key


def key_works(place: Place, user: str, access: Access) -> bool:
    """Tell whether the head's keys alone let it in as a user, on a connection of its own."""
    line = Line()
    try:
        transport, _ = _meet(place, access, line)
        return _with_keys(transport, user, access.credentials)
    except (StepFailed, ContactFailed):
        return False
    finally:
        line.end()


def _meet(place: Place, access: Access, line: Line) -> tuple[Transport, HostKey]:
    try:
        transport, key = exchange_keys(_dial(place))
    except Unreachable as error:
        raise StepFailed(
            f"{error}", f"Next: see that {place.host} is switched on and plugged in, and has SSH enabled"
        ) from error
    line.hold(transport)
    if key.fingerprint != access.fingerprint:
        raise StepFailed(
            f"it shows the host key {key.fingerprint}, not {access.fingerprint}: nothing was sent to it",
            "Next: compare with the board itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        )
    return transport, key


def _dial(place: Place) -> socket.socket:
    if not place.address:
        raise Unreachable(f"nobody knows the name {place.host}", answered=False)
    try:
        connection = socket.create_connection((place.address, place.port), _DIAL_WITHIN)
    except TimeoutError as error:
        raise Unreachable(f"no answer in {_DIAL_WITHIN:g} s", answered=False) from error
    except OSError as error:
        raise unreachable(error) from error
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _ALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    return connection


def _with_keys(transport: Transport, user: str, credentials: Credentials) -> bool:
    with _keys(credentials) as keys:
        for key, _ in zip(keys, range(_MOST_KEYS), strict=False):
            if not transport.is_active():
                return False
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                if not transport.auth_publickey(user, key) and transport.is_authenticated():
                    return True
    return False


@contextlib.contextmanager
def _keys(credentials: Credentials) -> Generator[Iterator[paramiko.PKey]]:
    """Give the keys of files, then the agent's, if no file is named."""
    agent: paramiko.Agent | None = None
    if credentials.identity is None:
        with contextlib.suppress(OSError, paramiko.SSHException):
            agent = paramiko.Agent()
    try:
        files = [key for path in credentials.files if (key := load_key(path)) is not None]
        yield iter([*files, *(agent.get_keys() if agent else ())])
    finally:
        if agent is not None:
            agent.close()


def public_key(path: Path) -> str:
    """Give the public half of a private key file, as in authorized_keys(5), without a comment; or empty."""
    try:
        kind, blob, *_ = path.with_name(f"{path.name}.pub").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        key = load_key(path)
        return "" if key is None else f"{key.get_name()} {key.get_base64()}"
    return f"{kind} {blob}"


def _with_password(transport: Transport, place: Place, password: str) -> None:
    try:
        # sends it by keyboard-interactive where the server wants that instead
        more = transport.auth_password(place.user, password)
    except paramiko.AuthenticationException as error:
        # a wrong answer to keyboard-interactive comes as a BadAuthenticationType of the try before it
        ways = error.allowed_types if isinstance(error, paramiko.BadAuthenticationType) else ["password"]
        if not {"password", "keyboard-interactive"} & set(ways):
            raise StepFailed(
                f"it takes keys only, and none of the head's as {place.user}",
                f"Next: on it: append the head's ~/.ssh/id_ed25519.pub to ~{place.user}/.ssh/authorized_keys",
            ) from error
        raise StepFailed(
            f"wrong password for {place.user}",
            f"Next: try it yourself ({place.ssh}), then do it again with the right one",
        ) from error
    except Exception as error:
        # whatever a hostile board makes of the library
        raise StepFailed("the connection was lost at the login", "Next: do it again") from error
    if more or not transport.is_authenticated():
        raise StepFailed(
            f"it wants more than a password from {place.user}", f"Next: authorise a key by hand: {place.ssh}"
        )
