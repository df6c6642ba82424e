"""Slurm's words, read and judged: pure; the samples are those of a real Slurm 22.05."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.slurm_states import (
    Evidence,
    Phase,
    Seen,
    Share,
    judge_slurm,
    judge_unknown,
    parse_comments,
    parse_number,
    parse_seen,
    parse_shares,
    waiting_words,
)
from jobs.states import JobState

KNOWN = Evidence(7)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "7|FAILED|36608|sl[1-2]|NonZeroExitCode|\n",
            Seen(7, "FAILED", 143, 0, "sl[1-2]", "NonZeroExitCode"),
        ),
        ("7|FAILED|4021|sl1|JobLaunchFailure|\n", Seen(7, "FAILED", 15, 53, "sl1", "JobLaunchFailure")),
        ("7|PENDING|0||Resources|\n", Seen(7, "PENDING", reason="Resources")),
        (
            "7|PENDING|0||ReqNodeNotAvail, UnavailableNodes:sl[1-2]|\n",
            Seen(7, "PENDING", reason="ReqNodeNotAvail, UnavailableNodes:sl[1-2]"),
        ),
        ("7|RUNNING|0|sl1|None|\n", Seen(7, "RUNNING", nodes="sl1")),
        ("7|COMPLETED|0:0|sl1|None\n", Seen(7, "COMPLETED", nodes="sl1")),
        ("7|CANCELLED by 1000|0:15|None|None\n", Seen(7, "CANCELLED", signal=15)),
        ("6|RUNNING|0|sl1|None|\n7|FAILED|768|sl1||\n", Seen(7, "FAILED", 3, 0, "sl1")),
        ("7|PENDING|0||a\x1b[31mb|\n", Seen(7, "PENDING", reason="a [31mb")),
    ],
)
def test_what_squeue_and_sacct_say_of_a_job_is_read(text: str, seen: Seen) -> None:
    """Both forms of the exit status, reasons with spaces, and nothing that moves a cursor."""
    assert parse_seen(text, 7) == seen


@pytest.mark.parametrize(
    "text", ["", "8|RUNNING|0|sl1|None|", "7|RUNNING", "7|run|0|a|b", "7|RUNNING|x|sl1|None|"]
)
def test_what_has_not_the_form_is_no_answer(text: str) -> None:
    """Half a line, or another job's, says nothing."""
    assert parse_seen(text, 7) is None


@given(st.text(), st.text(), st.text())
def test_no_words_of_others_break_the_reading(one: str, two: str, three: str) -> None:
    """Whatever comes: nothing is raised, and nothing unprintable passes."""
    seen = parse_seen(f"7|{one}|{two}|sl1|{three}|", 7)
    if seen is not None:
        assert (seen.state + seen.reason + seen.nodes).isprintable()
    assert parse_number(one) is None or one.strip()[0].isdigit()
    parse_comments(one, two)
    parse_shares([one, two], three)


def test_a_number_is_read_with_or_without_its_cluster() -> None:
    """Sbatch names the cluster where there are several."""
    assert [parse_number(text) for text in ("12\n", "12;big\n", "no", "", "-1", "1 2")] == [12, 12] + [
        None
    ] * 4


def test_a_job_is_found_by_its_comment_alone() -> None:
    """Another job may be called as ours is, or begin with our token."""
    listed = "3 (null)\n4 sciabc:abc1\n5 sciabc:abc\n6 x sciabc:abc\n"
    assert parse_comments(listed, "sciabc:abc") == 5
    assert parse_comments(listed, "sciabc:ab") is None


def test_tasks_are_told_for_each_node() -> None:
    """Slurm folds equal numbers."""
    assert parse_shares(["a", "b", "c"], "2(x2),1") == (Share("a", 2), Share("b", 2), Share("c", 1))
    assert parse_shares(["a", "b"], "2(x3)") == parse_shares(["a"], "2,2") == parse_shares(["a"], "x") == ()
    assert parse_shares(["a"], "1(x999999)") == ()


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("PENDING", Phase.QUEUED),
        ("CONFIGURING", Phase.QUEUED),
        ("RUNNING", Phase.RUNS),
        ("SUSPENDED", Phase.RUNS),
        ("COMPLETING", Phase.RUNS),
        ("COMPLETED", Phase.OVER),
        ("NEWWORD", Phase.OVER),
    ],
)
def test_each_state_is_a_phase(state: str, phase: Phase) -> None:
    """A job that is completing still has processes; a word that we do not know is not waited on for ever."""
    assert Seen(7, state).phase is phase


