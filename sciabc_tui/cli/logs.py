"""`sciabc-tui logs`: what a job's ranks printed."""

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Annotated

import typer

from jobs.errors import StoreError
from jobs.logquery import Query, pattern
from jobs.logstore import Stream
from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import LogFilter
from sciabc_tui.cli.complete import job_numbers
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.joblog import JsonPrinter, LogPrinter, RawPrinter
from sciabc_tui.cli.moments import moment
from sciabc_tui.cli.session import session
from sciabc_tui.cluster.job import JobId

LogJob = Annotated[int, typer.Argument(metavar="JOB", min=1, autocompletion=job_numbers)]

_PIECE = 256 * 1024
_RANKS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_LAST_RANK = 65_535


def logs(  # noqa: PLR0913 - each option is a parameter
    context: typer.Context,
    job: LogJob,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    rank: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RANKS",
            help="Only these, such as 0,3-5; of a single one without its number.",
            show_default=False,
        ),
    ] = None,
    stream: Annotated[Stream | None, typer.Option(help="Only standard output, or only error.")] = None,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Only from then on: 10m (ago), 14:05, 2026-11-21T14:05.")
    ] = "",
    grep: Annotated[
        str, typer.Option(metavar="REGEX", help="Only lines in whose text this is found (Python's re).")
    ] = "",
    attempt: Annotated[
        int | None, typer.Option(min=1, help="Which launch of the job. Without: the newest.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="All lines as the log has them, with times.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a line (docs/api.md).")
    ] = False,
) -> None:
    """Print what a job's ranks printed: `[3] ` is rank 3, standard error goes to standard error."""
    if raw and as_json:
        raise typer.BadParameter("--raw and --json exclude each other")
    ranks = _ranks(rank or ())
    text = _pattern(grep) if grep else None
    plain = LogPrinter(numbered=len(ranks) != 1, searched=text is not None)
    printer = JsonPrinter() if as_json else RawPrinter() if raw else plain
    with connected(session(context), start=False) as client:
        begin = moment(since, client.state().wall) if since else None
        streams = () if stream is None else (stream.value,)
        wanted = LogFilter(tuple(sorted(ranks)), streams, begin, attempt)
        query = Query(ranks, frozenset(map(Stream, streams)), begin, grep=text)
        pieces = client.follow(JobId(job), wanted=wanted) if follow else _present(client, JobId(job), wanted)
        with closing(pieces):
            for piece in pieces:
                printer.show(query.matching(piece))


def _present(client: Client, job: JobId, wanted: LogFilter) -> Generator[bytes, None, None]:
    """Read the log as far as it goes now."""
    offset = -1
    chunk = client.log(job, offset=0, limit=_PIECE, wanted=wanted)
    while chunk.next_offset != offset:
        if chunk.data:
            yield chunk.data
        offset = chunk.next_offset
        chunk = client.log(job, offset=offset, limit=_PIECE, wanted=wanted)


def _ranks(texts: Sequence[str]) -> frozenset[int]:
    """Read `0,3-5`."""
    found: set[int] = set()
    for part in (part.strip() for text in texts for part in text.split(",")):
        numbers = _RANKS.fullmatch(part)
        if numbers is None:
            raise typer.BadParameter(f"{part!r} is not such as 0, or 0,3-5", param_hint="--rank")
        first, last = int(numbers[1]), int(numbers[2] or numbers[1])
        if not first <= last <= _LAST_RANK:
            raise typer.BadParameter(f"{part!r} goes from 0 to {_LAST_RANK} at most", param_hint="--rank")
        found.update(range(first, last + 1))
    return frozenset(found)


def _pattern(text: str) -> re.Pattern[bytes]:
    try:
        return pattern(text)
    except StoreError as error:
        raise typer.BadParameter(str(error), param_hint="--grep") from error
