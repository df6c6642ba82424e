"""Patterns of outputs, and names of files as nodes give them."""

import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.collectnames import Patterns, checked_name

_PART = st.text(st.sampled_from("ab.*?[]!-\\ '\"$ä"), min_size=1, max_size=6).filter(
    lambda part: part not in {".", ".."}
)
_PATH = st.lists(_PART, min_size=1, max_size=4).map("/".join)
_PATTERN = st.lists(_PART | st.just("**"), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.csv", "a.csv"),
        ("./a.csv", "a.csv"),
        ("out/*.csv", "out/a.csv"),
        ("out", "out/deep/a.csv"),
        ("out/", "out/a.csv"),
        ("ou*", "out/a.csv"),
        ("*", "out/a.csv"),
        ("**/a.csv", "a.csv"),
        ("**/a.csv", "x/y/a.csv"),
        ("out/**", "out/x/y"),
        ("a[0-9].csv", "a7.csv"),
        ("a[!0-9].csv", "ab.csv"),
        ("a?.csv", "aä.csv"),
        (".state/*", ".state/a"),
        ("[", "["),
    ],
)
def test_what_is_asked_for_is_found(pattern: str, path: str) -> None:
    """As a shell finds it, and all that is in a folder."""
    assert Patterns((pattern,)).match(PurePosixPath(path))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.csv", "out/a.csv"),
        ("*.csv", "a.csv.txt"),
        ("a?c", "a/c"),
        ("a*c", "a/c"),
        ("*", ".bashrc"),
        ("*", ".ssh/authorized_keys"),
        ("**", "x/.git/hooks/post-checkout"),
        ("out", "out/.hidden"),
        ("?bashrc", ".bashrc"),
        ("[.]bashrc", ".bashrc"),
        ("**/authorized_keys", ".ssh/authorized_keys"),
        ("out", "output"),
        ("out/a", "out"),
        ("A.csv", "a.csv"),
    ],
)
def test_what_is_not_asked_for_is_left(pattern: str, path: str) -> None:
    """A star stays within a part of a path, and finds nothing hidden."""
    assert not Patterns((pattern,)).match(PurePosixPath(path))


def test_no_pattern_takes_long() -> None:
    """A name made to be tried in many ways is tried in few."""
    name = PurePosixPath(*["a" * 200] * 32)
    assert not Patterns(("*a*a*a*a*a*a*a*b", "**/**/**/**/**/*a*a*a*a*b", "**/a*/**/a*/**/b")).match(name)


@settings(deadline=None, max_examples=60)
@given(patterns=st.lists(_PATTERN, min_size=1, max_size=3), paths=st.lists(_PATH, max_size=12))
@example(patterns=["a[/]b"], paths=["a[/]b"])
@example(patterns=["x" * 20_000] * 3 + ["b"], paths=["b"])
def test_find_leaves_nothing_out(
    tmp_path_factory: pytest.TempPathFactory, patterns: list[str], paths: list[str]
) -> None:
    """Whatever matches here, the node's find gives it, in every locale; the shell sees words only."""
    folder = tmp_path_factory.mktemp("find")
    made = {path for path in paths if _made(folder / "work" / path, folder)}
    found = Patterns(patterns)
    wanted = {path for path in made if found.match(PurePosixPath(path))}
    (folder / "work").mkdir(exist_ok=True)
    for find, locale in (("find", "C.UTF-8"), ("find", "C"), ("busybox find", "C")):
        given_by_find = subprocess.run(
            ["sh", "-c", f"{find} work -type f \\( {found.find('work')} \\) -print0"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": locale},
            capture_output=True,
            check=True,
        ).stdout
        names = {name.removeprefix("work/") for name in given_by_find.decode().split("\0")[:-1]}
        assert wanted <= names


def _made(path: Path, folder: Path) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=False)
    except OSError:
        return False
    return path.is_relative_to(folder)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../a",
        "work/../../a",
        "work/..",
        "a\nb",
        "a\x1b[2Jb",
        "a\x7f",
        "a\u202eb",
        "a\udcffb",
        "a\x00b",
        "x" * 256,
        "ä" * 128,
        "/".join(["a"] * 33),
        "/".join(["a" * 200] * 6),
    ],
)
def test_a_bad_name_is_none(name: str) -> None:
    """What leads elsewhere, can't be shown, or no file system holds."""
    assert checked_name(name) is None


@given(st.text())
def test_a_good_name_stays_inside(name: str) -> None:
    """Whatever a node says: a path below the folder, without a control character, or nothing."""
    path = checked_name(name)
    if path is not None:
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert str(path).isprintable()
        assert path.parts
