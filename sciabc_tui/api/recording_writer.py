"""Writes a recording; `sciabc_tui.api.recording` says how the file looks, and reads it.

with RecordingWriter(path, program="sciabc-tui 0.1", began=wall) as writer:
writer.state(t, state)
writer.end(t)
"""

import os
import threading
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from sciabc_tui.api.differences import difference
from sciabc_tui.api.recording import VERSION, Head, Line, Raw
from sciabc_tui.api.states import encode_state
from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused

FLUSH_EVERY = 2.0
"""Seconds after which what was recorded is in the file, if something follows it."""

_LEAST_CHANGES = 2**20
"""Bytes of changes that are written before another whole state, however small that is."""


class RecordingWriter:
    """Writes a new file; to be used with `with`, from one thread but for `flush`."""

    def __init__(self, path: Path, *, program: str, began: float) -> None:
        """Make the file; only its owner can read it: there is output of programs in it.

        Raises:
            CommandRefused: There is one already, or it can't be made.
        """
        self._path = path
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise CommandRefused(f"{path} is there already. Next: another name") from error
        except OSError as error:
            raise self._failed(error) from error
        self._file: BinaryIO = os.fdopen(handle, "wb")
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        self._last: Raw | None = None
        self._whole = 0
        self._since = 0
        self._flushed = -FLUSH_EVERY
        self._size = 0
        self._lock = threading.Lock()
        self._write(0.0, msgspec.json.encode(Head(VERSION, program, began)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._file.close()

    @property
    def size(self) -> int:
        """Bytes that are in the file."""
        return self._size

    def state(self, t: float, state: State) -> None:
        """Write the state at `t` seconds since the begin.

        Raises:
            CommandRefused: It can't be written; what was flushed before stays.
        """
        raw: Raw = msgspec.json.decode(encode_state(state))
        if self._last is None or self._since > max(_LEAST_CHANGES, self._whole):
            line = msgspec.json.encode(Line(t, state=raw))
            self._whole, self._since = len(line), 0
            self._flushed = -FLUSH_EVERY  # at once: without it nothing behind it can be read
        else:
            change = difference(self._last, raw)
            if change is None:
                return
            line = msgspec.json.encode(Line(t, change=change))
            self._since += len(line)
        self._last = raw
        self._write(t, line)

    def log(self, t: float, job: JobId, data: bytes) -> None:
        """Write what a job's log got: whole records. Raises what `state` raises."""
        self._write(t, msgspec.json.encode(Line(t, job=job, log=data.decode("latin-1"))))

    def end(self, t: float) -> None:
        """Write that this is all, and finish the file. Raises what `state` raises."""
        self._write(t, msgspec.json.encode(Line(t, end=True)))
        with self._lock:
            self._put(self._packer.flush(zlib.Z_FINISH))
            self._file.close()

    def flush(self) -> None:
        """Let all that was written be in the file; from any thread. Raises what `state` raises."""
        with self._lock:
            if not self._file.closed:
                self._put(self._packer.flush(zlib.Z_SYNC_FLUSH))

    def _write(self, t: float, line: bytes) -> None:
        with self._lock:
            data = self._packer.compress(line + b"\n")
            if t - self._flushed >= FLUSH_EVERY:
                data += self._packer.flush(zlib.Z_SYNC_FLUSH)
                self._flushed = t
            self._put(data)

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
            self._size += len(data)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> CommandRefused:
        return CommandRefused(f"{self._path}: {error.strerror}. Next: record to another place")
