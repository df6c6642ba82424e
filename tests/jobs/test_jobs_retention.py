"""Removing the files of old jobs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import SpecError
from jobs.retention import Keep, parse_keep, retain
from jobs.runner import hold
from jobs.spec import JobSpec
from jobs.states import JobState
from jobs.store import JobRecord

DAY = 86_400.0

Make = Callable[..., JobRecord]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a record of a job that ended on that day, and its folder."""

    def record(number: int, day: float | None, state: JobState = JobState.COMPLETED) -> JobRecord:
        folder = tmp_path / str(number) / "attempt-1"
        folder.mkdir(parents=True)
        (folder / "log").write_bytes(b"x")
        (tmp_path / str(number) / "checkpoint" / "deep").mkdir(parents=True)
        (tmp_path / str(number) / "checkpoint" / "deep" / "state").touch()
        spec = JobSpec("hello", (), 1, "hello", "", {})
        ended = None if day is None else day * DAY
        return JobRecord(number, spec, state, 0.0, ended_at=ended, attempt=1, dir=str(folder))

    return record


def _left(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir()}


def test_the_newest_jobs_are_kept(tmp_path: Path, make: Make) -> None:
    """By when they ended, whatever their numbers; the oldest goes first."""
    records = [make(1, 9.0), make(2, 5.0), make(3, 7.0, JobState.FAILED), make(4, 1.0)]
    assert retain(tmp_path, records, Keep(jobs=2), 10 * DAY) == (4, 2)
    assert _left(tmp_path) == {"1", "3"}
    assert retain(tmp_path, records, Keep(jobs=2), 10 * DAY) == ()


def test_jobs_of_the_last_days_are_kept(tmp_path: Path, make: Make) -> None:
    """However many they are."""
    records = [make(1, 1.0), make(2, 4.9), make(3, 5.1), make(4, 9.0)]
    assert retain(tmp_path, records, Keep(days=5), 10 * DAY) == (1, 2)
    assert _left(tmp_path) == {"3", "4"}


def test_what_is_in_use_or_unknown_stays(tmp_path: Path, make: Make) -> None:
    """Jobs that run or wait, one whose runner lives, folders of no record, and what a link leads to."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    records = [
        make(1, None, JobState.RUNNING),
        make(2, None, JobState.PENDING),
        make(3, 1.0),
        make(4, 1.0),
    ]
    lock = hold(tmp_path / "3" / "attempt-1")
    (tmp_path / "99").mkdir()
    linked = JobRecord(5, records[0].spec, JobState.FAILED, 0.0, ended_at=0.0, attempt=1)
    (tmp_path / "5").symlink_to(elsewhere)
    assert retain(tmp_path, [*records, linked], Keep(days=1), 10 * DAY) == (4,)
    assert _left(tmp_path) == {"1", "2", "3", "5", "99", "elsewhere"}
    os.close(lock)
    assert retain(tmp_path, records, Keep(days=1), 10 * DAY) == (3,)


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("500 jobs", Keep(jobs=500)),
        ("1 job", Keep(jobs=1)),
        (" 30 days ", Keep(days=30)),
        ("1 day", Keep(days=1)),
    ],
)
def test_what_to_keep_is_read(text: str, keep: Keep) -> None:
    """A number and what it counts."""
    assert parse_keep(text) == keep


@pytest.mark.parametrize("text", ["", "0 jobs", "-1 days", "30", "all", "1.5 days", "30 days\n5"])
def test_what_says_neither_is_refused(text: str) -> None:
    """Removing by a guess would be worse than not starting."""
    with pytest.raises(SpecError, match=r"jobs\.keep"):
        parse_keep(text)
