"""What a node is asked before a job goes there: any small shell can answer, and no answer does harm."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import SpecError
from jobs.launchers import Flavour, Launcher, title
from jobs.machine import own_machine
from jobs.preflight import HELLO, Wanted, script
from jobs.preflight_facts import Facts, FoundLauncher, FoundPython, parse

OPEN_MPI = "mpirun (Open MPI) 5.0.11\n\nReport bugs to nobody\n"
HYDRA = "HYDRA build details:\n    Version:                                 5.0.2\n"


def _executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def _says(path: Path, words: str) -> Path:
    return _executable(path, f"cat <<'END'\n{words}END")


def _wanted(folder: Path, words: str = OPEN_MPI, flavour: Flavour = Flavour.OPENMPI) -> Wanted:
    mpirun = _says(folder / "mpi" / "mpirun", words)
    program = _executable(folder / "a program", "exit 0")
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    return Wanted(Launcher(flavour, (5, 0, 11), str(mpirun)), "", str(program), digest, str(folder))


def _asked(wanted: Wanted, folder: Path, shell: str = "sh", *, path: str = "") -> Facts:
    env = {"PATH": path or os.environ["PATH"], "HOME": str(folder)}
    text = (HELLO + script(wanted)).encode()
    done = subprocess.run([*shell.split(), "-s"], input=text, capture_output=True, env=env, check=True)
    assert done.stderr == b""
    assert done.stdout.startswith(b"sciabc-preflight\thello\n")
    return parse(done.stdout)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_any_posix_shell_will_do(tmp_path: Path, shell: str) -> None:
    """Each shell tells everything that is asked."""
    if shutil.which(shell.split(maxsplit=1)[0]) is None:
        pytest.skip(f"no {shell}")
    wanted = _wanted(tmp_path)
    began = time.clock_gettime(time.CLOCK_REALTIME)
    facts = _asked(wanted, tmp_path, shell)
    assert facts.complete
    assert facts.clock is not None
    assert began - facts.tick <= facts.clock <= time.clock_gettime(time.CLOCK_REALTIME)
    assert facts.memory is not None
    assert 2**20 < facts.memory < 2**50
    assert facts.machine == own_machine()
    assert facts.launchers == (FoundLauncher(wanted.launcher.path, "Open MPI 5.0.11"),)
    assert facts.program is not None
    assert (facts.program.there, facts.program.readable, facts.program.executable) == (True, True, True)
    assert facts.program.sha256 == wanted.sha256
    assert facts.directory == "there"
    assert [disk.place for disk in facts.disks] == [str(tmp_path), "/tmp"]
    assert facts.disks[0].free == pytest.approx(shutil.disk_usage(tmp_path).free, abs=2**30)


def test_busybox_alone_is_enough(tmp_path: Path) -> None:
    """A node may have no other tools than busybox's."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("no busybox")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in subprocess.run(
        [busybox, "--list"], capture_output=True, text=True, check=True
    ).stdout.split():
        if name not in {"sh", "ash"}:
            (tools / name).symlink_to(busybox)
    facts = _asked(_wanted(tmp_path), tmp_path, f"{busybox} sh", path=str(tools))
    assert facts.complete
    assert facts.clock is not None
    assert facts.program is not None
    assert facts.program.sha256
    assert facts.machine.name == own_machine().name
    assert len(facts.disks) == 2


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    """No launcher, no interpreter, no program, no directory: told as such, and all the rest is told too."""
    nowhere = str(tmp_path / "no where")
    launcher = Launcher(Flavour.OPENMPI, (5, 0, 11), f"{nowhere}/mpirun")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cat", "cut", "date", "df", "head", "sha256sum", "tail", "timeout", "tr"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    wanted = Wanted(launcher, nowhere, nowhere, "0" * 64, nowhere)
    facts = _asked(wanted, tmp_path, "/bin/sh", path=str(tools))
    assert facts.complete
    assert facts.launchers == ()
    assert facts.python == FoundPython(127)
    assert facts.program is not None
    assert not facts.program.there
    assert facts.directory == "missing"
    assert [disk.place for disk in facts.disks] == ["/", "/tmp"]


