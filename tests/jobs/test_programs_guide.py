"""docs/programs.md tells the truth, and `sciabc-tui programs` lists, shows and copies."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.progress import told
from jobs.spec import COMPANION, PROGRAMS, bundled
from tests.cli.shell import Shell
from tests.jobs.bare import sure
from tests.lab.launchers import Launcher

GUIDE = (Path(__file__).parents[2] / "docs" / "programs.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Run commands in a folder of their own; no head service answers there."""
    return Shell(tmp_path)


def mpirun(cwd: Path, ranks: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program under the wheel's launcher."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    line = [str(Launcher.OPEN_MPI_5.mpirun), "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]
    return subprocess.run(
        [*line, *sure(cwd), sys.executable, "-m", "mpi4py", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | root,
        timeout=100,
    )


def test_every_program_is_in_the_guide() -> None:
    """Once, in its table."""
    names = re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)
    assert sorted(names) == [program.name for program in bundled()]


@pytest.mark.mpi
def test_every_command_of_the_guide_runs(shell: Shell) -> None:
    """In their order; what the head would launch is launched here, with the ranks and options it says.

    What sorts half a million numbers sorts fewer: `test_programs_numbers.py` sorts all of them.
    """
    assert len(COMMANDS) == 8
    for command in COMMANDS:
        words = shlex.split(command)
        assert words[0] == "sciabc-tui"
        if words[1] == "programs":
            done = shell.run(*words[1:])
        else:
            before, _, after = " ".join(words[2:]).partition(" -- ")
            ranks = re.search(r"-n (\d)", before)
            name = re.sub(r"-n \d|--on-node-loss survive", "", before).strip()
            path = shell.home / name if "/" in name else PROGRAMS / f"{name}.py"
            few = ["--count", "2000"] if name == "mergesort" and not after else []
            done = mpirun(shell.home, int(ranks[1]) if ranks else 2, str(path), *after.split(), *few)
        assert done.returncode == 0, (command, done.stderr)
        assert "WRONG" not in done.stdout + done.stderr


@pytest.mark.mpi
def test_the_helper_is_used_as_the_guide_says(tmp_path: Path) -> None:
    """Its program prints each kind of line, from one rank, to the end."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "mine.py").write_text(code)
    (tmp_path / COMPANION).write_bytes((PROGRAMS / COMPANION).read_bytes())
    done = mpirun(tmp_path, 2, "mine.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(told(line.encode()) for line in lines)
    assert lines.count("@sciabc progress 100 of 100") == 1
    assert {line.split()[1] for line in lines} == {"progress", "metric", "frame"}


def test_the_lines_of_the_guide_are_read() -> None:
    """All that it shows."""
    lines = re.findall(r"^@sciabc .*$", GUIDE, re.MULTILINE)
    assert len(lines) == 4
    assert all(told(line.encode()) for line in lines)


def test_programs_are_listed(shell: Shell) -> None:
    """Each with a line that fits a terminal of 80 columns; the helper is none."""
    done = shell.run("programs")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *(program.name for program in bundled())]
    assert max(map(len, lines)) < 80
    listed = json.loads(shell.run("programs", "--json").stdout)
    assert [each["name"] for each in listed] == [program.name for program in bundled()]
    assert {len(each["files"]) for each in listed} == {2}


def test_a_program_is_shown(shell: Shell) -> None:
    """What it shows, where it is and how it is run."""
    out = shell.run("programs", "show", "wing").stdout
    assert out.startswith("Blow wind over an aerofoil")
    assert f"file     {PROGRAMS / 'wing.py'}\nrun      sciabc-tui run wing\n" in out
    assert json.loads(shell.run("programs", "show", "wing.py", "--json").stdout)["path"].endswith("wing.py")


def test_a_copy_is_whole_and_puts_nothing_away(shell: Shell) -> None:
    """The program and its helper; what somebody changed is kept unless they say otherwise."""
    first = shell.run("programs", "copy", "ring", "a/b", "--json")
    assert first.returncode == 0, first.stderr
    files = [Path(each) for each in json.loads(first.stdout)["files"]]
    assert [path.name for path in files] == ["ring.py", COMPANION]
    assert [path.read_bytes() for path in files] == [(PROGRAMS / path.name).read_bytes() for path in files]
    assert shell.run("programs", "copy", "pi", "a/b").returncode == 0  # the helper is there, and the same
    files[0].write_text("changed")
    files[1].write_text("changed too")
    done = shell.run("programs", "copy", "ring", "a/b")
    assert (done.returncode, done.stdout) == (1, "")
    assert "a/b/ring.py is there and is another one. Next: name another DIR, or give --force" in done.stderr
    assert [path.read_text() for path in files] == ["changed", "changed too"]
    done = shell.run("programs", "copy", "ring", "a/b", "--force")
    assert done.stdout.splitlines()[-1] == "Next: sciabc-tui run a/b/ring.py"
    assert [path.read_bytes() for path in files] == [(PROGRAMS / path.name).read_bytes() for path in files]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("show", "nope"), "nope is no bundled program. Next: give one of heat, hello, "),
        (("copy", "sciabc_lines"), "sciabc_lines is no bundled program. Next: "),
        (("copy", "pi", "/proc/nothing"), ". Next: name a DIR that is yours"),
        (("show", "a\x1b[31mb"), "ab is no bundled program"),
    ],
)
def test_what_can_not_be_done_is_told(shell: Shell, args: tuple[str, ...], text: str) -> None:
    """In one line, with the next step."""
    done = shell.run("programs", *args)
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
