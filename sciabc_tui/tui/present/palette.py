"""What the palette finds, and how it looks: actions, nodes and jobs, by any part of what they are called."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sciabc_tui.tui.actions import Action, Verb
from sciabc_tui.tui.present import jobs, nodes
from sciabc_tui.tui.present.cells import Cell, Line, Tone, cell_width, crop, fit, plain
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.requests import OpenJob, OpenNode

LONGEST = 60
"""Characters that can be typed."""

_KIND = 8
_NAME = 22

Deed: TypeAlias = Verb | OpenNode | OpenJob
"""What is done when an entry is taken."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be found. Its texts are plain."""

    kind: str
    """The key of an action; else what it is."""
    name: str
    about: str
    words: tuple[str, ...]
    """Each of them names it in full; in lower case, but for keys."""
    deed: Deed


def entries(actions: Iterable[Action], view: View) -> tuple[Entry, ...]:
    """Give everything that can be found: what can be done, then the nodes, then the jobs."""
    found = [_action(action) for action in actions if action.verb is not Verb.PALETTE]
    for seat in nodes.seats(view):
        name = plain(seat.node.name)
        words = (name.lower(), f"node {name.lower()}")
        found.append(Entry("node", name, f"{seat.word.value}  {seat.why}", words, OpenNode(seat.node.id)))
    for job in jobs.ordered(view.state) if view.state else ():
        name = plain(job.name)
        words = (str(job.id), f"job {job.id}", name.lower())
        found.append(Entry(f"job {job.id}", name, job.state.value, words, OpenJob(job.id)))
    return tuple(found)


def _action(action: Action) -> Entry:
    words = (action.shown, action.label, action.verb.value.replace("_", " "))
    return Entry(action.shown, action.label, action.about, words, action.verb)


def find(known: Iterable[Entry], typed: str) -> tuple[Entry, ...]:
    """Give what matches, the best first; all in their order when nothing is typed.

    What is named in full comes first (`42`, `node03`, `q`), then what begins so, then what holds it in its
    name, then in what is told of it, then what has the letters in that order.
    """
    wanted = typed.strip().removeprefix(":").strip()
    if not wanted:
        return tuple(known)
    ranked = ((_rank(entry, wanted), entry) for entry in known)
    return tuple(entry for _, entry in sorted(_hits(ranked), key=lambda hit: hit[0]))


def _hits(ranked: Iterable[tuple[int | None, Entry]]) -> Iterable[tuple[int, Entry]]:
    return ((rank, entry) for rank, entry in ranked if rank is not None)


def _rank(entry: Entry, wanted: str) -> int | None:
    lower = wanted.lower()
    if wanted in entry.words:
        return 0
    if lower in entry.words:
        return 1
    if any(word.startswith(lower) for word in entry.words):
        return 2
    name = f"{entry.kind} {entry.name}".lower()
    if lower in name:
        return 3
    if lower in entry.about.lower():
        return 4
    return 5 if not lower.isdigit() and _in_order(lower, name) else None


def _in_order(letters: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


def lines(
    found: Sequence[Entry], known: int, typed: str, chosen: int, size: tuple[int, int], glyphs: Glyphs
) -> tuple[Line, ...]:
    """Draw the palette: what was typed, what it finds, and what the keys do.

    Args:
        found: What matches, the best first.
        known: How many there are in all.
        typed: What was typed.
        chosen: Which of them Enter takes.
        size: Columns and lines; so many lines are given, whatever is found.
        glyphs: For the cursor and for what is cut off.
    """
    width, height = size
    room = max(1, height - 2)
    first = max(0, min(chosen - room + 1, len(found) - room))
    rows = [
        _row(entry, first + number == chosen, width, glyphs)
        for number, entry in enumerate(found[first : first + room])
    ]
    if not found:
        rows = [(Cell(fit("   nothing is called so here and now", width), Tone.DIM),)]
    blank: Line = (Cell(" " * width),)
    rows += [blank] * (room - len(rows))
    return (_field(typed, len(found), known, width), *rows, _keys(width))


def _field(typed: str, found: int, known: int, width: int) -> Line:
    count = f" {found} of {known} "
    room = max(4, width - 4 - len(count))
    text = plain(typed)
    while cell_width(text) > room - 1:
        text = text[1:]
    hint = "" if typed else crop(" an action, a node or a job; 42 and node03 jump", room - 1)
    return (
        Cell(" : ", Tone.ACCENT),
        Cell(f"{text}_", Tone.ACCENT),
        Cell(fit(hint, room - 1 - cell_width(text)), Tone.DIM),
        Cell(count, Tone.DIM),
    )


def _row(entry: Entry, here: bool, width: int, glyphs: Glyphs) -> Line:  # noqa: FBT001 (one of a row's columns)
    mark = glyphs.cursor if here else " "
    tone = Tone.ACCENT if here else Tone.PLAIN
    left = 3 + _KIND + 1
    name = fit(entry.name, min(_NAME, max(1, width - left)), cut=glyphs.cut)
    rest = max(0, width - left - cell_width(name) - 2)
    return (
        Cell(f" {mark} ", Tone.ACCENT),
        Cell(fit(entry.kind, _KIND, cut=glyphs.cut) + " ", Tone.BUSY),
        Cell(name, tone),
        Cell("  " + fit(entry.about, rest, cut=glyphs.cut) if rest else "", Tone.DIM),
    )


def _keys(width: int) -> Line:
    return (Cell(fit(" enter takes it   up down choose   ctrl+u clears   esc back", width), Tone.DIM),)
