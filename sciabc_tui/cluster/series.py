"""How a node's load was: what the head's history gives."""

from dataclasses import dataclass

from sciabc_tui.cluster.durations import Instant

SPANS = (60, 600, 3600)
"""Seconds that the rings reach back."""


@dataclass(frozen=True, slots=True)
class Series:
    """A node's load over a span, oldest first; what was not measured is None.

    Attributes:
        span: Seconds that it covers.
        step: Seconds of a place; it holds the mean of the readings in it.
        until: The end of the last place, on the head's clock; that place is still being filled.
        cpu: Per cent over all cores.
        memory: Per cent.
        temperature: Degrees Celsius.
        received: Bytes a second.
        sent: Bytes a second.
    """

    span: int
    step: int
    until: Instant
    cpu: tuple[float | None, ...]
    memory: tuple[float | None, ...]
    temperature: tuple[float | None, ...]
    received: tuple[float | None, ...]
    sent: tuple[float | None, ...]
