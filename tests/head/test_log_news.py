"""When a followed log is looked at again: at once when it grew or the job moved, and not in between."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.job_events import JobEnded, JobStarted, JobSubmitted
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.log_news import LogNews, log_news
from tests.head.fakes import FakeClock

LONG = 60.0
JOB = Job(JobId(1), "hello", "/hello", (), 2, JobState.PENDING, 0.0)
RUNNING = replace(JOB, state=JobState.RUNNING, attempt=1)


@pytest_asyncio.fixture
async def hub() -> StateHub:
    """A hub with one job that waits."""
    hub = StateHub(FakeClock())
    hub.publish([JobSubmitted(JOB, "pi")])
    return hub


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """The folder of its first attempt."""
    folder = tmp_path / "1" / "attempt-1"
    folder.mkdir(parents=True)
    return folder


async def _told(news: LogNews) -> "asyncio.Task[None]":
    """Begin to wait, and let it come to rest."""
    waiting = asyncio.get_running_loop().create_task(news.wait(LONG))
    for _ in range(20):
        await asyncio.sleep(0.01)
    return waiting


async def test_a_line_that_is_written_is_told(hub: StateHub, attempt: Path, tmp_path: Path) -> None:
    """The property: a write to the log ends the wait, without a look in between."""
    hub.publish([JobStarted(RUNNING)])
    with (attempt / "log").open("ab", buffering=0) as log, log_news(hub, JobId(1), tmp_path) as news:
        await news.wait(LONG)  # the folder is new to it
        waiting = await _told(news)
        assert not waiting.done()
        log.write(b"line\n")
        async with asyncio.timeout(30.0):
            await waiting


async def test_a_line_between_two_waits_is_told(hub: StateHub, attempt: Path, tmp_path: Path) -> None:
    """What is written after a look and before the next wait is not lost."""
    hub.publish([JobStarted(RUNNING)])
    with log_news(hub, JobId(1), tmp_path) as news:
        await news.wait(LONG)
        (attempt / "log").write_bytes(b"line\n")
        async with asyncio.timeout(30.0):
            await news.wait(LONG)


@pytest.mark.usefixtures("attempt")
async def test_a_start_and_an_end_are_told(hub: StateHub, tmp_path: Path) -> None:
    """A follower of a waiting job wakes when it starts, for what its folder holds by then, and at the end."""
    with log_news(hub, JobId(1), tmp_path) as news:
        waiting = await _told(news)
        assert not waiting.done()
        hub.publish([JobStarted(RUNNING)])
        async with asyncio.timeout(30.0):
            await waiting
            await news.wait(LONG)  # the folder
        waiting = await _told(news)
        assert not waiting.done()
        hub.publish([JobEnded(replace(RUNNING, state=JobState.COMPLETED))])
        async with asyncio.timeout(30.0):
            await waiting


@pytest.mark.parametrize("there", ["", "jobs", "jobs/1"])
async def test_a_folder_that_is_made_late_is_told(hub: StateHub, tmp_path: Path, there: str) -> None:
    """A job is said to run before its folder is made: its first line must not wait for the next look."""
    (tmp_path / there).mkdir(parents=True, exist_ok=True)
    hub.publish([JobStarted(RUNNING)])
    attempt = tmp_path / "jobs" / "1" / "attempt-1"
    with log_news(hub, JobId(1), tmp_path / "jobs") as news:
        waiting = await _told(news)
        assert not waiting.done()
        attempt.mkdir(parents=True)
        (attempt / "log").write_bytes(b"line\n")
        async with asyncio.timeout(30.0):
            await waiting
            await news.wait(LONG)  # what is in it by now
        waiting = await _told(news)
        assert not waiting.done()
        (attempt / "log").write_bytes(b"line\nline\n")
        async with asyncio.timeout(30.0):
            await waiting


async def test_silence_ends_the_wait_in_time(hub: StateHub, tmp_path: Path) -> None:
    """Where nothing is told, for want of a watch too, the wait ends all the same."""
    with log_news(hub, JobId(1), tmp_path / "nowhere") as news:
        async with asyncio.timeout(30.0):
            await news.wait(0.05)


async def test_other_jobs_are_no_news(hub: StateHub, tmp_path: Path) -> None:
    """What another job does wakes nobody."""
    with log_news(hub, JobId(1), tmp_path) as news:
        waiting = await _told(news)
        hub.publish([JobSubmitted(replace(JOB, id=JobId(2)), "pi")])
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
