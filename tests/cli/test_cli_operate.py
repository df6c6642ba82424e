"""The queue on the command line: how a job is asked for, and an operator's word on those that wait."""

import pytest

from sciabc_tui.cluster.job import JobId, OnNodeLoss
from sciabc_tui.cluster.job_commands import HoldJob, PrioritiseJob, ReleaseJob, RequeueJob
from tests.api.scripted import Serving
from tests.cli.shell import Shell


def test_every_wish_reaches_the_service(shell: Shell, service: Serving) -> None:
    """Places, limits and policy, in the notations that people use."""
    done = shell.run(
        *("run", "--detach", "-w", "head,node[01-03]", "-x", "node02", "--per-node", "2", "-t", "1h30m"),
        *("--priority", "5", "--on-node-loss", "requeue", "--max-attempts", "7", "--mpi", "mpich", "hello"),
    )
    assert done.returncode == 0, done.stderr
    ((asked, _),) = service.backend.submitted
    assert asked.nodes == ("head", "node01", "node02", "node03")
    assert (asked.exclude, asked.per_node, asked.time_limit) == (("node02",), 2, 5400.0)
    assert (asked.priority, asked.on_node_loss, asked.max_attempts) == (5, OnNodeLoss.REQUEUE, 7)
    assert asked.launcher == "mpich"


def test_a_command_for_each_node(shell: Shell, service: Serving) -> None:
    """`--each` is told apart from an MPI program."""
    assert shell.run("run", "--detach", "--each", "hello").returncode == 0
    ((asked, _),) = service.backend.submitted
    assert asked.each


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["-t", "soon"], "no duration like 90s"),
        (["-w", "node["], "no node set like"),
        (["-x", "n[0-99999]"], "more than 10000 nodes"),
        (["--on-node-loss", "cry"], "'requeue'"),
        (["--priority", "high"], "Invalid value for '--priority'"),
    ],
)
def test_what_is_miswritten_is_refused_here(
    shell: Shell, service: Serving, options: list[str], text: str
) -> None:
    """Wrong usage is exit code 2, names what is wrong, and submits nothing."""
    done = shell.run("run", "--detach", *options, "hello")
    assert done.returncode == 2
    assert text in done.stderr
    assert service.backend.submitted == []


def test_an_operator_s_word_on_the_queue(shell: Shell, service: Serving) -> None:
    """Hold, release, priority and requeue, each told in one line."""
    (waiting, ended) = (JobId(3), JobId(1))
    for words in (["hold", "3"], ["release", "3"], ["priority", "3", "--", "-10"], ["requeue", "1"]):
        done = shell.run(*words)
        assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    commands = [type(command) for command in service.backend.directed]
    assert commands == [HoldJob, ReleaseJob, PrioritiseJob, RequeueJob]
    assert [command.job for command in service.backend.directed] == [waiting, waiting, waiting, ended]


def test_a_refusal_is_one_line(shell: Shell) -> None:
    """A job that is not there: exit code 1 or 3, and what to do next."""
    done = shell.run("hold", "999")
    assert done.returncode != 0
    assert "Next: " in done.stderr
    assert done.stderr.count("\n") == 1
