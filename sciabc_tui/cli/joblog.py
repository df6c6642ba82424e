"""Prints a job's log: `[3] ` before each line of rank 3, standard error to standard error."""

import sys
from typing import TextIO

import msgspec

from jobs.errors import StoreError
from jobs.logstore import PIECE_BYTES, LogLine, Stream, parse_line
from jobs.progress import told
from sciabc_tui.cli.harmless import harmless


class LogPrinter:
    """Prints records as text.

    What a terminal gets is made harmless, without what the program tells the screen (`jobs.progress`); a pipe
    or a file gets the bytes as the rank wrote them.
    """

    def __init__(self, *, numbered: bool = True, searched: bool = False) -> None:
        """Take what is to be shown.

        Args:
            numbered: Say before each line which rank wrote it; of a single one everything is its own.
            searched: The lines were looked for: none of them is left out.
        """
        self._numbered = numbered
        self._outputs = {
            Stream.OUT: _Output(sys.stdout, all_lines=searched),
            Stream.ERR: _Output(sys.stderr, all_lines=searched),
        }
        self._last = self._outputs[Stream.OUT]

    def show(self, record: bytes) -> None:
        """Print one record, or several."""
        for each in records(record):
            line = _parsed(each)
            number = line.rank if self._numbered else None
            output = self._outputs[line.stream]
            if output is not self._last:
                self._last.flush()  # on a terminal both are one, in their order
                self._last = output
            output.write(b"" if number is None else b"[%d] " % number, line)
        self._last.flush()


class JsonPrinter:
    """Prints each record as one line of JSON: at, rank, stream, text, joined."""

    def show(self, record: bytes) -> None:
        """Print one record, or several."""
        for each in records(record):
            line = _parsed(each)
            shape = {
                "at": line.at,
                "rank": line.rank,
                "stream": line.stream,
                "text": line.text.decode(errors="backslashreplace"),
                "joined": line.joined,
            }
            sys.stdout.buffer.write(msgspec.json.encode(shape) + b"\n")
        sys.stdout.buffer.flush()


class RawPrinter:
    """Prints records as the log has them: time, rank, stream, text.

    What a terminal gets is made harmless; a pipe or a file gets every byte as it is.
    """

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()

    def show(self, record: bytes) -> None:
        """Print one record, or several."""
        if self._terminal:
            record = b"".join(_harmless(each.removesuffix(b"\n")) + b"\n" for each in records(record))
        sys.stdout.buffer.write(record)
        sys.stdout.buffer.flush()


class _Output:
    """Standard output or standard error."""

    def __init__(self, stream: TextIO, *, all_lines: bool) -> None:
        self._to = stream.buffer
        self._terminal = stream.isatty()
        self._all_lines = all_lines
        self._open: tuple[int | None, bytes] | None = None

    def write(self, prefix: bytes, line: LogLine) -> None:
        if self._terminal and not self._all_lines and told(line.text) is not None:
            return  # a picture would fill the terminal
        text = _harmless(line.text) if self._terminal else line.text
        goes_on = line.joined and self._open == (line.rank, prefix)
        start = b"" if goes_on else (b"\n" if self._open else b"") + prefix
        # Only a piece of the full length has a continuation: all other lines end at once.
        whole = len(line.text) < PIECE_BYTES
        self._open = None if whole else (line.rank, prefix)
        self._to.write(start + text + (b"\n" if whole else b""))

    def flush(self) -> None:
        self._to.flush()


def records(piece: bytes) -> list[bytes]:
    """Split a piece of whole lines into records; only a newline ends one."""
    lines = piece.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _harmless(text: bytes) -> bytes:
    return harmless(text.removesuffix(b"\r").decode(errors="backslashreplace")).encode()


def _parsed(record: bytes) -> LogLine:
    try:
        return parse_line(record)
    except StoreError:
        return LogLine(0.0, None, Stream.OUT, record.removesuffix(b"\n"))
