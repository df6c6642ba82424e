"""zeroconf's sockets, cache and packets, as discovery needs them."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from zeroconf import (
    DNSOutgoing,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in __all__
    DNSPointer,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSQuestion,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSRecord,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSService,  # pyright: ignore[reportPrivateImportUsage] - likewise
    IPVersion,
    Zeroconf,
    current_time_millis,
)
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from sciabc_tui.head.gate import Doorway, Gate
from sciabc_tui.head.ingress import Announcement
from sciabc_tui.head.uplink import Place

log = logging.getLogger(__name__)

SERVICE_TYPE = "_sciabc._tcp.local."

_RECEIVE_BUFFER = 2 * 1024 * 1024
_SO_RCVBUFFORCE = 33
_QUERY, _PTR, _IN = 0, 12, 1


def listen_on(place: Place) -> AsyncZeroconf:
    """Open zeroconf's sockets on a place.

    Raises:
        OSError: The kernel refused, or the interface lost its IPv6 address meanwhile.
    """
    interfaces: list[str | int] = [place.address] if place.address else []
    if not place.link_local:
        return AsyncZeroconf(interfaces=interfaces, ip_version=IPVersion.V4Only)
    version = IPVersion.All if place.address else IPVersion.V6Only
    try:
        return AsyncZeroconf(interfaces=[*interfaces, place.index], ip_version=version)
    except RuntimeError as error:  # zeroconf finds no IPv6 address there
        raise OSError(str(error)) from error


def question(zeroconf: Zeroconf) -> DNSOutgoing:
    """Ask who offers the service, naming those that are known: they need not answer."""
    now = current_time_millis()
    out = DNSOutgoing(_QUERY)
    out.add_question(DNSQuestion(SERVICE_TYPE, _PTR, _IN))
    for pointer in _pointers(zeroconf):
        if not pointer.is_stale(now):
            out.add_answer_at_time(pointer, now)
    return out


def evict(zeroconf: Zeroconf, ages: Mapping[str, float]) -> None:
    """Forget the records of instances, and those of their hosts where no other instance is there.

    Args:
        zeroconf: Whose cache.
        ages: By instance, how many seconds old a record is at least that is forgotten. What came in after
            that is an announcement that still holds: without it, zeroconf would not know its goodbye.
    """
    if not ages:
        return
    now = current_time_millis()
    cache = zeroconf.cache
    ends = {name: now - 1000.0 * age for name, age in ages.items()}
    old: list[DNSRecord] = [
        pointer for pointer in _pointers(zeroconf) if pointer.created <= ends.get(pointer.alias, -1.0)
    ]
    hosts: dict[str, float] = {}
    for name, end in ends.items():
        described = cache.async_entries_with_name(name)
        hosts |= {record.server: end for record in described if isinstance(record, DNSService)}
        old += [record for record in described if record.created <= end]
    cache.async_remove_records(old)
    for host, end in hosts.items():
        if not cache.async_entries_with_server(host):
            entries = cache.async_entries_with_name(host)
            cache.async_remove_records([record for record in entries if record.created <= end])


def guard(zeroconf: Zeroconf, gate: Gate) -> int:
    """Put the gate before zeroconf's readers; give how many. They are no public promise: see `tune`."""
    try:
        for reader in zeroconf.engine.readers:
            reader.transport.set_protocol(
                Doorway(gate, cast("asyncio.DatagramProtocol", reader.transport.get_protocol()))
            )
        return len(zeroconf.engine.readers)
    except AttributeError as error:
        log.debug("zeroconf's readers are out of reach: %s", error)
        return 0


def tune(zeroconf: Zeroconf, interface: str) -> int:
    """Bind zeroconf's sockets to the interface, with room for a burst.

    Returns:
        How many sockets were bound. None of it is a public promise of zeroconf: without it, discovery works,
        but hears other interfaces too (their addresses are refused), and may lose packets in a burst.
    """
    try:
        sockets = [reader.transport.get_extra_info("socket") for reader in zeroconf.engine.readers]
    except AttributeError as error:
        log.debug("zeroconf's sockets are out of reach: %s", error)
        return 0
    bound = 0
    for sock in sockets:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)  # root only
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            bound += 1
        except OSError as error:
            log.debug("can't bind to %s: %s", interface, error)
    return bound


def _pointers(zeroconf: Zeroconf) -> list[DNSPointer]:
    records = zeroconf.cache.async_all_by_details(SERVICE_TYPE, _PTR, _IN)
    return [record for record in records if isinstance(record, DNSPointer)]


def instances(zeroconf: Zeroconf) -> list[str]:
    """Give the full names of the instances in the cache."""
    return [pointer.alias for pointer in _pointers(zeroconf)]


def instance(name: str) -> str:
    """Give the instance of a full name."""
    return name.removesuffix("." + SERVICE_TYPE)


def announcement(name: str, info: AsyncServiceInfo) -> Announcement:
    """Give what was resolved of an instance."""
    addresses = tuple(info.parsed_addresses(IPVersion.All))
    return Announcement(instance(name), info.server or "", dict(info.properties), addresses)
