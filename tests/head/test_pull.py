"""Nodes' files come to the head through real ssh, each node's into its folder, and nowhere else."""

import os
import stat
from collections.abc import Callable, Generator
from contextlib import aclosing, closing
from pathlib import Path, PurePosixPath

import pytest

from sciabc_tui.api.remote import PullWish
from sciabc_tui.api.works import Part, Step
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.pull import Pull
from sciabc_tui.head.pull_place import Damaged, Hostile, Listing, Place, stays_inside
from sciabc_tui.head.remote_agent import Entry
from tests.head.copying import USERS, Boards, ended, odd_ones, over, two_boards, whole


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Generator[Boards]:
    """Run two boards."""
    with two_boards(tmp_path_factory.mktemp("boards")) as found:
        yield found


@pytest.fixture
async def pull(there: Boards) -> Pull:
    """Give a head that can pull."""
    clock = SystemClock()
    return Pull(StateHub(clock, there.state), clock, USERS, there.pinned)


@pytest.fixture
def results(there: Boards) -> None:
    """Give each board results of its own."""
    for name in ("one", "two"):
        top = there.home(name) / "results"
        if top.exists():
            continue
        (top / "deep").mkdir(parents=True)
        (top / "deep/big").write_bytes(os.urandom(500_000))
        (top / "who").write_text(name)
        (top / "who").chmod(0o4640)
        (top / "latest").symlink_to("deep/big")
        os.mkfifo(top / "pipe")
        (top / "odd\nname").touch()
        for path in (top / "who", top / "deep", top):
            os.utime(path, ns=(10**18 + 7, 10**18 + 7))


async def go(
    pull: Pull, paths: tuple[str, ...], folder: Path, *nodes: str, dry_run: bool = False
) -> list[Part]:
    """Pull to the end."""
    return await whole(pull.run(PullWish(nodes or ("one",), paths, str(folder), dry_run), "ada"))


@pytest.mark.usefixtures("results")
async def test_each_nodes_files_come_to_its_folder(pull: Pull, there: Boards, tmp_path: Path) -> None:
    """Content, times, links, and modes but for what lends rights; a second pull copies nothing."""
    parts = await go(pull, ("results",), tmp_path / "into", "one", "two")
    assert all(end.ok for end in ended(parts).values()), parts
    for name in ("one", "two"):
        source, copy = there.home(name) / "results", tmp_path / "into" / name / "results"
        assert (copy / "deep/big").read_bytes() == (source / "deep/big").read_bytes()
        assert (copy / "latest").readlink() == Path("deep/big")
        assert (copy / "who").read_text() == name
        assert stat.S_IMODE((copy / "who").stat().st_mode) == 0o640
        for path in ("who", "deep", "."):
            assert (copy / path).stat().st_mtime_ns == 10**18 + 7
        assert sorted(path.name for path in copy.iterdir()) == ["deep", "latest", "who"]
        text = "2 files copied, 500 kB; 2 left out, no file, folder or link"
        assert ended(parts)[name].text == text
    again = await go(pull, ("results",), tmp_path / "into", "one", "two")
    assert over(again).startswith("0 bytes copied into ")
    assert all(end.text.startswith("0 files copied, 0 bytes; 2 here") for end in ended(again).values())
    assert odd_ones(tmp_path) == []


@pytest.mark.usefixtures("results")
async def test_a_dry_run_writes_nothing(pull: Pull, tmp_path: Path) -> None:
    """Whether something of it is here or not."""
    parts = await go(pull, ("results/deep", "results/who"), tmp_path / "into", dry_run=True)
    assert ended(parts)["one"].text == "2 files would be copied, 500 kB"
    assert not (tmp_path / "into").exists()


@pytest.mark.usefixtures("results")
async def test_what_is_not_there_is_told(pull: Pull, tmp_path: Path) -> None:
    """The other nodes give theirs."""
    ends = ended(await go(pull, ("results/no",), tmp_path, "one", "new", "dead"))
    assert ends["one"].text.endswith("/results/no is not there")
    assert all(not end.ok and end.fix.startswith("Next: ") for end in ends.values())