def test_the_launcher_on_path_is_asked_where_the_heads_is_not(tmp_path: Path) -> None:
    """First the same path as on the head, then what PATH has, until one fits."""
    _says(tmp_path / "bin" / "mpirun", HYDRA)
    right = _says(tmp_path / "bin" / "mpirun.openmpi", OPEN_MPI)
    wanted = Wanted(Launcher(Flavour.OPENMPI, (5, 0, 11), "/no where/mpirun"))
    facts = _asked(wanted, tmp_path, path=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert [found.title for found in facts.launchers] == ["MPICH 5.0.2", "Open MPI 5.0.11"]
    assert facts.launchers[1].path == str(right)


def test_mpi4py_is_loaded_as_a_rank_would(tmp_path: Path) -> None:
    """The job's interpreter, the launcher's own libmpi, and no MPI is initialised."""
    package = tmp_path / "mpi4py"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = '4.1.0'\nclass rc: pass\n")
    (package / "MPI.py").write_text(
        "import mpi4py, os\nassert mpi4py.rc.initialize is False\n"
        "def Get_library_version():\n    return os.environ['MPI4PY_LIBMPI'] + ' v5.0.11, package: x'\n"
    )
    python = _executable(tmp_path / "py thon", f'PYTHONPATH={tmp_path} exec {sys.executable} "$@"')
    launcher = Launcher(Flavour.OPENMPI, (5, 0, 11), "/x/mpirun", "Open MPI")
    wanted = Wanted(launcher, str(python))
    version = ".".join(map(str, sys.version_info[:3]))
    assert _asked(wanted, tmp_path).python == FoundPython(0, version, "4.1.0", "Open MPI 5.0.11")
    (package / "MPI.py").write_text("raise RuntimeError('cannot load MPI library')")
    assert _asked(wanted, tmp_path).python == FoundPython(1, version, "4.1.0")
    shutil.rmtree(package)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    assert _asked(wanted, tmp_path).python == FoundPython(1, version)


def test_what_hangs_keeps_nothing_else_back(tmp_path: Path) -> None:
    """A launcher that never answers is ended, and everything else is told."""
    wanted = _wanted(tmp_path)
    _executable(Path(wanted.launcher.path), "exec sleep 60")
    began = time.monotonic()
    facts = _asked(wanted, tmp_path)
    assert 3.0 < time.monotonic() - began < 12.0
    assert facts.complete
    assert facts.launchers[0] == FoundLauncher(wanted.launcher.path, "")
    assert facts.program is not None
    assert facts.directory == "there"


def test_another_version_of_that_name_will_do_without_a_checksum(tmp_path: Path) -> None:
    """Nothing is computed that nobody compares."""
    facts = _asked(replace(_wanted(tmp_path), sha256=""), tmp_path)
    assert facts.program is not None
    assert (facts.program.there, facts.program.sha256) == (True, "")


def test_rights_are_told(tmp_path: Path) -> None:
    """A program that may not be executed is told apart, and so is a file where a directory should be."""
    wanted = _wanted(tmp_path)
    Path(wanted.program).chmod(0o644)
    facts = _asked(replace(wanted, cwd=wanted.program), tmp_path)
    assert facts.program is not None
    assert not facts.program.executable
    assert facts.directory == "closed"


@pytest.mark.parametrize(
    "text", ["a'b", "$(touch x)", "`touch x`", '"; touch x; "', "a b", "~", "*", "-x", "{0}"]
)
def test_no_path_becomes_a_command(tmp_path: Path, text: str) -> None:
    """Whatever a shell could make of a path is only a path."""
    path = str(tmp_path / text)
    wanted = Wanted(Launcher(Flavour.OPENMPI, (5,), f"{path}/mpirun", path), path, path, "0" * 64, path)
    facts = _asked(wanted, tmp_path)
    assert facts.complete
    assert facts.directory == "missing"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("field", ["cwd", "program", "python"])
def test_a_control_character_goes_nowhere(new: Launcher, field: str) -> None:
    """A line break in a path is refused."""
    wanted = replace(Wanted(new), **{field: "/tmp/a\nb"})
    with pytest.raises(SpecError, match=rf"^{field}: .*Next: "):
        script(wanted)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (OPEN_MPI, "Open MPI 5.0.11"),
        ("mpirun (OpenRTE) 4.1.4", "Open MPI 4.1.4"),
        ("HYDRA build details: Version: 4.0.2 Release Date: x", "MPICH 4.0.2"),
        ("Open MPI v4.1.4, package: Debian OpenMPI", "Open MPI 4.1.4"),
        ("MPICH Version: 4.0.2 MPICH Release date: x", "MPICH 4.0.2"),
        ("Intel(R) MPI Library 2021.5", ""),
        ("", ""),
    ],
)
def test_an_mpi_is_named_by_what_it_says(words: str, name: str) -> None:
    """Launchers and libraries of both flavours, by their own words with every white space made one."""
    assert title(" ".join(words.split())) == name


def _line(key: str, rest: bytes) -> bytes:
    return b"sciabc-preflight\t" + key.encode() + b"\t" + rest


_KEYS = ("clock", "machine", "memory", "mpi", "python", "program", "directory", "disk", "end")
_RESTS = st.binary(max_size=80) | st.from_regex(rb"[-0-9.;/ \t\xff\x1b]{0,40}", fullmatch=True)
_LINE = st.builds(_line, st.sampled_from(_KEYS), _RESTS)


@settings(deadline=None)
@given(st.lists(_LINE | st.binary(max_size=40), max_size=12))
def test_no_answer_does_harm(lines: list[bytes]) -> None:
    """Any bytes give facts; every text in them can be printed and is short, every number is one."""
    facts = parse(b"\n".join(lines))
    texts = [
        facts.directory,
        *(found.path for found in facts.launchers),
        *(disk.place for disk in facts.disks),
        facts.machine.name,
    ]
    texts += [found.title for found in facts.launchers]
    if facts.python:
        texts += [facts.python.version, facts.python.mpi4py, facts.python.library]
    assert all(text.isprintable() and len(text) <= 200 for text in texts)
    assert facts.clock is None or 0 <= facts.clock < 1e12
    assert len(facts.launchers) <= 8


def test_nothing_is_nothing() -> None:
    """What was not told is not known."""
    assert parse(b"") == Facts()
