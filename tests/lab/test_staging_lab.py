"""Jobs whose program and files are on the head alone: the boards of the lab share no home directory."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.conftest import LabFactory
from tests.lab.flight import JOBS, Flight
from tests.lab.image import HOME, USER_ID
from tests.lab.launchers import Launcher
from tests.lab.losing import environment
from tests.lab.procs import until

pytestmark = [pytest.mark.lab, pytest.mark.mpi, pytest.mark.timeout(240)]

_PROGRAM = """
import json, os, pathlib, sys
from mpi4py import MPI

import helper

world = MPI.COMM_WORLD
folder = pathlib.Path(os.environ.get("SCIABC_CHECKPOINT", "."))
found = {
    "host": MPI.Get_processor_name(),
    "cwd": os.getcwd(),
    "program": sys.argv[0],
    "words": sys.argv[1:],
    "data": pathlib.Path("data/numbers.txt").read_text() + helper.WORD,
    "home": os.environ["HOME"],
    "checkpoints": sorted(path.name for path in folder.glob("*.ckpt")),
}
print(json.dumps(found), flush=True)
pathlib.Path(f"{found['host']}.out").write_text("done")
world.barrier()
"""


def put(flight: Flight, folder: str, files: dict[str, str]) -> None:
    """Write files of pi's on the head."""
    for name, text in files.items():
        path = flight.file(f"{folder}/{name}")
        for parent in reversed(path.parents[: name.count("/") + 1]):
            if not parent.is_dir():
                parent.mkdir()
                os.chown(parent, USER_ID, USER_ID)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        os.chown(path, USER_ID, USER_ID)


PROJECT = {"prog.py": _PROGRAM, "helper.py": "WORD = '!'\n", "data/numbers.txt": "1 2 3"}
WITH = ("--with", "helper.py", "--with", "data")


def said(output: str) -> list[dict[str, object]]:
    """Give what each rank printed."""
    found = [json.loads(line[line.index("{") :]) for line in output.splitlines() if "{" in line]
    assert found, output
    return found


def run(flight: Flight, *words: str, folder: str = f"{HOME}/project", check: bool = True) -> str:
    """Run a job from a folder; give what it printed."""
    command = ["sh", "-c", 'cd "$0" && exec "$@"', folder, *flight.service[:-1], "run", *words]
    done = flight.lab.head.run(command, env=flight.env, check=check, timeout=60.0)
    return done.stdout + done.stderr


def left(flight: Flight) -> list[str]:
    """Give the copies that are on the boards."""
    return [
        f"{node.name}: {path.name}"
        for node in flight.lab.nodes
        for path in node.path(f"{HOME}/.cache/sciabc/jobs").glob("*")
    ]


@pytest.mark.parametrize("launcher", Launcher)
def test_a_program_that_is_on_the_head_alone_runs_on_all_boards(
    lab: LabFactory, need_launcher: Callable[[Launcher], None], launcher: Launcher
) -> None:
    """Program, module and data are found by the same words everywhere, and nothing stays on a board."""
    need_launcher(launcher)
    flight = Flight(lab(nodes=2, slots=1, shown=launcher.shown), environment(launcher))
    flight.up()
    put(flight, f"{HOME}/project", PROJECT)
    words = (*WITH, "--collect", "*.out", "-e", "HOME=/tmp", "prog.py", "--", "a b", "$HOME")
    ranks = said(run(flight, *words))
    project = flight.file(f"{HOME}/project")
    assert sorted(path.name for path in project.glob("*.out")) == ["head.out", "node01.out", "node02.out"]
    assert sorted(str(rank["host"]) for rank in ranks) == ["head", "head", "node01", "node02"]
    assert {str(rank["data"]) for rank in ranks} == {"1 2 3!"}
    assert all(rank["words"] == ["a b", "$HOME"] and rank["home"] == "/tmp" for rank in ranks)
    for rank in ranks:
        where = str(rank["cwd"])
        if rank["host"] == "head":
            assert where == f"{HOME}/project"
        else:
            assert where.startswith(f"{HOME}/.cache/sciabc/jobs/")
            assert where.endswith("/work")
    assert until(lambda: not left(flight), timeout=20.0), left(flight)
    assert not list(project.glob(".sciabc-*"))


