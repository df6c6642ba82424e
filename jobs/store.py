"""The records of all jobs, in SQLite; the only file that speaks it."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from jobs.errors import StoreError
from jobs.hostfile import Host
from jobs.spec import JobSpec
from jobs.states import JobState

# Each entry brings a store one version up; `user_version` counts how many have run. Only ever append.
_MIGRATIONS = (
    """
    CREATE TABLE job (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        spec TEXT NOT NULL,
        state TEXT NOT NULL,
        submitted_at REAL NOT NULL,
        started_at REAL,
        ended_at REAL,
        exit_code INTEGER,
        reason TEXT NOT NULL DEFAULT '',
        attempt INTEGER NOT NULL DEFAULT 0,
        hosts TEXT NOT NULL DEFAULT '[]',
        dir TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX job_state ON job (state);
    """,
    """
    ALTER TABLE job ADD COLUMN held_by TEXT NOT NULL DEFAULT '';
    ALTER TABLE job ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;
    """,
)
_UNFINISHED = tuple(state for state in JobState if not state.final)
_COLUMNS = (
    "id",
    "spec",
    "state",
    "submitted_at",
    "started_at",
    "ended_at",
    "exit_code",
    "reason",
    "attempt",
    "hosts",
    "dir",
    "held_by",
    "losses",
)
_NAMES = ", ".join(_COLUMNS)
_SET = ", ".join(f"{column} = ?" for column in _COLUMNS[1:])


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What is known of a job.

    Attributes:
        id: Its number, from 1; never given out again.
        spec: What was asked.
        state: Where it stands.
        submitted_at: In seconds since 1970, like the two below.
        started_at: When its newest attempt began.
        ended_at: When it reached its final state.
        exit_code: The launcher's exit status.
        reason: One line on why it waits, or ended as it did.
        attempt: How often it was launched.
        hosts: Where its newest attempt runs or ran.
        dir: The folder of its newest attempt; empty before the first.
        held_by: Who wants it not to start.
        losses: How many attempts in a row ended because a node was lost.
    """

    id: int
    spec: JobSpec
    state: JobState
    submitted_at: float
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    reason: str = ""
    attempt: int = 0
    hosts: tuple[Host, ...] = ()
    dir: str = ""
    held_by: str = ""
    losses: int = 0


class JobStore:
    """The records on disk, durable when a method returns.

    Made in any thread and used by one at a time: give it an executor with one worker.
    """

    def __init__(self, path: Path) -> None:
        with _mapped(path):
            # The executor's worker is not the thread that makes us; nobody else uses the connection.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._path = path
        try:
            with _mapped(path):
                self._prepare()
        except StoreError:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing is left to be written."""
        self._connection.close()

    def add(self, spec: JobSpec, submitted_at: float) -> int:
        """Keep a new pending job and return its number."""
        with _mapped(self._path):
            cursor = self._connection.execute(
                "INSERT INTO job (spec, state, submitted_at) VALUES (?, ?, ?)",
                (_text(spec), JobState.PENDING, submitted_at),
            )
        if cursor.lastrowid is None:
            raise StoreError(f"{self._path}: no number was given to the job. Next: submit it again")
        return cursor.lastrowid

    def update(self, record: JobRecord) -> None:
        """Replace a record as a whole.

        Raises:
            StoreError: There is no job of that number.
        """
        with _mapped(self._path):
            cursor = self._connection.execute(
                f"UPDATE job SET {_SET} WHERE id = ?",  # noqa: S608 - the names are ours, values are bound
                (
                    _text(record.spec),
                    record.state,
                    record.submitted_at,
                    record.started_at,
                    record.ended_at,
                    record.exit_code,
                    record.reason,
                    record.attempt,
                    _text(record.hosts),
                    record.dir,
                    record.held_by,
                    record.losses,
                    record.id,
                ),
            )
        if cursor.rowcount != 1:
            raise StoreError(f"There is no job {record.id}. Next: sciabc-tui jobs")

    def get(self, job: int) -> JobRecord | None:
        """Return a job; None if there is none of that number."""
        found = self._select("WHERE id = ?", (job,))
        return found[0] if found else None

    def list(self, limit: int = 100) -> tuple[JobRecord, ...]:
        """Return the newest jobs, newest first."""
        return self._select("ORDER BY id DESC LIMIT ?", (limit,))

    def unfinished(self) -> tuple[JobRecord, ...]:
        """Return what is pending or running, oldest first."""
        return self._select("WHERE state IN (?, ?) ORDER BY id", _UNFINISHED)

    def with_files(self) -> tuple[JobRecord, ...]:
        """Return what has ended and still has a folder, newest first: few in a long history."""
        return self._select("WHERE dir != '' AND state NOT IN (?, ?) ORDER BY id DESC", _UNFINISHED)

    def _select(self, which: str, values: tuple[int | str, ...]) -> tuple[JobRecord, ...]:
        with _mapped(self._path):
            query = f"SELECT {_NAMES} FROM job {which}"  # noqa: S608 - both are ours, values are bound
            rows = self._connection.execute(query, values).fetchall()
            return tuple(_record(row) for row in rows)

    def _prepare(self) -> None:
        # FULL: a job that was accepted is there after a power cut. A few commits a job are no load.
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > len(_MIGRATIONS):
            raise StoreError(f"{self._path} is of a newer sciabc-tui. Next: upgrade, or move it away")
        for number, migration in enumerate(_MIGRATIONS[version:], start=version + 1):
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {migration} PRAGMA user_version = {number}; COMMIT;"
            )


def _record(row: tuple[object, ...]) -> JobRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["spec"] = msgspec.json.decode(str(values["spec"]))
    values["hosts"] = msgspec.json.decode(str(values["hosts"]))
    return msgspec.convert(values, JobRecord)


def _text(value: JobSpec | tuple[Host, ...]) -> str:
    return msgspec.json.encode(value).decode()


@contextmanager
def _mapped(path: Path) -> Generator[None]:
    """Turn what SQLite and the decoder raise into our own error."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}. Next: check the state directory") from error
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path} holds a damaged record ({error}). Next: move it away") from error
