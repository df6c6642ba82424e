"""Whether jobs may start: none may while the head, which launches them all, is about to end."""

import asyncio

GOES_WITHIN = 120.0
"""Seconds after which a head that said that it halts or restarts is not believed any more."""


class Starts:
    """What the queue asks before it lets a job start. Used from the loop's thread only.

    Attributes:
        deciding: Held from reading a job's record to writing it, so that a start, an end and an operator's
            word can't overtake each other. Whoever takes nodes away from jobs takes them under it: then a
            start is either seen, or decided on what is left.
    """

    def __init__(self) -> None:
        self.deciding = asyncio.Lock()
        self._stops: dict[object, str] = {}

    @property
    def why_not(self) -> str:
        """Why no job starts now, in a line; empty: they may."""
        return next(iter(self._stops.values()), "")

    def stop(self, who: object, why: str) -> None:
        """Let no job start until `who` allows it; what is submitted waits, and says why."""
        self._stops[who] = why

    def allow(self, who: object, *, after: float = 0.0) -> None:
        """Let jobs start, as far as `who` is concerned, after so many seconds."""
        why = self._stops.pop(who, "")
        if why and after:
            later = object()
            self._stops[later] = why
            asyncio.get_running_loop().call_later(after, self.allow, later)
