"""What copies files on a node: its text is sent there, and read by whatever Python 3 (3.7 or newer) is there.

It speaks on its standard input and output in lines of JSON, each of ours behind `MARK`; what a file holds
follows its line as it is. A copy is written beside its target, checked, brought to the disk, and only then
renamed: nobody sees half of it. The standard library only; nothing of this package is there.

    we: {"hello": 1}
    receive   head: mark name folder dry entries tops
              we: {"have": {NUMBER: SHA256}, "skip": [NUMBER], "shared": {FOLDER: NAME}}
              head: {"send": [NUMBER]}              we: {"go": 1} or {"full": BYTES}
              head: the files, each with {"sum": SHA256} behind it      we: {"done": NUMBER} each
              we: {"over": CHANGES}
    send      head: paths                           we: {"entry": [...]} each, {"listed": 1}
              head: {"sums": [NUMBER]}              we: {"sum": [NUMBER, SHA256]} each, {"summed": 1}
              head: {"send": [NUMBER]}              we: {"file": NUMBER}, the file, {"sum": SHA256} each
              we: {"over": 0}
    whatever goes wrong      we: {"failed": WORDS, "number": ERRNO, "path": PATH}
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import stat
import sys
from typing import Any, NamedTuple, cast

MARK = b"sciabc-files "
PIECE = 1 << 20
ENTRIES = 20_000
FREE = 10 << 20


class Failure(Exception):
    """Something that is told, and ends the copying."""


class Entry(NamedTuple):
    """What is at a path: a file, a folder, or a link; times in nanoseconds."""

    kind: str
    path: str
    mode: int
    changed: int
    size: int
    link: str


def tell(**words: object) -> None:
    """Say a line."""
    sys.stdout.buffer.write(MARK + json.dumps(words).encode() + b"\n")
    sys.stdout.buffer.flush()


def heard() -> dict[str, Any]:
    """Hear a line; the end of the input is the end of all."""
    line = sys.stdin.buffer.readline()
    if not line:
        raise EOFError
    return json.loads(line)


def checksum(path: str) -> str:
    """Give the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while True:
            data = file.read(PIECE)
            if not data:
                return digest.hexdigest()
            digest.update(data)


