"""`sciabc-tui pack` and `unpack`: before the briefcase is closed, and after it was opened."""

from typing import Annotated

import typer

from sciabc_tui.api.client import Client
from sciabc_tui.api.powering import PackWish, UnpackWish
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.output import hint
from sciabc_tui.cli.power import Password, Yes, agree, lost_jobs, secret
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, duration, node_names
from sciabc_tui.cli.work import Steps, carry_out
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.node import Origin
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.powering import is_gone, members


def pack(
    context: typer.Context,
    *,
    wait: Annotated[
        str, typer.Option(metavar="TIME", help="How long running jobs may take to end: 90s, 10m.")
    ] = "0",
    keep_head: Annotated[bool, typer.Option("--keep-head", help="Do not halt the head itself.")] = False,
    password: Password = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """End all in order: no new jobs, running ones end or are stopped, nodes are halted, the head last.

    Each is seen gone before it is called off. Ctrl-C gives back what is still there.
    """
    seconds = duration(wait)
    with connected(session(context), start=False) as client:
        _tell(client, seconds)
        if not yes:
            whom = "all nodes" if keep_head else "all nodes and this head"
            agree(f"Halt {whom}? [y/N]", "Nothing was done. Next: sciabc-tui jobs")
        wish = PackWish(seconds, keep_head, secret() if password else "")
        carry_out(client, wish, Steps(), as_json=as_json)


def unpack(
    context: typer.Context,
    *,
    nodes: Annotated[
        str, typer.Option("--nodes", "-w", metavar="NODES", help="Wait for these only: node[01-03].")
    ] = "",
    within: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for them.")] = "2m",
    as_json: AsJson = False,
) -> None:
    """Wait until every approved node is ready, let them take jobs again, and name the missing."""
    seconds = duration(within)
    checked_nodes(nodes)
    with connected(session(context), start=False) as client:
        wish = UnpackWish(node_names(client, nodes), max(seconds, 1.0))
        carry_out(client, wish, Steps(), as_json=as_json)


def _tell(client: Client, wait: float) -> None:
    """Say what runs, and what is there to be halted."""
    state = client.state()
    head = tuple(node.name for node in state.nodes.values() if node.origin is Origin.LOCAL)
    jobs = lost_jobs(state, head)
    for line in jobs:
        hint(line)
    if jobs:
        hint(f"Jobs that still run after {span(wait)} are stopped." if wait else "Running jobs are stopped.")
    there = [node.name for node in members(state) if not is_gone(node)]
    hint(f"There are {fold(there)} to halt." if there else "No node is there to halt.")
