"""`sciabc-tui nodes`: which nodes there are, and what to do with them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from sciabc_tui.api.client import Client
from sciabc_tui.cli.complete import node_names as complete_nodes
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.output import ask, emit, examples, hint, say, table
from sciabc_tui.cli.provision import (
    PROVISION_EXAMPLES,
    SCAN_EXAMPLES,
    UNPROVISION_EXAMPLES,
    provision,
    scan,
    unprovision,
)
from sciabc_tui.cli.sentences import Sentences
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, node_names
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Liveness, Node, Trust, row_word
from sciabc_tui.cluster.powering import jobs_there, tell_jobs
from sciabc_tui.cluster.schedule import capacity, used_slots
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, NotFound

NodeName = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_nodes)]
NodeNames = Annotated[str, typer.Argument(metavar="NODES", autocompletion=complete_nodes)]

app = typer.Typer(
    cls=Sentences,
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Show the nodes; provision boards; approve, forget, add, remove, drain or resume nodes.",
    epilog=examples(
        "sciabc-tui nodes",
        "sciabc-tui nodes approve node05",
        "sciabc-tui nodes add 10.77.0.12",
        'sciabc-tui nodes drain node06 "fan broken"',
        "sciabc-tui nodes --json | jq '.nodes[] | select(.schedulable).name'",
    ),
)


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node as `nodes --json` prints it. What was not measured is null."""

    id: NodeId
    name: str
    state: str
    evidence: str
    address: str
    slots_used: int
    slots: int
    """0 unless it is schedulable."""
    schedulable: bool
    cpu_percent: float | None
    memory_percent: float | None
    temperature: float | None
    fingerprint: str