class Receiver:
    """Takes files from the head."""

    def __init__(self, wish: dict[str, Any]) -> None:
        self.home = os.path.expanduser("~")
        self.folder = os.path.join(self.home, wish["folder"])
        self.entries = [Entry(kind, self.at(path), *rest) for kind, path, *rest in wish["entries"]]
        self.tops = [self.at(top) for top in wish["tops"]]
        self.folders = sorted({os.path.dirname(top) for top in self.tops})
        self.mark = wish["mark"]
        self.name = wish["name"]
        self.dry = wish["dry"]
        self.marks: list[str] = []
        self.changes = 0

    def at(self, path: str) -> str:
        """Give where a path is."""
        return os.path.join(self.folder, path)

    def work(self) -> None:
        """Do it all; the last word comes when nothing of ours is left: who hears it may end us."""
        try:
            last = self.receive()
        finally:
            for path in self.marks:
                with contextlib.suppress(OSError):
                    os.unlink(path)
        tell(**last)

    def receive(self) -> dict[str, int]:
        """Take what the head sends; give the last word."""
        shared = {} if self.dry else self.claim()
        if self.dry:
            self.try_to_enter()
        else:
            self.sweep()
        skipped = self.within([top for top in self.tops if os.path.dirname(top) in shared])
        tell(have=self.have(skipped), skip=sorted(skipped), shared=shared)
        send: list[int] = heard()["send"]
        need = sum(self.entries[number].size for number in send)
        place = os.statvfs(self.standing(self.folders[0]))
        free = place.f_bavail * place.f_frsize
        if need and need + FREE > free:
            return {"full": free}
        kept = [entry for number, entry in enumerate(self.entries) if number not in skipped]
        self.make_folders(kept)
        tell(go=1)
        for number in send:
            self.take(self.entries[number])
            self.changes += 1
            tell(done=number)
        self.finish(kept)
        return {"over": self.changes}

    def standing(self, folder: str) -> str:
        """Give the nearest folder that is there."""
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        return folder

    def try_to_enter(self) -> None:
        """Fail where a copy could not be written."""
        for folder in self.folders:
            place = self.standing(folder)
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "Permission denied", place)

    def claim(self) -> dict[str, str]:
        """Set our mark in every folder; where one is, somebody else with the same folder came before."""
        shared: dict[str, str] = {}
        for folder in self.folders:
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, self.mark)
            try:
                file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                with contextlib.suppress(FileNotFoundError), open(path) as known:  # else it is over there
                    shared[folder] = known.read(100)
                continue
            except OSError:
                continue  # whether a copy can be written is seen when one must be
            fcntl.flock(
                file, fcntl.LOCK_EX
            )  # it is ours for as long as we live, and then anybody's to remove
            self.marks.append(path)
            os.write(file, self.name.encode())
        return shared

    def sweep(self) -> None:
        """Remove what a copying that was cut off left, unless another one is at it."""
        for folder in {os.path.dirname(entry.path) for entry in self.entries}:
            with contextlib.suppress(OSError):
                for name in os.listdir(folder):
                    if name.startswith(".sciabc-") and name.endswith((".part", ".mark")):
                        self.sweep_one(os.path.join(folder, name))

    def sweep_one(self, path: str) -> None:
        """Remove one, if nobody holds it."""
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
            finally:
                os.close(file)

    def within(self, tops: list[str]) -> set[int]:
        """Give the numbers of what is one of these, or in one."""
        inner = tuple(top + "/" for top in tops)
        return {
            number
            for number, entry in enumerate(self.entries)
            if entry.path in tops or entry.path.startswith(inner)
        }

    def have(self, skipped: set[int]) -> dict[int, str]:
        """Give the checksums of files that are there and have the right size."""
        found: dict[int, str] = {}
        for number, entry in enumerate(self.entries):
            if entry.kind == "file" and number not in skipped:
                with contextlib.suppress(OSError):
                    there = os.lstat(entry.path)
                    if stat.S_ISREG(there.st_mode) and there.st_size == entry.size:
                        found[number] = checksum(entry.path)
        return found

    def make_folders(self, entries: list[Entry]) -> None:
        """Make the folders; their modes come last, for they may forbid to write."""
        for folder in self.folders:
            os.makedirs(folder, exist_ok=True)
        for entry in entries:
            if entry.kind == "folder" and not os.path.isdir(entry.path):
                os.mkdir(entry.path, 0o755)
                self.changes += 1

    def take(self, entry: Entry) -> None:
        """Take one file."""
        path, size = entry.path, entry.size
        beside = os.path.join(os.path.dirname(path), f".sciabc-{os.getpid()}{self.mark}.part")
        if os.path.isdir(path) and not os.path.islink(path):
            raise IsADirectoryError(errno.EISDIR, "is a folder there", path)
        file = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.pour(file, size, path)
            os.fchmod(file, entry.mode)
            os.utime(file, ns=(entry.changed, entry.changed))
            os.fsync(file)
            os.replace(beside, path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            if isinstance(error, OSError) and error.filename is None:
                error.filename = path
            raise
        finally:
            os.close(file)

    def pour(self, file: int, size: int, path: str) -> None:
        """Write what comes, and see whether it is what was sent."""
        source = cast("io.BufferedReader", sys.stdin.buffer)
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(min(PIECE, size) or 1))
        left = size
        while left:
            count = source.readinto(buffer[: min(left, PIECE)])
            if not count:
                raise EOFError
            data = buffer[:count]
            digest.update(data)
            while data:
                data = data[os.write(file, data) :]
            left -= count
        if digest.hexdigest() != heard()["sum"]:
            raise Failure("arrived damaged, or was changed meanwhile", path)

    def finish(self, entries: list[Entry]) -> None:
        """Make links, and give what is there its mode and time; folders from within."""
        for kind, path, mode, changed, _, link in reversed(entries):
            there = self.looked_at(path)
            if kind == "link":
                self.make_link(path, link)
                continue
            if there is None:
                raise Failure("vanished meanwhile", path)
            if stat.S_IMODE(there.st_mode) != mode:
                os.chmod(path, mode)
                self.changes += kind == "file"
            if kind == "folder" or there.st_mtime_ns != changed:
                with contextlib.suppress(PermissionError):
                    os.utime(path, ns=(changed, changed))

    def make_link(self, path: str, link: str) -> None:
        """Make a symbolic link in the place of whatever is there, but a folder."""
        if os.path.islink(path) and os.readlink(path) == link:
            return
        beside = os.path.join(os.path.dirname(path), f".sciabc-{os.getpid()}{self.mark}.part")
        os.symlink(link, beside)
        try:
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise
        self.changes += 1

    def looked_at(self, path: str) -> os.stat_result | None:
        """Give what is there, if something is."""
        try:
            return os.lstat(path)
        except FileNotFoundError:
            return None


