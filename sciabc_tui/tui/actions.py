"""Every action, once: the bindings, the footer, the help and the palette are all made from this table."""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from sciabc_tui.tui.present.cells import Cell, Line, Tone, line_width


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
    SETTINGS = "settings"
    FILTER = "filter"
    PROVISION = "provision"
    WORK = "work"
    EXEC = "exec"
    COMMAND = "command"
    SCALE = "scale"
    PICTURE = "picture"
    WING = "wing"


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
    SELECT = "select"
    SELECT_ALL = "select_all"
    SORT = "sort"
    TURN = "turn"
    HEAT = "heat"
    SECTION = "section"
    EVENTS = "events"
    FOLLOW = "follow"
    SEARCH = "search"
    NEXT_HIT = "next_hit"
    LAST_HIT = "last_hit"
    GREP = "grep"
    RANKS = "ranks"
    STREAM = "stream"
    WRAP = "wrap"
    TIMES = "times"
    JUMP = "jump"
    MARK = "mark"
    COPY = "copy"
    SAVE = "save"
    DETAILS = "details"
    PICTURE = "picture"
    SUBMIT = "submit"
    MORE = "more"
    EDIT = "edit"
    PREFLIGHT = "preflight"
    REFRESH = "refresh"
    PROVISION = "provision"
    SCAN = "scan"
    IDENTIFY = "identify"
    SHELL = "shell"
    EXEC = "exec"
    POWER = "power"
    PACK = "pack"
    UNPACK = "unpack"
    SHORTER = "shorter"
    LONGER = "longer"
    SETTINGS = "settings"
    SCALE = "scale"
    WING = "wing"
    THEME = "theme"
    PALETTE = "palette"
    HELP = "help"
    BACK = "back"
    QUIT = "quit"


class Action(Struct, frozen=True):
    """One thing that a key does. `keys` are Textual's names; `shown` is what is printed on the key."""

    verb: Verb
    keys: str
    shown: str
    label: str
    about: str
    places: frozenset[Place]


