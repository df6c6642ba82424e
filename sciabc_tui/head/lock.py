"""One head service a state directory."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sciabc_tui.errors import AlreadyRunning, ConfigError


@contextmanager
def single_instance(state_dir: Path) -> Generator[None]:
    """Hold the state directory; the kernel lets go of it when the process ends, however it ends.

    Raises:
        AlreadyRunning: Another head service holds it.
        ConfigError: The directory can't be made or written to.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(state_dir / "head.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{state_dir} can't be used: {error.strerror}. Next: set paths.state to a folder of yours"
        ) from error
    try:
        _take(descriptor, state_dir)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, state_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 16, 0).decode(errors="replace").strip() or "?"
        raise AlreadyRunning(
            f"A head service (pid {holder}) runs for {state_dir} already. Next: sciabc-tui status"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
