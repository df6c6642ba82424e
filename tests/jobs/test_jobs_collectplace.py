"""Putting files of nodes where they belong."""

import errno
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.collectplace import check_room, merge_checkpoint, place_outputs, plain_name
from jobs.hostfile import Host

_NAMES = st.sampled_from(["a", "b", "a.node1", "a.node2", "d/a", "d/a.node1", "d"])
_FILES = st.dictionaries(_NAMES, st.sampled_from([b"", b"x", b"y", b"z"]), max_size=5).filter(
    lambda files: "d" not in files or not any(name.startswith("d/") for name in files)
)
_NODE = Host("node03", "10.77.0.13", 1)
_LATER = time.time() + 3600


@pytest.fixture
def arrived(tmp_path: Path) -> Path:
    """Where files of a node are."""
    folder = tmp_path / "arrived"
    folder.mkdir()
    return folder


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """The job's folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    return folder


def _place(arrived: Path, cwd: Path, *, since: float = 0.0) -> tuple[str, ...]:
    return place_outputs(arrived, cwd, _NODE, since, free=0)


@settings(deadline=None)
@given(head=_FILES, nodes=st.lists(_FILES, max_size=3), times=st.integers(1, 2))
def test_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
    head: dict[str, bytes],
    nodes: list[dict[str, bytes]],
    times: int,
) -> None:
    """Whatever the head and its nodes made: each file is there by its name or the node's, or it is told.

    The head's own are as they were; nothing is half, nothing else is there; once more changes nothing.
    """
    root = tmp_path_factory.mktemp("place")
    cwd = root / "cwd"
    _make(cwd, head)
    for _ in range(times):
        for number, files in enumerate(nodes):
            arrived = root / f"{number}"
            _make(arrived, files)
            told = {
                text.split(":")[0]
                for text in place_outputs(arrived, cwd, Host(f"node{number}", "", 1), 0.0, 0)
            }
            for name, content in files.items():
                names = (cwd / name, cwd / f"{name}.node{number}")
                assert name in told or content in [path.read_bytes() for path in names if path.is_file()]
    for name, content in head.items():
        assert (cwd / name).read_bytes() == content
    made = {path.read_bytes() for path in cwd.rglob("*") if path.is_file()}
    assert made <= {content for files in (head, *nodes) for content in files.values()}


def _make(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def test_what_is_in_the_way_of_both_names_is_told(arrived: Path, cwd: Path) -> None:
    """Nothing is overwritten that is newer than the attempt, under the node's name neither."""
    (arrived / "a").write_text("new")
    (cwd / "a").write_text("the head's")
    (cwd / "a.node03").write_text("the user's")
    assert _place(arrived, cwd) == ("a: a.node03 is there already",)
    assert {path.name: path.read_text() for path in cwd.iterdir()} == {
        "a": "the head's",
        "a.node03": "the user's",
    }


def test_an_older_one_of_the_node_is_replaced(arrived: Path, cwd: Path) -> None:
    """What an earlier attempt brought from there, beside what the head's ranks made now."""
    (arrived / "a").write_text("new")
    (cwd / "a").write_text("the head's")
    os.utime(cwd / "a", (_LATER, _LATER))
    (cwd / "a.node03").write_text("of an earlier attempt")
    assert _place(arrived, cwd, since=_LATER - 1) == ()
    assert (cwd / "a.node03").read_text() == "new"


def test_links_of_the_user_are_kept(arrived: Path, cwd: Path, tmp_path: Path) -> None:
    """A link to a folder is followed, as the program would have; one to a file is left as it is."""
    (tmp_path / "big disk").mkdir()
    (cwd / "out").symlink_to(tmp_path / "big disk")
    (tmp_path / "target").write_text("the user's")
    (cwd / "latest").symlink_to(tmp_path / "target")
    (arrived / "out").mkdir()
    (arrived / "out" / "a").write_text("a")
    (arrived / "latest").write_text("new")
    assert _place(arrived, cwd, since=_LATER) == ()
    assert (tmp_path / "big disk" / "a").read_text() == "a"
    assert (tmp_path / "target").read_text() == "the user's"
    assert (cwd / "latest.node03").read_text() == "new"


def test_a_folder_in_the_way_is_told(arrived: Path, cwd: Path) -> None:
    """A file where a folder must be, a folder where a file must be: each is told, the rest is placed."""
    for name in ("a/x", "b", "c"):
        (arrived / name).parent.mkdir(exist_ok=True)
        (arrived / name).write_text(name)
    (cwd / "a").touch()
    (cwd / "b").mkdir()
    assert [text.split(":", maxsplit=1)[0] for text in _place(arrived, cwd)] == ["a/x"]
    assert (cwd / "b.node03").read_text() == "b"
    assert (cwd / "c").read_text() == "c"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system: Linux only")
def test_a_folder_on_another_disk_is_written_to(
    arrived: Path, cwd: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Where a rename can't go a copy goes, as a whole; if there is room."""
    other = Path("/dev/shm") / tmp_path_factory.mktemp("x").name / f"{os.getpid()}"
    other.mkdir(parents=True)
    try:
        (cwd / "out").symlink_to(other)
        (arrived / "out").mkdir()
        (arrived / "out" / "a").write_text("a")
        assert place_outputs(arrived, cwd, _NODE, 0.0, free=2**62) == ("out/a: disk full",)
        assert list(other.iterdir()) == []
        assert _place(arrived, cwd) == ()
        assert [(path.name, path.read_text()) for path in other.iterdir()] == [("a", "a")]
    finally:
        for path in other.iterdir():
            path.unlink()
        other.rmdir()
        other.parent.rmdir()


def test_room_is_kept(tmp_path: Path) -> None:
    """Less than what must stay free is a full disk."""
    check_room(tmp_path, 1, 1)
    with pytest.raises(OSError, match="disk full") as found:
        check_room(tmp_path, 1, 2**62)
    assert found.value.errno == errno.ENOSPC


@pytest.mark.parametrize("name", ["a/b", "../x", "a\nb", "ä", "x" * 300])
def test_a_nodes_name_can_stand_in_a_files(name: str) -> None:
    """Whatever a node is called, no other folder is reached by it."""
    plain = plain_name(Host(name, "", 1))
    assert plain.isascii()
    assert "/" not in plain
    assert len(plain) < 64


def test_a_file_of_a_checkpoint_that_came_from_here_is_no_news(arrived: Path, cwd: Path) -> None:
    """What the head gave the node when the attempt began stays, whatever the clocks say."""
    for folder in (arrived, cwd):
        (folder / "state").write_text("same")
        os.utime(folder / "state", (1000.25, 1000.75))
    (cwd / "state").write_text("SAME")
    os.utime(cwd / "state", (1000.0, 1000.0))
    assert merge_checkpoint(arrived, cwd, ahead=-3600.0) == ()
    assert (cwd / "state").read_text() == "SAME"


def test_a_checkpoint_that_has_no_place_is_told(arrived: Path, cwd: Path) -> None:
    """The others are kept."""
    for name in ("a", "b"):
        (arrived / name).write_text(name)
    (cwd / "a").mkdir()
    (cwd / "a" / "x").touch()
    os.utime(cwd / "a", (0, 0))
    assert [text.split(":", maxsplit=1)[0] for text in merge_checkpoint(arrived, cwd, 0.0)] == ["a"]
    assert (cwd / "b").read_text() == "b"
