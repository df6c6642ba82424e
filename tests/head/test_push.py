"""Files of the head come to nodes through real ssh: whole, checked, and only if they are other ones there."""

import asyncio
import os
import socket
import stat
from collections.abc import Generator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from sciabc_tui.api.remote import PushWish
from sciabc_tui.api.works import Part, Step
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head import remote_agent
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.push import Push
from sciabc_tui.head.push_load import Sums
from sciabc_tui.head.remote_wording import why_refused
from tests.head.copying import USERS, Boards, ended, odd_ones, over, two_boards, whole
from tests.head.servers import wait_for


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Generator[Boards]:
    """Run two boards."""
    with two_boards(tmp_path_factory.mktemp("boards")) as found:
        yield found


@pytest.fixture
async def push(there: Boards) -> Push:
    """Give a head that can push."""
    clock = SystemClock()
    return Push(StateHub(clock, there.state), clock, USERS, there.pinned)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a folder with files, a folder without, links, and odd modes and times."""
    top = tmp_path / "my tree"
    (top / "in/ner").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "a'b $x").write_bytes(os.urandom(300_000))
    (top / "in/ner/run").write_text("#!/bin/sh\n")
    (top / "in/nothing").touch()
    (top / "in/ner/run").chmod(0o751)
    (top / "up").symlink_to("in/ner/run")
    (top / "lost").symlink_to("/no/where")
    for path in (top / "in/ner/run", top / "empty", top / "in", top):
        os.utime(path, ns=(10**18 + 7, 10**18 + 7))
    (top / "empty").chmod(0o500)
    return top


def look(top: Path) -> dict[str, tuple[object, ...]]:
    """Give all that there is to know of a tree."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (top, *top.rglob("*")):
        there = path.lstat()
        what = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
        time = 0 if path.is_symlink() else there.st_mtime_ns
        found[str(path.relative_to(top))] = (what, stat.S_IMODE(there.st_mode), time)
    return found


async def go(push: Push, paths: list[Path], folder: str, *nodes: str, dry_run: bool = False) -> list[Part]:
    """Push to the end."""
    wish = PushWish(nodes or ("one",), tuple(map(str, paths)), folder, dry_run)
    return await whole(push.run(wish, "ada"))


async def test_a_tree_arrives_as_it_is(push: Push, there: Boards, tree: Path) -> None:
    """Content, modes, times and links, on both nodes; a second push changes nothing and says so."""
    parts = await go(push, [tree], "sub/dir", "one", "two")
    assert all(end.ok for end in ended(parts).values()), parts
    for name in ("one", "two"):
        assert look(there.home(name) / "sub/dir/my tree") == look(tree)
        assert odd_ones(there.home(name)) == []
    assert over(parts) == "600 kB copied to 2 of 2 nodes"
    again = await go(push, [tree], "sub/dir", "one", "two")
    assert over(again) == "0 bytes copied to 2 of 2 nodes"
    assert [(end.text, end.changes) for end in ended(again).values()] == [
        ("0 files copied, 0 bytes; 3 there already", 0)
    ] * 2
    assert odd_ones(tree.parent) == []


async def test_only_what_is_another_is_copied(push: Push, there: Boards, tmp_path: Path) -> None:
    """By content, not by size and time; a mode or a time alone is set without a byte."""
    for name in ("same", "other", "mode"):
        (tmp_path / name).write_text("12345")
    paths = [tmp_path / name for name in ("same", "other", "mode")]
    await go(push, paths, "few")
    before = (tmp_path / "other").stat()
    (tmp_path / "other").write_text("54321")
    os.utime(tmp_path / "other", ns=(before.st_mtime_ns, before.st_mtime_ns))
    (tmp_path / "mode").chmod(0o755)
    kept = (there.home("one") / "few/same").stat().st_ino
    parts = await go(push, paths, "few")
    assert ended(parts)["one"].text == "1 file copied, 5 bytes; 2 there already"
    assert (there.home("one") / "few/other").read_text() == "54321"
    assert stat.S_IMODE((there.home("one") / "few/mode").stat().st_mode) == 0o755
    assert (there.home("one") / "few/same").stat().st_ino == kept


