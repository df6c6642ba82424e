"""Runs the screen in this terminal, and gives the terminal back whatever happens."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sciabc_tui.config import Loaded, TuiSettings
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.app import ClusterApp
from sciabc_tui.tui.guard import nothing_printed, watch_loop
from sciabc_tui.tui.looks import looks

if TYPE_CHECKING:
    from sciabc_tui.tui.ports import ClusterClient, Shell

_ENDING = (signal.SIGTERM, signal.SIGHUP)

_THREADS = 32
"""For all that waits: one always for states, a log up to six, one for each thing that is asked."""

_COLLECT = (50_000, 10, 50)
"""When garbage is looked for (gc.set_threshold): a state of 3,000 nodes is 20,000 objects, none garbage;
with the interpreter's own 700 a third of what a state costs is the looking."""


def run_tui(
    client: "Callable[[], ClusterClient]",
    *,
    begin: Callable[[], object] = lambda: None,
    log_file: Path | None = None,
    form_file: Path | None = None,
    settings: TuiSettings = TuiSettings(),  # noqa: B008 (frozen)
    loaded: Loaded | None = None,
    terminal: str = "",
    shell: "Callable[[], Shell] | None" = None,
) -> int:
    """Show the control panel until the user leaves.

    Args:
        client: Gives the client of the head service, which need not answer yet; called once, and beside the
            screen.
        begin: Starts a head service if none answers; called beside the screen, which is there at once.
        log_file: Where unexpected errors are written, if there are any; its folder may come later.
        form_file: Where the form of a new job is remembered; None forgets it in the end.
        settings: What the user wants of the screen.
        loaded: All settings and where each came from, for the settings screen.
        terminal: The terminal behind a multiplexer, as its TERM; empty if there is none.
        shell: Makes what logs in to nodes from this terminal; None: nobody can, from here.

    Returns:
        The exit status: 0 when the user left, 1 after an unexpected error.

    Raises:
        SciabcError: This terminal can't show a screen.
    """
    found = looks(os.environ, sys.stderr.encoding or "ascii", settings, terminal=terminal)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SciabcError("The control panel needs a terminal. Next: sciabc-tui status")
    app = ClusterApp(
        client,
        begin=begin,
        looks=found,
        log_name=str(log_file or ""),
        loaded=loaded,
        form_file=form_file,
        shell=shell,
    )
    with logged(log_file), nothing_printed(app.surprises.take):
        gc.set_threshold(*_COLLECT)
        asyncio.run(_run(app))
    return app.return_code or 0


async def _run(app: ClusterApp) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="panel"))
    for number in _ENDING:
        loop.add_signal_handler(number, app.exit)
    watch_loop(loop, app.surprises.take)
    await app.run_async(mouse=False)


@contextmanager
def logged(path: Path | None) -> Generator[None, None, None]:
    """Let what anybody logs go to the file, and none of it to the screen."""
    handler: logging.Handler = logging.NullHandler()
    if path is not None:
        handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
