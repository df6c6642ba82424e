"""What comes in over mDNS, judged. Pure; never raises, whatever was announced.

An announcement is a claim by anybody on the wire. It comes out as a `Sighted` that holds nothing but a
strict host label, addresses inside the cluster's network, and three checked TXT values; or as a `Refused`
with one printable line. Nothing of it is believed about trust: that takes the host key and a person.

    type       _sciabc._tcp.local.
    instance   any; of 2016: `SupercomputerInABriefcase on node01`
    SRV        the target names the host, `node01.local.`; its port (34343 in 2016) is a marker
    TXT        user=pi slots=4 port=22, all optional
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias
from urllib.parse import quote

from sciabc_tui.cluster.node import Origin
from sciabc_tui.cluster.observations import Sighted
from sciabc_tui.head.network import Address

SSH_PORT = 22

ADDRESS_LIMIT = 8
"""How many addresses of one node are kept."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]+")
_OF_2016 = re.compile(r"SupercomputerInABriefcase on (.+)", re.IGNORECASE)
_RENAMED = re.compile(r" #[0-9]{1,5}$")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")
_DIGITS = re.compile(r"[0-9]{1,5}")
_UNPRINTABLE = re.compile(r"[^A-Za-z0-9 ._#-]")

Ip: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Announcement:
    """An instance as it was resolved; nothing in it was looked at yet.

    Attributes:
        instance: Without the service type.
        target: The host that the SRV record names.
        txt: As on the wire; a key without a value has None.
        addresses: As text, newest first.
    """

    instance: str
    target: str = ""
    txt: Mapping[bytes, bytes | None] = field(default_factory=dict[bytes, bytes | None])
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """The network that announcements are heard on.

    Attributes:
        interface: Its name; the scope of link-local addresses.
        networks: Those of the head's addresses on it: nodes have theirs in one of these.
        own: The head's own addresses, all of them.
    """

    interface: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    own: frozenset[Ip]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not let in, and why: one printable line."""

    text: str


@dataclass(frozen=True, slots=True)
class Itself:
    """The head's own announcement, as a head set up in 2016 makes it."""


Verdict: TypeAlias = Sighted | Refused | Itself


class _Wrong(Exception):
    """A part of the announcement is not what it must be; the text says which."""


def ground(interface: str, on_it: Iterable[Address], all_own: Iterable[Address]) -> Ground:
    """Make the ground of an interface from the head's addresses on it and everywhere."""
    networks = dict.fromkeys(address.parsed.network for address in on_it)
    return Ground(interface, tuple(networks), frozenset(address.parsed.ip for address in all_own))


def judge(announcement: Announcement, ground: Ground, sender: str) -> Verdict:
    """Let an announcement in, or say why not. Never raises.

    Args:
        announcement: What was announced.
        ground: Where.
        sender: The address that its packet came from; anything else is a stranger's.
    """
    parsed = list(_parsed(announcement.addresses))
    if parsed and all(ip in ground.own for ip in parsed):
        if any(ip in ground.own for ip in _parsed((sender,))):
            return Itself()
        return refusal(announcement.instance, f"its address {parsed[0]} is the head's own")
    try:
        return Sighted(
            handle=handle(announcement.instance),
            origin=Origin.MDNS,
            label=_label(announcement),
            addresses=_addresses(parsed, ground),
            port=_number(announcement.txt, b"port", 65535) or SSH_PORT,
            user=_user(announcement.txt),
            slots=_number(announcement.txt, b"slots", 4096),
            interface=ground.interface,
        )
    except _Wrong as wrong:
        return refusal(announcement.instance, str(wrong))


def refusal(instance: str, why: str) -> Refused:
    """Say that an instance is not let in; `why` must be printable already."""
    return Refused(f"announcement '{printable(instance)}' refused: {why}")


def handle(instance: str) -> str:
    """Name an instance for membership: one to one, and without control characters."""
    return "mdns:" + quote(instance, safe=" #'()", errors="surrogatepass")


def printable(text: str, limit: int = 60) -> str:
    """Give a text from the network as at most `limit` plain characters, `?` for all that might do harm."""
    short = text if len(text) <= limit else f"{text[: limit - 3]}..."
    return _UNPRINTABLE.sub("?", short)


def host_label(text: str) -> str:
    """Give the host label that a text is, in lower case; empty when it is none.

    A number is none: resolvers take `2130706433` for an address. Nor is `localhost`.
    """
    label = text.lower() if text.isascii() else ""
    good = _LABEL.fullmatch(label) and not _NUMBER.fullmatch(label) and label != "localhost"
    return label if good else ""


def _label(announcement: Announcement) -> str:
    target = announcement.target.removesuffix(".")
    name, _, domain = target.partition(".")
    instance = _RENAMED.sub("", announcement.instance)
    old = _OF_2016.fullmatch(instance)
    candidates = (name if domain.lower() == "local" else "", old[1] if old else "", instance)
    for candidate in candidates:
        if label := host_label(candidate):
            return label
    raise _Wrong(f"neither it nor its host '{printable(target)}' is a host name ([a-z0-9-], at most 63)")


def _parsed(addresses: Iterable[str]) -> Iterable[Ip]:
    for text in addresses:
        try:
            ip = ip_address(text.partition("%")[0])
        except ValueError:
            continue
        mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
        yield mapped or ip


def _addresses(parsed: list[Ip], ground: Ground) -> tuple[str, ...]:
    """Keep what lies in the cluster's network: IPv4 first, link-local IPv6 only where there is nothing else.

    Raises:
        _Wrong: Nothing is left.
    """
    inside = [ip for ip in dict.fromkeys(parsed) if _inside(ip, ground)]
    four = [str(ip) for ip in inside if ip.version == 4]
    six = [str(ip) for ip in inside if ip.version == 6 and not ip.is_link_local]
    local = [f"{ip}%{ground.interface}" for ip in inside if ip.version == 6 and ip.is_link_local]
    kept = (four + six) or local
    if not kept:
        first = f"its address {parsed[0]}" if parsed else "it has no address"
        raise _Wrong(f"{first} is not in the network of {ground.interface}" if parsed else first)
    return tuple(kept[:ADDRESS_LIMIT])


def _inside(ip: Ip, ground: Ground) -> bool:
    if ip.is_loopback or ip.is_multicast or ip.is_unspecified or ip in ground.own:
        return False
    homes = [network for network in ground.networks if ip in network]
    return any(not _is_edge(ip, network) for network in homes)


def _is_edge(ip: Ip, network: IPv4Network | IPv6Network) -> bool:
    """Tell the network's own and its broadcast address; a /31 and a /32 have none."""
    edged = network.version == 4 and network.prefixlen < 31
    return edged and ip in {network.network_address, network.broadcast_address}


def _value(txt: Mapping[bytes, bytes | None], key: bytes) -> str:
    raw = next((value for name, value in txt.items() if name.lower() == key), None)
    return (raw or b"").decode("ascii", "replace")


def _user(txt: Mapping[bytes, bytes | None]) -> str:
    text = _value(txt, b"user")
    if text and not _USER.fullmatch(text):
        raise _Wrong(f"user '{printable(text, 20)}' in its TXT record is no user name")
    return text


def _number(txt: Mapping[bytes, bytes | None], key: bytes, most: int) -> int | None:
    text = _value(txt, key)
    if not text:
        return None
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= most:
        raise _Wrong(f"{key.decode()} '{printable(text, 20)}' in its TXT record is not 1 to {most}")
    return int(text)
