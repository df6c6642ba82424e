"""How a rank finds what its node was given: the line that starts it, read by a real shell."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.command import Means, command
from jobs.hostfile import Host
from jobs.launchers import Launcher
from jobs.spec import JobSpec, OnNodeLoss

TOKEN = "0123456789abcdef" * 2
SHOW = """#!/bin/sh
printf '%s\\n' "$0" "$(pwd)" "$HOME" "$SCIABC_CHECKPOINT" "$@"
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What the program said of itself."""

    program: str
    cwd: str
    home: str
    checkpoint: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A node's part of the file system: its home, and the job's directory."""

    home: Path
    cwd: Path

    @property
    def copy(self) -> Path:
        """The folder of the copy."""
        return self.home / ".cache" / "sciabc" / "jobs" / TOKEN

    def put(self, path: Path, text: str = SHOW) -> Path:
        """Write an executable."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give a place with a space in each path."""
    for name in ("ho me", "pro ject"):
        (tmp_path / name).mkdir()
    return Place(tmp_path / "ho me", tmp_path / "pro ject")


def line(launcher: Launcher, spec: JobSpec, host: Host, python: str = "/usr/bin/python3") -> tuple[str, ...]:
    """Give what the launcher starts as each rank."""
    means = Means(Path("/h"), Path("/c"), Path("/ssh"), python, token=TOKEN)
    words = command(launcher, spec, [host], means)
    return words[words.index("/bin/sh") :] if "/bin/sh" in words else ()


def started(
    words: tuple[str, ...], place: Place, shell: str = "/bin/sh"
) -> "subprocess.CompletedProcess[str]":
    """Start a rank on a node."""
    env = {"HOME": str(place.home), "PATH": os.defpath, "SCIABC_CHECKPOINT": "/head/checkpoint"}
    argv = [*shell.split(), *words[1:]]
    return subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, check=False, timeout=20)


def said(words: tuple[str, ...], place: Place, shell: str = "/bin/sh") -> Said:
    """Start a rank that works, and give what it said."""
    done = started(words, place, shell)
    assert (done.returncode, done.stderr) == (0, "")
    program, cwd, home, checkpoint, *rest = done.stdout.splitlines()
    return Said(program, cwd, home, checkpoint, tuple(rest))


def shells() -> tuple[str, ...]:
    """Give the shells of this machine that a node may have."""
    found = (("/bin/sh", "sh"), ("bash --posix", "bash"), ("busybox sh", "busybox"))
    return tuple(words for words, name in found if shutil.which(name))


@pytest.mark.parametrize("shell", shells())
def test_a_rank_starts_where_the_node_has_the_program(
    new: Launcher, node: Host, place: Place, shell: str
) -> None:
    """In the job's directory; in the copy of it where there is one; its words are never read by the shell."""
    program = place.put(place.cwd / "bin" / "show me")
    spec = JobSpec(str(program), ("a  b", "$HOME", "'", "-n"), cwd=str(place.cwd))
    words = line(new, spec, node)
    assert said(words, place, shell) == Said(
        str(program), str(place.cwd), str(place.home), "/head/checkpoint", spec.args
    )
    copied = place.put(place.copy / "work" / "bin" / "show me")
    found = said(words, place, shell)
    assert (found.program, found.cwd, found.words) == (str(copied), str(place.copy / "work"), spec.args)


def test_a_program_alone_runs_in_the_shared_directory(new: Launcher, node: Host, place: Place) -> None:
    """The node shares the job's directory and has a copy of the program only."""
    words = line(new, JobSpec("/not/there", cwd=str(place.cwd)), node)
    copied = place.put(place.copy / "program")
    found = said(words, place)
    assert (found.program, found.cwd) == (str(copied), str(place.cwd))


def test_a_checkpoint_directory_of_the_node_is_told(new: Launcher, node: Host, place: Place) -> None:
    """Where there is none the head's own path holds, as on the head; a job that keeps none has none."""
    program = place.put(place.cwd / "show")
    spec = JobSpec(str(program), cwd=str(place.cwd), on_node_loss=OnNodeLoss.REQUEUE)
    assert said(line(new, spec, node), place).checkpoint == "/head/checkpoint"
    (place.copy / "checkpoint").mkdir(parents=True)
    assert said(line(new, spec, node), place).checkpoint == str(place.copy / "checkpoint")
    other = JobSpec(str(program), cwd=str(place.cwd))
    assert said(line(new, other, node), place).checkpoint == "/head/checkpoint"


def test_a_python_program_gets_its_interpreter(new: Launcher, node: Host, place: Place) -> None:
    """The interpreter's words stand before the program that was found."""
    python = place.put(place.cwd / "py thon")
    copied = place.put(place.copy / "work" / "x.py")
    spec = JobSpec(str(place.cwd / "x.py"), ("1",), cwd=str(place.cwd))
    found = said(line(new, spec, node, str(python)), place)
    assert (found.program, found.words) == (str(python), ("-m", "mpi4py", str(copied), "1"))


def test_another_home_directory_hides_no_copy(new: Launcher, node: Host, place: Place) -> None:
    """A job may set HOME for its ranks: the copy is in the node's own, and the rank sees the job's."""
    copied = place.put(place.copy / "work" / "show")
    spec = JobSpec(str(place.cwd / "show"), cwd=str(place.cwd), env={"HOME": "/tmp/a b", "X": "1"})
    found = said(line(new, spec, node), place)
    assert (found.program, found.home) == (str(copied), "/tmp/a b")


def test_what_a_node_lacks_is_told_in_known_words(new: Launcher, node: Host, place: Place) -> None:
    """A program or an interpreter that is not there ends the rank with 127 and words that name it."""
    for spec, python, missing in (
        (JobSpec("/not/there", cwd=str(place.cwd)), "/usr/bin/python3", "/not/there"),
        (JobSpec(str(place.cwd / "x.py"), cwd=str(place.cwd)), "/no/python", "/no/python"),
    ):
        done = started(line(new, spec, node, python), place)
        assert (done.returncode, done.stderr) == (127, f"can't open file '{missing}'\n")
    done = started(line(new, JobSpec("/bin/true", cwd="/not/there", files=("/x",)), node), place)
    assert done.returncode != 0
    assert "/not/there" in done.stderr


def test_nothing_is_put_before_what_needs_no_copy(new: Launcher, head: Host, node: Host) -> None:
    """A job of this machine, and a program that each node has of its own, start as they are."""
    assert line(new, JobSpec("/srv/prog", cwd="/srv"), head) == ()
    assert line(new, JobSpec("/usr/bin/uptime", cwd="/srv"), node) == ()
    with_file = line(new, JobSpec("/usr/bin/sort", ("x",), cwd="/srv", files=("/srv/x",)), node)
    assert with_file[3:] == ("sciabc-tui", "/srv", "/usr/bin/sort", "", "x")
