"""`sciabc-tui last-words`: what stays on the LCD and in the lamp when nobody drives them any more."""

import contextlib
from typing import Annotated

import typer

from sciabc_tui.api.client import Client
from sciabc_tui.cli.session import session
from sciabc_tui.errors import CommandRefused, ConfigError, ServiceUnavailable
from sciabc_tui.panel.farewell import Ending


def last_words(
    context: typer.Context,
    ending: Annotated[
        Ending | None,
        typer.Argument(
            metavar="[ENDING]",
            help=f"{', '.join(Ending)}. Without: as systemd says it.",
            show_default=False,
        ),
    ] = None,
    *,
    panel: Annotated[
        list[str] | None,
        typer.Option(
            "--panel", metavar="KEY=VALUE", help="A setting of [panel], for when they can't be read."
        ),
    ] = None,
) -> None:
    """Leave the last words on the LCD and in the lamp: what systemd calls when the head service has ended.

    It needs no settings, and takes seconds at most. What it can't say is told on standard error. While a head
    service drives the panel, it is refused.
    """
    from sciabc_tui.cli.parting import leave, part  # noqa: PLC0415 - the help does not need the devices

    with contextlib.suppress(ServiceUnavailable, ConfigError):
        Client(session(context).load().settings.paths.socket).state()
        raise CommandRefused("A head service drives the panel. Next: sudo systemctl stop sciabc")
    part(ending, session(context).config, panel or ())
    leave(0)
