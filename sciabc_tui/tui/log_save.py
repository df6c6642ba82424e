"""Writes a job's output into a file, as the ranks printed it."""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.log_reader import LogReader
from sciabc_tui.tui.present.log_records import Chosen, Record, read_page

_PIECE = 1024 * 1024
_TELL_EVERY = 0.2


def save(
    reader: LogReader,
    chosen: Chosen,
    path: Path,
    stop: threading.Event,
    tell: Callable[[float], object],
    *,
    replace: bool,
) -> int:
    """Write the chosen lines; what was begun is removed if it does not come to its end.

    Args:
        reader: Gives the log.
        chosen: Which lines.
        path: Of the file.
        stop: Ends it from another thread.
        tell: Is told how much is done, from 0 to 1.
        replace: Write also where there is a file already.

    Returns:
        How many lines were written; fewer than there are if it was stopped.

    Raises:
        CommandRefused: The file can't be written, or is there.
    """
    try:
        if path.exists() and not replace:
            raise CommandRefused(f"{path} is there already. Next: S, and another name")
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        beside = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                lines = _write(reader, chosen, file, stop, tell)
            if not stop.is_set():
                if path.exists() and not replace:
                    raise CommandRefused(f"{path} is there by now. Next: S, and another name")
                beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CommandRefused(f"{path}: {error.strerror}. Next: S, and another place") from error
    return lines


def _write(
    reader: LogReader,
    chosen: Chosen,
    file: BinaryIO,
    stop: threading.Event,
    tell: Callable[[float], object],
) -> int:
    offset, lines, due = 0, 0, time.monotonic() + _TELL_EVERY
    before: Record | None = None
    while not stop.is_set():
        chunk = reader.chunk(offset, _PIECE)
        texts: list[bytes] = []
        for record in read_page(chunk.data, chunk.start, chosen):
            goes_on = before is not None and record.joined and _speaker(record) == _speaker(before)
            if before is not None and not goes_on:
                texts.append(b"\n")
            lines += not goes_on
            texts.append(record.text)
            before = record
        file.write(b"".join(texts))
        if not chunk.data or chunk.next_offset >= chunk.size:
            break
        offset = chunk.next_offset
        if time.monotonic() >= due:
            tell(offset / max(1, chunk.size))
            due = time.monotonic() + _TELL_EVERY
    if before is not None:
        file.write(b"\n")
    return lines


def _speaker(record: Record) -> tuple[int | None, bool]:
    return record.rank, record.error
