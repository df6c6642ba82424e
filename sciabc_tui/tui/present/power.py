"""What is chosen and asked before boards are restarted, switched or packed: which, and what will be lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from sciabc_tui.api.powering import PackWish, PowerWish
from sciabc_tui.api.works import Wish
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.node import Node
from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, plain
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.many import names_of
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.requests import OpenWork

WAIT = 600.0
"""Seconds that jobs may take to end by themselves before the briefcase is packed."""

_MOST_JOBS = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu, and the key that takes it."""

    key: str
    name: str
    about: str


@dataclass(frozen=True, slots=True)
class Menu:
    """Works of which one is chosen."""

    name: str
    choices: tuple[Choice, ...]


POWER = Menu(
    "Power",
    (
        Choice("r", "reboot", "restart them, and see them come back"),
        Choice("o", "off", "halt the boards, and see them gone"),
        Choice("n", "on", "by a power driver, or wake-on-LAN"),
        Choice("c", "cycle", "off and on, by their power driver"),
        Choice("x", "cut", "off by their power driver, no halt first"),
    ),
)

PACK = Menu(
    "Pack the briefcase",
    (
        Choice("w", "wait", "jobs get 10 minutes; then all is halted"),
        Choice("s", "stop", "jobs are stopped now; then all is halted"),
        Choice("k", "keep", "as stop, but the head stays on"),
    ),
)

_ACTIONS = {"reboot", "off", "on", "cycle", "cut"}


@dataclass(frozen=True, slots=True)
class _Again:
    """Switches those once more that did not do it."""

    action: str
    names: tuple[str, ...]

    def again(self, failed: tuple[str, ...]) -> Wish:
        """Give the wish for these nodes; what runs there by now was not named, and is not lost."""
        return _power(self.action, failed or self.names, force=False)

    def over(self, *, well: int, of: int, changes: int) -> str:
        """Say nothing: the nodes have said it all."""
        del well, of, changes
        return ""


def title(menu: Menu, nodes: Sequence[Node]) -> str:
    """Say above a menu what is chosen for which nodes."""
    return f"{menu.name}: {names_of(nodes)}" if nodes else menu.name


def lines(menu: Menu, chosen: int, width: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """Draw the choices, each with its key."""
    made: list[Line] = []
    for number, choice in enumerate(menu.choices):
        here = number == chosen
        made.append(
            (
                Cell(f"{glyphs.cursor if here else ' '} ", Tone.ACCENT),
                Cell(f"{choice.key}  ", Tone.BUSY),
                Cell(fit(choice.name, 8), Tone.ACCENT if here else Tone.PLAIN),
                Cell(fit(choice.about, width - 13, cut=glyphs.cut), Tone.DIM),
            )
        )
    return tuple(made)


def _running(nodes: Sequence[Node], view: View) -> list[Job]:
    here = {node.id for node in nodes}
    return [
        job
        for job in view.digest.state.jobs.values()
        if job.state is JobState.RUNNING and (not nodes or any(part.node in here for part in job.allocation))
    ]


def _ranks_there(job: Job, nodes: Sequence[Node]) -> int:
    here = {node.id for node in nodes}
    return sum(part.slots for part in job.allocation if not nodes or part.node in here)


def _named(jobs: Sequence[Job], nodes: Sequence[Node]) -> str:
    told = [
        f"{job.id} {plain(job.name)} ({ranks} rank{'s' if ranks != 1 else ''} there)"
        for job in jobs[:_MOST_JOBS]
        for ranks in (_ranks_there(job, nodes),)
    ]
    more = f" and {len(jobs) - _MOST_JOBS} more" if len(jobs) > _MOST_JOBS else ""
    return f"job{'s' if len(jobs) > 1 else ''} {', '.join(told)}{more}"


def question(key: str, nodes: Sequence[Node], view: View) -> Question | None:
    """Ask before something is lost; to switch boards on takes nothing away."""
    if key == "on":
        return None
    count = f"{len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    jobs = _running(nodes, view)
    if key in _ACTIONS:
        fate = f"Lost there: {_named(jobs, nodes)}." if jobs else "Nothing runs there now."
        texts = (names_of(nodes), fate, _ABOUT[key])
        return Question(f"{_VERBS[key]} {count}?", texts, f"{_VERBS[key].lower()} them")
    fates = {
        "wait": f"May take 10 minutes to end, then stopped: {_named(jobs, ())}." if jobs else "No job runs.",
        "stop": f"Stopped now: {_named(jobs, ())}." if jobs else "No job runs.",
    }
    head = "The head stays on." if key == "keep" else "The head is halted last: this screen ends, too."
    lines = (
        "Every node takes no new jobs, and is halted in order.",
        fates.get(key, fates["stop"]),
        head,
    )
    return Question("Pack the briefcase?", lines, "pack it")


_VERBS = {"reboot": "Reboot", "off": "Power off", "cycle": "Cycle", "cut": "Cut the power of"}

_ABOUT = {
    "reboot": "They take no new jobs until they are back.",
    "off": "They come back by a power driver, wake-on-LAN or by hand.",
    "cycle": "They are not halted first: what they were writing may be lost.",
    "cut": "They are not halted first: what they were writing may be lost.",
}


def leaving(works: int) -> Question:
    """Ask before a screen is left whose works end with it."""
    some = "A work is" if works == 1 else f"{works} works are"
    return Question(
        "Leave, and cancel?",
        (f"{some} under way on nodes, and cancelled with this screen.", "Jobs and the head service go on."),
        "leave",
    )


def opening(key: str, nodes: Sequence[Node], view: View) -> OpenWork:
    """Give what is to be opened when the answer was yes."""
    if key in _ACTIONS:
        names = tuple(node.name for node in nodes)
        verb = _VERBS.get(key, "Power on")
        # what runs there was named, and a yes came: without jobs a late one must not be lost silently
        force = bool(_running(nodes, view))
        return OpenWork(f"{verb}: {names_of(nodes)}", _power(key, names, force=force), _Again(key, names))
    wait = WAIT if key == "wait" else 0.0
    return OpenWork("Pack", PackWish(wait=wait, keep_head=key == "keep"))


def _power(action: str, names: tuple[str, ...], *, force: bool) -> PowerWish:
    match action:
        case "reboot" | "off" | "on" | "cycle" | "cut":
            return PowerWish(names, action, force=force)
        case _:
            raise ValueError(action)
