"""What of a job is copied to a node, where it goes, and what a node needs of it."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import SpecError
from jobs.spec import PROGRAMS, JobSpec, OnNodeLoss
from jobs.staging import (
    Parcel,
    checkpoint_parcel,
    marked_folders,
    may_be_copied,
    nodes_own,
    parcel,
    place,
)
from jobs.staging_needs import Delivery, Needs, delivery, needs
from jobs.staging_words import Answers, Questions

NOTHING = Answers(
    frozenset(), directory=False, sums={}, free=None, folder="", taken=False, failed="", complete=True
)


@pytest.fixture
def project(tmp_path: Path) -> JobSpec:
    """Give a job with a program and a folder of data in its directory."""
    (tmp_path / "project" / "data" / "deep").mkdir(parents=True)
    (tmp_path / "project" / "data" / "empty").mkdir()
    (tmp_path / "project" / "data" / "deep" / "a.txt").write_text("abc")
    program = tmp_path / "project" / "bin" / "simulate"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    cwd = tmp_path / "project"
    return JobSpec(str(program), cwd=str(cwd), files=(str(cwd / "data"),))


def targets(found: Parcel) -> list[str]:
    """Give where its files go."""
    return [item.target for item in found.items]


@pytest.mark.parametrize(
    ("program", "own"),
    [
        ("/usr/bin/uptime", True),
        ("/bin/sh", True),
        ("/opt/x/y", True),
        ("/snap/bin/x", True),
        ("/home/pi/x", False),
        ("/usrlocal/x", False),
        ("/srv/usr/bin/x", False),
        (str(PROGRAMS / "hello.py"), False),
    ],
)
def test_the_systems_programs_are_each_nodes_own(program: str, own: bool) -> None:
    """They come by its package manager; those that come with us are copied wherever we are installed."""
    assert nodes_own(program) is own


def test_a_job_that_brings_nothing_asks_nothing() -> None:
    """A node's own program needs no look at any node, but for the files that it needs or leaves."""
    own = JobSpec("/usr/bin/sort", cwd="/srv")
    assert not may_be_copied(own)
    assert all(map(may_be_copied, (replace(own, files=("/x",)), replace(own, outputs=("*",)))))
    assert may_be_copied(JobSpec("/srv/prog", cwd="/srv"))


@pytest.mark.parametrize(
    ("path", "cwd", "where"),
    [
        ("/home/pi/p/bin/x", "/home/pi/p", "bin/x"),
        ("/home/pi/p/x", "/home/pi/./p/", "x"),
        ("/home/pi/px", "/home/pi/p", "px"),
        ("/data/set", "/home/pi/p", "set"),
        ("/home/pi/x", "/", "home/pi/x"),
    ],
)
def test_what_lies_in_the_directory_keeps_its_path(path: str, cwd: str, where: str) -> None:
    """So that the same words find it there; what lies elsewhere is found by its name."""
    assert place(path, cwd) == where


def test_a_parcel_holds_program_and_files(project: JobSpec) -> None:
    """Folders are taken whole, empty ones too; rights and times are told."""
    found = parcel(project)
    assert targets(found) == ["bin/simulate", "data/deep/a.txt"]
    assert [item.executable for item in found.items] == [True, False]
    assert set(found.folders) == {"bin", "data", "data/deep", "data/empty"}
    assert found.size == len("#!/bin/sh\n") + 3
    assert found.items[1].modified == Path(found.items[1].path).stat().st_mtime
    own = parcel(replace(project, program="/usr/bin/sort"))
    assert targets(own) == ["data/deep/a.txt"]


def test_a_link_counts_as_the_file_that_it_leads_to(project: JobSpec) -> None:
    """Only inside the tree that was named; what was named itself may be a link to anywhere."""
    data = Path(project.files[0])
    (data / "link").symlink_to("deep/a.txt")
    assert "data/link" in targets(parcel(project))
    elsewhere = Path(project.cwd) / "elsewhere"
    elsewhere.symlink_to("/etc/hostname")
    assert "elsewhere" in targets(parcel(replace(project, files=(str(elsewhere),))))
    named = Path(project.cwd) / "named"
    named.symlink_to("data")
    found = parcel(replace(project, files=(str(named),)))
    assert {"named/deep/a.txt", "named/link"} <= set(targets(found))


