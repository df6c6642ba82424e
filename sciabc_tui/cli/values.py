"""What people write on a command line: durations and node sets."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from sciabc_tui.cluster.durations import read_duration
from sciabc_tui.errors import CommandRefused

if TYPE_CHECKING:
    from sciabc_tui.cluster.node import Node
    from sciabc_tui.cluster.state import State

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs (docs/api.md).")]


def duration(text: str) -> float:
    """Read a duration: `90`, `90s`, `10m`, `1h30m`, `2d`; in seconds.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        return read_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


class KnowsState(Protocol):
    """Who can say which nodes there are."""

    def state(self) -> "State":
        """Give the state now."""
        ...


def checked_nodes(text: str) -> str:
    """Refuse what is no node set: `node[01-03],head`, `@up!node07`; nothing is well.

    Raises:
        typer.BadParameter: It is none.
    """
    from sciabc_tui.cluster.groups import check  # noqa: PLC0415 - most commands name no nodes

    try:
        if text:
            check(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def node_names(client: KnowsState, text: str, *, may_be_none: bool = False) -> tuple[str, ...]:
    """Give the names of the nodes that a node set means now; nothing is no node.

    Args:
        client: Asked for the state, if there is a group in it.
        text: The node set, checked.
        may_be_none: Whether there may be no such node, as of those that are left out.

    Raises:
        NotFound: There is no such node.
        CommandRefused: No node is in such a group now: an empty set must not come to mean all.
    """
    from sciabc_tui.cluster.groups import has_group, plain, select  # noqa: PLC0415 - as above

    if not text:
        return ()
    names = select(text, client.state().nodes.values()) if has_group(text) else plain(text)
    if not names and not may_be_none:
        raise CommandRefused(f"{text}: no node is that now. Next: sciabc-tui nodes")
    return names


def up_nodes(
    client: KnowsState, text: str, exclude: str = "", but: Callable[["Node"], bool] | None = None
) -> tuple[str, ...]:
    """Give the nodes that something is done on: those that are named, else all that are up and trusted.

    Args:
        client: Asked for the state.
        text: The node set, checked.
        exclude: Those that are left out.
        but: Which are left out unless they are named.

    Raises:
        NotFound: There is no such node.
        CommandRefused: No node is left.
    """
    from sciabc_tui.cluster.groups import select  # noqa: PLC0415 - as above
    from sciabc_tui.cluster.node import Trust  # noqa: PLC0415 - as above

    nodes = client.state().nodes.values()
    trusted = [node for node in nodes if node.trust is Trust.TRUSTED and not (but and but(node))]
    names = select(text, nodes) if text else select("@up", trusted)
    without = frozenset(select(exclude, nodes) if exclude else ())
    if not (left := tuple(name for name in names if name not in without)):
        raise CommandRefused("No node is left to do it on. Next: sciabc-tui nodes")
    return left
