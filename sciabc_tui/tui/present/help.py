"""The help: the keys of the screen it was asked on, then those of everywhere, then all others."""

from collections.abc import Collection, Sequence
from itertools import zip_longest

from sciabc_tui.tui.actions import ACTIONS, MOVES, Action, Place, Verb, at
from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, line_width, wrapped

TWO_COLUMNS = 120
"""From so many columns on the help has two."""

_KEYS = 14

_NAMES = {
    Place.NODE: "a node",
    Place.LOG: "a job and its log",
    Place.FORM: "new job",
    Place.APPROVE: "approve host keys",
    Place.HISTORY: "all events",
    Place.FILTER: "while a filter is typed",
}
"""Of the places whose word alone does not say what they are."""

_OVERVIEWS = (Place.NODES, Place.JOBS, Place.EVENTS, Place.NODE, Place.LOG)


def lines(place: Place, now: Collection[Verb], width: int, wanted: str = "") -> tuple[Line, ...]:
    """Tell every key, in lines of at most `width` cells.

    Args:
        place: Where the help was asked for: its keys come first.
        now: What can be done there now; the others are marked.
        width: Cells; from `TWO_COLUMNS` on there are two columns.
        wanted: Only keys and texts that hold this.
    """
    columns = 2 if width >= TWO_COLUMNS else 1
    room = (width - 2 * (columns - 1)) // columns
    sections = [
        made for title, told in _sections(place, now) if (made := _section(title, told, room, wanted))
    ]
    if not sections:
        return ((Cell(" no key is called so", Tone.DIM),),)
    if columns == 1:
        return tuple(line for section in sections for line in section)
    left, right = _halved(sections)
    return tuple(
        (*a, Cell(" " * (room + 2 - line_width(a))), *b) for a, b in zip_longest(left, right, fillvalue=())
    )


def _halved(sections: Sequence[Sequence[Line]]) -> tuple[list[Line], list[Line]]:
    """Share the sections between two columns, in their order, so that the higher one is as low as can be."""
    heights = [len(section) for section in sections]
    cut = min(range(1, len(sections) + 1), key=lambda at: max(sum(heights[:at]), sum(heights[at:])))
    left = [line for section in sections[:cut] for line in section]
    return left, [line for section in sections[cut:] for line in section]


def _sections(place: Place, now: Collection[Verb]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give titles with what stands below them; an action is told in the first section that it belongs to."""
    everywhere = [action for action in ACTIONS if action.places.issuperset(_OVERVIEWS)]
    here = [action for action in at(place) if action not in everywhere]
    known = [*everywhere, *here]
    told = [
        (
            f"Here: {_NAMES.get(place, place.value)}",
            [_told(action, not_now=action.verb not in now) for action in here],
        ),
        (
            "Everywhere",
            [_told(a, not_now=place in a.places and a.verb not in now) for a in everywhere],
        ),
        ("Moving", list(MOVES)),
    ]
    for other in Place:
        rest = [action for action in at(other) if action not in known]
        known += rest
        told.append((_NAMES.get(other, other.value).capitalize(), [_told(action) for action in rest]))
    return told


def _told(action: Action, *, not_now: bool = False) -> tuple[str, str]:
    return action.shown, f"{action.label}: {action.about}" + (" (not now)" if not_now else "")


def _section(title: str, told: Sequence[tuple[str, str]], width: int, wanted: str) -> list[Line]:
    lower = wanted.lower()
    shown = [(keys, text) for keys, text in told if lower in f"{keys} {text}".lower()]
    made: list[Line] = [(Cell(f" {title}", Tone.ACCENT),)] if shown else []
    for keys, text in shown:
        first, *rest = wrapped(text, max(10, width - 3 - _KEYS - 1))
        made.append((Cell(f"   {fit(keys, _KEYS)} ", Tone.BUSY), Cell(first)))
        made += [(Cell(" " * (3 + _KEYS + 1)), Cell(part)) for part in rest]
    return made
