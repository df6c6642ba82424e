"""The file of a recording: the states of a cluster, and what its jobs printed, over time.

A gzip stream (RFC 1952) of lines of JSON. The first one is the head, `{"recording": 1, "program": ..,
"began": ..}`; each other one has `t`, seconds since it began, and one of

    "state": {..}           the whole state, as the API gives it
    "change": {..}          how it changed since the line before (`sciabc_tui.api.differences`)
    "job": 7, "log": ".."   what job 7's log got, a character for each byte (Latin-1)
    "end": true             nothing follows

The stream is flushed every few seconds, so that the file of a recorder that was killed can be read up to
there. A whole state comes first, and again when the changes since have become as long as it is.

    with RecordingReader(path) as reader:
        for moment in reader: ...

`sciabc_tui.api.recording_writer` writes it.
"""

import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Self, TypeAlias, cast

import msgspec
from msgspec import Meta, Struct

from jobs.errors import StoreError
from jobs.logstore import parse_line
from sciabc_tui.api.differences import NoDifference, changed
from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import SciabcError

VERSION = 1
"""Of the format; it changes when a reader of before would break."""

LONGEST_LINE = 16 * 2**20
"""Bytes: a whole state of ten thousand nodes."""

LONGEST_CHANGES = 32 * 2**20
"""Bytes since a whole state, that included: no state that is made of them is larger."""

MOST_LOG = 128 * 2**20
"""Bytes of all jobs' logs together."""

_LATEST = 2.0**37
"""Seconds since 1970: the year 6325. What comes later is no time that was recorded."""
_LARGEST = 2**53
"""Beyond, not every number can be told from the next (IEEE 754)."""
_MOST_SLOTS = 10**6
_LONGEST = 10 * 366 * 86400.0
_PIECE = 256 * 1024

Raw: TypeAlias = dict[str, Any]
"""A state, as it was decoded from JSON."""


class Head(Struct, frozen=True):
    """The first line."""

    recording: int
    program: str = ""
    began: Annotated[float, Meta(ge=0, lt=_LATEST)] = 0.0
    """Seconds since 1970, by the head's clock."""


class Line(Struct, frozen=True, omit_defaults=True):
    """Any other line; which members it has says what it is."""

    t: Annotated[float, Meta(ge=0, le=_LONGEST)]
    state: Raw | None = None
    change: Any = None
    job: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    log: str = ""
    end: bool = False


class StateMoment(Struct, frozen=True):
    """The state at a moment, as JSON has it; `to_state` makes one of it. What did not change is shared."""

    t: float
    raw: Raw
    size: int
    """Bytes of the line that told it."""


class LogMoment(Struct, frozen=True):
    """What a job's log got at a moment: whole records."""

    t: float
    job: JobId
    data: bytes

    @property
    def size(self) -> int:
        """Bytes of the line that told it, about."""
        return len(self.data)


Moment: TypeAlias = StateMoment | LogMoment


class RecordingDamaged(SciabcError):
    """The file is no recording, or not from here on."""


class RecordingReader:
    """Reads a file from its begin, a moment at a time: little of it is in memory at once."""

    def __init__(self, path: Path) -> None:
        """Open it and read its head.

        Raises:
            RecordingDamaged: It can't be read, or is no recording of this version.
        """
        self._path = path
        self.complete = False
        """Was the end seen that a recorder writes?"""
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise RecordingDamaged(f"{path}: {error.strerror}. Next: name a recording") from error
        self._lines = _lines(self._file)
        try:
            self.head = self._begin()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._file.close()

    def _begin(self) -> Head:
        try:
            head = msgspec.json.decode(next(self._lines, b""), type=Head)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _Damage) as error:
            raise RecordingDamaged(
                f"{self._path} is no recording. Next: make one with sciabc-tui record"
            ) from error
        if head.recording != VERSION:
            raise RecordingDamaged(
                f"{self._path} has format {head.recording}, this program reads {VERSION}. Next: use the "
                "version that recorded it"
            )
        return head

    def __iter__(self) -> Iterator[Moment]:
        """Give one moment after the other; a file that breaks off just ends.

        Raises:
            RecordingDamaged: What follows can't be read.
        """
        reading = _Reading()
        number = 1
        while True:
            number += 1
            try:
                line = next(self._lines, None)
                if line is None:
                    return
                moment = reading.take(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, NoDifference, _Damage) as error:
                raise RecordingDamaged(
                    f"{self._path} is damaged at line {number}. Next: sciabc-tui record makes another"
                ) from error
            if moment is None:
                self.complete = True
                return
            yield moment


