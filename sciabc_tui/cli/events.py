"""`sciabc-tui events`: what happened, and why."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from sciabc_tui.api.client import MOST_EVENTS
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.moments import moment
from sciabc_tui.cli.output import say
from sciabc_tui.cli.session import session
from sciabc_tui.cluster.state import LogEntry, Severity

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def events(
    context: typer.Context,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens; ends with the service.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=1, max=MOST_EVENTS, help="How many: 50, or all with --since."),
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Only from then on: 10m (ago), 14:05, 2026-11-21T14:05.")
    ] = "",
    severity: Annotated[Severity, typer.Option(help="This severe at least.")] = Severity.INFO,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a line (docs/api.md).")
    ] = False,
) -> None:
    """Show what happened and why, the newest last; also what happened before the service started."""
    with connected(session(context), start=False) as client:
        state = client.state()
        if state.head.simulated and not as_json:
            say("[SIMULATED]")
        begin = moment(since, state.wall) if since else 0.0
        least = _RANK[severity]
        wanted = limit or (MOST_EVENTS if since else 50)
        unfiltered = not since and not least
        past = client.events(0, wanted if unfiltered else MOST_EVENTS)
        chosen = [entry for entry in past if entry.wall >= begin and _RANK[entry.severity] >= least]
        _show(chosen[-wanted:], as_json=as_json)
        if follow:
            newest = past[-1].seq if past else 0
            _show(
                (entry for entry in client.follow_events(newest) if _RANK[entry.severity] >= least),
                as_json=as_json,
            )


def _show(entries: Iterable[LogEntry], *, as_json: bool) -> None:
    for entry in entries:
        if as_json:
            typer.echo(msgspec.json.encode(entry).decode())
        else:
            at = datetime.fromtimestamp(entry.wall, UTC).astimezone()
            say(f"{at:%Y-%m-%d %H:%M:%S}  {entry.severity.value:<5}  {entry.text}")
