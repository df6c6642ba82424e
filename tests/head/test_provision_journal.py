"""The journal of a board, kept by real shells: whatever happens, undoing gives back what was there."""

import os
import random
import shutil
import stat
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

import pytest

from sciabc_tui.head.provisioning import journal
from sciabc_tui.head.provisioning.ports import Told

KILLING = """#!/bin/sh
read n <{count}
n=$((n + 1))
echo $n >{count}
[ $n -ne {at} ] || kill -KILL $PPID
exec {real} "$@"
"""
SHIMMED = ("cp", "mv", "mkdir", "rm", "rmdir", "sync", "grep")

CHANGES = """
set -e
cd {root}
keep {root}/etc/hosts
echo '10.0.0.1 node' >>etc/hosts
keep {root}/etc/link
ln -sfn elsewhere etc/link
keep {root}/etc/new/deep/file
mkdir -p etc/new/deep
echo one >etc/new/deep/file.sciabc-new
mv -f etc/new/deep/file.sciabc-new etc/new/deep/file
made {root}/opt/venv
mkdir -p opt/venv/bin
echo python >opt/venv/bin/python
did {undo}
[ -e {root}/done ] || echo done >done
"""


@dataclass(frozen=True, slots=True)
class Card:
    """A file system of a board, in a folder."""

    root: Path
    tools: Path

    @property
    def place(self) -> str:
        """Where its journal is."""
        return f"{self.root}/var/lib/sciabc/provision"

    @property
    def changes(self) -> str:
        """A script that changes something of each kind, and may be run again."""
        return CHANGES.format(root=self.root, undo=quote(f"rm -f {self.root}/done"))

    def run(self, script: str, *, kill_at: int = 0, shell: str = "sh") -> "subprocess.CompletedProcess[str]":
        """Run a script, or have its shell killed before the tool of that number."""
        count = self.tools / "count"
        count.write_text("0\n")
        for name in SHIMMED:
            real = shutil.which(name) or name
            shim = self.tools / name
            shim.write_text(KILLING.format(count=count, at=kill_at, real=real))
            shim.chmod(0o755)
        environ = {"PATH": f"{self.tools}:{os.environ['PATH']}", "HOME": str(self.root), "LC_ALL": "C"}
        return subprocess.run(
            [*shell.split(), "-c", script],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def change(self, *, kill_at: int = 0, shell: str = "sh") -> int:
        """Change it, as a step does; give the exit status."""
        text = journal.words(self.place) + self.changes
        return self.run(text, kill_at=kill_at, shell=shell).returncode

    def undo(self, *, kill_at: int = 0, shell: str = "sh") -> int:
        """Undo all; give the exit status."""
        return self.run(journal.undo(self.place), kill_at=kill_at, shell=shell).returncode

    def tools_used(self) -> int:
        """Tell how many tools the last script ran."""
        return int((self.tools / "count").read_text())

    def tree(self, *, but: str = "") -> Mapping[str, tuple[object, ...]]:
        """Describe every file: mode, owner, time of the last change, and what is in it."""
        paths = sorted(self.root.rglob("*"))
        return {
            str(path.relative_to(self.root)): _described(path)
            for path in paths
            if not (but and str(path).startswith(but))
        }


def _described(path: Path) -> tuple[object, ...]:
    found = path.lstat()
    owned = (stat.filemode(found.st_mode), found.st_uid, found.st_gid)
    if path.is_symlink():
        return (*owned, str(path.readlink()))
    return owned if path.is_dir() else (*owned, found.st_mtime_ns, path.read_bytes())


@pytest.fixture
def new_card(tmp_path: Path) -> Callable[[], Card]:
    """Give cards that are as freshly written."""

    def make() -> Card:
        made = sum(1 for _ in tmp_path.iterdir())
        root, tools = tmp_path / f"card{made}", tmp_path / f"tools{made}"
        (root / "etc").mkdir(parents=True)
        (root / "opt").mkdir()
        (root / "var" / "lib").mkdir(parents=True)
        tools.mkdir()
        hosts = root / "etc" / "hosts"
        hosts.write_text("127.0.0.1 localhost\n")
        hosts.chmod(0o640)
        os.utime(hosts, ns=(10**18, 10**18))
        (root / "etc" / "link").symlink_to("hosts")
        return Card(root, tools)

    return make


def some_of(tools: int) -> list[int]:
    """Choose before which tools the shell is killed: others in each run of the tests."""
    return random.sample(range(1, tools + 1), 5)


def shells() -> list[str]:
    """Give the shells that boards have, as far as they are here."""
    return [shell for shell in ("dash", "bash --posix", "busybox sh") if shutil.which(shell.split()[0])]


@pytest.mark.parametrize("shell", shells())
def test_undoing_gives_back_every_file_as_it_was(new_card: Callable[[], Card], shell: str) -> None:
    """Content, mode, owner and time; the journal itself is gone, with the folder made for it."""
    card = new_card()
    before = card.tree()
    assert card.change(shell=shell) == 0
    assert card.tree() != before
    assert card.undo(shell=shell) == 0
    assert card.tree() == before


def test_to_do_it_again_notes_nothing_new(new_card: Callable[[], Card]) -> None:
    """What was kept first is the original; a second run must not keep what the first one wrote."""
    card = new_card()
    before = card.tree()
    card.change()
    held = card.run(journal.contents(card.place)).stdout
    card.change()
    assert card.run(journal.contents(card.place)).stdout == held
    card.undo()
    assert card.tree() == before


def test_killed_anywhere_and_run_again_ends_the_same(new_card: Callable[[], Card]) -> None:
    """The shell is killed before one of the tools that it runs."""
    whole = new_card()
    before = whole.tree()
    assert whole.change() == 0
    wanted = _without_times(whole.tree(but=whole.place))
    for kill_at in some_of(whole.tools_used()):
        card = new_card()
        card.change(kill_at=kill_at)
        assert card.change() == 0, kill_at
        assert _without_times(card.tree(but=card.place)).keys() == wanted.keys(), kill_at
        assert card.undo() == 0, kill_at
        assert card.tree() == before, kill_at


def test_killed_anywhere_and_undone_is_as_before(new_card: Callable[[], Card]) -> None:
    """What was noted and not done is undone without harm."""
    whole = new_card()
    before = whole.tree()
    whole.change()
    for kill_at in some_of(whole.tools_used()):
        card = new_card()
        card.change(kill_at=kill_at)
        assert card.undo() == 0, kill_at
        assert card.tree() == before, kill_at


def test_undoing_that_is_killed_anywhere_is_resumed(new_card: Callable[[], Card]) -> None:
    """The second time it undoes the rest."""
    whole = new_card()
    before = whole.tree()
    whole.change()
    whole.undo()
    for kill_at in some_of(whole.tools_used()):
        card = new_card()
        card.change()
        card.undo(kill_at=kill_at)
        assert card.undo() == 0, kill_at
        assert card.tree() == before, kill_at


def test_what_can_not_be_undone_stays_in_the_journal(new_card: Callable[[], Card]) -> None:
    """The rest is undone; once the hindrance is gone, so is the last of it."""
    card = new_card()
    before = card.tree()
    hindrance = card.root / "hindrance"
    text = f"{journal.words(card.place)}did {quote(f'[ ! -e {hindrance} ]')}\n{card.changes}"
    card.run(text)
    hindrance.write_text("")
    answer = card.run(journal.undo(card.place))
    assert answer.returncode == 1
    assert [line for line in answer.stdout.splitlines() if line.startswith("left ")] == [
        f"left did [ ! -e {hindrance} ]"
    ]
    hindrance.unlink()
    assert card.undo() == 0
    assert card.tree() == before


def test_without_a_journal_there_is_nothing_to_undo(new_card: Callable[[], Card]) -> None:
    """And nothing is made by trying."""
    card = new_card()
    before = card.tree()
    assert card.undo() == 0
    assert card.tree() == before


def test_what_others_put_into_a_folder_stays(new_card: Callable[[], Card]) -> None:
    """A folder that was made only to hold a kept file goes only if it is empty."""
    card = new_card()
    card.change()
    own = card.root / "etc" / "new" / "own"
    own.write_text("mine")
    assert card.undo() == 0
    assert own.read_text() == "mine"


def test_a_journal_that_can_not_be_written_stops_the_script(new_card: Callable[[], Card]) -> None:
    """Nothing is changed that could not be undone."""
    card = new_card()
    before = card.tree()
    (card.root / "blocked").write_text("")
    answer = card.run(journal.words(f"{card.root}/blocked/provision") + card.changes)
    (card.root / "blocked").unlink()
    assert answer.returncode == journal.STATUS
    assert card.tree() == before


def _without_times(tree: Mapping[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    return {name: tuple(part for part in said if not isinstance(part, int)) for name, said in tree.items()}


@pytest.mark.parametrize("before", ["", "ssh-ed25519 AAAA teacher\n"])
@pytest.mark.parametrize("shell", shells())
def test_keys_that_people_added_since_stay(new_card: Callable[[], Card], before: str, shell: str) -> None:
    """Undoing takes away the head's key alone: who else was let in meanwhile is not locked out."""
    card = new_card()
    keys = card.root / "home" / ".ssh" / "authorized_keys"
    keys.parent.mkdir(parents=True)
    if before:
        keys.write_text(before)
        keys.chmod(0o600)
    line = "ssh-ed25519 CCCC sciabc-head"
    script = f"{journal.words(card.place)}keep {keys}\necho '{line}' >>{keys}\n"
    assert card.run(script, shell=shell).returncode == 0
    with keys.open("a") as file:
        file.write("ssh-ed25519 DDDD sciabc:node02\nssh-ed25519 BBBB pupil\n")
    assert card.undo(shell=shell) == 0
    assert keys.read_text() == f"{before}ssh-ed25519 BBBB pupil\n"
    assert not Path(card.place).exists()
    if before:
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_boards_that_share_a_home_have_journals_of_their_own(new_card: Callable[[], Card]) -> None:
    """What one has noted is not undone by the other; when both have undone theirs nothing is left."""
    home = new_card()
    before = home.tree()
    user = Told(user="pi", home=str(home.root))
    one, two = (journal.folder(replace(user, hardware=name), root=False) for name in ("1000a", "1000b"))
    for place, name in ((one, "one"), (two, "two")):
        file = f"{home.root}/{name}"
        assert home.run(f"{journal.words(place)}keep {file}\necho {name} >{file}\n").returncode == 0
    assert home.run(journal.undo(one)).stdout == f"undone absent {home.root}/one\n"
    assert (home.root / "two").read_text() == "two\n"
    assert f"absent {home.root}/two\n" in home.run(journal.contents(two)).stdout
    assert home.run(journal.undo(two)).returncode == 0
    assert home.tree() == before


def test_roots_journal_is_on_the_board_itself() -> None:
    """Its own disk: there is nothing to be told apart."""
    place = "/var/lib/sciabc/provision"
    assert journal.folder(Told(user="pi", home="/home/pi", hardware="1000a"), root=True) == place
    assert journal.folder(Told(user="root", home="/root", hardware="1000a"), root=False) == place
