"""Which nodes a running job has lost: pure."""

from sciabc_tui.cluster.job import Allocation, Job
from sciabc_tui.cluster.node import Liveness, Node
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State

_RANKS_SHOWN = 40


def lost_parts(state: State, job: Job) -> tuple[Allocation, ...]:
    """Give the parts of a running job whose node is dead, left, forgotten, or another run of its kernel.

    Of a job that another cluster runs we know no nodes: its end tells.
    """
    if job.elsewhere:
        return ()
    return tuple(part for part in job.allocation if _is_lost(state.nodes.get(part.node), part))


def in_doubt(state: State, job: Job) -> bool:
    """Is a node of the job silent, or not yet known, so that an end can't be judged before it is decided?"""
    return any(_is_doubtful(state.nodes.get(part.node), part) for part in job.allocation)


def tell_loss(state: State, parts: tuple[Allocation, ...]) -> str:
    """Say in words what was lost and why: `node03 was lost (dead, ranks 4-7)`."""
    named = fold(part.name for part in parts)
    ranks = tuple(rank for part in parts for rank in part.ranks)
    how = sorted({_how(state.nodes.get(part.node), part) for part in parts})
    held = f", {tell_ranks(ranks)}" if ranks else ""
    return f"{named} {'was' if len(parts) == 1 else 'were'} lost ({'/'.join(how)}{held})"


def _is_doubtful(node: Node | None, part: Allocation) -> bool:
    if node is None:
        return part.node == HEAD  # a service that starts has not yet seen itself
    return node.liveness is Liveness.SUSPECT or (part.boot_id != "" and node.facts is None and node.present)


def _is_lost(node: Node | None, part: Allocation) -> bool:
    if node is None:
        return part.node != HEAD
    return node.liveness in {Liveness.DEAD, Liveness.LEFT} or _rebooted(node, part)


def _rebooted(node: Node, part: Allocation) -> bool:
    now = node.facts.boot_id if node.facts else ""
    return bool(part.boot_id and now and now != part.boot_id)


def _how(node: Node | None, part: Allocation) -> str:
    if node is None:
        return "forgotten"
    return "rebooted" if _rebooted(node, part) else node.liveness.value


def tell_ranks(ranks: tuple[int, ...]) -> str:
    """Name ranks in a few words: `ranks 4-7`, or how many there are if that gets too long."""
    if len(ranks) == 1:
        return f"rank {ranks[0]}"
    folded = ",".join(_spans(sorted(ranks)))
    return f"ranks {folded}" if len(folded) <= _RANKS_SHOWN else f"{len(ranks)} ranks"


def _spans(ranks: list[int]) -> list[str]:
    """Write numbers as spans: 0-3, 8."""
    spans: list[tuple[int, int]] = []
    for rank in ranks:
        first = spans.pop()[0] if spans and spans[-1][1] == rank - 1 else rank
        spans.append((first, rank))
    return [str(first) if first == last else f"{first}-{last}" for first, last in spans]
