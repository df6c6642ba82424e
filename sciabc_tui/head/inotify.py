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

_MODIFY, _MOVED_TO = 0x2, 0x80  # sys/inotify.h
_ONLY_FOLDERS = 0x0100_0000  # IN_ONLYDIR
_BYTES = 64 * 1024
_EVENT = struct.Struct("=iIII")  # struct inotify_event: wd, mask, cookie, and how many bytes of a name follow


class FolderNews:
    """Tells when files in folders are written to, or moved in. Of one loop, and only within `with`.

    Where the kernel has no watch left (fs.inotify.max_user_watches) nothing is told: wait with a time limit.
    """

    def __init__(self, begin: str) -> None:
        """Watch nothing yet.

        Args:
            begin: How the names of the files begin that matter.
        """
        self._begin = os.fsencode(begin)
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
        """Tell of this folder too; return whether that is new: what was there before is not told."""
        if self._descriptor < 0 or folder in self._watched:
            return False
        mask = _MODIFY | _MOVED_TO | _ONLY_FOLDERS
        if self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask) < 0:
            return False  # not there yet, or no watch left
        self._watched.add(folder)
        return True

    async def wait(self) -> None:
        """Return when something changed since the last time."""
        await self._changed.wait()
        self._changed.clear()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if any(name.startswith(self._begin) for name in _names(os.read(self._descriptor, _BYTES))):
                self._changed.set()


def _names(events: bytes) -> Iterator[bytes]:
    offset = 0
    while offset < len(events):
        *_, length = _EVENT.unpack_from(events, offset)
        offset += _EVENT.size
        yield events[offset : offset + length]
        offset += length
