"""`sciabc-tui replay`: open the control panel on a recording."""

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sciabc_tui.api.client import Client
from sciabc_tui.cli.multiplexer import terminal_behind
from sciabc_tui.cli.service import is_terminal
from sciabc_tui.cli.session import session
from sciabc_tui.errors import CommandRefused

if TYPE_CHECKING:
    from sciabc_tui.cli.replaying import Served

EXAMPLES = """\b
It plays in the control panel, which says REPLAY on every screen; commands are refused. The clock is the
recording's, so what was old then is old now.

\b
Examples:
  sciabc-tui replay session.rec
  sciabc-tui replay demo.rec --speed 4 --loop
  sciabc-tui replay crash.rec --speed 0.25"""

SLOWEST, FASTEST = 0.25, 100.0


def replay(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What sciabc-tui record wrote.")],
    *,
    speed: Annotated[
        float, typer.Option(help="Seconds of the recording in one of yours: 0.25 to 100.")
    ] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.")] = False,
) -> None:
    """Play a recording in the control panel; nothing in it can be changed."""
    if not SLOWEST <= speed <= FASTEST:  # no number is neither
        raise typer.BadParameter(f"{speed} is not from {SLOWEST} to {FASTEST:g}", param_hint="--speed")
    check(file)
    if not sys.stdin.isatty() or not is_terminal():
        raise CommandRefused("A replay needs a terminal that can show it. Next: ssh -t, or another TERM")
    settings = session(context).load()
    with replayed(file, speed=speed, loop=loop) as served:
        from sciabc_tui.tui.run import run_tui  # noqa: PLC0415 - Textual costs more than a whole command

        status = run_tui(
            lambda: Client(served.socket),
            begin=served.begin,
            log_file=settings.settings.paths.runtime_dir / "tui.log",
            settings=settings.settings.tui,
            loaded=settings,
            terminal=terminal_behind(os.environ),
        )
    raise typer.Exit(status)


def check(file: Path) -> None:
    """Read the begin of a recording.

    Raises:
        RecordingDamaged: It is none, or there is no state in it.
    """
    from sciabc_tui.api.recording import (  # noqa: PLC0415 - for the help it is not needed
        RecordingDamaged,
        RecordingReader,
        StateMoment,
        to_state,
    )

    with RecordingReader(file) as reader:
        for moment in reader:
            if isinstance(moment, StateMoment):
                to_state(moment.raw)
                return
    raise RecordingDamaged(f"There is nothing in {file}. Next: sciabc-tui record makes another")


@contextmanager
def replayed(file: Path, *, speed: float = 1.0, loop: bool = False) -> Generator["Served", None, None]:
    """Give a recording that is served from the moment that `begin` is called; ends with the block.

    Args:
        file: The recording.
        speed: Seconds of the recording in one of ours.
        loop: Begin again at the end.
    """
    from sciabc_tui.cli.replaying import Served  # noqa: PLC0415 - asyncio is slow to load, for a help

    with tempfile.TemporaryDirectory(prefix="sciabc-replay-") as folder:
        server = Served(Path(folder), file, speed=speed, loop=loop)
        try:
            yield server
        finally:
            server.stop()