def test_a_waiting_job_says_where_and_why() -> None:
    """In Slurm's own words: they are what its users and its manual say."""
    assert waiting_words(Seen(12, "PENDING", reason="Resources")) == "in Slurm's queue as 12: Resources"
    assert waiting_words(Seen(12, "PENDING")) == "in Slurm's queue as 12"
    assert waiting_words(Seen(12, "CONFIGURING", nodes="c1")) == "starts as 12 of Slurm on c1"


SEGFAULT = (
    "srun: error: sl2: task 1: Segmentation fault",
    "srun: launch/slurm: _step_signal: Terminating StepId=7.0",
    "srun: error: sl1: tasks 0,2: Terminated",
)


@pytest.mark.parametrize(
    ("seen", "known", "state", "code", "reason"),
    [
        (Seen(12, "COMPLETED"), KNOWN, JobState.COMPLETED, 0, ""),
        (Seen(12, "CANCELLED"), KNOWN, JobState.CANCELLED, None, "cancelled in Slurm, where it was 12"),
        (
            Seen(12, "TIMEOUT", 0, 15),
            Evidence(7, 60.0),
            JobState.TIMEOUT,
            None,
            "the time limit it asked for was reached. Next: give --time more",
        ),
        (
            Seen(12, "TIMEOUT"),
            KNOWN,
            JobState.TIMEOUT,
            None,
            "the time limit of its partition was reached. Next: give --time more",
        ),
        (
            Seen(12, "NODE_FAIL", nodes="c[1-2]"),
            KNOWN,
            JobState.NODE_FAIL,
            None,
            "Slurm lost a node of it on c[1-2]. Next: sciabc-tui requeue 7",
        ),
        (
            Seen(12, "PREEMPTED"),
            KNOWN,
            JobState.FAILED,
            None,
            "Slurm ended it in favour of another job (preempted). Next: sciabc-tui requeue 7",
        ),
        (
            Seen(12, "OUT_OF_MEMORY", 0, 125, "c1"),
            KNOWN,
            JobState.FAILED,
            253,
            "out of memory on c1. Next: fewer ranks a node, or more memory (--mem in jobs.slurm_options)",
        ),
        (
            Seen(12, "FAILED", 15, 53),
            KNOWN,
            JobState.FAILED,
            181,
            "Slurm's nodes can't write into the state directory. Next: set paths.state to a shared folder",
        ),
        (
            Seen(12, "FAILED", 143),
            Evidence(7, tail=SEGFAULT),
            JobState.FAILED,
            143,
            "rank 1 on sl2: Segmentation fault. Next: sciabc-tui logs 7",
        ),
        (
            Seen(12, "FAILED", 143),
            Evidence(7, tail=("srun: error: c2: task 2: Exited with exit code 3",)),
            JobState.FAILED,
            3,
            "rank 2 on c2 ended first, exited with exit code 3. Next: sciabc-tui logs 7",
        ),
        (
            Seen(12, "FAILED", 1),
            Evidence(
                7, tail=("ValueError: no such grid", "srun: error: c2: task 2: Exited with exit code 1")
            ),
            JobState.FAILED,
            1,
            "ValueError: no such grid. Next: sciabc-tui logs 7",
        ),
        (
            Seen(12, "FAILED", 9),
            Evidence(7, tail=("srun: error: c1: tasks 0-1: Killed",)),
            JobState.FAILED,
            9,
            "ranks 0-1 on c1: Killed. Next: sciabc-tui logs 7",
        ),
        (
            Seen(12, "FAILED", 0, 9),
            KNOWN,
            JobState.FAILED,
            137,
            "its script was ended by signal 9 (Killed). Next: sciabc-tui logs 7",
        ),
        (
            Seen(12, "REVOKED"),
            KNOWN,
            JobState.FAILED,
            None,
            "Slurm calls its end REVOKED. Next: sciabc-tui logs 7",
        ),
    ],
)
def test_each_end_is_told_in_one_line_with_the_next_step(
    seen: Seen, known: Evidence, state: JobState, code: int | None, reason: str
) -> None:
    """Slurm's state decides; srun's words and the ranks' say who and why."""
    end = judge_slurm(seen, known)
    assert (end.state, end.exit_code, end.reason) == (state, code, reason)


def test_what_slurm_has_forgotten_is_told_by_the_script_itself() -> None:
    """Small clusters keep no accounts, and forget a job after minutes."""
    assert judge_unknown(12, 0, KNOWN).state is JobState.COMPLETED
    failed = judge_unknown(12, 3, KNOWN)
    assert (failed.state, failed.exit_code) == (JobState.FAILED, 3)
    lost = judge_unknown(12, None, KNOWN)
    assert lost.reason == "Slurm has forgotten how its job 12 ended. Next: sciabc-tui logs 7"
    assert lost.state is JobState.FAILED
