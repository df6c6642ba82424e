"""Two boards with one host key, or one board with two addresses?

A copied card brings the host key along. The head logs in at the other address, where exactly that approved
key was shown, and compares what no copy brings along: the board's serial number and its boot id.
"""

import asyncio
from enum import Enum, auto
from functools import partial

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Facts, HostKey, Node, Trust
from sciabc_tui.cluster.observations import HostKeyRead
from sciabc_tui.head.dial import dial
from sciabc_tui.head.errors import ContactFailed, HostKeyMismatch
from sciabc_tui.head.means import Means
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.ssh import Login, read_facts
from sciabc_tui.head.users import login_user

TWIN_PERIOD = 10.0
"""Seconds between two looks at a twin."""

GONE_AFTER = 5.0
"""Seconds without an answer after which a twin is gone."""

_PATIENCE = 3
"""Periods in which the known board must send a reading after the other one was looked at."""

_DIAL_WITHIN = 1.5


class Verdict(Enum):
    """What a second address with a known host key is."""

    SAME = auto()
    OTHER = auto()
    UNCLEAR = auto()


def holder_of(hub: Hub, node: Node, key: HostKey, address: str) -> Node | None:
    """Give the trusted node that streams from elsewhere and holds the key that `node` showed, if one does."""
    return next(
        (
            other
            for other in hub.state.nodes.values()
            if other.host_key == key
            and other.id != node.id
            and other.trust is Trust.TRUSTED
            and other.streaming
            and other.contact != address
        ),
        None,
    )


def compare(known: Facts, found: Facts, *, alive_since: bool) -> Verdict:
    """Tell whether two boards are one.

    Args:
        known: Of the board on the stream.
        found: Of the board at the other address.
        alive_since: Did the board on the stream send a reading after the other one was looked at? If not,
            it may just have come back with another address, its old stream still half open.
    """
    if known.serial and found.serial and known.serial != found.serial:
        return Verdict.OTHER
    if not known.boot_id or not found.boot_id:
        return Verdict.UNCLEAR
    if known.boot_id == found.boot_id:
        return Verdict.SAME
    rebooted = known.serial != "" and known.serial == found.serial
    return Verdict.OTHER if alive_since and not rebooted else Verdict.UNCLEAR


async def look_at(means: Means, holder: Node, address: str, port: int) -> Verdict:
    """Log in at another address of a host key and compare the board there with the one on the stream."""
    if holder.facts is None or holder.host_key is None:
        return Verdict.UNCLEAR
    login = Login(address, port, login_user(holder, means.users), holder.host_key)
    try:
        await means.dials.turn()
        connection = await dial(address, port, within=_DIAL_WITHIN)
        found = await means.members.do(
            connection, partial(read_facts, login=login, credentials=means.credentials_for(holder))
        )
    except HostKeyMismatch as mismatch:
        # names and addresses of clones swap: whose key this is may have no other address that is known
        means.hub.observe([HostKeyRead(holder.id, address, mismatch.offered)])
        return Verdict.UNCLEAR
    except ContactFailed:
        return Verdict.UNCLEAR
    verdict = compare(holder.facts, found, alive_since=True)
    if verdict is Verdict.OTHER and not await _sends_on(means.hub, means.clock, holder):
        return compare(holder.facts, found, alive_since=False)
    return verdict


async def _sends_on(hub: Hub, clock: Clock, holder: Node) -> bool:
    """Wait until the board on the stream sends another reading; False when it does not."""
    now = clock.monotonic()
    try:
        async with asyncio.timeout(_PATIENCE * holder.beat):
            return await _next_reading(hub, holder.id, now)
    except TimeoutError:
        return False


async def _next_reading(hub: Hub, node: NodeId, after: Instant) -> bool:
    state = hub.state
    while True:
        known = state.nodes.get(node)
        if known is None or not known.streaming:
            return False
        if known.reading is not None and known.reading.at > after:
            return True
        state = await hub.changed(state.revision)