_LISTS = frozenset({Place.NODES, Place.JOBS, Place.EVENTS})
_OVERVIEWS = _LISTS | {Place.NODE, Place.LOG}
_WORK, _EXEC = frozenset({Place.WORK}), frozenset({Place.EXEC})
_WING = frozenset({Place.WING})
_DRAWN = _WING | {Place.PICTURE}
_SCREENS = (
    _OVERVIEWS | _WORK | _EXEC | _DRAWN | {Place.HISTORY, Place.PREFLIGHT, Place.APPROVE, Place.SETTINGS}
)
_LOG = frozenset({Place.LOG})
_NODE = frozenset({Place.NODES, Place.NODE})
_TABLE, _KEYS = frozenset({Place.NODES}), frozenset({Place.APPROVE})
_WIZARD = frozenset({Place.PROVISION})
_SCALE = frozenset({Place.SCALE})
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
        Verb.MORE,
        "ctrl+o",
        "ctrl+o",
        "more fields",
        "Show the fields that are seldom used, or hide them",
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
    Action(Verb.SUBMIT, "enter,ctrl+s", "enter", "go on", "Go on to the next page (also ctrl+s)", _WIZARD),
    Action(Verb.PREFLIGHT, "ctrl+t", "ctrl+t", "dry run", "Say what would be changed, and wait", _WIZARD),
    Action(Verb.SCAN, "ctrl+n", "ctrl+n", "scan", "Look for boards on the cluster's network", _WIZARD),
    Action(Verb.SUBMIT, "enter", "enter", "run", "Run the command on the nodes", frozenset({Place.COMMAND})),
    Action(Verb.SUBMIT, "enter", "enter", "measure", "Measure how the program scales", _SCALE),
    Action(Verb.REFRESH, "r", "r", "measure again", "Measure it once more", _SCALE),
    Action(Verb.SAVE, "S", "S", "save", "Save the runs as CSV and the plot as SVG", _SCALE),
    Action(Verb.SUBMIT, "enter,r", "enter", "run", "Blow wind over the wing on every slot (also r)", _WING),
    Action(Verb.CANCEL, "c", "c", "cancel", "Cancel the run; asks first", _WING),
    Action(Verb.REFRESH, "r", "r", "failed again", "Do it again where it failed", _WORK),
    Action(Verb.REFRESH, "r", "r", "run again", "Run the same command again", _EXEC),
    Action(
        Verb.KEEP,
        "enter",
        "enter",
        "keep",
        "Keep the filter and go back to the rows",
        frozenset({Place.FILTER}),
    ),
    Action(Verb.BACK, "escape", "esc", "back", "Go back, or take the filter away", frozenset(Place)),
    Action(Verb.NEW_JOB, "n", "n", "new job", "Run a program on the cluster's slots", _SCREENS - _LOG),
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
    Action(Verb.SEARCH, "slash", "/", "search", "Search the whole log for a regular expression", _LOG),
    Action(Verb.NEXT_HIT, "n", "n", "next", "Go to the next line in which it was found", _LOG),
    Action(Verb.LAST_HIT, "N", "N", "previous", "Go to the line before in which it was found", _LOG),
    Action(Verb.CANCEL, "c,x", "c", "cancel", "Cancel the job (also x); asks first", _JOB),
    Action(Verb.HOLD, "h", "h", "hold", "Hold the waiting job in the queue, or release it", _JOB),
    Action(Verb.RELEASE, "h", "h", "release", "Let the held job start when it is its turn", _JOB),
    Action(Verb.PICTURE, "V", "V", "picture", "Show what the job draws, as it draws it", _LOG),
    Action(Verb.GREP, "ampersand", "&", "lines with", "Show only lines that hold an expression", _LOG),
    Action(Verb.RANKS, "r", "r", "ranks", "Show only some ranks, or those of some nodes", _LOG),
    Action(Verb.STREAM, "o", "o", "stream", "Show standard output, standard error, or both", _LOG),
    Action(Verb.WRAP, "w", "w", "wrap", "Let long lines go on in further rows, or not", _LOG),
    Action(Verb.TIMES, "t", "t", "times", "Show when each line was written, or since the start", _LOG),
    Action(Verb.JUMP, "at", "@", "go to time", "Go to the lines of a time: 14:05, or +10m", _LOG),
    Action(Verb.MARK, "v", "v", "mark", "Begin to select lines with up and down, or end it", _LOG),
    Action(Verb.COPY, "y", "y", "copy", "Copy the selected lines, the hit, or the screen (OSC 52)", _LOG),
    Action(Verb.SAVE, "S", "S", "save", "Save what is shown into a file, as printed", _LOG | _EXEC),
    Action(Verb.REQUEUE, "R", "R", "requeue", "Run the job that ended once more; asks first", _JOB),
    Action(Verb.EDIT, "E", "E", "edit", "Run the job again with changes, as a new one", _JOB),
    Action(
        Verb.DETAILS,
        "i",
        "i",
        "details",
        "Show the job's attempts, command line and ranks, or hide them",
        frozenset({Place.LOG}),
    ),
    Action(
        Verb.APPROVE,
        "a",
        "a",
        "approve",
        "Look at the host keys that wait, and approve them",
        _LISTS | {Place.NODE, Place.APPROVE},
    ),
    Action(Verb.APPROVE_ALL, "A", "A", "approve all", "Approve every key on the list; asks first", _KEYS),
    Action(
        Verb.FORGET,
        "f",
        "f",
        "forget",
        "Forget the node whose host key changed, or the selected nodes; asks first",
        frozenset({Place.APPROVE, Place.NODES}),
    ),
    Action(Verb.DRAIN, "d", "d", "drain", "Take no new jobs on the node, or take them again", _NODE),
    Action(Verb.RESUME, "d", "d", "resume", "Take new jobs on the drained node again", _NODE),
    Action(Verb.IDENTIFY, "i", "i", "identify", "Let the nodes' LEDs blink for 30 s, or no longer", _NODE),
    Action(Verb.SHELL, "s", "s", "shell", "Log in to the node; exit returns here", _NODE),
    Action(Verb.EXEC, "x", "x", "exec", "Run a command on the nodes", _NODE | _EXEC),
    Action(Verb.POWER, "B", "B", "power", "Reboot, power off, on or cycle the nodes; asks first", _NODE),
    Action(Verb.PROVISION, "P", "P", "provision", "Make boards compute: page by page", _LISTS | {Place.NODE}),
    Action(
        Verb.FILTER,
        "slash",
        "/",
        "filter",
        "Show only the rows that hold a text",
        _LISTS | {Place.HISTORY, Place.SETTINGS, Place.HELP, Place.EXEC},
    ),
    Action(
        Verb.SECTION,
        "tab",
        "tab",
        "section",
        "Go to the next section (shift+tab: back)",
        _LISTS | {Place.NODE},
    ),
    Action(
        Verb.SHORTER,
        "left_square_bracket",
        "[",
        "shorter",
        "Plot a shorter time",
        frozenset({Place.NODE}),
    ),
    Action(
        Verb.LONGER,
        "right_square_bracket",
        "]",
        "longer",
        "Plot a longer time: 1 min, 10 min, 1 h",
        frozenset({Place.NODE}),
    ),
    Action(Verb.HEAT, "v", "v", "heat map", "Show a cell a node, or the table again", _TABLE),
    Action(
        Verb.SELECT,
        "space",
        "space",
        "select",
        "Select the node under the cursor for what is done next, or no longer",
        frozenset({Place.NODES, Place.PROVISION}),
    ),
    Action(
        Verb.SELECT_ALL,
        "asterisk",
        "*",
        "all",
        "Select all that are shown, or none",
        _TABLE | {Place.PROVISION},
    ),
    Action(Verb.SORT, "o", "o", "sort", "Sort the nodes by the next column", _TABLE),
    Action(Verb.TURN, "O", "O", "reverse", "Sort the nodes the other way round", _TABLE),
    Action(Verb.EVENTS, "e", "e", "events", "Show all that happened, and why", _SCREENS - {Place.HISTORY}),
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
    Action(
        Verb.SETTINGS,
        "comma",
        ",",
        "settings",
        "Show every setting, and where it came from",
        _SCREENS - {Place.SETTINGS},
    ),
    Action(
        Verb.THEME,
        "T",
        "T",
        "next theme",
        "Change the colours: dark, light, high contrast, 16 colours",
        _SCREENS | {Place.HELP},
    ),
    Action(Verb.SCAN, "", ":scan", "scan", "Look for new boards on the cluster's network", _LISTS),
    Action(Verb.PACK, "", ":pack", "pack", "End all in order: safe to unplug; asks first", _LISTS),
    Action(Verb.UNPACK, "", ":unpack", "unpack", "Wait for all nodes, and name the missing", _LISTS),
    Action(Verb.SCALE, "", ":scale", "scaling lesson", "Measure a program on 1, 2, 4 .. slots", _LISTS),
    Action(Verb.WING, "", ":wing", "wing", "Shape a wing, and watch the flow around it", _LISTS),
    Action(Verb.HELP, "question_mark", "?", "help", "Show every key", _SCREENS | _SCALE),
    Action(
        Verb.QUIT, "q", "q", "leave", "Leave this screen; jobs and the head service go on", _SCREENS | _SCALE
    ),
)

_BOARDS = {Verb.PROVISION, Verb.SCAN, Verb.IDENTIFY, Verb.SHELL, Verb.EXEC, Verb.POWER}

CHANGES = _BOARDS | frozenset(
    {
        Verb.PACK,
        Verb.UNPACK,
        Verb.SCALE,
        Verb.WING,
        Verb.NEW_JOB,
        Verb.SUBMIT,
        Verb.EDIT,
        Verb.APPROVE,
        Verb.APPROVE_ALL,
        Verb.FORGET,
        Verb.DRAIN,
        Verb.RESUME,
        Verb.CANCEL,
        Verb.HOLD,
        Verb.RELEASE,
        Verb.REQUEUE,
    }
)
"""What changes something on the cluster, or only leads to that: not offered in the read-only mode."""

_LAST = (Verb.PALETTE, Verb.HELP, Verb.QUIT)
"""These stand at the end of every footer, however narrow."""

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
