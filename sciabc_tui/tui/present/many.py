"""What is asked before something is done with many nodes at once: how many, which, and what will be lost."""

from collections.abc import Sequence

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.node import Node, Origin, Trust
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.tui.actions import Verb
from sciabc_tui.tui.present.cells import plain
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.present.view import View

MOST_KEYS = 5
"""Host keys that a question shows in full; more of them are for the list of keys, which scrolls."""


def concerned(verb: Verb, nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Give those of the nodes that an action can do something with."""
    match verb:
        case Verb.DRAIN:
            return tuple(node for node in nodes if node.drained is None)
        case Verb.RESUME:
            return tuple(node for node in nodes if node.drained is not None)
        case Verb.APPROVE:
            return tuple(
                node for node in nodes if node.trust is Trust.UNKNOWN and node.host_key and node.present
            )
        case Verb.FORGET:
            return tuple(node for node in nodes if node.origin is not Origin.LOCAL)
        case _:
            return ()


def names_of(nodes: Sequence[Node]) -> str:
    """Give the nodes as a set: `node[01-04]`."""
    return plain(fold(node.name for node in nodes))


def question(verb: Verb, nodes: Sequence[Node], view: View) -> Question | None:
    """Ask before many nodes are drained, approved or forgotten; to resume them takes nothing away."""
    count = f"{len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    match verb:
        case Verb.DRAIN:
            slots = sum(node.slots for node in nodes)
            lost = f"The cluster loses {slots} slots for new jobs until d resumes them."
            lines = (names_of(nodes), lost, _running(nodes, view, "will go on to the end"))
            return Question(f"Drain {count}?", lines, "drain them")
        case Verb.APPROVE:
            keys = tuple(
                f"{plain(node.name)}  {plain(node.host_key.fingerprint)}" for node in nodes if node.host_key
            )
            if len(keys) > MOST_KEYS:
                keys = (f"Their {len(keys)} keys are on the list of host keys: a shows it.",)
            text = "Each must be what its board prints. Nothing but the key proves which board it is."
            return Question(f"Approve {count}?", (names_of(nodes), *keys, text), "trust these keys")
        case Verb.FORGET:
            lines = (
                names_of(nodes),
                "Their approved host keys are trusted no longer, and their drained flags are gone.",
                _running(nodes, view, "may fail"),
                "They come back as new: compare their keys with what the boards print, then approve them.",
            )
            return Question(f"Forget {count}?", lines, "forget them")
        case _:
            return None


def _running(nodes: Sequence[Node], view: View, what: str) -> str:
    here: set[NodeId] = {node.id for node in nodes}
    jobs = [
        f"{job.id} {plain(job.name)}"
        for job in view.digest.state.jobs.values()
        if job.state is JobState.RUNNING and any(part.node in here for part in job.allocation)
    ]
    if not jobs:
        return "Nothing runs there now."
    more = f" and {len(jobs) - 4} more" if len(jobs) > 4 else ""
    return f"Job{'s' if len(jobs) > 1 else ''} {', '.join(jobs[:4])}{more} there {what}."
