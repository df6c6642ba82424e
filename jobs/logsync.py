"""Force a log onto the card now and then, in a thread: an SD card may take a second for it."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

EVERY = 5.0
"""Seconds between two syncs while lines come: each one wears the card out."""

_LAST_SECONDS = 0.25
# What says nothing of the card: a part that was removed meanwhile, a file that is none on a disk.
_NOTHING = {errno.ENOENT, errno.EINVAL, errno.EROFS}


def sync_data(path: Path) -> None:
    """Wait until all that was written to a file so far is on its disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


class Syncer:
    """Syncs files some time after they were written to; its thread begins with the first of them."""

    def __init__(self, sync: Callable[[Path], None] = sync_data, *, every: float = EVERY) -> None:
        """Sync nothing yet.

        Args:
            sync: Forces a file onto its disk; blocks for as long as that takes.
            every: Seconds between two syncs, and from what was written first to the first.
        """
        self._sync = sync
        self._every = every
        self._changed = threading.Condition()
        self._written: set[Path] = set()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._failed = ""

    @property
    def failed(self) -> str:
        """Why what was written may not be on the disk; empty as far as we know of nothing."""
        return self._failed

    def wrote(self, path: Path) -> None:
        """Take note that something was written to a file; does not wait."""
        with self._changed:
            if not self._written:  # else it knows, and sleeps: to be woken takes both threads' time
                self._changed.notify()
            self._written.add(path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log-sync")
                self._thread.start()

    def close(self) -> None:
        """Sync what is left, and wait a moment for it.

        A slow card goes on behind us, and holds up the end of the process but not what we do until then.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        while paths := self._due():
            for path in paths:
                self._try(path)

    def _due(self) -> set[Path]:
        """Wait until it is time; give nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._written or self._closing)
            self._changed.wait_for(lambda: self._closing, self._every)
            written, self._written = self._written, set()
            return written

    def _try(self, path: Path) -> None:
        try:
            self._sync(path)
        except OSError as error:
            if error.errno not in _NOTHING:
                self._failed = str(error.strerror)
