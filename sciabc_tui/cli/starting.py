"""Starts a head service that ends when nobody needs it, or a simulation that ends with its command."""

import fcntl
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sciabc_tui.api.client import Client
from sciabc_tui.api.rundir import prepare
from sciabc_tui.cli import systemd
from sciabc_tui.cli.attachment import Attachment
from sciabc_tui.cli.daemon import command_line
from sciabc_tui.cli.unit import UNIT
from sciabc_tui.errors import NotYourService, ServiceUnavailable

READY_WITHIN = 20.0
"""Seconds that a service may take to start."""

STOPS_WITHIN = 10.0
"""Seconds that a simulation may take to stop before it is killed."""

LOG_LIMIT = 1024 * 1024
"""Bytes above which the log of services that were started here begins anew."""

_LOOKS_EVERY = 0.2
"""Seconds between two looks at a service that systemd starts."""

_DEATH_IS_SEEN_WITHIN = 1.0
"""Seconds that systemd may take to see that a service is gone, and to say what it does."""

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def ensure(
    client: Client, runtime: Path, command: Sequence[str], environ: Mapping[str, str]
) -> subprocess.Popen[bytes] | None:
    """Start a service unless one answers. Of several that want this at once, one starts it.

    One that systemd is about to start is waited for: started in between, ours would hold what that one needs.
    """
    if _answers(client) or _comes_from_systemd(client):
        return None
    prepare(runtime)
    with _alone(runtime):
        return None if _answers(client) else start_service(runtime, command, environ)


def start_service(
    runtime: Path, command: Sequence[str], environ: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a service that outlives us, and wait until it stands.

    Args:
        runtime: The runtime directory; what the service says goes to `head.log` there.
        command: The command line, to which `--ready-fd N` is added.
        environ: Its environment.

    Raises:
        ServiceUnavailable: It does not stand; the text is what it said, or where its log is.
    """
    prepare(runtime)
    log = runtime / "head.log"
    reader, writer = os.pipe()
    try:
        with os.fdopen(_open_log(log), "wb") as said:
            process = subprocess.Popen(
                [*command, "--ready-fd", str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                pass_fds=(writer,),
                env=dict(environ),
            )
        os.close(writer)
        writer = -1
        _await_ready(process, reader, log)
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    return process


@contextmanager
def simulated(config: Path | None) -> Generator[Attachment, None, None]:
    """Run a simulation in folders of its own, and remove both at the end."""
    with tempfile.TemporaryDirectory(prefix="sciabc-demo-") as folder, _unwinding():
        runtime = Path(folder) / "run"
        environ = {
            **os.environ,
            "SCIABC_PATHS_STATE": f"{folder}/state",
            "SCIABC_PATHS_RUNTIME": str(runtime),
            "SCIABC_PATHS_NODES_TXT": "",
        }
        command = command_line(config, linger=True, demo=True)
        started: list[subprocess.Popen[bytes]] = []

        def begin() -> None:
            if not any(process.poll() is None for process in started):
                started.append(start_service(runtime, command, environ))

        try:
            yield Attachment(runtime / "api.sock", begin)
        finally:
            for process in started:
                _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _unwinding() -> Generator[None, None, None]:
    """Let a signal that ends us clean up first."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = [signal.signal(number, leave) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _answers(client: Client) -> bool:
    try:
        client.state()
    except NotYourService:
        raise
    except ServiceUnavailable:
        return False
    return True


def _comes_from_systemd(client: Client) -> bool:
    """Wait for a service that systemd starts, or starts again; tell whether it answers.

    One that stands answers at once, unless it was just killed; who is silent then is somewhere else.
    """
    began, pause = time.monotonic(), threading.Event()
    silent_since = began
    while UNIT.exists() and time.monotonic() - began < READY_WITHIN:
        state = systemd.told("is-active", UNIT.name, within=_DEATH_IS_SEEN_WITHIN)
        if state not in {"active", "activating", "deactivating"}:
            return False
        if _answers(client):
            return True
        if state != "active":
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since > _DEATH_IS_SEEN_WITHIN:
            return False
        pause.wait(_LOOKS_EVERY)
    return False


@contextmanager
def _alone(runtime: Path) -> Generator[None, None, None]:
    with (runtime / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _open_log(path: Path) -> int:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.fstat(handle).st_size > LOG_LIMIT:
        os.ftruncate(handle, 0)
    return handle


def _await_ready(process: subprocess.Popen[bytes], reader: int, log: Path) -> None:
    """Wait until it stands; whatever comes in between, Ctrl-C too, ends it."""
    line = ""
    try:
        line = _read_line(reader, log)
    finally:
        if line != "READY":
            _stop(process)
    if line != "READY":
        raise ServiceUnavailable(line)


def _read_line(reader: int, log: Path) -> str:
    """Wait for what the service writes when it stands or gives up; say ourselves what it did not."""
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    deadline = time.monotonic() + READY_WITHIN
    data = b""
    while b"\n" not in data:
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return f"The head service does not stand after {READY_WITHIN:.0f} s. Next: less {log}"
        piece = os.read(reader, 4096)
        if not piece:
            return f"The head service ended before it stood. Next: less {log}"
        data += piece
    return data.partition(b"\n")[0].decode(errors="replace").strip()
