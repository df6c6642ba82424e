"""Remove the files of old jobs: an SD card is small. Their records stay."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jobs.detach import runner_alive
from jobs.errors import SpecError, StoreError
from jobs.store import JobRecord

_DAY = 86_400.0
_KEEP = re.compile(r"([1-9][0-9]{0,6}) (jobs?|days?)")


@dataclass(frozen=True, slots=True)
class Keep:
    """Whose files are kept: of so many jobs that ended last, or of those that ended in so many days."""

    jobs: int | None = None
    days: int | None = None


def parse_keep(text: str) -> Keep:
    """Read what `jobs.keep` says: ``500 jobs`` or ``30 days``.

    Raises:
        SpecError: It says neither.
    """
    if (found := _KEEP.fullmatch(text.strip())) is None:
        raise SpecError("jobs.keep", f"{text!r} is not such as `500 jobs` or `30 days`. Next: mend it")
    number = int(found[1])
    return Keep(days=number) if found[2].startswith("day") else Keep(jobs=number)


def retain(root: Path, records: Iterable[JobRecord], keep: Keep, now: float) -> tuple[int, ...]:
    """Remove the folders of jobs that ended and are old; blocks for as long as the disk takes.

    A job that has not ended, one whose runner lives, and a folder that no record speaks of stay.

    Args:
        root: Where each job has its folder, named by its number.
        records: All jobs that are known.
        keep: What stays.
        now: In seconds since 1970.

    Returns:
        The jobs whose folders were removed, the oldest first. One that can't be removed is tried again the
        next time.
    """
    ended = sorted(
        (record for record in records if record.state.final),
        key=lambda record: (record.ended_at or record.submitted_at, record.id),
    )
    old = [record for record in ended if keep.days is not None and _age(record, now) > keep.days * _DAY]
    if keep.jobs is not None:
        old = ended[: max(0, len(ended) - keep.jobs)]
    return tuple(record.id for record in old if _removed(root / str(record.id)))


def _age(record: JobRecord, now: float) -> float:
    return now - (record.ended_at or record.submitted_at)


def _removed(folder: Path) -> bool:
    try:
        attempts = [entry for entry in folder.iterdir() if entry.is_dir()]
        if any(runner_alive(attempt) for attempt in attempts):
            return False
        shutil.rmtree(folder)
    except (OSError, StoreError):
        return False
    return True