async def test_a_dry_run_touches_nothing(push: Push, there: Boards, tree: Path) -> None:
    """And says what would be copied."""
    before = sorted(there.home("one").iterdir())
    parts = await go(push, [tree], "dry", dry_run=True)
    assert ended(parts)["one"].text == "3 files would be copied, 300 kB"
    assert over(parts) == "300 kB would be copied to 1 of 1 nodes"
    assert sorted(there.home("one").iterdir()) == before


async def test_a_shared_folder_is_not_copied_onto(push: Push, there: Boards, tmp_path: Path) -> None:
    """Neither the head's own, nor one that another node shares."""
    source = tmp_path / "data"
    source.write_text("x" * 1000)
    inode = source.stat().st_ino
    parts = await go(push, [source], "", "one", "head")
    for name in ("one", "head"):
        assert ended(parts)[name].text == f"shares {tmp_path} with head; 0 files copied, 0 bytes"
    assert source.stat().st_ino == inode
    target = tmp_path / "target"
    parts = await go(push, [source], str(target), "one", "two")
    texts = {end.text for end in ended(parts).values()}
    assert "1 file copied, 1 kB" in texts
    other = (texts - {"1 file copied, 1 kB"}).pop()  # it came while the first was there still, or after
    assert other.startswith(f"shares {target} with ") or "1 there already" in other
    assert odd_ones(tmp_path) == []


async def test_what_a_cut_push_left_is_removed_by_the_next(push: Push, there: Boards, tmp_path: Path) -> None:
    """But not what another one is at: that holds it."""
    folder = there.home("one") / "cuts"
    folder.mkdir()
    (folder / ".sciabc-1.sciabc-x.mark.part").write_text("half")
    (folder / ".sciabc-x.mark").touch()
    (tmp_path / "f").write_text("whole")
    await go(push, [tmp_path / "f"], "cuts")
    assert [path.name for path in folder.iterdir()] == ["f"]


async def test_who_cancels_leaves_no_half_file(push: Push, there: Boards, tmp_path: Path) -> None:
    """The file that was there before stays as it was."""
    target = there.home("one") / "big/big"
    target.parent.mkdir()
    target.write_text("before")
    with (tmp_path / "big").open("wb") as file:
        file.truncate(4_000_000_000)  # a hole: it takes long enough
    wish = PushWish(("one",), (str(tmp_path / "big"),), "big")
    async with aclosing(push.run(wish, "ada")) as parts:
        async for part in parts:
            if isinstance(part, Step) and (part.share or 0) > 0:
                break
    assert target.read_text() == "before"
    await asyncio.to_thread(wait_for, lambda: not odd_ones(target.parent), "nothing is left")
    assert odd_ones(tmp_path) == []


async def test_a_folder_in_the_way_is_told(push: Push, there: Boards, tmp_path: Path) -> None:
    """And the other node gets its copy."""
    (there.home("one") / "way/f").mkdir(parents=True)
    (tmp_path / "f").write_text("x")
    ends = ended(await go(push, [tmp_path / "f"], "way", "one", "two"))
    assert not ends["one"].ok
    assert "is a folder there" in ends["one"].text
    assert ends["one"].fix == "Next: on one: move it away"
    assert ends["two"].ok


async def test_who_can_not_be_reached_is_told(push: Push, there: Boards, tmp_path: Path) -> None:
    """Each with why; the others get their copy."""
    (tmp_path / "f").write_text("x")
    ends = ended(await go(push, [tmp_path / "f"], "reach", "new", "dead", "one"))
    assert [end.ok for end in ends.values()] == [False, False, True]
    assert all(end.fix.startswith("Next: ") for end in ends.values() if not end.ok)


@pytest.mark.parametrize(("kind", "words"), [("fifo", "is no file"), ("broken", "can't"), ("none", "can't")])
async def test_what_can_not_be_copied_is_refused(push: Push, tmp_path: Path, kind: str, words: str) -> None:
    """Before anything is begun."""
    path = tmp_path / "it"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "broken":
        path.symlink_to("/no/where")
    with pytest.raises(CommandRefused, match=rf"{words}.* Next: "):
        await anext(push.run(PushWish(("one",), (str(path),), "x"), "ada"))


