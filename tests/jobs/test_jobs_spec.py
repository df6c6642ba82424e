"""The check of what a job is asked to be."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import SpecError
from jobs.spec import PROGRAMS, JobSpec, Kind, bundled, validated


def _script(folder: Path, name: str = "prog.py", mode: int = 0o644) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("asked", ["hello", "hello.py"])
def test_bundled_programs_go_by_their_name(asked: str, tmp_path: Path) -> None:
    """A bundled program is found with or without its ending, and gives the job its name."""
    found = validated(JobSpec(asked, cwd=str(tmp_path)), total_slots=4)
    assert (found.program, found.name) == (str(PROGRAMS / "hello.py"), "hello")


@pytest.mark.parametrize("asked", ["prog.py", "./prog.py", "sub/../prog.py", "{folder}/prog.py"])
def test_paths_are_relative_to_cwd(asked: str, tmp_path: Path) -> None:
    """A program is found from the working directory, and its path is absolute and plain from there on."""
    (tmp_path / "sub").mkdir()
    path = _script(tmp_path)
    found = validated(JobSpec(asked.format(folder=tmp_path), cwd=str(tmp_path)), total_slots=None)
    assert found.program == str(path)


def test_a_file_in_cwd_stands_before_a_bundled_program(tmp_path: Path) -> None:
    """Who has a hello.py of their own gets their own."""
    path = _script(tmp_path, "hello.py")
    assert validated(JobSpec("hello.py", cwd=str(tmp_path)), total_slots=1).program == str(path)


def test_executables_are_found_on_path(tmp_path: Path) -> None:
    """A program of the system is found by its name."""
    assert Path(validated(JobSpec("env", cwd=str(tmp_path)), total_slots=1).program).is_absolute()


def test_home_is_where_a_job_runs_that_names_no_directory() -> None:
    """An empty cwd becomes the home directory, not wherever the service was started."""
    assert validated(JobSpec("hello"), total_slots=1).cwd == str(Path.home())


def test_ranks_for_all_slots_stay_open() -> None:
    """None is kept: how many slots there are is known only when the job starts."""
    assert validated(JobSpec("hello"), total_slots=4).ranks is None


@pytest.mark.parametrize(
    ("spec", "slots", "text"),
    [
        (JobSpec("hello", ranks=0), 8, "ranks: 0 ranks asked. Next: ask for at least 1"),
        (JobSpec("hello", ranks=-3), None, "ranks: -3 ranks asked. Next: ask for at least 1"),
        (
            JobSpec("hello", ranks=10000),
            8,
            "ranks: 10000 ranks asked, the cluster has 8 slots. Next: ask for 1 to 8",
        ),
        (JobSpec("hello", ranks=2), 1, "ranks: 2 ranks asked, the cluster has 1 slot. Next: ask for 1 to 1"),
        (JobSpec(""), 8, "program: none given. Next: give a path, or a bundled name such as hello"),
        (
            JobSpec("nope"),
            8,
            "program: nope not found. Next: give its path, or a bundled name (heat, hello, linpack, ",
        ),
        (JobSpec("/nope/hello.py"), 8, "program: /nope/hello.py not found. Next: "),
        (JobSpec("/etc"), 8, "program: /etc is a directory. Next: name the program in it"),
        (JobSpec("/etc/passwd"), 8, "program: /etc/passwd is not executable. Next: chmod +x /etc/passwd"),
        (JobSpec("hel\0lo"), 8, "program: holds a control or invisible character. Next: remove it"),
        (JobSpec("hello", args=("a\x1b[31m",)), 8, "args: holds a control or invisible character"),
        (JobSpec("hello", args=("\udc80",)), 8, "args: holds a control or invisible character"),
        (JobSpec("hello", args=("x" * 100_001,)), 8, "args: longer than 100000 bytes. Next: "),
        (JobSpec("hello", name="a\nb"), 8, "name: holds a control or invisible character"),
        (JobSpec("hello", name="x" * 65), 8, "name: longer than 64 characters. Next: choose a shorter one"),
        (JobSpec("hello", cwd="/nope"), 8, "cwd: /nope is no directory. Next: make it, or choose another"),
        (JobSpec("hello", cwd="here"), 8, "cwd: here is not absolute. Next: give the path from /"),
        (JobSpec("~nobody-of-that-name/x"), 8, "program: ~nobody-of-that-name/x: no such user. Next: "),
        (JobSpec("hello", per_node=0), 8, "per_node: 0 ranks a node. Next: ask for 1 to 4096"),
        (JobSpec("hello", ranks=2, kind=Kind.EACH), 8, "ranks: a command for each node has one on each"),
        (JobSpec("hello", nodes=("a", "")), 8, "nodes: holds an empty name. Next: "),
        (JobSpec("hello", exclude=("a\x1b",)), 8, "exclude: holds a control or invisible character"),
        (JobSpec("hello", nodes=("a", "b"), exclude=("b",)), 8, "exclude: b is wanted and excluded. Next: "),
        (JobSpec("hello", time_limit=0.0), 8, "time_limit: 0 s. Next: give 1 s to 1 year"),
        (JobSpec("hello", time_limit=math.nan), 8, "time_limit: nan s. Next: give 1 s to 1 year"),
        (JobSpec("hello", priority=1001), 8, "priority: 1001. Next: give -1000 to 1000"),
        (JobSpec("hello", max_attempts=0), 8, "max_attempts: 0. Next: give 1 to 100"),
        (JobSpec("hello", launcher="lam"), 8, "launcher: lam is not known. Next: give one of openmpi, mpich"),
        (JobSpec("hello", env={"A-B": "1"}), 8, "env: A-B is no variable's name. Next: "),
        (JobSpec("hello", env={"A": "\n"}), 8, "env: holds a control or invisible character"),
        (JobSpec("hello", env={"SCIABC_JOB_TOKEN": "1"}), 8, "env: SCIABC_JOB_TOKEN: SCIABC_* belongs to"),
    ],
)
def test_bad_fields_are_refused_by_name(spec: JobSpec, slots: int | None, text: str) -> None:
    """What can't run is refused before launch: the field, what is wrong, the next step, in one line."""
    with pytest.raises(SpecError) as refused:
        validated(spec, total_slots=slots)
    assert str(refused.value).startswith(text)
    assert "\n" not in str(refused.value)
    assert "Next: " in str(refused.value)


@given(st.text(max_size=40))
def test_any_program_text_is_resolved_or_refused(text: str) -> None:
    """No text leads to anything but an absolute path or a SpecError of one printable line."""
    try:
        found = validated(JobSpec(text, cwd="/"), total_slots=4)
        printed = found.program
    except SpecError as error:
        printed = str(error)
    assert len(printed.splitlines()) == 1
    assert printed.isprintable()


def test_validated_is_settled() -> None:
    """To check a checked spec changes nothing."""
    once = validated(replace(JobSpec("hello"), args=("-n", "x y"), env={"A": "b"}), total_slots=4)
    assert validated(once, total_slots=4) == once


def test_bundled_programs_are_read_and_not_run() -> None:
    """Every bundled program has a summary, and listing them imports no MPI."""
    assert [program.name for program in bundled()] == [
        "heat",
        "hello",
        "linpack",
        "mergesort",
        "pi",
        "pingpong",
        "powers",
        "ring",
        "taskfarm",
        "wing",
    ]
    assert all(program.summary.endswith(".") for program in bundled())
    code = "import sys, jobs.spec; jobs.spec.bundled(); sys.exit('mpi4py' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROGRAMS.parent.parent)
