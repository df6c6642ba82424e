"""Copies the head's files to nodes: only what is another there, whole or not at all, and checked."""

import asyncio
import os
import secrets
import stat
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, aclosing
from dataclasses import dataclass

import msgspec

from jobs.hostfile import Host
from sciabc_tui.api.remote import PushWish
from sciabc_tui.api.works import Begun, Ended, Over, Part
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.state import State
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.push_load import Item, Load, Sums, gathered, marks
from sciabc_tui.head.remote_each import Progress, Tell, each, visited
from sciabc_tui.head.remote_nodes import chosen, host_of, processor, sorted_out
from sciabc_tui.head.remote_talk import CopyFailed, Pinned, Talk
from sciabc_tui.head.remote_wording import files_text, full, plain, size_text
from sciabc_tui.head.users import Users


class Push:
    """Copies files to nodes."""

    def __init__(self, hub: Hub, clock: Clock, users: Users, pinned: Pinned) -> None:
        """Copy nothing yet."""
        self._hub = hub
        self._clock = clock
        self._users = users
        self._pinned = pinned
        self._sums = Sums()

    async def run(self, wish: PushWish, by: str) -> AsyncGenerator[Part, None]:
        """Copy; tell how far each node is, and what came of it.

        Raises:
            NotFound: There is no such node.
            CommandRefused: The head's own files can't be read, or there are none.
        """
        del by
        state = self._hub.state
        nodes = chosen(state, wish.nodes)
        loop = asyncio.get_running_loop()
        reader = ThreadPoolExecutor(1, thread_name_prefix="sciabc-push-read")
        finder = ThreadPoolExecutor(1, thread_name_prefix="sciabc-push")
        set_marks = ExitStack()
        try:
            load = await loop.run_in_executor(finder, gathered, wish.paths, wish.folder)
            yield Begun(tuple(node.name for node in nodes), ("copy",))
            able, hindered = sorted_out(nodes, self._clock.monotonic())
            for part in hindered:
                yield part
            went_well = 0
            mark = f".sciabc-{secrets.token_hex(8)}.mark"
            if not wish.dry_run:
                setting = marks(load.marked, mark, state.head.host_name or "the head")
                await loop.run_in_executor(finder, set_marks.enter_context, setting)
            errands = self._errands(state, able, _Task(load, wish, mark, self._sums, reader))
            async with aclosing(each(errands)) as parts:
                async for part in parts:
                    went_well += isinstance(part, Ended) and part.ok
                    yield part
        finally:
            reader.shutdown(wait=False, cancel_futures=True)
            await loop.run_in_executor(finder, set_marks.close)
            finder.shutdown(wait=False)
        sent = sum(errand.sent for errand in errands)
        word = "would be copied" if wish.dry_run else "copied"
        yield Over(f"{size_text(sent)} {word} to {went_well} of {len(nodes)} nodes")

    def _errands(self, state: State, nodes: Sequence[Node], task: "_Task") -> list["_PushErrand"]:
        found = [host_of(state, node, self._users) for node in nodes]
        return [
            _PushErrand(host, Talk(host, self._pinned, processor(node)), task)
            for node, host in zip(nodes, found, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Task:
    """What is the same for all nodes."""

    load: Load
    wish: PushWish
    mark: str
    sums: Sums
    reader: Executor
    """Reads files ahead for their checksums."""


@dataclass(slots=True)
class _PushErrand:
    """One node."""

    host: Host
    talk: Talk
    task: _Task
    sent: int = 0
    """Bytes that were copied, or would be."""

    def run(self, tell: Tell) -> Ended:
        """Copy to it."""
        name = self.host.name
        try:
            return visited(name, self.talk, self._copy, tell)
        except OSError as error:  # of a file here, or of the folder for temporary ones: the others go on
            why = error.strerror or str(error)
            return Ended(name, ok=False, text=f"the head can't copy: {why}", fix="Next: df -h /tmp; dmesg")

    def end(self) -> None:
        """Stop."""
        self.talk.end()

    def _copy(self, tell: Tell) -> Ended:
        load, wish = self.task.load, self.task.wish
        self.talk.tell(
            {
                "task": "receive",
                "mark": self.task.mark,
                "name": self.host.name,
                "folder": wish.folder,
                "dry": wish.dry_run,
                "tops": load.tops,
                "entries": [item.entry for item in load.items],
            }
        )
        said = self.talk.hear(_Have)
        wanted = self._wanted(said)
        size = sum(item.entry.size for _, item in wanted)
        if wish.dry_run:
            self.sent = size
            return self._told(wanted, said, "would be copied")
        self.talk.tell({"send": [number for number, _ in wanted]})
        if (free := self.talk.hear(_Go).full) is not None:
            text, fix = full(self.host.name, free, size)
            return Ended(self.host.name, ok=False, text=text, fix=fix)
        self._pour(wanted, size, tell)
        while (changes := self.talk.hear(_Over).over) is None:
            pass
        return self._told(wanted, said, "copied", changes)

    def _wanted(self, said: "_Have") -> list[tuple[int, Item]]:
        """Say which files the node gets: those that it has not, or another."""
        skipped = frozenset(said.skip)
        return [
            (number, item)
            for number, item in enumerate(self.task.load.items)
            if item.entry.kind == "file" and number not in skipped and not self._has(said, number, item)
        ]

    def _has(self, said: "_Have", number: int, item: Item) -> bool:
        known = said.have.get(str(number))
        return known is not None and known == self._sum(item)

    def _pour(self, wanted: Sequence[tuple[int, Item]], size: int, tell: Tell) -> None:
        for _, item in wanted:  # read once for all nodes, while the first bytes are on their way
            self.task.reader.submit(self.task.sums.of, item.source)
        progress = Progress(self.host.name, size, tell)
        for _, item in wanted:
            self._pour_one(item, progress)
            self.talk.tell({"sum": self._sum(item)})
            self.sent += item.entry.size

    def _pour_one(self, item: Item, progress: Progress) -> None:
        try:
            file = os.open(item.source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _unreadable(item, error) from error
        try:
            there = os.fstat(file)
            fits = stat.S_ISREG(there.st_mode) and there.st_size == item.entry.size
            if not fits or not self.talk.pour(file, item.entry.size, progress.add):
                raise CopyFailed(f"{item.source} was changed meanwhile", "Next: push it again")
        finally:
            os.close(file)

    def _sum(self, item: Item) -> str:
        try:
            return self.task.sums.of(item.source)
        except OSError as error:
            raise _unreadable(item, error) from error

    def _told(self, wanted: Sequence[object], said: "_Have", word: str, changes: int = 0) -> Ended:
        text = f"{files_text(len(wanted))} {word}, {size_text(self.sent)}"
        same = self.task.load.files - len(wanted)
        if said.shared:
            folder, whose = next(iter(said.shared.items()))
            text = f"shares {plain(folder)} with {plain(whose)}; {text}"
        elif same:
            text += f"; {same} there already"
        return Ended(self.host.name, ok=True, text=text, changes=changes)


class _Have(msgspec.Struct):
    """What a node has: checksums by number; whose folders it shares, and what it needs not for that."""

    have: dict[str, str]
    skip: list[int]
    shared: dict[str, str]


class _Go(msgspec.Struct):
    """Whether there is room; else how many bytes there are."""

    full: int | None = None


class _Over(msgspec.Struct):
    """How many things were changed, once it is over."""

    over: int | None = None


def _unreadable(item: Item, error: OSError) -> CopyFailed:
    return CopyFailed(f"{item.source} can't be read: {error.strerror}", "Next: chmod +r it")
