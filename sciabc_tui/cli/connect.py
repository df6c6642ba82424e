"""Finds the head service, or starts one that ends when nobody needs it any more.

`run` and the control panel start one, because a newcomer has none. Commands that only look do not: a service
that was just started has seen nothing yet, and what it takes to start one is not even loaded for them.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sciabc_tui.cli.attachment import Attachment
from sciabc_tui.cli.session import Session

if TYPE_CHECKING:
    from sciabc_tui.api.client import Client


@contextmanager
def connected(session: Session, *, start: bool) -> "Generator[Client, None, None]":
    """Give a client for the length of the block; with `--demo` one of a simulation of its own.

    Args:
        session: The options that stood before the command.
        start: Start a service if none answers.

    Raises:
        ServiceUnavailable: None answers and none could be started.
    """
    from sciabc_tui.api.waits import hear_signals  # noqa: PLC0415 - the help does not need it

    with attached(session) as attachment:
        if start or session.demo:
            attachment.begin()
        hear_signals()
        yield attachment.client()


@contextmanager
def attached(session: Session) -> Generator[Attachment, None, None]:
    """Give the way to a service, and to start it; a simulation ends with the block."""
    if session.demo:
        from sciabc_tui.cli.starting import simulated  # noqa: PLC0415 - most commands start nothing

        with simulated(session.config) as attachment:
            yield attachment
        return
    paths = session.load().settings.paths

    def begin() -> None:
        from sciabc_tui.api.client import Client  # noqa: PLC0415 - as above
        from sciabc_tui.cli.daemon import command_line  # noqa: PLC0415 - as above
        from sciabc_tui.cli.starting import ensure  # noqa: PLC0415 - as above

        client = Client(paths.socket)
        ensure(client, paths.runtime_dir, command_line(session.config, linger=True, demo=False), os.environ)

    yield Attachment(paths.socket, begin)
