"""Reads whole lines of a log's files, as the API gives them. All of it blocks."""

from pathlib import Path

from jobs.logparts import log_size
from jobs.logquery import Query, read_matching
from jobs.logseek import read_before
from jobs.logstore import Stream, line_start
from sciabc_tui.api.messages import LogChunk, LogFilter


def query_of(wanted: LogFilter) -> Query:
    """Give what is looked for."""
    return Query(frozenset(wanted.ranks), frozenset(map(Stream, wanted.streams)), wanted.since)


def read_from(path: Path, query: Query, offset: int, limit: int, *, final: bool) -> LogChunk:
    """Read whole lines from an offset on; a negative one counts from the end.

    Args:
        path: The log.
        query: Which lines.
        offset: Where to begin.
        limit: About how many bytes.
        final: Nothing is added any more: with the end of what can be read, the log has ended.
    """
    size = log_size(path)
    begin = offset if offset >= 0 else line_start(path, max(0, size + offset))
    data, following = read_matching(path, query, begin, limit)
    # where something was left out the lines begin later; of chosen ones it is not known
    start = following - len(data) if query == Query() else begin
    # a killed runner may leave a begun line, which is never more than that
    return LogChunk(data, following, final and (following >= size or following == begin), start, size)


def read_up_to(path: Path, query: Query, offset: int, limit: int, *, final: bool) -> LogChunk:
    """Read the whole lines that end at an offset; the arguments are those of `read_from`."""
    size = log_size(path)
    data, start = read_before(path, size + offset if offset < 0 else offset, limit)
    end = start + len(data)
    return LogChunk(query.matching(data), end, final and end >= size, start, size)
