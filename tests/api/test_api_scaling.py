"""A scaling lesson as jobs: what is submitted, what is told, and that no end leaves a job behind."""

from dataclasses import replace

import pytest
from typing_extensions import override

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.api.scaling import (
    Disturbed,
    News,
    Planned,
    Prolonged,
    RunBegan,
    RunEnded,
    RunWaits,
    ScaleWish,
    Scaling,
)
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.errors import CommandRefused, ServiceUnavailable
from tests.scaled import BEGAN, ScaledCluster, amdahl

PROGRAM = SubmitJob("mergesort", args=("500000",), nodes=())


def told(cluster: ScaledCluster, wish: ScaleWish) -> tuple[list[News], Scaling]:
    """Measure to the end."""
    heard: list[News] = []
    scaling = Scaling(cluster, wish)
    assert scaling.run(heard.append)
    return heard, scaling


def test_what_is_run() -> None:
    """A run on the most ranks that is not counted, then each rank count in each round."""
    cluster = ScaledCluster(amdahl(0.1))
    heard, scaling = told(cluster, ScaleWish(PROGRAM, (1, 4), rounds=2))
    assert [one.ranks for one in cluster.submitted] == [4, 1, 4, 4, 1]
    assert {one.args for one in cluster.submitted} == {("500000",)}
    assert {one.name for one in cluster.submitted} == {"mergesort x1", "mergesort x4"}
    assert heard[0] == Planned((1, 4), 5, 16, simulated=False)
    assert [run.ranks for run in scaling.runs] == [1, 4, 4, 1]
    assert cluster.closed


def test_noise_makes_more_runs_until_the_share_is_known() -> None:
    """Of the fewest and the most ranks, and as many as are told; a number of rounds that is given is kept."""
    heard, scaling = told(ScaledCluster(amdahl(0.2), noise=0.03, nodes=2), ScaleWish(PROGRAM))
    more = [news for news in heard if isinstance(news, Prolonged)]
    law = scaling.lesson().fit
    assert law is not None
    assert more
    assert law.margin <= 0.05 * law.serial < more[0].law.margin
    assert more[-1].runs == 1 + len(scaling.runs) == 1 + 12 + sum(news.more for news in more)
    assert {run.ranks for run in scaling.runs[12:]} == {1, 8}
    for rounds in (1, 3):
        heard, scaling = told(ScaledCluster(amdahl(0.2), noise=0.03, nodes=2), ScaleWish(PROGRAM, (), rounds))
        assert not [news for news in heard if isinstance(news, Prolonged)]
        assert len(scaling.runs) == 4 * rounds


def test_a_quiet_cluster_is_done_after_three_rounds() -> None:
    """There is nothing to be learnt by more of them."""
    heard, scaling = told(ScaledCluster(amdahl(0.2)), ScaleWish(PROGRAM))
    assert len(scaling.runs) == 3 * 5
    assert not [news for news in heard if isinstance(news, Prolonged)]


def test_a_count_that_fails_is_not_asked_for_again() -> None:
    """Also where it failed only in the end: more runs are those of the others."""
    cluster = ScaledCluster(amdahl(0.2), noise=0.03, nodes=2)
    cluster.fails = lambda request: "killed" if request.ranks == 8 and len(cluster.submitted) > 8 else ""
    heard, scaling = told(cluster, ScaleWish(PROGRAM))
    assert sum(isinstance(news, RunEnded) and news.seconds is None for news in heard) == 1
    assert {run.ranks for run in scaling.runs[12:]} <= {1, 2, 4}
    assert len(scaling.runs) > 12


def test_the_times_are_those_of_the_attempts_record() -> None:
    """Not of the job, which also waits for its files, and not ours."""
    _, scaling = told(ScaledCluster(amdahl(0.25)), ScaleWish(PROGRAM, (1, 2), rounds=1))
    assert [run.seconds for run in scaling.runs] == [pytest.approx(20.0), pytest.approx(12.5)]


