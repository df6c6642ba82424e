"""Lends the terminal to a shell on a node, and takes it back with everything as it was."""

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Origin, Trust
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.ports import Shell
from sciabc_tui.tui.present.cells import plain
from sciabc_tui.tui.present.view import View

if TYPE_CHECKING:
    from sciabc_tui.tui.terminal_app import TerminalApp

NOT_SO = "This screen can't log in to nodes. Next: sciabc-tui shell NODE"


def refused(node: Node, view: View) -> str:
    """Say why nobody can log in to a node, and what to do; empty if nothing speaks against it."""
    name = plain(node.name)
    if view.digest.state.head.simulated:
        return f"{name} is simulated: nobody can log in there. Next: without --demo, on real nodes"
    if node.origin is Origin.LOCAL:
        return ""
    if node.trust is Trust.CHANGED:
        return f"{name} shows another host key than the approved one: nothing goes there. Next: a tells more"
    if node.trust is Trust.UNKNOWN:
        return f"The host key of {name} is not approved yet. Next: a compares and approves it"
    if not node.address:
        return f"Nobody said where {name} is. Next: switch it on, and wait for it"
    return ""


async def in_shell(app: "TerminalApp", shell: Shell, node: NodeId) -> None:
    """Log in to a node in the application's terminal; the application goes on behind it, and shows nothing.

    It takes in states meanwhile: blocked, it would find hours of them in its queue.
    """
    problem = ""
    with app.lent():
        try:
            with _interrupts_are_not_ours():
                await asyncio.to_thread(shell.open, node)
        except SciabcError as error:
            problem = str(error)
        except asyncio.CancelledError:
            shell.close()
            raise
    if problem:
        app.notify(plain(problem), severity="error", timeout=10, markup=False)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Take a signal, and let it be."""


@contextmanager
def _interrupts_are_not_ours() -> Generator[None, None, None]:
    """Leave Ctrl-C to who has the terminal; a program that is started then is not deaf to it (execve(2))."""
    before = signal.signal(signal.SIGINT, _nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
