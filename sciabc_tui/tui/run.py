"""Runs the screen in this terminal, and gives the terminal back whatever happens."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.app import ClusterApp
from sciabc_tui.tui.ports import ClusterClient
from sciabc_tui.tui.present.glyphs import choose

_ENDING = (signal.SIGTERM, signal.SIGHUP)


def run_tui(
    client: ClusterClient, *, begin: Callable[[], object] = lambda: None, log_file: Path | None = None
) -> int:
    """Show the control panel until the user leaves.

    Args:
        client: The head service; it need not answer yet.
        begin: Starts a head service if none answers; called beside the screen, which is there at once.
        log_file: Where unexpected errors are written, if there are any; its folder may come later.

    Returns:
        The exit status: 0 when the user left, 1 after an unexpected error.

    Raises:
        SciabcError: This terminal can't show a screen.
    """
    term = os.environ.get("TERM", "")
    if term in {"", "dumb", "unknown"} or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SciabcError(
            f"This terminal can't show screens (TERM={term or 'unset'}). Next: sciabc-tui status"
        )
    handler = _log_to(log_file) if log_file else logging.NullHandler()
    root = logging.getLogger("sciabc_tui")
    root.addHandler(handler)
    app = ClusterApp(
        client, begin=begin, glyphs=choose(term, sys.stderr.encoding or "ascii"), log_name=str(log_file or "")
    )
    try:
        asyncio.run(_run(app))
    finally:
        root.removeHandler(handler)
        handler.close()
    return app.return_code or 0


async def _run(app: ClusterApp) -> None:
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        loop.add_signal_handler(number, app.exit)
    await app.run_async(mouse=False)


def _log_to(path: Path) -> logging.Handler:
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