@app.callback()
def nodes(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the nodes, each with its state and why."""
    if context.invoked_subcommand is not None:
        return
    with connected(session(context), start=False) as client:
        state = client.state()
    lines = [_line(state, node) for node in sorted(state.nodes.values(), key=_order)]
    if as_json:
        emit({"nodes": lines})
        return
    if state.head.simulated:
        say("[SIMULATED]")
    header = ("NODE", "STATE", "CPU", "MEM", "TEMP", "SLOTS", "ADDRESS", "EVIDENCE")
    table(header, [_cells(line) for line in lines])


@app.command(epilog=examples("sciabc-tui nodes approve node05", "sciabc-tui nodes approve --all"))
def approve(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", autocompletion=complete_nodes, show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All new nodes that showed a host key.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: I compared them.")] = False,
) -> None:
    """Trust a new node's host key, after you compared its fingerprint with the one on the node itself.

    On the node: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub
    """
    if (name is None) != every:
        raise typer.BadParameter("name one node, or --all")
    with connected(session(context), start=False) as client:
        state = client.state()
        chosen = _to_approve(state, name)
        for line in _key_lines(state, chosen):
            hint(line)
        if not yes and not _sure(len(chosen)):
            raise CommandRefused("Nothing was approved. Next: compare the fingerprints, then approve again")
        for node, fingerprint in chosen:
            client.approve(node.id, fingerprint)
            say(f"{node.name} approved")


app.command(epilog=PROVISION_EXAMPLES)(provision)
app.command(epilog=UNPROVISION_EXAMPLES)(unprovision)
app.command(epilog=SCAN_EXAMPLES)(scan)


@app.command(epilog=examples("sciabc-tui nodes forget node05"))
def forget(context: typer.Context, name: NodeName) -> None:
    """Forget a node and its host key; if it announces itself still, it comes back as new."""
    with connected(session(context), start=False) as client:
        for line in _forget(client, _find(client, name)):
            say(line)


@app.command(
    epilog=examples("sciabc-tui nodes add 10.77.0.12", "sciabc-tui nodes add pi@node12.example:2222")
)
def add(context: typer.Context, host: Annotated[str, typer.Argument(metavar="[USER@]HOST[:PORT]")]) -> None:
    """Add a node that can't announce itself, where multicast is blocked; it is kept across restarts."""
    with connected(session(context), start=False) as client:
        client.add_node(host)
    say(f"{host} added. Next: sciabc-tui nodes, then approve its host key")


@app.command(epilog=examples("sciabc-tui nodes remove 10.77.0.12"))
def remove(context: typer.Context, name: NodeName) -> None:
    """Remove a node that was added, by its name, its host or its address; its host key is forgotten too."""
    with connected(session(context), start=False) as client:
        state = client.state()
        found = _added(state, name)
        if not any(
            handle.startswith("static:") for handle, owner in state.owners.items() if owner == found.id
        ):
            raise CommandRefused(f"{name} was not added by hand. Next: sciabc-tui nodes forget {found.name}")
        for line in _forget(client, found):
            say(line)


def _added(state: State, name: str) -> Node:
    """Find a node by its name or id, as it was added, or by an address of its own alone."""
    host = name.rpartition("@")[2].lower()
    owner = state.owners.get(f"static:{host}")
    nodes = state.nodes.values()
    found = [node for node in nodes if name in {node.name, node.id} or node.id == owner]
    found = found or [node for node in nodes if host in node.addresses]
    if len(found) != 1:
        raise NotFound(f"There is no node {name}. Next: sciabc-tui nodes")
    return found[0]


def _forget(client: Client, node: Node) -> list[str]:
    """Forget a node; give what went with it, and what is left of it."""
    client.forget(node.id)
    went = f"{node.name} forgotten"
    if node.trust is not Trust.UNKNOWN and node.host_key:
        went += f": its host key {node.host_key.fingerprint} is trusted no longer"
    if node.drained is not None:
        went += ", it is drained no longer"
    lines = [went]
    if node.id in client.state().nodes:
        lines.append(f"It is still there, as a new node. Next: sciabc-tui nodes approve {node.name}")
    return lines


@app.command(
    epilog=examples('sciabc-tui nodes drain node06 "fan broken"', "sciabc-tui nodes drain node[01-03]")
)
def drain(
    context: typer.Context, names: NodeNames, reason: Annotated[list[str] | None, typer.Argument()] = None
) -> None:
    """Start no new jobs on nodes; those that run there are named, and go on."""
    checked_nodes(names)
    with connected(session(context), start=False) as client:
        found = _find_all(client, names)
        for line in tell_jobs(jobs_there(client.state(), {node.id for node in found})):
            hint(line)
        for node in found:
            client.drain(node.id, " ".join(reason or ()))
            say(f"{node.name} drained")


@app.command(epilog=examples("sciabc-tui nodes resume node06", "sciabc-tui nodes resume @drained"))
def resume(context: typer.Context, names: NodeNames) -> None:
    """Let new jobs start on drained nodes again."""
    checked_nodes(names)
    with connected(session(context), start=False) as client:
        for node in _find_all(client, names):
            client.resume(node.id)
            say(f"{node.name} resumed")


def _find_all(client: Client, names: str) -> list[Node]:
    """Find all before anything is done to one."""
    return [_find(client, name) for name in node_names(client, names)]


def _find(client: Client, name: str) -> Node:
    found = next((node for node in client.state().nodes.values() if name in {node.name, node.id}), None)
    if found is None:
        raise NotFound(f"There is no node {name}. Next: sciabc-tui nodes")
    return found


def _to_approve(state: State, name: str | None) -> Sequence[tuple[Node, str]]:
    """Give the nodes with the fingerprints that are shown, and that alone will be approved."""
    if name is None:
        chosen = [
            (node, node.host_key.fingerprint)
            for node in sorted(state.nodes.values(), key=_order)
            if node.trust is Trust.UNKNOWN and node.host_key
        ]
        if not chosen:
            raise CommandRefused("No new node showed a host key. Next: sciabc-tui nodes")
        return chosen
    found = next((node for node in state.nodes.values() if name in {node.name, node.id}), None)
    if found is None:
        raise NotFound(f"There is no node {name}. Next: sciabc-tui nodes")
    if found.trust is Trust.CHANGED:
        raise CommandRefused(
            f"{name}: its host key changed. If you re-flashed it: sciabc-tui nodes forget {name}"
        )
    if found.host_key is None:
        raise CommandRefused(f"{name} showed no host key yet. Next: see why with sciabc-tui nodes")
    return [(found, found.host_key.fingerprint)]


def _key_lines(state: State, chosen: Sequence[tuple[Node, str]]) -> list[str]:
    """List what is to be approved: name, address, fingerprint and since when; and what can't be."""
    named = max(len(node.name) for node, _ in chosen)
    placed = max(len(node.address) for node, _ in chosen)
    lines = [
        f"{node.name:<{named}}  {node.address:<{placed}}  {fingerprint}  {_since(state, node)}"
        for node, fingerprint in chosen
    ]
    changed = [node for node in sorted(state.nodes.values(), key=_order) if node.trust is Trust.CHANGED]
    return lines + [f"{node.name}: {evidence(node, state.at)}" for node in changed]


def _since(state: State, node: Node) -> str:
    word = "there for" if node.liveness is Liveness.ALIVE else f"{node.liveness.value} for"
    return f"{word} {span(state.at - node.since)}"


def _sure(count: int) -> bool:
    if not sys.stdin.isatty():
        raise CommandRefused("Nobody is there to compare fingerprints. Next: add --yes if you did")
    it = "this is the key" if count == 1 else "these are the keys"
    return ask(f"Approve? Only if {it} that the node itself shows. [y/N]") in {"y", "yes"}


def _order(node: Node) -> tuple[bool, str]:
    return node.origin.value != "local", node.name


def _line(state: State, node: Node) -> NodeLine:
    used = used_slots(state).get(node.id, 0)
    reading = node.reading
    key = node.offered_key or node.host_key
    return NodeLine(
        id=node.id,
        name=node.name,
        state=row_word(node, busy=used > 0).value,
        evidence=evidence(node, state.at),
        address=node.address,
        slots_used=used,
        slots=capacity(node),
        schedulable=node.schedulable,
        cpu_percent=reading.cpu_percent if reading else None,
        memory_percent=reading.memory_percent if reading else None,
        temperature=reading.temperature if reading else None,
        fingerprint=key.fingerprint if key else "",
    )


def _cells(line: NodeLine) -> tuple[str, ...]:
    return (
        line.name,
        line.state,
        _figure(line.cpu_percent, "%"),
        _figure(line.memory_percent, "%"),
        _figure(line.temperature, "C"),
        f"{line.slots_used}/{line.slots}" if line.schedulable else "--",
        line.address or "--",
        line.evidence,
    )


def _figure(value: float | None, unit: str) -> str:
    return "--" if value is None else f"{value:.0f}{unit}"