def test_boards_that_share_the_folder_get_nothing(lab: LabFactory, tmp_path: Path) -> None:
    """All ranks run in it, beside each other; a program from elsewhere comes alone."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    flight = Flight(lab(nodes=2, slots=1, shown=(shared,)), environment(Launcher.OPEN_MPI_5))
    flight.up()
    for machine in (flight.lab.head, *flight.lab.nodes):  # the lab shows folders read-only
        machine.run(["mount", "-o", "remount,bind,rw", str(shared)], user="root")
    put(flight, f"{shared}/project", PROJECT)
    for program in ("prog.py", f"{HOME}/bin/prog.py"):
        put(flight, f"{HOME}/bin", {"prog.py": _PROGRAM, "helper.py": PROJECT["helper.py"]})
        ranks = said(run(flight, "-e", f"PYTHONPATH={shared}/project", program, folder=f"{shared}/project"))
        assert {str(rank["cwd"]) for rank in ranks} == {f"{shared}/project"}
        assert sorted(path.name for path in (shared / "project").glob("*.out")) == [
            "head.out",
            "node01.out",
            "node02.out",
        ]
        copied = {str(rank["program"]).startswith(f"{HOME}/.cache") for rank in ranks}
        assert copied == ({False} if program == "prog.py" else {True, False})
    assert not list((shared / "project").glob(".sciabc-*"))
    assert until(lambda: not left(flight), timeout=20.0), left(flight)


def test_a_copy_is_cancelled_or_loses_its_board_and_nothing_stays(lab: LabFactory) -> None:
    """The job says how far it is; cancelled, it ends within seconds; a lost board is told as what it is."""
    flight = Flight(lab(nodes=2, slots=1), environment(Launcher.OPEN_MPI_5))
    flight.up()
    put(flight, f"{HOME}/project", PROJECT)
    big = flight.file(f"{HOME}/project/big")
    with big.open("wb") as file:
        file.truncate(2**30)  # far more than is copied until the end of each
    begun = ("run", "--detach", "-n", "4", "--with", f"{HOME}/project/big", f"{HOME}/project/prog.py")
    flight.run(*begun)
    flight.until("jobs[1].reason.startswith('copying to node[01-02]: ')")
    assert until(lambda: bool(left(flight)), timeout=20.0)  # the boards begin a moment later
    flight.run("cancel", "1")
    assert flight.until("jobs[1].state == 'cancelled'") < 5.0
    assert until(lambda: not left(flight), timeout=20.0), left(flight)

    flight.run(*begun)
    flight.until("jobs[2].reason.startswith('copying to node[01-02]: ')")
    flight.lab.node("node02").unplug()
    flight.until("jobs[2].state == 'node_fail' and 'node02' in jobs[2].reason")
    assert until(lambda: [name[:6] for name in left(flight)] == ["node02"], timeout=20.0), left(flight)
    flight.lab.node("node02").plug()
    assert until(lambda: not left(flight), timeout=30.0), left(flight)

    flight.run(*begun)
    flight.until("jobs[3].reason.startswith('copying to node[01-02]: ')")
    flight.kill()
    flight.start()
    flight.until("jobs[3].attempt == 2 and jobs[3].reason.startswith('copying to node[01-02]: ')")
    flight.run("cancel", "3")
    flight.until("jobs[3].state == 'cancelled'")
    assert until(lambda: not left(flight), timeout=30.0), left(flight)
    assert not list(flight.file(f"{HOME}/project").glob(".sciabc-*"))


def test_what_a_job_left_reaches_its_next_attempt(lab: LabFactory) -> None:
    """Each rank finds the checkpoint directory; on a board it holds what the head's has."""
    flight = Flight(lab(nodes=1, slots=1), environment(Launcher.OPEN_MPI_5))
    flight.up()
    put(flight, f"{HOME}/project", PROJECT)
    run(flight, "--on-node-loss", "requeue", *WITH, "prog.py")
    put(flight, f"{JOBS}/1/checkpoint", {"7.ckpt": "step 7"})
    flight.run("requeue", "1")
    flight.until("jobs[1].attempt == 2 and jobs[1].state == 'completed'")
    ranks = said(flight.run("logs", "1"))
    assert {str(rank["host"]): rank["checkpoints"] for rank in ranks} == {
        "head": ["7.ckpt"],
        "node01": ["7.ckpt"],
    }
    assert until(lambda: not left(flight), timeout=20.0), left(flight)


def test_a_board_that_takes_no_files_is_named(lab: LabFactory) -> None:
    """The job fails before anything is launched, with the board and the next step."""
    flight = Flight(lab(nodes=2, slots=1), environment(Launcher.OPEN_MPI_5))
    flight.up()
    put(flight, f"{HOME}/project", PROJECT)
    flight.lab.node("node02").path(f"{HOME}/.cache").write_text("in the way")
    output = run(flight, *WITH, "prog.py", check=False)
    assert "node02 takes no files (" in output, output
    assert "Next: " in output
    assert until(lambda: not left(flight), timeout=20.0), left(flight)
