"""What a node is told and asked for a copy: the scripts run in real shells, the answers may be anybody's."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.staging import FOLDER, Item, Parcel
from jobs.staging_words import MARK, Answers, Questions, begin, check, look, parse, wanted_folders

TOKEN = "0123456789abcdef" * 2


def shells() -> tuple[str, ...]:
    """Give the shells of this machine that a node may have."""
    found = (("sh -s", "sh"), ("bash --posix -s", "bash"), ("busybox sh -s", "busybox"))
    return tuple(words for words, name in found if shutil.which(name))


@pytest.fixture(params=shells())
def shell(request: pytest.FixtureRequest) -> str:
    """Give each shell."""
    return str(request.param)


def answered(shell: str, script: str, home: Path, path: str = os.defpath) -> Answers:
    """Let a shell read a script, and read what it says."""
    env = {"HOME": str(home), "PATH": path}
    name, *options = shell.split()
    done = subprocess.run(
        [str(shutil.which(name)), *options],
        input=script.encode(),
        env=env,
        cwd="/",
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == b""
    answers = parse(done.stdout)
    assert answers.complete, done.stdout
    return answers


def item(path: Path, target: str = "", *, executable: bool = False) -> Item:
    """Describe a file of the head."""
    return Item(path, target or path.name, path.stat().st_size, path.stat().st_mtime, executable)


def sha256(text: str) -> str:
    """Give a checksum."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_look_tells_what_is_shared_and_what_is_the_same(tmp_path: Path, shell: str) -> None:
    """Marks by number, files by their checksum, whatever the names are."""
    shared, own = tmp_path / "it's shared", tmp_path / "$(own)"
    files = [own / "a b", own / "-n", shared / "c"]
    for folder in (shared, own):
        folder.mkdir()
    for path in files:
        path.write_text(path.name)
    (shared / MARK.format(token=TOKEN)).touch()
    questions = Questions(str(own), (own, shared), tuple(map(item, files)))
    found = answered(shell, look(questions, TOKEN), tmp_path)
    assert (found.shared, found.directory) == (frozenset({1}), True)
    assert found.sums == {0: sha256("a b"), 1: sha256("-n")}  # what is shared is not read


def test_a_look_believes_no_file_that_is_of_no_use(tmp_path: Path, shell: str) -> None:
    """Of another size, not executable, a folder, or not there; and no directory."""
    program, data, folder = tmp_path / "program", tmp_path / "data", tmp_path / "folder"
    for path in (program, data):
        path.write_text("abc")
    folder.mkdir()
    items = (
        item(program, executable=True),
        Item(data, "data", 4, 0.0),
        Item(folder, "folder", folder.stat().st_size, 0.0),
        Item(tmp_path / "none", "none", 0, 0.0),
        item(data),
    )
    questions = Questions(str(tmp_path / "no such"), (), items)
    found = answered(shell, look(questions, TOKEN), tmp_path)
    assert (found.directory, found.sums) == (False, {4: sha256("abc")})


def test_a_node_without_tools_tells_no_checksum(tmp_path: Path, shell: str) -> None:
    """It says so by an empty one: the file is there."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "wc").symlink_to(str(shutil.which("wc")))
    program = tmp_path / "program"
    program.write_text("abc")
    # busybox has them all in itself, so it does without them only when it is told to
    found = answered(shell, look(Questions("/", (), (item(program),)), TOKEN), tmp_path, str(tools))
    assert found.sums[0] in ({"", sha256("abc")} if "busybox" in shell else {""})


def test_folders_are_made_once_and_privately(tmp_path: Path, shell: str) -> None:
    """The second one with the same home directory is told that another one brings it."""
    parcel = Parcel((), ("a b", "a b/-c"))
    script = begin(TOKEN, wanted_folders(parcel, "work"))
    first = answered(shell, script, tmp_path)
    folder = tmp_path / FOLDER / TOKEN
    assert (first.folder, first.taken) == (str(folder), False)
    assert first.free is not None
    assert first.free > 0
    assert (folder / "work" / "a b" / "-c").is_dir()
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "work")} == {0o700}
    second = answered(shell, script, tmp_path)
    assert (second.folder, second.taken) == ("", True)


def test_a_home_that_takes_nothing_says_why(tmp_path: Path, shell: str) -> None:
    """In the words of its mkdir."""
    (tmp_path / ".cache").write_text("a file")
    found = answered(shell, begin(TOKEN, ("work",)), tmp_path)
    assert (found.folder, found.taken) == ("", False)
    assert "cache" in found.failed


def test_a_check_tells_what_arrived(tmp_path: Path, shell: str) -> None:
    """Each file that is there, by its number."""
    (tmp_path / "-a b").write_text("x")
    found = answered(shell, check(str(tmp_path), ["-a b", "none"]), tmp_path)
    assert found.sums == {0: sha256("x")}
    assert answered(shell, check(str(tmp_path / "none"), ["x"]), tmp_path).sums == {}


def test_many_answers_do_not_stop_a_shell_that_is_still_read_to(tmp_path: Path, shell: str) -> None:
    """The whole script is read before a word is said: a window that is full blocks nobody."""
    files = [tmp_path / f"{number}" for number in range(60)]
    for path in files:
        path.write_text("")
    script = look(Questions("/", (), tuple(map(item, files))), TOKEN)
    assert script.index("main() {") < script.index("same 0") < script.rindex("main </dev/null")
    assert len(answered(shell, script, tmp_path).sums) == 60


@given(st.binary(max_size=400))
def test_no_answer_breaks_the_reader(noise: bytes) -> None:
    """Whatever a node says, nothing but what has the right form is believed."""
    prefix = b"sciabc-staging\t"
    found = parse(noise + b"\n" + prefix + noise + b"\n" + prefix + b"sum\t" + noise)
    assert all(len(value) in {0, 64} for value in found.sums.values())
    assert (found.failed + found.folder).isprintable()
    assert not found.folder or found.folder.startswith("/")


def test_only_the_right_form_is_believed() -> None:
    """A login's greetings, other tabs, and numbers that are none."""
    said = (
        b"Welcome\nsciabc-staging\tshared\t1\t\nsciabc-staging\tshared\t-1\t\n"
        b"sciabc-staging\tsum\t0\tnone\nsciabc-staging\tsum\t0\t" + b"a" * 64 + b"\n"
        b"sciabc-staging\tfree\t/dev/sda1 100 50 7 50% /home\nsciabc-staging\tfolder\trelative\n"
        b"sciabc-staging\tfailed\tmkdir: \x1b[31mno\x1b[0m\n"
    )
    assert parse(said) == Answers(
        shared=frozenset({1}),
        directory=False,
        sums={0: ""},
        free=7 * 1024,
        folder="",
        taken=False,
        failed="mkdir: [31mno[0m",
        complete=False,
    )
