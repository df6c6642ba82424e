"""SSH host keys: reading the one that a node shows, and writing down those that a person approved.

Reading one is the key exchange and nothing more. No user name and no credential is sent: the server learns
that somebody connected.
"""

import base64
import binascii
import contextlib
import hashlib
import queue
import socket
from collections.abc import Iterable

import paramiko

from sciabc_tui.cluster.node import HostKey, Node
from sciabc_tui.head.dial import unreachable
from sciabc_tui.head.errors import Unreachable

HANDSHAKE_WITHIN = 8.0
"""Seconds for a key exchange; an old Pi under load needs two."""

_KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""What host key we ask for, best first; fixed, so that a server with several always shows the same one."""

_CHEAP = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""Ciphers that authenticate by themselves; the HMAC that others need is put together in Python each time."""

_WINDOW = 64 * 1024
"""Bytes that a server may send ahead of us: what a hostile one can make us hold."""


class Transport(paramiko.Transport):
    """paramiko's transport, cheap while nothing happens and quick to end.

    Its thread looks ten times a second whether it should end, which costs a core at 750 nodes. `end` wakes
    it through the socket, so it need not look. The attribute is private: a test holds on to it.

    Attributes:
        shell: A shell there that waits for a script, if there is one: to begin one takes a board longer than
            most of what it is asked (`sciabc_tui.head.staging_wire`).
    """

    _active_check_timeout = 5.0

    def __init__(self, connection: socket.socket, *, prefer: str = "") -> None:
        """Take a connected socket and own it; ask for a host key of the kind `prefer`, if there is one."""
        super().__init__(connection, default_window_size=_WINDOW)
        self.shell: queue.Queue[paramiko.Channel] = queue.Queue(1)
        # a node that stops in the middle of a key exchange must not hold up who writes to it
        self.clear_to_send_timeout = 2.0
        self.banner_timeout = self.auth_timeout = HANDSHAKE_WITHIN
        first = tuple(kind for kind in _KINDS if kind == prefer or (prefer == "ssh-rsa" and "rsa-" in kind))
        options = self.get_security_options()
        options.key_types = (*first, *(kind for kind in _KINDS if kind not in first))
        options.ciphers = (*_CHEAP, *(cipher for cipher in options.ciphers if cipher not in _CHEAP))

    def end(self) -> None:
        """Disconnect and wait for the thread, a second at most. Safe to call twice."""
        wake(self.sock)
        if self.is_alive():
            self.join(1.0)
        self.close()
        self.packetizer.complete_handshake()  # else the timer of an unfinished handshake lives on for 15 s
        self.sock.close()


def wake(connection: socket.socket) -> None:
    """End a connection from any thread: whoever waits on it sees its end at once."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def exchange_keys(connection: socket.socket, *, prefer: str = "") -> tuple[Transport, HostKey]:
    """Do the SSH key exchange on a connected socket, which is closed if that fails. Blocks.

    Raises:
        Unreachable: No SSH server, or none that we can talk to.
    """
    transport = Transport(connection, prefer=prefer)
    try:
        return transport, _exchange(transport)
    except BaseException:
        transport.end()
        raise


def _exchange(transport: Transport) -> HostKey:
    try:
        transport.start_client(timeout=HANDSHAKE_WITHIN)
        key = transport.get_remote_server_key()
        return host_key(key.get_name(), key.get_base64())
    except paramiko.IncompatiblePeer as error:
        raise Unreachable("ssh answers, but no algorithm in common", answered=True) from error
    except OSError as error:
        raise unreachable(error) from error
    except Exception as error:
        # hostile packets surface as anything; the peer's own words are not repeated
        raise Unreachable("port answers, but no SSH handshake", answered=True) from error


def read_host_key(connection: socket.socket) -> HostKey:
    """Read the host key that is shown on a connected socket, and close it. No login is tried. Blocks.

    Raises:
        Unreachable: No SSH server, or none that we can talk to.
    """
    transport, key = exchange_keys(connection)
    transport.end()
    return key


def host_key(kind: str, blob: str) -> HostKey:
    """Make a host key from its algorithm and its public blob in base64."""
    return HostKey(kind, blob, fingerprint(blob))


def fingerprint(blob: str) -> str:
    """Give the fingerprint of a public key as OpenSSH prints it.

    Raises:
        ValueError: The blob is not base64.
    """
    try:
        digest = hashlib.sha256(base64.b64decode(blob, validate=True)).digest()
    except binascii.Error as error:
        raise ValueError("no public key") from error
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def known_hosts(nodes: Iterable[Node]) -> str:
    """Write the host keys of trusted nodes for OpenSSH, each under its node's id (HostKeyAlias)."""
    return "".join(
        f"{node.id} {node.host_key.kind} {node.host_key.blob}\n"
        for node in nodes
        if node.host_key is not None
    )
