"""One node's part in the staging of a job: it is asked what it has, and gets what it lacks. It blocks."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jobs.hostfile import Host
from jobs.staging import Item
from jobs.staging_needs import Delivery
from jobs.staging_words import Answers, begin, check, parse
from sciabc_tui.head.errors import ContactFailed, StagingCutOff, StagingFailed
from sciabc_tui.head.staging_load import MARGIN, Load
from sciabc_tui.head.staging_wire import FileRefused

_FULL = re.compile(r"no space|disk quota", re.IGNORECASE)
_CLOSED = re.compile(r"permission|not permitted|read-only", re.IGNORECASE)


class Way(Protocol):
    """How a node is worked on: `sciabc_tui.head.staging_wire.Wire`."""

    def ask(self, script: str) -> bytes:
        """Let the node's shell read a script; give what that said. Raises `ContactFailed`."""
        ...

    def write(self, item: Item, target: str, progress: Callable[[int], None]) -> None:
        """Write a copy of a file. Raises `ContactFailed`, `FileRefused` or `OSError`."""
        ...

    def checksum(self, target: str) -> str:
        """Read a file back; give its SHA-256 in hex. Raises `ContactFailed` or `FileRefused`."""
        ...

    def end(self) -> None:
        """Stop whatever is under way; from any thread, more than once."""
        ...


@dataclass(slots=True)
class Visit:
    """A node, and the way there."""

    host: Host
    way: Way
    _begun: bool = False
    """Whether the copy's folder may be there, made for this node."""

    def look(self, load: Load) -> Answers:
        """Ask what the node has.

        Raises:
            StagingFailed: It does not answer.
        """
        return self._asked(load.look)

    def deliver(self, load: Load, wanted: Delivery, progress: Callable[[int], None]) -> None:
        """Bring the node what it lacks, and see whether it arrived; once more after it was cut off.

        Raises:
            StagingFailed: It could not be brought; the text says why.
        """
        again, self._begun = self._begun, True
        made = self._asked(begin(load.token, wanted.folders, again=again))
        if made.taken:
            return  # another node with the same home directory brings it
        if not made.folder.endswith(load.token):
            raise self._failed(made.failed or "it makes no folder")
        if made.free is not None and made.free < wanted.size + MARGIN:
            raise self._full(made.free, wanted.size)
        for item, target in wanted.files:
            self._write(item, made.folder, target, wanted, progress)
        self._check(load, made.folder, wanted)

    def _write(
        self, item: Item, folder: str, target: str, wanted: Delivery, progress: Callable[[int], None]
    ) -> None:
        try:
            self.way.write(item, f"{folder}/{target}", progress)
        except ContactFailed as error:
            raise self._lost(error) from error
        except FileRefused as error:
            free = self._asked(check(folder, ())).free
            if free is not None and free < item.size:
                raise self._full(free, wanted.size) from error
            raise self._failed(f"{item.path.name}: {error}") from error
        except OSError as error:
            raise StagingFailed(f"{item.path}: {error.strerror}. Next: chmod +r it") from error

    def _check(self, load: Load, folder: str, wanted: Delivery) -> None:
        """Compare what is there with the head's files."""
        if not wanted.files:
            return
        said = self._asked(check(folder, [target for _, target in wanted.files]))
        for number, (item, target) in enumerate(wanted.files):
            found = said.sums.get(number)
            if found == "":  # nothing there can tell it
                found = self._read_back(f"{folder}/{target}")
            if found == load.sums.get(item.path):
                continue
            if said.free is not None and said.free < max(item.size, MARGIN):
                raise self._full(said.free, wanted.size)
            raise StagingFailed(
                f"{item.path.name} arrived damaged on {self.host.name}, or was changed meanwhile. "
                "Next: submit it again"
            )

    def _read_back(self, path: str) -> str:
        try:
            return self.way.checksum(path)
        except ContactFailed as error:
            raise self._lost(error) from error
        except FileRefused as error:
            raise self._failed(str(error)) from error

    def _asked(self, script: str) -> Answers:
        try:
            said = parse(self.way.ask(script))
        except ContactFailed as error:
            raise self._lost(error) from error
        if not said.complete:
            raise StagingFailed(
                f"{self.host.name} did not say what it has. Next: sciabc-tui preflight -w {self.host.name}"
            )
        return said

    def _lost(self, why: ContactFailed) -> StagingFailed:
        return StagingCutOff(f"{self.host.name}: {why} while files were copied. Next: sciabc-tui nodes")

    def _full(self, free: int, size: int) -> StagingFailed:
        name = self.host.name
        return StagingFailed(
            f"{name} has {_bytes(free)} free, {_bytes(size)} are to be copied. Next: remove something there"
        )

    def _failed(self, words: str) -> StagingFailed:
        """Say why a node took something not, by its own words."""
        name = self.host.name
        if _FULL.search(words):
            return StagingFailed(f"the disk of {name} is full. Next: remove something there")
        why = words.rpartition(": ")[2].lower() or words
        step = "make ~/.cache writable there" if _CLOSED.search(words) else f"look at the disk of {name}"
        return StagingFailed(f"{name} takes no files ({why[:80]}). Next: {step}")


def _bytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MB" if size < 10 * 2**30 else f"{size / 2**30:,.0f} GB"
