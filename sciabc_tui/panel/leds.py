"""The LEDs of a stick that has several: the first is the lamp, the others are the nodes; pure.

What a person reads from the other end of the room:

- One LED, or two (the Nano's second one is on its back): the lamp.
- More: the first, beside the plug, is the lamp. The others are the approved nodes without the head, in the
  order of the table: LED 1 is node01. With more nodes than LEDs neighbours share one, and the worst shows.
- When the lamp says that all is bad or that nothing is known, the whole stick is the lamp.

The darker the worse, for whoever sees no colours: a node that computes is lit all the time (brighter with
a job), one set aside goes out for a moment every two seconds, a suspect one for half of the time, and of one
that is down there is only a short flash. All these begin together, between two flashes of the lamp, so that
the whole stick never flashes more than twice a second.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sciabc_tui.cluster.node import Node, Origin, RowWord, Trust, row_word
from sciabc_tui.cluster.nodeset import natural
from sciabc_tui.cluster.schedule import used_slots
from sciabc_tui.cluster.state import LampState, State
from sciabc_tui.panel.lamps import AMBER, DARK, SKY_BLUE, WHITE, Colour, Flashes, colour_at, dimmed, level

_PERIOD = 2.0
"""Seconds from one begin of the nodes' rhythms to the next: as the lamp's."""

_OFF_BEAT = 1.0
"""Seconds by which they are ahead of the lamp's: half of the period, so behind it as much."""

_WHOLE = frozenset({LampState.CRITICAL, LampState.STALE, LampState.STARTING, LampState.STOPPING})
"""What the lamp says with all LEDs: it outranks the nodes, or what is known of them is old."""

_WHOLE_AT_MOST = 8
"""LEDs that are lit together: 32 white ones at a quarter would draw the 0.5 A that USB gives."""


class NodeLight(StrEnum):
    """What one LED says of its nodes; the worst last."""

    NONE = "none"
    READY = "ready"
    BUSY = "busy"
    ASIDE = "aside"
    SUSPECT = "suspect"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class _Look:
    """How it looks: a colour, its share of the lamp's brightness, and how long it is lit of each period."""

    colour: Colour
    share: float
    lit: float


_LOOKS: Mapping[NodeLight, _Look] = MappingProxyType(
    {
        NodeLight.NONE: _Look(DARK, 0.0, _PERIOD),
        NodeLight.READY: _Look(SKY_BLUE, 0.15, _PERIOD),
        NodeLight.BUSY: _Look(SKY_BLUE, 0.5, _PERIOD),
        NodeLight.ASIDE: _Look(WHITE, 0.15, 1.8),
        NodeLight.SUSPECT: _Look(AMBER, 0.5, 1.0),
        NodeLight.DOWN: _Look(AMBER, 1.0, 0.2),
    }
)

_BY_WORD: Mapping[RowWord, NodeLight] = MappingProxyType(
    {
        RowWord.READY: NodeLight.READY,
        RowWord.BUSY: NodeLight.BUSY,
        RowWord.NEW: NodeLight.ASIDE,
        RowWord.DRAINED: NodeLight.ASIDE,
        RowWord.SUSPECT: NodeLight.SUSPECT,
        RowWord.REFUSED: NodeLight.SUSPECT,
        RowWord.DOWN: NodeLight.DOWN,
        RowWord.LEFT: NodeLight.NONE,
    }
)

_WORSE = tuple(NodeLight)


def node_lights(state: State, count: int) -> tuple[NodeLight, ...]:
    """Give what a stick's LEDs behind the first one say of the nodes.

    Args:
        state: What is known.
        count: How many LEDs the stick has.

    Returns:
        One for each LED but the first; none for a stick that has no room for nodes.
    """
    if count <= 2:
        return ()
    used = used_slots(state)
    lights = [_BY_WORD[row_word(node, busy=used.get(node.id, 0) > 0)] for node in _in_order(state)]
    room = count - 1
    if len(lights) <= room:
        return (*lights, *(NodeLight.NONE,) * (room - len(lights)))
    return tuple(max(shared, key=_WORSE.index) for shared in _groups(lights, room))


def leds(
    lamp: LampState, nodes: tuple[NodeLight, ...], t: float, *, count: int, night: bool
) -> tuple[Colour, ...]:
    """Give the colours of a stick's LEDs, the one beside the plug first.

    Args:
        lamp: What the lamp says.
        nodes: What `node_lights` gave; short of some, those are dark.
        t: Seconds since the lamp took this state.
        count: How many LEDs the stick has.
        night: Whether it is dimmed.
    """
    first = colour_at(lamp, t, night=night)
    if count <= 2:
        return (first,) * count
    if lamp in _WHOLE:
        lit = min(count, _WHOLE_AT_MOST)
        return (*(first,) * lit, *(DARK,) * (count - lit))
    others = tuple(_colour(light, t, night=night) for light in nodes[: count - 1])
    return (first, *others, *(DARK,) * (count - 1 - len(others)))


def lights_seen(lamp: LampState, nodes: tuple[NodeLight, ...]) -> tuple[NodeLight, ...]:
    """Give what the LEDs behind the first one say of the nodes: nothing while the whole stick is the lamp."""
    return () if lamp in _WHOLE else nodes


def _colour(light: NodeLight, t: float, *, night: bool) -> Colour:
    look = _LOOKS[light]
    return dimmed(look.colour, look.share * level(Flashes(1, look.lit, _PERIOD), t + _OFF_BEAT), night=night)


def _in_order(state: State) -> list[Node]:
    """Give the approved compute nodes by name, as the table has them: strangers move nobody's LED."""
    members = (
        node
        for node in state.nodes.values()
        if node.origin is not Origin.LOCAL and node.trust is not Trust.UNKNOWN
    )
    return sorted(members, key=lambda node: (natural(node.name), node.id))


def _groups(lights: list[NodeLight], room: int) -> Iterator[list[NodeLight]]:
    """Share out neighbours as evenly as it goes."""
    for place in range(room):
        yield lights[place * len(lights) // room : (place + 1) * len(lights) // room]