class Sender:
    """Gives files to the head."""

    def __init__(self, wish: dict[str, Any]) -> None:
        self.paths = wish["paths"]
        self.files: list[str] = []

    def work(self) -> None:
        """Do it all."""
        for top in self.paths:
            path = os.path.join(os.path.expanduser("~"), top)
            self.walk(path.rstrip("/") or "/", os.path.basename(path.rstrip("/")))
        tell(listed=1)
        wanted: list[int] = heard()["sums"]
        for number in wanted:
            tell(sum=[number, checksum(self.files[number])])
        tell(summed=1)
        for number in heard()["send"]:
            self.give(number)
        tell(over=0)

    def walk(self, path: str, name: str) -> None:
        """Tell of a file, or a folder and all that is in it."""
        there = os.lstat(path)
        kind, link = "other", ""
        if stat.S_ISREG(there.st_mode):
            kind = "file"
        elif stat.S_ISDIR(there.st_mode):
            kind = "folder"
        elif stat.S_ISLNK(there.st_mode):
            kind, link = "link", os.readlink(path)
        if not (name + link).isprintable():  # the head would not take it
            kind, name, link = "other", ascii(name)[1:-1], ""
        size = there.st_size if kind == "file" else 0
        tell(entry=[kind, name, stat.S_IMODE(there.st_mode), there.st_mtime_ns, size, link])
        self.files.append(path)
        if len(self.files) > ENTRIES:
            raise Failure(f"holds more than {ENTRIES} files", path)
        if kind == "folder":
            for inner in sorted(os.listdir(path)):
                self.walk(os.path.join(path, inner), name + "/" + inner)

    def give(self, number: int) -> None:
        """Give one file; as long as it was when it was listed."""
        digest = hashlib.sha256()
        with open(self.files[number], "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            tell(file=number, size=size)
            while size:
                data = file.read(min(size, PIECE))
                if not data:
                    raise Failure("was changed meanwhile", self.files[number])
                digest.update(data)
                sys.stdout.buffer.write(data)
                size -= len(data)
        tell(sum=digest.hexdigest())


def main() -> None:
    """Say hello, and do what is wished."""
    try:
        tell(hello=1)
        wish = heard()
        (Receiver if wish["task"] == "receive" else Sender)(wish).work()
    except (EOFError, BrokenPipeError):
        pass
    except OSError as error:
        tell(failed=error.strerror or str(error), number=error.errno or 0, path=str(error.filename or ""))
    except Failure as failure:
        tell(failed=failure.args[0], number=0, path=failure.args[1])


if __name__ == "__main__":
    main()
