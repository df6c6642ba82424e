"""`push` and `pull` on the command line: which word is the folder, which nodes, and what is said of it."""

from pathlib import Path

import pytest

from sciabc_tui.api.remote import PullWish, PushWish
from sciabc_tui.api.works import Begun, Ended, Over, Step
from tests.api.scripted import Serving
from tests.cli.shell import Shell


def wish(service: Serving) -> PushWish | PullWish:
    """Give the newest wish."""
    found = service.backend.works[-1][0]
    assert isinstance(found, PushWish | PullWish)
    return found


@pytest.fixture
def files(home: Path) -> Path:
    """Give two files and a folder in the directory that commands start in."""
    (home / "d").mkdir()
    for name in ("a", "b", "d/c"):
        (home / name).touch()
    return home.resolve()


@pytest.mark.parametrize(
    ("words", "paths", "folder"),
    [
        (("a",), ("a",), ""),
        (("a", "b"), ("a", "b"), ""),
        (("a", "d"), ("a",), "d"),
        (("a", "b", "there/"), ("a", "b"), "there/"),
        (("a", "/srv/x"), ("a",), "/srv/x"),
        (("./d/../a",), ("a",), ""),
        (("d",), ("d",), ""),
    ],
)
def test_push_parts_files_and_folder(
    shell: Shell, service: Serving, files: Path, words: tuple[str, ...], paths: tuple[str, ...], folder: str
) -> None:
    """The last of several words is the folder, unless it is a file here; files are made absolute."""
    assert shell.run("push", *words).returncode == 0
    assert wish(service) == PushWish(("node01",), tuple(str(files / path) for path in paths), folder)


@pytest.mark.parametrize(
    ("words", "paths", "folder"),
    [(("r",), ("r",), "."), (("r", "/x/y", "into"), ("r", "/x/y"), "into"), (("r", "."), ("r",), ".")],
)
def test_pull_parts_files_and_folder(
    shell: Shell, service: Serving, files: Path, words: tuple[str, ...], paths: tuple[str, ...], folder: str
) -> None:
    """The last of several words is the folder here, else it is this one; files stay as they were written."""
    assert shell.run("pull", "--dry-run", *words).returncode == 0
    expected = PullWish(
        ("node01",), paths, str(files / folder) if folder != "." else str(files), dry_run=True
    )
    assert wish(service) == expected


@pytest.mark.parametrize("command", ["push", "pull"])
def test_the_head_is_left_out_unless_it_is_named(
    shell: Shell, service: Serving, files: Path, command: str
) -> None:
    """It has its own files."""
    shell.run(command, "-w", "@head,node01", str(files / "a"))
    assert wish(service).nodes == ("head", "node01")
    done = shell.run(command, "-x", "node01", "a")
    assert (done.returncode, done.stderr) == (
        1,
        "sciabc-tui: No node is left to do it on. Next: sciabc-tui nodes\n",
    )


def test_each_node_is_told_and_one_that_failed_is_1(shell: Shell, service: Serving, files: Path) -> None:
    """With its next step, and what came of it all."""
    parts = (
        Begun(("node01", "node02"), ("copy",)),
        Step("node01", "copy", "running", "5 MB of 10 MB", share=0.5),
        Ended("node01", ok=True, text="1 file copied, 10 MB"),
        Ended("node02", ok=False, text="its disk is full", fix="Next: remove something on node02"),
        Over("10 MB copied, 1 file for each of 2 nodes"),
    )
    service.do(lambda: setattr(service.backend, "parts", parts))
    done = shell.run("push", str(files / "a"))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "node01: 1 file copied, 10 MB",
        "node02: FAILED its disk is full",
        "  Next: remove something on node02",
        "10 MB copied, 1 file for each of 2 nodes",
    ]
