"""TCP connections to nodes, made on the loop: a thousand dead hosts hold no thread."""

import asyncio
import errno
import os
import socket
from ipaddress import IPv4Address, ip_address

from sciabc_tui.head.errors import Unreachable

_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
}

_SPOKE = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
"""Errors that the other side's kernel sent us."""

_KEEPALIVE = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 6}
"""A node that was reset answers the first keep-alive with RST, which ends a half-open stream.
Gentle on purpose: 1/1/3 killed healthy connections under 20 % packet loss."""


async def dial(address: str, port: int, *, within: float) -> socket.socket:
    """Connect to an address; the caller owns the socket.

    Args:
        address: An IPv4 or IPv6 address; a link-local one with its scope, `fe80::1%eth0`.
        port: Where sshd listens.
        within: Seconds.

    Raises:
        Unreachable: Nobody answered, or the kernel there refused.
    """
    try:
        family, target = _target(address, port)
    except (ValueError, OSError) as error:
        raise Unreachable(f"{address} is no address that can be reached from here", answered=False) from error
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        async with asyncio.timeout(within):
            await asyncio.get_running_loop().sock_connect(connection, target)
    except TimeoutError as error:
        connection.close()
        raise Unreachable(f"no answer in {within:g} s", answered=False) from error
    except OSError as error:
        connection.close()
        raise unreachable(error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def unreachable(error: OSError) -> Unreachable:
    """Say in words what the kernel found."""
    number = error.errno or 0
    how = _WORDS.get(number) or (os.strerror(number).lower() if number else "connection lost")
    return Unreachable(how, answered=number in _SPOKE)


def _target(address: str, port: int) -> tuple[socket.AddressFamily, tuple[str | int, ...]]:
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return socket.AF_INET, (str(parsed), port)
    scope = socket.if_nametoindex(parsed.scope_id) if parsed.scope_id else 0
    return socket.AF_INET6, (address.partition("%")[0], port, 0, scope)
