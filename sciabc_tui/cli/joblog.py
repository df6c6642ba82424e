"""Prints a job's log: `[3] ` before each line of rank 3, standard error to standard error."""

import sys
from typing import TextIO

import msgspec

from jobs.errors import StoreError
from jobs.logstore import PIECE_BYTES, LogLine, Stream, parse_line
from sciabc_tui.cli.harmless import harmless


class LogPrinter:
    """Prints records as text.

    What a terminal gets is made harmless; a pipe or a file gets the bytes as the rank wrote them.
    """

    def __init__(self, *, ranks: frozenset[int] = frozenset()) -> None:
        """Print only these ranks, if any are named; of a single one without its number."""
        self._ranks = ranks
        self._outputs = {Stream.OUT: _Output(sys.stdout), Stream.ERR: _Output(sys.stderr)}

    def show(self, record: bytes) -> None:
        """Print one record."""
        line = _parsed(record)
        if self._ranks and line.rank not in self._ranks:
            return
        number = None if len(self._ranks) == 1 else line.rank
        self._outputs[line.stream].write(b"" if number is None else b"[%d] " % number, line)


class JsonPrinter:
    """Prints each record as one line of JSON: at, rank, stream, text, joined."""

    def __init__(self, *, ranks: frozenset[int] = frozenset()) -> None:
        self._ranks = ranks

    def show(self, record: bytes) -> None:
        """Print one record."""
        line = _parsed(record)
        if self._ranks and line.rank not in self._ranks:
            return
        shape = {
            "at": line.at,
            "rank": line.rank,
            "stream": line.stream,
            "text": line.text.decode(errors="backslashreplace"),
            "joined": line.joined,
        }
        sys.stdout.buffer.write(msgspec.json.encode(shape) + b"\n")
        sys.stdout.buffer.flush()


class _Output:
    """Standard output or standard error."""

    def __init__(self, stream: TextIO) -> None:
        self._to = stream.buffer
        self._terminal = stream.isatty()
        self._open: tuple[int | None, bytes] | None = None

    def write(self, prefix: bytes, line: LogLine) -> None:
        text = line.text
        if self._terminal:
            text = harmless(text.removesuffix(b"\r").decode(errors="backslashreplace")).encode()
        goes_on = line.joined and self._open == (line.rank, prefix)
        start = b"" if goes_on else (b"\n" if self._open else b"") + prefix
        # Only a piece of the full length has a continuation: all other lines end at once.
        whole = len(line.text) < PIECE_BYTES
        self._open = None if whole else (line.rank, prefix)
        self._to.write(start + text + (b"\n" if whole else b""))
        self._to.flush()


def records(piece: bytes) -> list[bytes]:
    """Split a piece of whole lines into records; only a newline ends one."""
    lines = piece.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _parsed(record: bytes) -> LogLine:
    try:
        return parse_line(record)
    except StoreError:
        return LogLine(0.0, None, Stream.OUT, record.removesuffix(b"\n"))