def test_waiting_and_the_time_that_is_left_are_told() -> None:
    """Why a job waits; and how long the rest takes, once something was measured."""
    heard, _ = told(ScaledCluster(amdahl(0.0)), ScaleWish(PROGRAM, (1, 2), rounds=2))
    assert RunWaits(JobId(1), "waits for 2 slots") in heard
    lefts = [news.left for news in heard if isinstance(news, RunBegan)]
    assert lefts == [None, None, pytest.approx(60.0), pytest.approx(30.0), pytest.approx(20.0)]


def test_other_jobs_are_named_once() -> None:
    """Those that wait or run and are none of ours; not those that another cluster runs, or that ended."""
    cluster = ScaledCluster(amdahl(0.1))
    other = Job(JobId(900), "soak", "soak", (), 4, JobState.RUNNING, BEGAN)
    cluster.others = (
        other,
        replace(other, id=JobId(901), state=JobState.COMPLETED),
        replace(other, id=JobId(902), elsewhere=True),
    )
    heard, scaling = told(cluster, ScaleWish(PROGRAM, (1, 2), rounds=2))
    assert [news for news in heard if isinstance(news, Disturbed)] == [Disturbed(("job 900 soak",))]
    assert scaling.lesson().points


def test_a_failing_run_is_told_and_its_count_left_out() -> None:
    """The others are measured."""
    cluster = ScaledCluster(amdahl(0.1))
    cluster.fails = lambda request: "a rank was killed" if request.ranks == 4 else ""
    heard, scaling = told(cluster, ScaleWish(PROGRAM, (1, 2, 4), rounds=2))
    (failed,) = (news for news in heard if isinstance(news, RunEnded) and news.seconds is None)
    assert (failed.ranks, "a rank was killed" in failed.problem) == (4, True)
    assert [one.ranks for one in cluster.submitted] == [4, 1, 2, 2, 1]
    assert [point.ranks for point in scaling.lesson().points] == [1, 2]


def test_what_can_not_be_measured_is_refused_before_any_job() -> None:
    """More ranks than slots; no slots; nodes that are not there."""
    with pytest.raises(CommandRefused, match="99 ranks need 99 slots, there are 16"):
        Scaling(ScaledCluster(amdahl(0.1)), ScaleWish(PROGRAM, (1, 99))).run(lambda _: None)
    with pytest.raises(CommandRefused, match="No node takes jobs"):
        Scaling(ScaledCluster(amdahl(0.1), nodes=0), ScaleWish(PROGRAM)).run(lambda _: None)
    cluster = ScaledCluster(amdahl(0.1))
    only = SubmitJob("mergesort", nodes=("node02",))
    told(cluster, ScaleWish(only, rounds=1))
    assert max(one.ranks or 0 for one in cluster.submitted) == 4


class _Interrupted(ScaledCluster):
    """Ends the watch, or is interrupted, while the third job runs."""

    end: BaseException | None = None

    @override
    def _step(self) -> None:
        super()._step()
        if len(self.submitted) == 3:
            if self.end is not None:
                raise self.end
            self.close_watch()


def test_ctrl_c_cancels_the_job_and_keeps_what_was_measured() -> None:
    """KeyboardInterrupt comes out again, after the cancel."""
    cluster = _Interrupted(amdahl(0.1))
    cluster.end = KeyboardInterrupt()
    scaling = Scaling(cluster, ScaleWish(PROGRAM))
    with pytest.raises(KeyboardInterrupt):
        scaling.run(lambda _: None)
    assert cluster.cancelled == [3]
    assert [run.ranks for run in scaling.runs] == [1]


def test_a_service_that_goes_away() -> None:
    """Is said; the job would be cancelled if anybody heard it."""
    cluster = _Interrupted(amdahl(0.1))
    with pytest.raises(ServiceUnavailable, match="went away"):
        Scaling(cluster, ScaleWish(PROGRAM)).run(lambda _: None)


def test_stop_from_outside() -> None:
    """Ends it with False, and cancels the job."""
    cluster = ScaledCluster(amdahl(0.1))
    scaling = Scaling(cluster, ScaleWish(PROGRAM))
    heard: list[News] = []

    def hear(news: News) -> None:
        heard.append(news)
        if isinstance(news, RunBegan) and news.number == 2:
            scaling.stop()

    assert not scaling.run(hear)
    assert cluster.cancelled == [3]
    assert len(scaling.runs) == 1