@pytest.mark.parametrize("kind", ["outside", "folder", "broken", "round", "pipe", "socket"])
def test_what_is_no_file_is_refused_by_name(project: JobSpec, kind: str) -> None:
    """A link out of the tree could bring anything along; a pipe or socket has no content."""
    odd = Path(project.files[0]) / "odd"
    listener = socket.socket(socket.AF_UNIX)
    match kind:
        case "outside":
            odd.symlink_to("/etc/hostname")
        case "folder":
            odd.symlink_to("deep")
        case "broken":
            odd.symlink_to("nothing")
        case "round":
            odd.symlink_to("odd")
        case "pipe":
            os.mkfifo(odd)
        case _:
            here = Path.cwd()
            os.chdir(odd.parent)  # the path of a socket must be short
            try:
                listener.bind(odd.name)
            finally:
                os.chdir(here)
    with listener, pytest.raises(SpecError, match=r"files: .*/odd is .*\. Next: "):
        parcel(project)


def test_two_files_of_one_name_are_refused(project: JobSpec, tmp_path: Path) -> None:
    """One would hide the other; the same file named twice is one."""
    others = [tmp_path / name / "x.dat" for name in ("one", "two")]
    for path in others:
        path.parent.mkdir()
        path.write_text(path.parent.name)
    with pytest.raises(SpecError, match=r"have one name in the copy. Next: "):
        parcel(replace(project, files=tuple(map(str, others))))
    twice = replace(project, files=(str(others[0]), str(others[0]), *project.files, project.files[0]))
    assert targets(parcel(twice)) == ["bin/simulate", "data/deep/a.txt", "x.dat"]
    clash = tmp_path / "one" / "data"
    clash.write_text("")
    with pytest.raises(SpecError, match="would be a file and a folder"):
        parcel(replace(project, files=(*project.files, str(clash))))


def test_a_name_that_is_not_plain_is_refused(project: JobSpec) -> None:
    """It would be read by a shell on the node, and shown on a screen."""
    (Path(project.files[0]) / "a\nb").write_text("")
    with pytest.raises(SpecError, match=r"has no plain name. Next: rename it"):
        parcel(project)


@pytest.mark.parametrize("inside", [True, False])
def test_a_program_takes_its_companion_along(tmp_path: Path, inside: bool) -> None:
    """What prints its marked lines goes where the program goes, below the working directory or by name."""
    folder = tmp_path / "project" / "bin"
    folder.mkdir(parents=True)
    for name in ("wing.py", "sciabc_lines.py"):
        (folder / name).write_text("")
    job = JobSpec(str(folder / "wing.py"), cwd=str(tmp_path / "project" if inside else tmp_path / "x"))
    where = "bin/" if inside else ""
    assert targets(parcel(job)) == [f"{where}sciabc_lines.py", f"{where}wing.py"]
    assert targets(parcel(replace(job, program=str(folder / "sciabc_lines.py")))) == [
        f"{where}sciabc_lines.py"
    ]
    assert targets(parcel(JobSpec(str(PROGRAMS / "ring.py"), cwd="/srv"))) == ["ring.py", "sciabc_lines.py"]


def test_a_file_that_went_away_is_told(project: JobSpec) -> None:
    """It was there when the job was submitted."""
    Path(project.program).unlink()
    with pytest.raises(SpecError, match=r"program: .*simulate: No such file or directory. Next: put it back"):
        parcel(project)


def test_a_checkpoint_is_what_programs_left(tmp_path: Path) -> None:
    """Whatever else they left there is passed over: it must not keep the job from going on."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.ckpt").write_text("1")
    (tmp_path / "link").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "od\nd").write_text("")
    found = checkpoint_parcel(tmp_path)
    assert (targets(found), found.folders) == (["a/1.ckpt"], ("a",))


def test_marks_stand_where_sharing_can_be_seen(project: JobSpec, tmp_path: Path) -> None:
    """In each folder once; what comes with us is no place for them."""
    cwd = Path(project.cwd)
    assert marked_folders(project, "") == (cwd,)
    other = tmp_path / "x.dat"
    assert marked_folders(replace(project, files=(str(other),)), "/s/7/checkpoint") == (
        cwd,
        Path("/s/7/checkpoint"),
        tmp_path,
    )
    assert marked_folders(replace(project, program=str(PROGRAMS / "hello.py"), files=()), "") == (cwd,)
    assert marked_folders(replace(project, program="/usr/bin/sort", files=()), "") == (cwd,)


# -------------------------------------------------------------- what a node needs


def asked(spec: JobSpec, checkpoint: str = "") -> Questions:
    """Give what nodes are asked for a job."""
    return Questions(spec.cwd, marked_folders(spec, checkpoint), parcel(spec).items)


def wanted(spec: JobSpec, said: Answers, checkpoint: str = "") -> Needs:
    """Say what a node needs; the head's files have the sum `aa`."""
    questions = asked(spec, checkpoint)
    return needs(spec, questions, said, {item.path: "aa" for item in questions.items})


