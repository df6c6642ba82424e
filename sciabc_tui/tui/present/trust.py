"""Host keys that a person must judge: those that wait for approval, and those that changed."""

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.node import Node, Trust
from sciabc_tui.tui.present.cells import Cell, Line, Row, Table, Tone, dimmed, fit, plain, wrapped
from sciabc_tui.tui.present.columns import Column, choose
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.present.view import UNKNOWN, View

_FINGERPRINT_WIDTH = 50
_INDENT = 4


def keys(view: View, width: int) -> Table:
    """List the host keys that changed, in three rows each, and those that wait for approval."""
    nodes = view.digest.to_judge
    longest = min(20, max((len(plain(node.name)) for node in nodes), default=4))
    widest = min(39, max((len(plain(node.address)) for node in nodes), default=7))
    chosen = choose(
        _columns(view, longest, max(7, widest)),
        Column("host key", _FINGERPRINT_WIDTH, _fingerprint),
        width=width,
        cut=view.glyphs.cut,
    )
    rows: list[Row] = []
    for node in nodes:
        if node.trust is Trust.CHANGED:
            rows += _changed_rows(node, view, width)
        else:
            rows.append(Row(str(node.id), chosen.line(node)))
    result = Table(
        "Approve",
        chosen.heading,
        tuple(rows),
        note=str(len(nodes)),
        empty="no host key waits for approval",
    )
    return dimmed(result) if view.stale else result


def _columns(view: View, name_width: int, address_width: int) -> tuple[Column[Node], ...]:
    return (
        Column("node", name_width, lambda node: Cell(plain(node.name))),
        Column("address", address_width, lambda node: Cell(plain(node.address), Tone.DIM), goes=1),
        Column("there for", 9, lambda node: Cell(span(view.now - node.since), Tone.DIM), goes=2),
    )


def node_of(key: str) -> str:
    """Give the id of the node that a row of `keys` belongs to."""
    return key.partition("\n")[0]


def _fingerprint(node: Node) -> Cell:
    return Cell(plain(node.host_key.fingerprint) if node.host_key else UNKNOWN, Tone.ACCENT)


def _changed_rows(node: Node, view: View, width: int) -> list[Row]:
    when = "" if node.offered_at is None else f" {span(max(0.0, view.now - node.offered_at))} ago"
    old = node.host_key.fingerprint if node.host_key else UNKNOWN
    new = node.offered_key.fingerprint if node.offered_key else UNKNOWN
    texts = (
        f"{plain(node.name)}  {plain(node.address)}  HOST KEY CHANGED{when}",
        f"{' ' * _INDENT}was {plain(old)}",
        f"{' ' * _INDENT}is  {plain(new)}",
    )
    return [
        Row(f"{node.id}\n{number}", (Cell(fit(text, width, cut=view.glyphs.cut), Tone.BAD),))
        for number, text in enumerate(texts)
    ]


def key_help(width: int, *, changed: bool) -> tuple[Line, ...]:
    """Say what approving means, how to check a key, and what a changed one may be."""
    texts = [
        (
            "Nothing runs on a node before its host key is approved. Compare it with what the board prints:",
            Tone.DIM,
        ),
        ("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", Tone.DIM),
    ]
    if changed:
        texts.append(
            (
                "A changed key: the board was re-flashed, or another machine answers in its place. "
                "Nothing goes to it. If you re-flashed it, forget the old key with f.",
                Tone.BAD,
            )
        )
    return tuple((Cell(f" {part}", tone),) for text, tone in texts for part in wrapped(text, width - 3))


def forget_question(node: Node, view: View) -> Question:
    """Ask before a node is forgotten; name what goes with it."""
    lines: list[str] = []
    if node.host_key:
        lines.append(f"Its approved host key {plain(node.host_key.fingerprint)} is trusted no longer.")
    if node.drained is not None:
        reason = f' "{plain(node.drained.reason)}"' if node.drained.reason else ""
        lines.append(f"Its drained flag{reason} by {plain(node.drained.by)} is gone.")
    jobs = view.state.jobs.values() if view.state else ()
    running = [
        str(job.id)
        for job in jobs
        if job.state is JobState.RUNNING and any(part.node == node.id for part in job.allocation)
    ]
    if running:
        lines.append(f"Job {', '.join(running)} has ranks there and may fail.")
    lines.append("It comes back as new: compare its key with what the board prints, then approve it.")
    if node.trust is Trust.CHANGED:
        lines.append("If nobody re-flashed it, find out first who answers at its address.")
    return Question(f"Forget {plain(node.name)}?", tuple(lines), "forget the node")
