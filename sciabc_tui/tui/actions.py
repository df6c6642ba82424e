"""Every action, once: the bindings, the footer, the help and the palette are all made from this table."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, line_width


class Place(StrEnum):
    """Where keys are pressed."""

    NODES = "nodes"
    JOBS = "jobs"
    EVENTS = "events"
    NODE = "node"
    LOG = "log"
    FORM = "form"
    APPROVE = "approve"
    HISTORY = "history"
    PREFLIGHT = "preflight"
    HELP = "help"
    FILTER = "filter"


class Verb(StrEnum):
    """What can be done; the value is the name of the screen's or the application's action."""

    NEW_JOB = "new_job"
    OPEN = "open"
    LOG = "log"
    APPROVE = "approve"
    APPROVE_ALL = "approve_all"
    FORGET = "forget"
    DRAIN = "drain"
    RESUME = "resume"
    CANCEL = "cancel"
    HOLD = "hold"
    RELEASE = "release"
    REQUEUE = "requeue"
    FILTER = "filter"
    KEEP = "keep"
    SECTION = "section"
    EVENTS = "events"
    FOLLOW = "follow"
    SUBMIT = "submit"
    PREFLIGHT = "preflight"
    REFRESH = "refresh"
    PALETTE = "palette"
    HELP = "help"
    BACK = "back"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does. `keys` are Textual's names; `shown` is what is printed on the key."""

    verb: Verb
    keys: str
    shown: str
    label: str
    about: str
    places: frozenset[Place]


_LISTS = frozenset({Place.NODES, Place.JOBS, Place.EVENTS})
_OVERVIEWS = _LISTS | {Place.NODE, Place.LOG}
_SCREENS = _OVERVIEWS | {Place.HISTORY, Place.PREFLIGHT}
_NODE = frozenset({Place.NODES, Place.NODE})
_JOB = frozenset({Place.JOBS, Place.LOG})

ACTIONS = (
    Action(
        Verb.SUBMIT,
        "ctrl+s",
        "enter",
        "submit",
        "Put the job into the queue (also ctrl+s)",
        frozenset({Place.FORM}),
    ),
    Action(
        Verb.PREFLIGHT,
        "ctrl+t",
        "ctrl+t",
        "preflight",
        "Check the nodes that the job would get",
        frozenset({Place.FORM}),
    ),
    Action(
        Verb.REFRESH,
        "r",
        "r",
        "ask again",
        "Ask every node anew whether it is fit",
        frozenset({Place.PREFLIGHT}),
    ),
    Action(
        Verb.KEEP, "", "enter", "keep", "Keep the filter and go back to the rows", frozenset({Place.FILTER})
    ),
    Action(Verb.BACK, "escape", "esc", "back", "Go back, or take the filter away", frozenset(Place)),
    Action(Verb.NEW_JOB, "n", "n", "new job", "Run a program on the cluster's slots", _SCREENS),
    Action(
        Verb.OPEN,
        "enter",
        "enter",
        "open",
        "Open what is under the cursor, or all events",
        frozenset({Place.NODES, Place.JOBS, Place.EVENTS, Place.NODE, Place.PREFLIGHT}),
    ),
    Action(Verb.LOG, "l", "l", "log", "Show what the job under the cursor prints", frozenset({Place.JOBS})),
    Action(
        Verb.FOLLOW,
        "f",
        "f",
        "follow",
        "Follow the end of the log, or stay where you read",
        frozenset({Place.LOG, Place.HISTORY}),
    ),
    Action(Verb.CANCEL, "c,x", "c", "cancel", "Cancel the job (also x); asks first", _JOB),
    Action(Verb.HOLD, "h", "h", "hold", "Hold the waiting job in the queue, or release it", _JOB),
    Action(Verb.RELEASE, "h", "h", "release", "Let the held job start when it is its turn", _JOB),
    Action(Verb.REQUEUE, "R", "R", "requeue", "Run the job that ended once more; asks first", _JOB),
    Action(
        Verb.APPROVE,
        "a",
        "a",
        "approve",
        "Look at the host keys that wait, and approve them",
        _LISTS | {Place.NODE, Place.APPROVE},
    ),
    Action(
        Verb.APPROVE_ALL, "A", "A", "approve all", "Approve every key on the list", frozenset({Place.APPROVE})
    ),
    Action(
        Verb.FORGET,
        "f",
        "f",
        "forget",
        "Forget the node whose host key changed; asks first",
        frozenset({Place.APPROVE}),
    ),
    Action(Verb.DRAIN, "d", "d", "drain", "Take no new jobs on the node, or take them again", _NODE),
    Action(Verb.RESUME, "d", "d", "resume", "Take new jobs on the drained node again", _NODE),
    Action(
        Verb.FILTER,
        "slash",
        "/",
        "filter",
        "Show only the rows that hold a text",
        _LISTS | {Place.HISTORY},
    ),
    Action(Verb.SECTION, "tab", "tab", "section", "Go to the next section (shift+tab: back)", _LISTS),
    Action(Verb.EVENTS, "e", "e", "events", "Show all that happened, and why", _OVERVIEWS),
    Action(
        Verb.PREFLIGHT,
        "p",
        "p",
        "preflight",
        "Check nodes for this job, or for any job",
        _OVERVIEWS,
    ),
    Action(
        Verb.PALETTE, "colon", ":", "find", "Find any action, node or job by name (also ctrl+p)", _SCREENS
    ),
    Action(Verb.HELP, "question_mark", "?", "help", "Show every key", _SCREENS),
    Action(Verb.QUIT, "q", "q", "leave", "Leave this screen; jobs and the head service go on", _SCREENS),
)

