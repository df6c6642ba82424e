"""What changes in a folder, as it happens: inotify(7), which Python's own library does not have."""

import asyncio
import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_MODIFY, _MOVED_TO, _CREATE = 0x2, 0x80, 0x100  # sys/inotify.h
_WRITTEN = _MODIFY | _MOVED_TO
_ONLY_FOLDERS = 0x0100_0000  # IN_ONLYDIR
_BYTES = 64 * 1024
_EVENT = struct.Struct("=iIII")  # struct inotify_event: wd, mask, cookie, and how many bytes of a name follow


class FolderNews:
    """Tells when folders are made, and files in them written to or moved in. Of one loop, within `with` only.

    Where the kernel has no watch left (fs.inotify.max_user_watches) nothing is told: wait with a time limit.
    """

    def __init__(self, top: Path, begin: str) -> None:
        """Watch nothing yet.

        Args:
            top: Above all folders that are to be watched, and there.
            begin: How the names of the files begin that matter.
        """
        self._top = top
        self._begin = os.fsencode(begin)
        self._awaited: set[bytes] = set()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = -1
        self._watched: set[Path] = set()
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor >= 0:
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._descriptor)
            # the kernel takes 10 ms for it (it waits for its readers: inotify_release), too long for a loop
            loop.run_in_executor(None, os.close, self._descriptor)

    def watch(self, folder: Path) -> bool:
        """Tell of this folder too; return whether that is new: what was there before is not told.

        Where it is not there yet, the next that is made on the way to it is told: call it again then.
        """
        if self._descriptor < 0 or folder in self._watched:
            return False
        if not (self._add(folder, _WRITTEN) or self._awaits(folder)):
            return False
        self._watched.add(folder)
        return True

    def _awaits(self, folder: Path) -> bool:
        """Tell when a folder is made, or one on the way to it; return whether it is there by now."""
        below = folder.relative_to(self._top)
        self._awaited.update(map(os.fsencode, below.parts))
        # from above: what is made after its turn is told by the one that it is in
        for above in reversed(below.parents):
            self._add(self._top / above, _CREATE)
        return self._add(folder, _WRITTEN)

    def _add(self, folder: Path, mask: int) -> bool:
        """Watch a folder; return False if it is not there, or no watch is left."""
        watch: int = self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask | _ONLY_FOLDERS)
        return watch >= 0

    async def wait(self) -> None:
        """Return when something changed since the last time."""
        await self._changed.wait()
        self._changed.clear()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if any(self._matters(mask, name) for mask, name in _events(os.read(self._descriptor, _BYTES))):
                self._changed.set()

    def _matters(self, mask: int, name: bytes) -> bool:
        return name in self._awaited if mask & _CREATE else name.startswith(self._begin)


def _events(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(data):
        _, mask, _, length = _EVENT.unpack_from(data, offset)
        offset += _EVENT.size
        yield mask, data[offset : offset + length].rstrip(b"\0")
        offset += length