async def test_names_are_looked_at_first(push: Push, tmp_path: Path) -> None:
    """Of nodes and of files: two that would be one there, and some that hide what they are."""
    (tmp_path / "a").mkdir()
    for name in ("f", "a/f", "evil\x1b[2J"):
        (tmp_path / name).touch()
    for wish, error in (
        (PushWish(("who",), (str(tmp_path / "f"),)), NotFound),
        (PushWish(("one",), (str(tmp_path / "f"), str(tmp_path / "a/f")), "x"), CommandRefused),
        (PushWish(("one",), (str(tmp_path / "evil\x1b[2J"),), "x"), CommandRefused),
        (PushWish(("one",), ("/",), "x"), CommandRefused),
    ):
        with pytest.raises(error, match="Next: ") as refusal:
            await anext(push.run(wish, "ada"))
        assert str(refusal.value).isprintable()


async def test_a_port_that_nobody_listens_on_is_told(there: Boards, tmp_path: Path) -> None:
    """In the words that preflight uses."""
    (tmp_path / "f").touch()
    with socket.socket() as silent:  # it has the port, so that nobody else gets it, and does not listen
        silent.bind(("127.0.0.1", 0))
        port = int(silent.getsockname()[1])
        nodes = {id_: replace(node, port=port) for id_, node in there.state.nodes.items()}
        clock = SystemClock()
        push = Push(StateHub(clock, replace(there.state, nodes=nodes)), clock, USERS, there.pinned)
        end = ended(await go(push, [tmp_path / "f"], "x"))["one"]
    assert (end.ok, end.fix[:6]) == (False, "Next: ")
    assert end.text == "no ssh server answers"


def test_a_checksum_is_taken_once(tmp_path: Path) -> None:
    """Until the file is changed, though its size and time are the same."""
    path = tmp_path / "f"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    sums = Sums()
    first = sums.of(path)
    assert sums.of(path) == first
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert sums.of(path) != first


@pytest.mark.parametrize("number", [28, 122, 13, 1, 30, 2, 21, 20, 5, 0])
def test_each_error_names_the_next_step(number: int) -> None:
    """What a node says in it is made plain."""
    text, fix = why_refused("No \x1b[2J such", number, "/srv/\x9bx", "node01")
    assert fix.startswith("Next: ")
    assert (text + fix).isprintable()


async def test_a_disk_without_room_is_told_before_a_byte_is_sent(
    push: Push, there: Boards, tmp_path: Path
) -> None:
    """With how much there is and how much it would need."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**43)
    end = ended(await go(push, [tmp_path / "huge"], "huge"))["one"]
    assert not end.ok
    assert " free, 8796.1 GB are to be copied" in end.text
    assert end.fix == "Next: remove something on one"
    assert list((there.home("one") / "huge").iterdir()) == []


async def test_a_node_without_python_says_so(push: Push, there: Boards, tmp_path: Path) -> None:
    """And how it gets one."""
    (tmp_path / "f").touch()
    (there.home("two") / ".bashrc").write_text("PATH=/nowhere\n")
    try:
        end = ended(await go(push, [tmp_path / "f"], "x", "two"))["two"]
    finally:
        (there.home("two") / ".bashrc").unlink()
    assert (end.text, end.fix) == ("no python3 there", "Next: on two: sudo apt install python3")


def test_the_agents_last_word_comes_when_its_mark_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hears it may end the agent."""
    mark = tmp_path / ".sciabc-1.mark"
    said: list[tuple[str, bool]] = []
    send: dict[str, list[int]] = {"send": []}

    def told(**words: object) -> None:
        said.append((next(iter(words)), mark.exists()))

    monkeypatch.setattr(remote_agent, "tell", told)
    monkeypatch.setattr(remote_agent, "heard", lambda: send)
    entries: list[object] = []
    wish = {"folder": str(tmp_path), "entries": entries, "tops": ["x"], "mark": mark.name}
    remote_agent.Receiver({**wish, "name": "one", "dry": False}).work()
    assert said == [("have", True), ("go", True), ("over", False)]