class _Damage(Exception):
    """What is no recording."""


class _Reading:
    """What is known while lines are read."""

    def __init__(self) -> None:
        self._t = 0.0
        self._raw: Raw | None = None
        self._since = 0
        self._logged = 0
        self._decode = msgspec.json.Decoder(Line).decode

    def take(self, line: bytes) -> Moment | None:
        """Give what a line says; None for the end."""
        found = self._decode(line)
        if found.t < self._t:
            raise _Damage
        self._t = found.t
        if found.end:
            return None
        if found.job is not None:
            return self._log(found.t, JobId(found.job), found.log)
        self._since = len(line) + (0 if found.state is not None else self._since)
        if self._since > LONGEST_CHANGES:
            raise _Damage
        if found.state is not None:
            self._raw = found.state
        elif self._raw is None:
            raise _Damage
        else:
            raw = changed(self._raw, found.change)
            if not isinstance(raw, dict):
                raise _Damage
            self._raw = cast("Raw", raw)
        return StateMoment(found.t, self._raw, len(line))

    def _log(self, t: float, job: JobId, text: str) -> LogMoment:
        try:
            data = text.encode("latin-1")
            for record in data.split(b"\n")[:-1]:
                parse_line(record)
        except (UnicodeEncodeError, StoreError) as error:
            raise _Damage from error
        self._logged += len(data)
        if self._logged > MOST_LOG or not data.endswith(b"\n"):
            raise _Damage
        return LogMoment(t, job, data)


def _lines(file: BinaryIO) -> Generator[bytes, None, None]:
    """Unpack lines, whole ones only, of bounded length."""
    begun: list[bytes] = []
    length = 0
    for piece in _unpacked(file):
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield b"".join((*begun, end))
            begun, length = [], 0
        begun.append(rest)
        length += len(rest)
        if length > LONGEST_LINE:
            raise _Damage


def _unpacked(file: BinaryIO) -> Generator[bytes, None, None]:
    unpacker = zlib.decompressobj(31)
    while not unpacker.eof:
        try:
            data = unpacker.unconsumed_tail or file.read(_PIECE)
            piece = unpacker.decompress(data, _PIECE)
        except (zlib.error, OSError) as error:
            raise _Damage from error
        if piece:
            yield piece
        elif not data:
            return  # it breaks off


def to_state(raw: Raw) -> State:
    """Make a state of what was recorded.

    Raises:
        RecordingDamaged: It is none, or says what no cluster can say.
    """
    try:
        state = msgspec.convert(raw, State, str_keys=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise RecordingDamaged(
            "The recording holds a state that this program does not know. Next: use the version that made it"
        ) from error
    if not _sane_numbers(raw) or not all(0 <= wall < _LATEST for wall in _times(state)):
        raise RecordingDamaged("The recording is damaged: a number is impossible. Next: record another")
    if any(abs(slots) > _MOST_SLOTS for slots in _slots(state)):
        raise RecordingDamaged("The recording is damaged: a node is too large. Next: record another")
    return state


def _sane_numbers(raw: object) -> bool:
    waiting: list[object] = [raw]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += cast("dict[str, object]", value).values()
        elif isinstance(value, list):
            waiting += cast("list[object]", value)
        elif isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
            return False
    return True


def _times(state: State) -> Iterator[float]:
    yield state.wall
    yield state.head.started
    for entry in state.log:
        yield entry.wall
    for job in state.jobs.values():
        yield from (at for at in (job.submitted_at, job.started_at, job.ended_at) if at is not None)


def _slots(state: State) -> Iterator[int]:
    for node in state.nodes.values():
        yield node.slots
    for job in state.jobs.values():
        yield job.ranks or 0
        yield job.per_node or 0
        yield sum(part.slots for part in job.allocation)
