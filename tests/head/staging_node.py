"""A node for the staging of jobs that is only a folder: real shells and files, and no network."""

import hashlib
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jobs.staging import Item
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.head.errors import ContactFailed


@dataclass(slots=True, eq=False)
class FakeNode:
    """Has a file system of its own below `root`: what the head calls PATH is ROOT/PATH there.

    Attributes:
        root: Its file system.
        head: Paths below this one are translated.
        shares: Whether it sees the head's own instead.
        free: KiB that its disk has free.
        full_after: Bytes after which it stores no more, silently, as a pipelined SFTP write does.
        fails: What each call raises, by its name.
        held: Calls wait while it is set, until `end`.
        cuts: How often the connection is lost in the middle of a file.
    """

    root: Path
    head: Path
    shares: bool = False
    free: int = 10**6
    full_after: int | None = None
    fails: dict[str, Exception] = field(default_factory=dict[str, Exception])
    scripts: list[str] = field(default_factory=list[str])
    written: list[str] = field(default_factory=list[str])
    ended: threading.Event = field(default_factory=threading.Event)
    held: bool = False
    cuts: int = 0
    holding: threading.Event = field(default_factory=threading.Event)

    @property
    def home(self) -> Path:
        """The home directory of its user."""
        return self.root / "home"

    @property
    def copies(self) -> list[Path]:
        """What stands in its folder for copies."""
        return sorted((self.home / ".cache/sciabc/jobs").glob("*"))

    def here(self, path: Path) -> Path:
        """Give where a path of the head is on this node."""
        return path if self.shares else self.root / path.relative_to("/")

    def put(self, path: Path, text: str) -> None:
        """Give it a file of its own at a path of the head's."""
        self.here(path).parent.mkdir(parents=True, exist_ok=True)
        self.here(path).write_text(text)

    def ask(self, script: str) -> bytes:
        """Let a shell read a script."""
        self._enter("ask")
        self.scripts.append(script)
        if not self.shares:
            script = script.replace(str(self.head), str(self.root) + str(self.head))
        df = f'df() {{ echo "disk 9 9 {self.free} 9% /"; }}\n'
        self.home.mkdir(parents=True, exist_ok=True)
        env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            ["/bin/sh", "-s"],
            input=(df + script).encode(),
            env=env,
            capture_output=True,
            check=False,
            cwd="/",
        )
        return b"Welcome!\n" + done.stdout

    def write(self, item: Item, target: str, progress: Callable[[int], None]) -> None:
        """Copy a file, or a part of it."""
        self._enter("write")
        if self.cuts:
            self.cuts -= 1
            Path(target).write_bytes(b"a part")
            raise ContactFailed("the connection was lost")
        shutil.copyfile(item.path, target)
        if self.full_after is not None:
            with Path(target).open("r+b") as file:
                file.truncate(min(self.full_after, item.size))
        progress(item.size)
        self.written.append(target)

    def checksum(self, target: str) -> str:
        """Read a file back."""
        self._enter("checksum")
        return hashlib.sha256(Path(target).read_bytes()).hexdigest()

    def end(self) -> None:
        """Let go of whoever is held."""
        self.ended.set()

    def _enter(self, name: str) -> None:
        if self.ended.is_set():
            raise ContactFailed("stopped")
        if name in self.fails:
            raise self.fails[name]
        if self.held and name == "write":
            self.holding.set()
            if self.ended.wait(60):
                raise ContactFailed("stopped")


@dataclass(slots=True)
class FakeWays:
    """Ways to some nodes."""

    nodes: dict[str, FakeNode]

    async def to(self, node: NodeId, instead_of: object = None) -> FakeNode:
        """Give a node, a new way each time."""
        found = self.nodes[node]
        assert instead_of in {None, found}
        found.ended.clear()
        return found
