"""`sciabc-tui pull`: files of nodes to the head."""

from pathlib import Path
from typing import Annotated

import typer

from sciabc_tui.api.remote import PullWish
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.push import absolute, is_head
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, up_nodes
from sciabc_tui.cli.work import Steps, carry_out


def pull(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="FILE... [DIR]", help="Files or folders of the nodes; last, where they go."),
    ],
    *,
    nodes: Annotated[
        str,
        typer.Option(
            "--nodes", "-w", metavar="NODES", help="From these: node[01-03], @up!node04. Without: @up."
        ),
    ] = "",
    exclude: Annotated[
        str, typer.Option("--exclude", "-x", metavar="NODES", help="From none of these.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Copy nothing; say what would be.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy files from all nodes: node01's FILE to DIR/node01/FILE; what is the same here is not copied.

    A FILE that is not absolute is below the home directory there. Without DIR, and there is one only if more
    than one word is given, they go to this directory.
    """
    for node_set in (nodes, exclude):
        checked_nodes(node_set)
    *first, last = words
    files, folder = (first, last) if first else ([last], ".")
    with connected(session(context), start=False) as client:
        wish = PullWish(
            up_nodes(client, nodes, exclude, is_head), tuple(files), absolute(folder, Path.cwd()), dry_run
        )
        carry_out(client, wish, Steps(), as_json=as_json)
