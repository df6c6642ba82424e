"""The records of all jobs."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import StoreError
from jobs.hostfile import Host
from jobs.spec import JobSpec
from jobs.states import JobState
from jobs.store import JobRecord, JobStore

_SPEC = JobSpec("/srv/prog.py", ("-n", "ü"), ranks=3, name="prog", cwd="/srv", env={"A": "b c"})


def test_a_record_comes_back_as_it_was(tmp_path: Path, node: Host) -> None:
    """Every field survives the disk and a restart."""
    path = tmp_path / "jobs.sqlite3"
    with JobStore(path) as store:
        number = store.add(_SPEC, 1000.25)
        assert store.get(number) == JobRecord(number, _SPEC, JobState.PENDING, 1000.25)
        record = JobRecord(
            number,
            _SPEC,
            JobState.NODE_FAIL,
            1000.25,
            1001.5,
            1002.5,
            255,
            "node01 was lost",
            2,
            (node,),
            "/a/2",
        )
        store.update(record)
    with JobStore(path) as store:
        assert store.get(number) == record


def test_numbers_are_never_given_out_again(tmp_path: Path) -> None:
    """Job 2 is job 2 for ever, even if its record was removed."""
    path = tmp_path / "jobs.sqlite3"
    with JobStore(path) as store:
        assert [store.add(_SPEC, 0.0), store.add(_SPEC, 0.0)] == [1, 2]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM job")
    with JobStore(path) as store:
        assert store.add(_SPEC, 0.0) == 3


def test_lists_are_newest_first_and_limited(tmp_path: Path) -> None:
    """The list is what a screen shows; the unfinished come in the order they were submitted."""
    with JobStore(tmp_path / "jobs.sqlite3") as store:
        numbers = [store.add(_SPEC, float(at)) for at in range(5)]
        done = store.get(numbers[1])
        assert done is not None
        store.update(replace(done, state=JobState.COMPLETED))
        assert [record.id for record in store.list(3)] == [5, 4, 3]
        assert [record.id for record in store.unfinished()] == [1, 3, 4, 5]


def test_those_with_files_have_ended_and_a_folder(tmp_path: Path) -> None:
    """A running job's files are in use; those of jobs whose folder was removed are gone."""
    with JobStore(tmp_path / "jobs.sqlite3") as store:
        for state in JobState:
            for folder in ("", "/a"):
                job = store.add(_SPEC, 0.0)
                store.update(JobRecord(job, _SPEC, state, 0.0, dir=folder))
        found = store.with_files()
        assert {record.state for record in found} == {state for state in JobState if state.final}
        assert {record.dir for record in found} == {"/a"}
        assert [record.id for record in found] == sorted((record.id for record in found), reverse=True)


def test_unknown_jobs_are_none_or_told(tmp_path: Path) -> None:
    """To ask for a job that is not there is fine; to change it is not."""
    with JobStore(tmp_path / "jobs.sqlite3") as store:
        assert store.get(99) is None
        with pytest.raises(StoreError, match=r"There is no job 99\. Next: sciabc-tui jobs"):
            store.update(JobRecord(99, _SPEC, JobState.FAILED, 0.0))


def test_it_is_made_in_one_thread_and_used_in_another(tmp_path: Path) -> None:
    """The service makes it and an executor with one worker uses it."""
    with JobStore(tmp_path / "jobs.sqlite3") as store, ThreadPoolExecutor(1) as executor:
        assert executor.submit(store.add, _SPEC, 0.0).result() == 1
        assert len(executor.submit(store.list).result()) == 1


def test_write_ahead_and_version(tmp_path: Path) -> None:
    """The file is in WAL mode and says which schema it has; opening it again changes nothing."""
    path = tmp_path / "jobs.sqlite3"
    for _ in range(2):
        JobStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


_VERSION_1 = """
    CREATE TABLE job (
        id INTEGER PRIMARY KEY AUTOINCREMENT, spec TEXT NOT NULL, state TEXT NOT NULL,
        submitted_at REAL NOT NULL, started_at REAL, ended_at REAL, exit_code INTEGER,
        reason TEXT NOT NULL DEFAULT '', attempt INTEGER NOT NULL DEFAULT 0,
        hosts TEXT NOT NULL DEFAULT '[]', dir TEXT NOT NULL DEFAULT ''
    ) STRICT;
    INSERT INTO job (spec, state, submitted_at, attempt, hosts) VALUES (
        '{"program": "/srv/prog.py", "args": ["1"], "ranks": 2, "name": "prog", "cwd": "/srv", "env": {}}',
        'running', 5.0, 1,
        '[{"name": "node01", "address": "10.77.0.11", "slots": 2, "user": "pi", "port": 22,' ||
        ' "local": false, "host_key_alias": "n-1"}]'
    );
    PRAGMA user_version = 1;
"""


def test_a_store_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    """Its jobs are there, with what was not known then as it was meant then."""
    path = tmp_path / "jobs.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_VERSION_1)
    with JobStore(path) as store:
        (old,) = store.unfinished()
        assert old.spec == JobSpec("/srv/prog.py", ("1",), ranks=2, name="prog", cwd="/srv")
        assert (old.held_by, old.losses, old.hosts[0].boot_id) == ("", 0, "")
        store.update(replace(old, held_by="ada", losses=2))
    with JobStore(path) as store:
        assert store.unfinished() == (replace(old, held_by="ada", losses=2),)


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """An old program does not write into what it does not know."""
    path = tmp_path / "jobs.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match=r"newer sciabc-tui\. Next: upgrade"):
        JobStore(path)


@pytest.mark.parametrize("column", ["spec", "state", "hosts"])
def test_damage_is_told(tmp_path: Path, column: str) -> None:
    """A record that can't be read is an error of one line, not a guess."""
    path = tmp_path / "jobs.sqlite3"
    with JobStore(path) as store:
        store.add(_SPEC, 0.0)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"UPDATE job SET {column} = 'x'")
        with pytest.raises(StoreError, match="holds a damaged record"):
            store.list()


def test_no_database_is_told(tmp_path: Path) -> None:
    """A file that is none, or a folder that is not there, is one line with the next step."""
    path = tmp_path / "jobs.sqlite3"
    path.write_text("this is no database, and long enough to be seen as none" * 10)
    for wrong in (path, tmp_path / "nope" / "jobs.sqlite3"):
        with pytest.raises(StoreError, match="Next: check the state directory"):
            JobStore(wrong)
