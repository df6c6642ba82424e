"""What programs tell of themselves: the newest word reaches the state, whatever else they print."""

import asyncio
from pathlib import Path

from jobs.attempt import AttemptFiles
from jobs.logstore import LogLine, Stream, format_line
from jobs.progress import Metric, Progress
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.job_progress import JobMetric, JobProgress
from sciabc_tui.cluster.state import State
from sciabc_tui.head.job_progress import MOST_LINES, MOST_METRICS, SERIES, TAIL, newest
from tests.head.fakes import FakeRuns, until
from tests.head.test_dispatcher import dispatching, is_

ONE = JobId(1)
BEGAN = 1_763_900_000.0


def said(text: str, *, at: float = BEGAN, stream: Stream = Stream.OUT) -> bytes:
    """Write what rank 0 printed as its record."""
    return format_line(LogLine(at, 0, stream, text.encode()))


def write(folder: Path, *records: bytes, attempt: int = 1) -> None:
    """Append records to the log of job 1."""
    log = AttemptFiles(folder / "jobs" / "1" / f"attempt-{attempt}").log
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        file.write(b"".join(records))


def progress(state: State) -> JobProgress | None:
    """Give how far job 1 is."""
    return state.jobs[ONE].progress if ONE in state.jobs else None


def test_the_newest_word_of_each_kind_and_name_counts() -> None:
    """Older words, pictures and ordinary lines are passed over."""
    data = b"".join(
        [
            said("@sciabc progress 1 of 4"),
            said("@sciabc metric lift 0.1"),
            said("@sciabc metric drag 2 N"),
            said("@sciabc progress 2 of 4", at=BEGAN + 1),
            said("@sciabc metric lift 0.2", at=BEGAN + 1),
            said("@sciabc frame heat 2x2 0 100 Ag./"),
            said("an ordinary line"),
        ]
    )
    assert newest(data) == {
        "drag": (BEGAN, Metric("drag", 2.0, "N")),
        "": (BEGAN + 1, Progress(2, 4)),
        "lift": (BEGAN + 1, Metric("lift", 0.2, "")),
    }


def test_what_only_looks_like_a_marked_line_tells_nothing() -> None:
    """The mark stands at the begin of a line of standard output, or it is none."""
    data = b"".join(
        [
            said("he said: 0 out @sciabc progress 1 of 2"),
            said("@sciabc progress 1 of 2", stream=Stream.ERR),
            said("@sciabc progress 3 of 2"),
            said("@sciabc progress 1 of 2" + "x" * 5000),
            format_line(LogLine(BEGAN, 0, Stream.OUT, b"@sciabc progress 1 of 2", joined=True)),
            b" out @sciabc progress 1 of 2\n",
            b"\xff out @sciabc \x00\n",
            b"no end: out @sciabc progress 1 of 2",
        ]
    )
    assert newest(data) == {}


def test_of_a_flood_of_marked_lines_only_the_newest_are_read() -> None:
    """The work of one look is bounded by a number of lines; the word before them is not found."""
    data = said("@sciabc progress 1 of 2") + said("@sciabc metric x 1") * MOST_LINES
    assert set(newest(data)) == {"x"}


async def test_a_running_job_tells_how_far_it_is_and_when_it_ends(tmp_path: Path) -> None:
    """The pace is the program's own; the end is not told before there is one."""
    async with dispatching(tmp_path, FakeRuns()) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob(program="hello", ranks=1), by="ada")
        await until(hub, is_(ONE, JobState.RUNNING))
        write(tmp_path, said("@sciabc progress 10 of 100"))
        state = await until(hub, lambda state: progress(state) is not None)
        assert progress(state) == JobProgress(10, 100, None)
        write(tmp_path, said("@sciabc progress 20 of 100", at=BEGAN + 5), said("@sciabc metric lift 0.2"))
        state = await until(hub, lambda state: progress(state) != JobProgress(10, 100, None))
        assert progress(state) == JobProgress(20, 100, BEGAN + 45)
        assert state.jobs[ONE].metrics == (JobMetric("lift", 0.2, "", (0.2,)),)


async def test_the_last_words_are_kept_when_the_job_has_ended(tmp_path: Path) -> None:
    """What was printed just before the end is read, and stays on the job."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob(program="hello", ranks=1), by="ada")
        await until(hub, is_(ONE, JobState.RUNNING))
        write(tmp_path, said("@sciabc progress 3 of 3"), said("@sciabc metric lift 0.2"))
        runs.let_end(ONE)
        state = await until(hub, is_(ONE, JobState.COMPLETED))
        assert progress(state) == JobProgress(3, 3)
        assert (await dispatcher.detail(ONE)).job.metrics == (JobMetric("lift", 0.2, "", (0.2,)),)


async def test_a_service_that_starts_anew_reads_it_from_the_end_of_the_log(tmp_path: Path) -> None:
    """What the job told is in its log, and needs no other place."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob(program="hello", ranks=1), by="ada")
        await until(hub, is_(ONE, JobState.RUNNING))
    flood = said("x" * 1000) * (TAIL // 1000)
    write(tmp_path, said("@sciabc metric gone 1"), flood, said("@sciabc progress 7 of 9"))
    async with dispatching(tmp_path, FakeRuns()) as (hub, _):
        state = await until(hub, lambda state: progress(state) is not None)
        assert progress(state) == JobProgress(7, 9)
        assert state.jobs[ONE].metrics == ()


async def test_metrics_are_few_and_short_whatever_is_printed(tmp_path: Path) -> None:
    """The state holds a few metrics of bounded length, however many names a program makes up."""
    async with dispatching(tmp_path, FakeRuns()) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob(program="hello", ranks=1), by="ada")
        await until(hub, is_(ONE, JobState.RUNNING))
        write(tmp_path, *(said(f"@sciabc metric m{number} {number}") for number in range(100)))
        state = await until(hub, lambda state: state.jobs[ONE].metrics != ())
        assert len(state.jobs[ONE].metrics) == MOST_METRICS
        assert all(len(metric.series) <= SERIES for metric in state.jobs[ONE].metrics)


async def test_a_job_that_says_nothing_changes_nothing(tmp_path: Path) -> None:
    """Ordinary output makes no new state: nobody is woken by it."""
    async with dispatching(tmp_path, FakeRuns()) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob(program="hello", ranks=1), by="ada")
        before = await until(hub, is_(ONE, JobState.RUNNING))
        write(tmp_path, said("step 1"), said("step 2"))
        await asyncio.sleep(1.2)
        assert hub.state.revision == before.revision
