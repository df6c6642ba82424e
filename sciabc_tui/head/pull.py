"""Copies nodes' files to the head, each node's into a folder of its name: only what is another here."""

import errno
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from jobs.collectplace import plain_name
from jobs.hostfile import Host
from sciabc_tui.api.remote import PullWish
from sciabc_tui.api.works import Begun, Ended, Over, Part
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.pull_place import Damaged, Hostile, Listing, Place
from sciabc_tui.head.remote_agent import ENTRIES, FREE, Entry
from sciabc_tui.head.remote_each import Progress, Tell, each, visited
from sciabc_tui.head.remote_nodes import chosen, host_of, processor, sorted_out
from sciabc_tui.head.remote_talk import CopyFailed, Hello, Pinned, Talk
from sciabc_tui.head.remote_wording import files_text, full, size_text
from sciabc_tui.head.users import Users


class Pull:
    """Copies files from nodes."""

    def __init__(self, hub: Hub, clock: Clock, users: Users, pinned: Pinned) -> None:
        """Copy nothing yet."""
        self._hub = hub
        self._clock = clock
        self._users = users
        self._pinned = pinned

    async def run(self, wish: PullWish, by: str) -> AsyncGenerator[Part, None]:
        """Copy; tell how far each node is, and what came of it.

        Raises:
            NotFound: There is no such node.
            CommandRefused: What is wished can't be done on any node.
        """
        del by
        state = self._hub.state
        nodes = chosen(state, wish.nodes)
        _check(wish)
        yield Begun(tuple(node.name for node in nodes), ("copy",))
        able, hindered = sorted_out(nodes, self._clock.monotonic())
        for part in hindered:
            yield part
        found = [(host_of(state, node, self._users), processor(node)) for node in able]
        errands = [_PullErrand(host, Talk(host, self._pinned, kind), wish) for host, kind in found]
        async with aclosing(each(errands)) as parts:
            async for part in parts:
                yield part
        got = sum(errand.got for errand in errands)
        word = "would be copied" if wish.dry_run else "copied"
        yield Over(f"{size_text(got)} {word} into {wish.folder}")


def _check(wish: PullWish) -> None:
    names = [PurePosixPath(path).name for path in wish.paths]
    if not names or "" in names or ".." in names:
        raise CommandRefused("Nothing that can be pulled was named. Next: name files or folders of the nodes")
    if len(set(names)) < len(names):
        raise CommandRefused("Two of the files have one name. Next: pull them one after the other")
    if not Path(wish.folder).is_absolute():
        raise CommandRefused(f"{wish.folder!a} is no absolute path. Next: name a folder of the head")


@dataclass(slots=True)
class _PullErrand:
    """One node."""

    host: Host
    talk: Talk
    wish: PullWish
    got: int = 0
    """Bytes that were copied, or would be."""

    def run(self, tell: Tell) -> Ended:
        """Copy from it."""
        name = self.host.name
        try:
            return visited(name, self.talk, self._copy, tell)
        except Hostile as hostile:
            fix = f"Next: look at it with ssh; nothing of that is written here ({name})"
            return Ended(name, ok=False, text=str(hostile), fix=fix)
        except Damaged as damaged:
            text = f"{damaged} arrived damaged, or was changed meanwhile"
            return Ended(name, ok=False, text=text, fix="Next: pull it again")
        except OSError as error:
            text, fix = _local(error, self.wish.folder)
            return Ended(name, ok=False, text=text, fix=fix)

    def end(self) -> None:
        """Stop."""
        self.talk.end()

    def _copy(self, tell: Tell) -> Ended:
        self.talk.tell({"task": "send", "paths": self.wish.paths})
        listing = self._listed()
        folder = Path(self.wish.folder, plain_name(self.host))
        if self.wish.dry_run and not folder.is_dir():
            wanted = list(listing.files.items())
            self.got = sum(entry.size for _, entry in wanted)
            return self._told(listing, len(wanted), "would be copied")
        with closing(Place(folder)) as place:
            wanted = self._wanted(listing, place)
            size = sum(entry.size for _, entry in wanted)
            if self.wish.dry_run:
                self.got = size
                return self._told(listing, len(wanted), "would be copied")
            if size and size + FREE > place.free:
                raise CopyFailed(*full("the head", place.free, size))
            self._take(listing, wanted, place, Progress(self.host.name, size, tell))
        return self._told(listing, len(wanted), "copied", len(wanted))

    def _listed(self) -> Listing:
        tops = frozenset(PurePosixPath(path).name for path in self.wish.paths)
        listing = Listing(tops, {})
        while (entry := self.talk.hear(_Listed).entry) is not None:
            listing.add(Entry(*entry))
            if len(listing.entries) > ENTRIES:
                raise Hostile(f"has more than {ENTRIES} files")
        return listing

    def _wanted(self, listing: Listing, place: Place) -> list[tuple[int, Entry]]:
        """Say which files are to be copied: those that are not here, or another."""
        here = {number: sum_ for number, entry in listing.files.items() if (sum_ := place.checksum(entry))}
        self.talk.tell({"sums": list(here)})
        there: dict[int, str] = {}
        while (said := self.talk.hear(_Summed).sum) is not None:
            if said[0] not in here or said[0] in there:
                raise Hostile("tells checksums that nobody asked for")
            there[said[0]] = said[1]
        return [
            (number, entry)
            for number, entry in listing.files.items()
            if number not in here or here[number] != there.get(number)
        ]

    def _take(
        self, listing: Listing, wanted: Sequence[tuple[int, Entry]], place: Place, progress: Progress
    ) -> None:
        for folder in {PurePosixPath(entry.path).parent for entry in listing.entries.values()}:
            place.sweep(folder)
        self.talk.tell({"send": [number for number, _ in wanted]})
        for entry in listing.entries.values():
            if entry.kind == "folder":
                place.make_folder(entry)
        for _, entry in wanted:
            place.write(entry, lambda sink, entry=entry: self._poured(entry, sink, progress))
        self.talk.hear(Hello)
        for entry in reversed(listing.entries.values()):
            place.settle(entry)

    def _poured(self, entry: Entry, sink: Callable[[bytes], object], progress: Progress) -> str:
        if self.talk.hear(_File).size != entry.size:
            raise Damaged(entry.path)

        def take(data: bytes) -> None:
            sink(data)
            progress.add(len(data))

        self.talk.take(entry.size, take)
        self.got += entry.size
        return self.talk.hear(_Sum).sum

    def _told(self, listing: Listing, count: int, word: str, changes: int = 0) -> Ended:
        text = f"{files_text(count)} {word}, {size_text(self.got)}"
        if same := len(listing.files) - count:
            text += f"; {same} here already"
        if listing.left_out:
            text += f"; {listing.left_out} left out, no file, folder or link"
        return Ended(self.host.name, ok=True, text=text, changes=changes)


class _Listed(msgspec.Struct):
    """What is at a path of the node; nothing when all was told."""

    entry: tuple[str, str, int, int, int, str] | None = None


class _Summed(msgspec.Struct):
    """The checksum of a file by number; nothing when all were told."""

    sum: tuple[int, str] | None = None


class _File(msgspec.Struct):
    """What comes next, and its size."""

    file: int
    size: int


class _Sum(msgspec.Struct):
    """The checksum of what came."""

    sum: str


def _local(error: OSError, folder: str) -> tuple[str, str]:
    """Say why the head's own disk takes no file."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "the head's disk is full", f"Next: remove something below {folder}"
    where = error.filename if isinstance(error.filename, str) else folder
    return (
        f"{where} can't be written here: {error.strerror}",
        f"Next: make {folder} writable, or name another",
    )
