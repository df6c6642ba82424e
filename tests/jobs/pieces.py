"""Take apart what was recognised together."""

from collections.abc import Iterable, Iterator

from jobs.logbulk import Tagged
from jobs.logstore import parse_line
from jobs.tags import Piece


def unfolded(found: Iterable[Piece | Tagged]) -> list[Piece]:
    """Give every line as a piece of its own."""
    return [piece for each in found for piece in (_each(each) if isinstance(each, Tagged) else [each])]


def _each(tagged: Tagged) -> Iterator[Piece]:
    """Take lines apart by way of the records that they become."""
    for record in bytes(tagged.records(b"2026-11-21T14:03:11.123Z")).split(b"\n")[:-1]:
        line = parse_line(record)
        yield Piece(line.rank, line.stream, line.text, joined=line.joined)
