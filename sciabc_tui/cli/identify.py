"""`sciabc-tui identify`: which board is which?"""

from typing import Annotated

import typer

from sciabc_tui.api.powering import IdentifyWish
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.power import NodeSet
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, duration, node_names
from sciabc_tui.cli.work import Steps, carry_out

LONGEST = 3600.0


def identify(
    context: typer.Context,
    nodes: NodeSet,
    *,
    lasts: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long they blink: 10s, 2m; an hour at most.")
    ] = "30s",
    as_json: AsJson = False,
) -> None:
    """Blink the activity LED of boards; Ctrl-C ends it. What the LED showed before is restored."""
    seconds = duration(lasts)
    if not 1.0 <= seconds <= LONGEST:
        raise typer.BadParameter("1s to 1h", param_hint="--for")
    checked_nodes(nodes)
    with connected(session(context), start=False) as client:
        carry_out(client, IdentifyWish(node_names(client, nodes), seconds), Steps(), as_json=as_json)
