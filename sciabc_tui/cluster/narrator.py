"""Tells what happened, one line an event, and many of one kind within seconds in two lines.

A switch that dies takes every node along: 750 lines of that would say less than one that asks for the switch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sciabc_tui.cluster import events as ev
from sciabc_tui.cluster.changes import Event, NodeAppeared
from sciabc_tui.cluster.durations import Instant, span
from sciabc_tui.cluster.health import TOGETHER, WITHIN
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Severity
from sciabc_tui.cluster.wording import Line, Names, describe

_NAMES_SHOWN = 60

_KINDS: dict[type[object], tuple[Severity, str]] = {
    NodeAppeared: (Severity.INFO, "nodes appeared together"),
    ev.NodeSuspected: (Severity.WARN, "nodes silent together"),
    ev.NodeLost: (Severity.ERROR, "nodes lost together: switch or power?"),
    ev.NodeLeft: (Severity.INFO, "nodes left together"),
    ev.NodeReturned: (Severity.INFO, "nodes are back together"),
    ev.NodeReadied: (Severity.INFO, "nodes ready together"),
}


@dataclass(slots=True)
class _Burst:
    began: Instant
    last: Instant
    names: list[str] = field(default_factory=list[str])


class Narrator:
    """Remembers what it told lately."""

    def __init__(self) -> None:
        self._bursts: dict[type[object], _Burst] = {}

    def tell(self, events: Sequence[Event], names: Names, now: Instant) -> list[Line]:
        """Give the lines for what happened now."""
        lines = self.due(now)
        for event in events:
            line = self._line(event, names, now)
            if line is not None:
                lines.append(line)
        return lines

    def due(self, now: Instant) -> list[Line]:
        """Give the closing lines of what happened together and is over."""
        over = [kind for kind, burst in self._bursts.items() if now - burst.last > WITHIN]
        closing: list[Line] = []
        for kind in over:
            burst = self._bursts.pop(kind)
            if len(burst.names) > TOGETHER:
                closing.append(_summary(kind, burst))
        return closing

    def _line(self, event: Event, names: Names, now: Instant) -> Line | None:
        match event:
            case ev.NodeReadied(node) if node == HEAD:
                return describe(event, names)  # it starts; a switch does not bring it back
            case ev.NodeSuspected() | ev.NodeLost() | ev.NodeLeft() | ev.NodeReturned() | ev.NodeReadied():
                kind, name = type(event), names[event.node]
            case NodeAppeared(new):
                kind, name = NodeAppeared, new.name
            case _:
                return describe(event, names)
        burst = self._bursts.setdefault(kind, _Burst(now, now))
        burst.last = now
        burst.names.append(name)
        if len(burst.names) < TOGETHER:
            return describe(event, names)
        return _summary(kind, burst) if len(burst.names) == TOGETHER else None


def _summary(kind: type[object], burst: _Burst) -> Line:
    severity, words = _KINDS[kind]
    shown = fold(burst.names)
    if len(shown) > _NAMES_SHOWN:
        shown = f"{shown[: _NAMES_SHOWN - 2]}.."
    took = burst.last - burst.began
    within = f" within {span(took)}" if took > 0 else ""
    return severity, f"{len(set(burst.names))} {words}{within} ({shown})"
