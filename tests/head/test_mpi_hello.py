"""The hello is said by whom jobs run as: a user of the cluster's own can reach less than who logs in."""

import os
from pathlib import Path

import pytest

from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.provisioning.mpi_hello import HelloStep
from sciabc_tui.head.provisioning.ports import Answer, StepFailed
from sciabc_tui.head.provisioning.steps_user import Account
from tests.head.mpi_stage import stage
from tests.head.shell_board import ScriptedBoard, ShellBoard


@pytest.fixture
def head(tmp_path: Path) -> HeadMpi:
    """Give a head whose environment is in a folder of the test's."""
    return stage(tmp_path, filled=False)


@pytest.fixture
def board(tmp_path: Path) -> ShellBoard:
    """Give a board with a real shell."""
    return ShellBoard(tmp_path / "journal" / "provision")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_hello_is_said_by_whom_jobs_run_as(head: HeadMpi, board: ShellBoard, tmp_path: Path) -> None:
    """A user of the cluster's own, with that user's home and nothing of root's: what it can't reach fails."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    launcher = Path(head.installed.path)
    launcher.parent.mkdir(parents=True)
    launcher.write_text(
        "#!/bin/sh\n"
        '[ "$(id -un) $(id -gn) $(id -Gn) $HOME $USER" = "nobody nogroup nogroup /nonexistent nobody" ] &&\n'
        '[ -z "$SECRET" ] && printf "sciabc-hello\\t1\\tOpen MPI v5.0.11, x\\n"\n',
        encoding="utf-8",
    )
    launcher.chmod(0o755)
    board.env = {"SECRET": "of root's"}
    hello = HelloStep(head, Account("nobody"))
    assert hello.do(board) == "one rank says hello, by Open MPI 5.0.11 as on the head"
    with pytest.raises(StepFailed):
        HelloStep(head, Account()).do(board)
    launcher.parent.chmod(0o700)
    with pytest.raises(StepFailed) as failed:
        hello.do(board)
    assert "there" in str(failed.value)


def test_hello_by_another_user_is_asked_of_root(head: HeadMpi) -> None:
    """And by nobody in a dry run, in which there is no such user yet."""
    board = ScriptedBoard(lambda script: None if "id -u sciabc 2>" in script else Answer(1, "", "no"))
    with pytest.raises(StepFailed) as failed:
        HelloStep(head, Account("sciabc")).do(board)
    assert "try it on the board, as sciabc: " in failed.value.fix
    ((script, root),) = board.scripts
    assert root
    assert "setpriv" in script
    assert not HelloStep(head, Account("sciabc"))._is_there(board)
