"""Lends a board a port of its own loopback that leads to the head, through the SSH session."""

import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

import paramiko

from sciabc_tui.head.keys import Transport
from sciabc_tui.head.provisioning.apt_proxy import Wire

_AT_ONCE = 8
_IDLE = 120.0
_END_WITHIN = 5.0
_LOOPBACK = "127.0.0.1"


class PortRefused(Exception):
    """The board's SSH server forwards nothing (`AllowTcpForwarding no`)."""


@runtime_checkable
class Lends(Protocol):
    """A board that can be lent a port."""

    def lend(self, serve: Callable[[Wire], None], /) -> AbstractContextManager[int]:
        """Open a port on its loopback for the length of the block; give its number.

        Args:
            serve: Called in a thread of its own for each connection there; closes it in the end.

        Raises:
            PortRefused: It can't be had.
        """
        ...


@contextmanager
def lent(transport: Transport, serve: Callable[[Wire], None]) -> Generator[int]:
    """Do what `Lends.lend` says, over a session."""
    guests = _Guests(serve)
    try:
        port = transport.request_port_forward(_LOOPBACK, 0, guests.let_in)
    except paramiko.SSHException as error:
        raise PortRefused("its SSH server forwards no ports") from error
    try:
        yield port
    finally:
        if transport.is_active():
            transport.cancel_port_forward(_LOOPBACK, port)
        guests.end()


class _Guests:
    """The connections that are served, each in a thread of its own."""

    def __init__(self, serve: Callable[[Wire], None]) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._served: dict[paramiko.Channel, threading.Thread] = {}
        self._over = False

    def let_in(self, channel: paramiko.Channel, _origin: tuple[str, int], _server: tuple[str, int]) -> None:
        """Take a connection; in the session's own thread, which must not wait."""
        channel.settimeout(_IDLE)
        with self._lock:
            if self._over or len(self._served) >= _AT_ONCE:
                channel.close()
                return
            thread = threading.Thread(target=self._attend, args=(channel,), name="apt-proxy", daemon=True)
            self._served[channel] = thread
            thread.start()

    def end(self) -> None:
        """Hang up on all, and wait for their threads."""
        with self._lock:
            self._over = True
            served = dict(self._served)
        for channel in served:
            channel.close()
        for thread in served.values():
            thread.join(_END_WITHIN)

    def _attend(self, channel: paramiko.Channel) -> None:
        try:
            self._serve(channel)
        finally:
            with self._lock:
                self._served.pop(channel, None)