_LAST = (Verb.PALETTE, Verb.HELP, Verb.QUIT)
"""These stand at the end of every footer, however narrow."""

_TOLD_ELSEWHERE = {Verb.RESUME, Verb.RELEASE, Verb.KEEP}
"""In the help the other action of their key tells of these."""

MOVES = (
    ("up down  k j", "Move the cursor, or the log by a line"),
    ("pgup pgdn", "Move by a page"),
    ("home end  g G", "Go to the first or the last line"),
    ("left right", "Move a log sideways, or the cursor from check to check"),
)


def at(place: Place, without: Iterable[Verb] = ()) -> tuple[Action, ...]:
    """Give the actions of a place, but for those that can't be done now."""
    hidden = set(without)
    return tuple(action for action in ACTIONS if place in action.places and action.verb not in hidden)


def footer(actions: Iterable[Action], width: int) -> Line:
    """Print actions with their keys in `width` cells; what does not fit is left to the help."""
    given = tuple(actions)
    last = [action for action in given if action.verb in _LAST]
    first = [action for action in given if action.verb not in _LAST]
    while first and line_width(_printed([*first, *last])) > width:
        first.pop()
    cells = _printed([*first, *last])
    room = width - line_width(cells)
    return (*cells, Cell(" " * max(0, room)))


def _printed(actions: Iterable[Action]) -> Line:
    cells: list[Cell] = []
    for action in actions:
        cells += [Cell(f" {action.shown} ", Tone.ACCENT), Cell(f"{action.label} ", Tone.DIM)]
    return tuple(cells)


def help_lines() -> tuple[Line, ...]:
    """Print every action and every move of the cursor."""
    lines: list[Line] = [(Cell(" Keys", Tone.ACCENT), Cell("   up down scrolls", Tone.DIM))]
    lines += [
        _help_line(action.shown, f"{action.label}: {action.about}")
        for action in ACTIONS
        if action.verb not in _TOLD_ELSEWHERE
    ]
    lines.append((Cell(" Moving", Tone.ACCENT),))
    lines += [_help_line(keys, about) for keys, about in MOVES]
    return tuple(lines)


def _help_line(keys: str, about: str) -> Line:
    return (Cell(f"   {fit(keys, 15)}", Tone.BUSY), Cell(about))