def test_a_node_that_shares_the_directory_needs_nothing(project: JobSpec) -> None:
    """Whatever else it says."""
    assert not wanted(project, replace(NOTHING, shared=frozenset({0})))
    assert not wanted(replace(project, outputs=("*",)), replace(NOTHING, shared=frozenset({0})))


def test_a_node_that_has_all_of_it_needs_nothing(project: JobSpec) -> None:
    """The same content at the same paths, in a directory that is there; but outputs would stay there."""
    same = replace(NOTHING, directory=True, sums={0: "aa", 1: "aa"})
    assert not wanted(project, same)
    assert wanted(replace(project, outputs=("*.csv",)), same).work
    assert wanted(project, replace(same, directory=False)).work


@pytest.mark.parametrize("sums", [{}, {0: "aa"}, {0: "aa", 1: "bb"}, {0: "aa", 1: ""}])
def test_a_node_that_lacks_a_file_gets_all(project: JobSpec, sums: dict[int, str]) -> None:
    """Missing, another one, or one of which nothing there can tell what it is."""
    assert wanted(project, replace(NOTHING, directory=True, sums=sums)) == Needs(work=True)


def test_where_no_sum_is_known_nothing_is_the_same(project: JobSpec) -> None:
    """Neither side said anything: that is no agreement."""
    found = needs(project, asked(project), replace(NOTHING, directory=True), {})
    assert found == Needs(work=True)


def test_a_program_from_elsewhere_comes_alone_into_a_shared_directory(
    project: JobSpec, tmp_path: Path
) -> None:
    """The ranks stay in the directory that they share."""
    program = tmp_path / "simulate"
    program.write_text("")
    spec = replace(project, program=str(program))
    assert wanted(spec, replace(NOTHING, shared=frozenset({0}))) == Needs(program=True)
    assert not wanted(spec, replace(NOTHING, shared=frozenset({0, 1})))
    found = delivery(Needs(program=True), spec, parcel(spec), Parcel())
    assert [(item.path, target) for item, target in found.files] == [(program, "program")]


def test_a_companion_comes_with_a_program_that_comes_alone(project: JobSpec, tmp_path: Path) -> None:
    """Python looks for it beside the program; it comes too where it alone is lacking."""
    for name in ("wing.py", "sciabc_lines.py"):
        (tmp_path / name).write_text(name)
    spec = replace(project, program=str(tmp_path / "wing.py"))
    shares = replace(NOTHING, shared=frozenset({0}))
    assert wanted(spec, shares) == Needs(program=True)
    assert wanted(replace(spec, program=str(PROGRAMS / "pi.py")), shares) == Needs(program=True)
    found = delivery(Needs(program=True), spec, parcel(spec), Parcel())
    assert [(item.path.name, target) for item, target in found.files] == [
        ("sciabc_lines.py", "sciabc_lines.py"),
        ("wing.py", "program"),
    ]
    number = next(n for n, item in enumerate(asked(spec).items) if item.path.name == "wing.py")
    assert wanted(spec, replace(shares, sums={number: "aa"})) == Needs(program=True)


def test_a_checkpoint_directory_is_made_where_it_is_not_shared(project: JobSpec, tmp_path: Path) -> None:
    """Only for a job that keeps one; what earlier attempts left goes there."""
    spec = replace(project, on_node_loss=OnNodeLoss.REQUEUE)
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "1.ckpt").write_text("1")
    here = str(tmp_path / "checkpoint")
    assert wanted(spec, replace(NOTHING, shared=frozenset({0})), here) == Needs(checkpoint=True)
    assert not wanted(spec, replace(NOTHING, shared=frozenset({0, 1})), here)
    left = checkpoint_parcel(Path(here))
    found = delivery(Needs(checkpoint=True), spec, parcel(spec), left)
    assert found.folders == ("checkpoint",)
    assert [target for _, target in found.files] == ["checkpoint/1.ckpt"]


def test_a_delivery_is_all_that_was_gathered(project: JobSpec) -> None:
    """Below `work`, with every folder."""
    found = delivery(Needs(work=True), project, parcel(project), Parcel())
    assert found == Delivery(
        ("work", "work/bin", "work/data", "work/data/deep", "work/data/empty"),
        tuple((item, f"work/{item.target}") for item in parcel(project).items),
    )
    assert found.size == parcel(project).size
