"""The runner that waits for its attempt: it is a runner like any other, and nobody is left waiting."""

import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from jobs import procs
from jobs.attempt import AttemptFiles, AttemptStatus
from jobs.detach import cancel, runner_alive
from jobs.errors import StoreError
from jobs.standby import Standby
from jobs.states import JobState
from tests.lab.procs import carriers, members, namespace

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]
StartPython = Callable[..., tuple[int, Path]]

_FOREVER = "import signal; print('up'); signal.pause()"
_MARK = "SCIABC_TEST_STANDBY"


@pytest.fixture
def standby(monkeypatch: pytest.MonkeyPatch) -> Generator[Standby]:
    """One that keeps no runner yet."""
    monkeypatch.setenv(_MARK, secrets.token_hex(16))
    standby = Standby()
    try:
        yield standby
    finally:
        standby.close()


def _begun() -> list[int]:
    """Give the processes of this test that began as one that waits; some may have an attempt by now."""
    mark, everyone = f"{_MARK}={os.environ[_MARK]}", members(namespace(os.getpid(), "pid") or "")
    return [each.pid for each in carriers(everyone, mark) if "--stand-by" in each.command.split()]


def _waiting() -> list[int]:
    """Give those that nobody waits for."""
    return [pid for pid in _begun() if _parent(pid) not in {os.getpid(), None}]


def _parent(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
    return None


def test_the_one_that_waits_runs_the_attempt(
    standby: Standby, start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """The attempt has a living runner that no child of ours is, which outlives us and ends when told to."""
    _, folder = start_python(_FOREVER, launched=False)
    standby.prepare()
    until(lambda: len(_waiting()) == 1)
    pid = standby.launch(folder)
    assert runner_alive(folder)
    assert pid in _waiting()
    assert all(_parent(each) != os.getpid() for each in _begun())  # for a moment the launcher is its twin
    standby.close()
    log = AttemptFiles(folder).log
    until(lambda: log.exists() and b"up" in log.read_bytes())
    assert procs.start_time(pid) is not None
    assert cancel(folder)
    assert end_of(pid, folder).state is JobState.CANCELLED
    assert AttemptFiles(folder).errors.read_text() == ""


@pytest.mark.parametrize("prepared", [True, False])
def test_the_end_is_told_as_ever(
    standby: Standby, start_python: StartPython, end_of: EndOf, prepared: bool
) -> None:
    """With or without one that waits, the launcher's exit status is the attempt's."""
    _, folder = start_python("raise SystemExit(3)", launched=False)
    if prepared:
        standby.prepare()
    status = end_of(standby.launch(folder), folder)
    assert (status.state, status.exit_code) == (JobState.FAILED, 3)


def test_only_one_waits(standby: Standby, until: Until) -> None:
    """Asked twice, one runner waits; closed, none."""
    assert not standby.waits
    standby.prepare()
    until(lambda: len(_waiting()) == 1)
    standby.prepare()
    assert standby.waits
    assert len(_waiting()) == 1
    standby.close()
    assert not standby.waits
    until(lambda: not _begun())


@pytest.mark.parametrize("again", [True, False])
def test_a_killed_one_is_replaced(
    standby: Standby, start_python: StartPython, end_of: EndOf, until: Until, again: bool
) -> None:
    """When the one that waits was killed, the attempt runs all the same."""
    _, folder = start_python("pass", launched=False)
    standby.prepare()
    until(lambda: len(_waiting()) == 1)
    (pid,) = _waiting()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not standby.waits)
    if again:
        standby.prepare()
        until(lambda: len(set(_waiting()) - {pid}) == 1)
    assert end_of(standby.launch(folder), folder).state is JobState.COMPLETED


def test_an_attempt_has_one_runner(
    standby: Standby, start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """A second launch of the same attempt is refused, and the runner that waited is not left behind."""
    pid, folder = start_python(_FOREVER)
    standby.prepare()
    with pytest.raises(StoreError, match="has a runner already"):
        standby.launch(folder)
    until(lambda: not _begun())
    assert cancel(folder)
    end_of(pid, folder)


def test_a_damaged_plan_is_told(standby: Standby, start_python: StartPython) -> None:
    """A runner that could not begin says why in the attempt's folder, and the launch fails."""
    _, folder = start_python("pass", launched=False)
    AttemptFiles(folder).plan.write_text("{")
    standby.prepare()
    with pytest.raises(StoreError, match="did not start"):
        standby.launch(folder)
    assert "is damaged" in AttemptFiles(folder).errors.read_text()