@pytest.mark.usefixtures("results")
async def test_a_link_in_the_way_is_not_followed(pull: Pull, tmp_path: Path) -> None:
    """Nothing is written where it leads."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "into/one").mkdir(parents=True)
    (tmp_path / "into/one/results").symlink_to(tmp_path / "elsewhere")
    end = ended(await go(pull, ("results",), tmp_path / "into"))["one"]
    assert not end.ok
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_a_cut_pull_leaves_no_half_file(pull: Pull, there: Boards, tmp_path: Path) -> None:
    """Neither under its name nor beside."""
    with (there.home("one") / "big").open("wb") as file:
        file.truncate(4_000_000_000)  # a hole: it takes long enough
    wish = PullWish(("one",), ("big",), str(tmp_path))
    async with aclosing(pull.run(wish, "ada")) as parts:
        async for part in parts:
            if isinstance(part, Step) and (part.share or 0) > 0:
                break
    assert [path.name for path in (tmp_path / "one").iterdir()] == []


async def test_a_shell_that_greets_is_heard_over(pull: Pull, there: Boards, tmp_path: Path) -> None:
    """What ~/.bashrc prints stands before the first word."""
    (there.home("one") / ".bashrc").write_text("echo Welcome to Pi; echo\n")
    (there.home("one") / "f").write_text("x")
    assert ended(await go(pull, ("f",), tmp_path))["one"].ok
    assert (tmp_path / "one/f").read_text() == "x"


async def test_what_makes_no_sense_is_refused(pull: Pull) -> None:
    """Before anybody is asked."""
    for paths, folder in (
        ((), "/x"),
        (("a/..",), "/x"),
        (("a/f", "b/f"), "/x"),
        (("f",), "x"),
        (("/",), "/x"),
    ):
        with pytest.raises(CommandRefused, match="Next: "):
            await anext(pull.run(PullWish(("one",), paths, folder), "ada"))


def entry(path: str, kind: str = "file", *, size: int = 1, changed: int = 0, link: str = "") -> Entry:
    """Make an entry as a node tells it."""
    return Entry(kind, path, 0o6777, changed, size, link)


@pytest.mark.parametrize(
    "hostile",
    [
        entry("../x"),
        entry("/etc/passwd"),
        entry("top/../../x"),
        entry("top/./x"),
        entry("top//x"),
        entry("other/x"),
        entry(".."),
        entry(""),
        entry("top/\x1b[2J"),
        entry("top/a\nb"),
        entry("top/" + "x" * 300),
        entry("top/" + "y/" * 100 + "x"),
        entry("top/x", size=-1),
        entry("top/x", changed=2**70),
        entry("top/l", "link", link="/etc"),
        entry("top/l", "link", link="../.."),
        entry("top/l", "link", link="a/../../.."),
        entry("top/l", "link", link=""),
        entry("top/l", "link", link="\x1b[2J"),
    ],
    ids=ascii,
)
def test_hostile_names_are_refused(hostile: Entry) -> None:
    """All that leads elsewhere, steers a terminal, or can't be."""
    with pytest.raises(Hostile) as refusal:
        Listing(frozenset({"top"}), {}).add(hostile)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("name", "link", "inside"),
    [
        ("top/l", "x", True),
        ("top/l", "d/x", True),
        ("top/l", "../x", True),
        ("top/l", "../../x", False),
        ("top/in/l", "../../x", True),
        ("top/in/l", "../../../x", False),
        ("top/in/l", "d/../x", False),
    ],
)
def test_links_that_stay_inside(name: str, link: str, inside: bool) -> None:
    """As far up as the node's own folder, and up at the beginning only."""
    assert stays_inside(PurePosixPath(name), link) is inside


def test_a_folder_that_became_a_link_leads_nowhere(tmp_path: Path) -> None:
    """A node that lists a link and a file behind it writes nothing elsewhere; no setuid bit comes along."""
    (tmp_path / "out").mkdir()
    with closing(Place(tmp_path / "node")) as place:
        place.settle(entry("top", "link", link="../out"))
        with pytest.raises(OSError, match="top"):
            place.write(entry("top/x"), lambda sink: str(sink(b"x")))
        assert list((tmp_path / "out").iterdir()) == []
        digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

        def pour(sink: Callable[[bytes], object]) -> str:
            sink(b"x")
            return digest

        place.write(entry("plain/x"), pour)
        assert stat.S_IMODE((tmp_path / "node/plain/x").stat().st_mode) == 0o777
        with pytest.raises(Damaged):
            place.write(entry("plain/y"), lambda sink: str(sink(b"z")))
    assert [path.name for path in (tmp_path / "node/plain").iterdir()] == ["x"]
