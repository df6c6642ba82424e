"""`sciabc-tui push`: files of the head to nodes."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sciabc_tui.api.remote import PushWish
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, up_nodes
from sciabc_tui.cli.work import Steps, carry_out
from sciabc_tui.cluster.node import Node, Origin


def push(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="FILE... [DIR]", help="Files or folders; last, where they go on the nodes."),
    ],
    *,
    nodes: Annotated[
        str,
        typer.Option(
            "--nodes", "-w", metavar="NODES", help="To these: node[01-03], @up!node04. Without: @up."
        ),
    ] = "",
    exclude: Annotated[str, typer.Option("--exclude", "-x", metavar="NODES", help="To none of these.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Copy nothing; say what would be.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy files to all nodes: what is another there, whole or not at all, compared by checksums.

    Without DIR each file gets the path that it has here. A DIR that is not absolute is below the home
    directory there. The last of several words is DIR, unless it is a file here.
    """
    for node_set in (nodes, exclude):
        checked_nodes(node_set)
    files, folder = _parted(words, Path.cwd())
    with connected(session(context), start=False) as client:
        wish = PushWish(up_nodes(client, nodes, exclude, is_head), files, folder, dry_run)
        carry_out(client, wish, Steps(), as_json=as_json)


def is_head(node: Node) -> bool:
    """Tell whether a node is the head, which has the head's files."""
    return node.origin is Origin.LOCAL


def _parted(words: list[str], here: Path) -> tuple[tuple[str, ...], str]:
    """Say which words are files, made absolute, and which is the folder; empty for none."""
    *first, last = words
    has_folder = bool(first) and not (here / Path(last).expanduser()).is_file()
    files = first if has_folder else words
    return tuple(absolute(word, here) for word in files), (last if has_folder else "")


def absolute(word: str, here: Path) -> str:
    """Make a path of this machine absolute; links in it stay, as a shell leaves them."""
    return os.path.normpath(here / Path(word).expanduser())
