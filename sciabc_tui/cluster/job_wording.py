"""What a job was asked to do, in words for people."""

from sciabc_tui.cluster.job import Job, OnNodeLoss


def ranks_wanted(job: Job) -> str:
    """Say how many ranks it asks for: `8`, `all`, `8, 2 a node`, or a command for each node."""
    if job.each:
        return "the command once on each node"
    wanted = "all" if job.ranks is None else str(job.ranks)
    return f"{wanted}, {job.per_node} a node" if job.per_node is not None else wanted


def on_loss(job: Job) -> str:
    """Say what happens when it loses a node: `fail`, `requeue, 3 attempts at most`."""
    bound = f", {job.max_attempts} attempts at most" if job.on_node_loss is OnNodeLoss.REQUEUE else ""
    return f"{job.on_node_loss.value}{bound}"
