"""What switches the power of which node: the entries of `power.drivers`, read and checked. Pure.

    node[01-04]=clusterctrl                         slots p1 to p4 of a Cluster HAT
    node05=clusterctrl p7                           one slot
    node[06-08]=uhubctl 1-1:2                       ports 2 to 4 of the USB hub at 1-1
    node09=wol aa:bb:cc:dd:ee:ff                    wake-on-LAN, which can only switch on
    node[10-12]=command /usr/local/bin/pdu {action} {node}

Slots and ports count on with the nodes of a set.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sciabc_tui.cluster.nodeset import unfold

Turn: TypeAlias = Literal["on", "off"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_SLOT = re.compile(r"p([1-9][0-9]{0,2})")
_PORT = re.compile(r"([0-9]{1,3}(?:-[0-9]{1,2}(?:\.[0-9]{1,2}){0,6})?):([1-9][0-9]?)")
"""As uhubctl(8) writes a hub, such as `1-1.4` (bus, then ports), and a port of it."""

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_FORMS = "NODES=clusterctrl [pN], NODES=uhubctl HUB:PORT, NODE=wol MAC, NODES=command /FILE {action} {node}"


@dataclass(frozen=True, slots=True)
class ClusterHat:
    """A slot of a Cluster HAT or ClusterCTRL, from 1: `clusterctrl on p1`."""

    slot: int


@dataclass(frozen=True, slots=True)
class UsbPort:
    """A port of a USB hub that can switch it: `uhubctl -l 1-1 -p 3 -a on`."""

    hub: str
    port: int


@dataclass(frozen=True, slots=True)
class WakeOnLan:
    """A network interface that switches its board on when it sees its own address in a magic packet."""

    mac: bytes


@dataclass(frozen=True, slots=True)
class Command:
    """Any program. `{action}` in an argument is `on` or `off`, `{node}` the node's name."""

    argv: tuple[str, ...]


Driver: TypeAlias = ClusterHat | UsbPort | WakeOnLan | Command


def parse_drivers(entries: Iterable[str]) -> Mapping[str, Driver]:
    """Read `power.drivers`; give each node's driver by the node's name.

    Raises:
        ValueError: An entry can't be used; the text says which, and what it takes.
    """
    found: dict[str, Driver] = {}
    for entry in entries:
        shown = "".join(letter for letter in entry if letter.isprintable())[:80]
        try:
            for name, driver in _parse(entry):
                if name in found:
                    raise ValueError(f"{name} is named twice")  # noqa: TRY301 - one place says which entry
                found[name] = driver
        except ValueError as error:
            raise ValueError(f"drivers: '{shown}': {error}. Next: write {_FORMS}") from error
    return found


def tool(driver: ClusterHat | UsbPort | Command, node: str, turn: Turn) -> tuple[str, ...]:
    """Give the command line that switches a node.

    Cluster HAT: the usage of clusterctrl in clusterhat-image; hubs: uhubctl(8).
    """
    match driver:
        case ClusterHat(slot):
            return ("clusterctrl", turn, f"p{slot}")
        case UsbPort(hub, port):
            return ("uhubctl", "-l", hub, "-p", str(port), "-a", turn)
        case Command(argv):
            return tuple(word.replace("{action}", turn).replace("{node}", node) for word in argv)


def magic_packet(mac: bytes) -> bytes:
    """Give what wakes a board: six bytes FF, then its address sixteen times (AMD publication 20213)."""
    return b"\xff" * 6 + mac * 16


def _parse(entry: str) -> list[tuple[str, Driver]]:
    nodes, equals, rest = entry.partition("=")
    words = shlex.split(rest)
    if not equals or not words:
        raise ValueError("it names no driver")
    names = unfold(nodes.strip())
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no node's name")
    return [(name, _driver(words, place, len(names))) for place, name in enumerate(names)]


def _driver(words: list[str], place: int, count: int) -> Driver:
    match words:
        case ["clusterctrl"]:
            return ClusterHat(1 + place)
        case ["clusterctrl", slot] if found := _SLOT.fullmatch(slot):
            return ClusterHat(int(found[1]) + place)
        case ["uhubctl", port] if found := _PORT.fullmatch(port):
            return UsbPort(found[1], int(found[2]) + place)
        case ["wol", mac] if _MAC.fullmatch(mac):
            if count > 1:
                raise ValueError("an address wakes one node")
            return WakeOnLan(bytes.fromhex(mac.replace(":", "").replace("-", "")))
        case ["command", program, *_] if program.startswith("/"):
            return _command(words[1:], count)
        case ["command", *_]:
            raise ValueError("the program's path must be absolute")
        case _:
            raise ValueError("that is no driver")


def _command(argv: list[str], count: int) -> Command:
    if not any("{action}" in word for word in argv[1:]):
        raise ValueError("no argument has {action}, which is on or off")
    if count > 1 and not any("{node}" in word for word in argv[1:]):
        raise ValueError("no argument has {node}, and it is for several")
    return Command(tuple(argv))
