"""Which actions a node or a job, as it is now, does not allow."""

from typing import TYPE_CHECKING

from sciabc_tui.tui.actions import Verb

if TYPE_CHECKING:
    from sciabc_tui.cluster.job import Job
    from sciabc_tui.cluster.node import Node


def not_for(job: "Job | None") -> set[Verb]:
    """Give the actions that a job, as it is now, does not allow."""
    verbs = {Verb.CANCEL, Verb.HOLD, Verb.RELEASE, Verb.REQUEUE}
    if job is None:
        return verbs | {Verb.PREFLIGHT, Verb.EDIT}
    # our nodes have nothing to do with what another cluster runs
    strange = {Verb.PREFLIGHT} if job.elsewhere else set[Verb]()
    if job.state.ended:
        return (verbs - {Verb.REQUEUE}) | strange
    if not job.state.waits or job.handed_over:
        return (verbs - {Verb.CANCEL}) | strange
    return {Verb.REQUEUE, Verb.HOLD if job.held_by else Verb.RELEASE} | strange


def not_for_nodes(node: "Node | None", chosen: "tuple[Node, ...]") -> set[Verb]:
    """Give the actions that the selected nodes, or else the one under the cursor, do not allow."""
    nodes = chosen or ((node,) if node else ())
    hidden = set[Verb]() if chosen else {Verb.FORGET}
    if node is None:
        hidden |= {Verb.SELECT, Verb.SHELL}
    if not nodes:
        hidden |= {Verb.IDENTIFY, Verb.EXEC, Verb.POWER}
    # one key does both: what takes jobs is drained first
    if any(one.drained is None for one in nodes):
        hidden.add(Verb.RESUME)
    else:
        hidden.add(Verb.DRAIN)
        if not nodes:
            hidden.add(Verb.RESUME)
    return hidden
