"""What stood in the form of a new job: kept while the screen runs, and from one start to the next.

The file is small, only its owner may read it, and a broken one is as good as none. Values of environment
variables are never written: they may be secrets.
"""

import logging
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import msgspec

from sciabc_tui.cluster.job import JobId
from sciabc_tui.tui.present.new_job import Fields

log = logging.getLogger(__name__)

LARGEST = 64 * 1024
"""Bytes of a file that is read."""

LONGEST = 4096
"""Characters of a field that is kept."""

RECENT = 10
"""Programs that are remembered."""

_EDITS = 20


class _Kept(msgspec.Struct, frozen=True):
    """What stands in the file; what is not known is left to others."""

    fields: dict[str, str] = {}
    recent: tuple[str, ...] = ()


class FormMemory:
    """The form's values, and the programs that ran.

    Args:
        path: Of the file; its folder need not be there. None keeps nothing beyond this start.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._fields: Fields | None = None
        self._edits: dict[JobId, Fields] = {}
        self._recent: tuple[str, ...] = ()
        self._loaded = False
        self._dirty = False

    @property
    def recent(self) -> tuple[str, ...]:
        """Programs that were submitted, the newest first."""
        self._load()
        return self._recent

    def fields(self, job: JobId | None = None) -> Fields | None:
        """Give what stood in the form, or in that for a job that shall run again; None if nothing did."""
        self._load()
        return self._fields if job is None else self._edits.get(job)

    def keep(self, fields: Fields, job: JobId | None = None) -> None:
        """Keep what stands in the form; nothing is written yet."""
        self._load()
        if job is None:
            self._dirty = self._dirty or fields != self._fields
            self._fields = fields
            return
        self._edits.pop(job, None)
        self._edits[job] = fields
        if len(self._edits) > _EDITS:
            del self._edits[next(iter(self._edits))]

    def submitted(self, fields: Fields, job: JobId | None = None) -> None:
        """Keep what was submitted: the next form begins with it."""
        self.keep(fields)
        if job is not None:
            self._edits.pop(job, None)
        program = fields.program.strip()
        others = (other for other in self._recent if other != program)
        self._recent = (program, *others)[:RECENT]
        self._dirty = True

    def write(self) -> None:
        """Write the file if there is something new; it blocks."""
        if self._path is None or not self._dirty or self._fields is None:
            return
        self._dirty = False
        kept = _Kept(asdict(replace(self._fields, env="")), self._recent)
        try:
            _replace(self._path, msgspec.json.encode(kept))
        except OSError as error:
            log.warning("%s can't be written (%s): the form is not remembered", self._path, error.strerror)

    def _load(self) -> None:
        if self._loaded or self._path is None:
            return
        self._loaded = True
        try:
            with self._path.open("rb") as file:
                kept = msgspec.json.decode(file.read(LARGEST), type=_Kept)  # a longer one is cut, and broken
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s is ignored: %s", self._path, error)
            return
        values = {name: text for name, text in kept.fields.items() if _fine(text) and name != "env"}
        known = {name: values[name] for name in asdict(Fields("")) if name in values}
        self._fields = Fields(**{"program": "", **known})
        self._recent = tuple(filter(_fine, kept.recent))[:RECENT]


def _fine(text: str) -> bool:
    return len(text) <= LONGEST and text.isprintable()


def _replace(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read; others see the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
