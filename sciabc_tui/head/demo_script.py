"""The script of the demonstration, pure: which boards there are, when they come and go, what they measure.

Nothing here was measured: whoever shows these numbers says SIMULATED (`Head.simulated`).
"""

import base64
import hashlib
import math
import zlib
from dataclasses import dataclass

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.node import Facts, HostKey, Reading

HEAD_NAME = "headnode-01"
HEAD_ADDRESS = "10.77.0.1"
SLOTS = 4

UPLINK_ADDRESS = "203.0.113.254"
"""From the block for documentation (RFC 5737): it leads nowhere."""

UPLINK_INTERFACE = "eth1"
CLUSTER_INTERFACE = "eth0"

OUTAGE_AFTER = 45.0
OUTAGE_FOR = 40.0
"""Seconds for which the restless board is there, and then not, in a loop."""

_BOARDS = 8
_RESTLESS = 3
_LEFT_TO_THE_USER = 8
_MEMORY = 3_980_820_480
"""Bytes that a Raspberry Pi 4 with 4 GB tells of, about."""


@dataclass(frozen=True, slots=True)
class Board:
    """One scripted board."""

    number: int
    """0 is the head."""
    name: str
    address: str
    key: HostKey
    facts: Facts
    joins_at: float
    """Seconds after the begin."""
    approved_by_script: bool
    restless: bool

    @property
    def handle(self) -> str:
        """How its announcement is called."""
        return f"mdns:{self.name}"


def head_board() -> Board:
    """Give the simulated head."""
    return _board(0, HEAD_NAME)


def boards() -> tuple[Board, ...]:
    """Give the eight compute nodes."""
    return tuple(_board(number, f"node{number:02}") for number in range(1, _BOARDS + 1))


def plugged(board: Board, t: float) -> bool:
    """Is the board there, `t` seconds after the begin?"""
    if t < board.joins_at:
        return False
    return not board.restless or t % (OUTAGE_AFTER + OUTAGE_FOR) < OUTAGE_AFTER


def reading(board: Board, at: Instant, before: Reading | None, *, share: float) -> Reading:
    """Give the next reading of a board.

    Args:
        board: Whose.
        at: The time, on the head's clock.
        before: The reading before; None for the first.
        share: 0 to 1: how many of its slots a job holds.
    """
    wobble = _noise(board.number, at)
    cpu_goal = 3.0 + 4.0 * wobble + share * (91.0 - 3.0 * wobble)
    memory_goal = _MEMORY * (0.12 + 0.02 * wobble + 0.22 * share)
    heat_goal = 44.0 + 2.0 * (board.number % 3) + 17.0 * share
    load_goal = 0.05 + SLOTS * share
    first = before is None
    return Reading(
        at=at,
        cpu_percent=_towards(None if first else before.cpu_percent, cpu_goal, 0.6),
        load1=_towards(None if first else before.load1, load_goal, 0.05),
        memory_used=int(_towards(None if first else before.memory_used, memory_goal, 0.3)),
        memory_total=_MEMORY,
        temperature=_towards(None if first else before.temperature, heat_goal + wobble, 0.08),
        uptime=(before.uptime or 0.0) + at - before.at if before else 3600.0 * (board.number + 1),
    )


def _board(number: int, name: str) -> Board:
    return Board(
        number=number,
        name=name,
        address=f"10.77.0.{10 + number}" if number else HEAD_ADDRESS,
        key=_host_key(name),
        facts=Facts(
            cores=SLOTS,
            machine="aarch64",
            kernel="simulated",
            model="simulated board",
            host_name=name,
            boot_id=f"simulated-{name}",
        ),
        joins_at=1.0 + 1.5 * number if number else 0.0,
        approved_by_script=number != _LEFT_TO_THE_USER,
        restless=number == _RESTLESS,
    )


def _host_key(name: str) -> HostKey:
    """Make a public key that nobody has the private half of, in the form of RFC 8709."""
    kind = b"ssh-ed25519"
    point = hashlib.sha256(b"simulated " + name.encode()).digest()
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, point))
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return HostKey(kind.decode(), base64.b64encode(blob).decode(), f"SHA256:{fingerprint}")


def _towards(value: float | None, goal: float, share: float) -> float:
    return goal if value is None else value + share * (goal - value)


def _noise(number: int, at: Instant) -> float:
    """Give a number of 0 to 1 that looks like chance and is the same in every run."""
    return zlib.crc32(f"{number}:{math.floor(at)}".encode()) / 0xFFFFFFFF
