"""A conversation with `sciabc_tui.head.remote_agent`, which copies files on a node.

It goes through an `ssh` of its own: the program encrypts and sends with a core to itself, where the head's
open session would share one with everything else, and has a small window on purpose. All of this blocks and
belongs in a thread; `Talk.end` may be called from another one.
"""

import contextlib
import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from jobs.complaints import why_unreached
from jobs.errors import SpecError
from jobs.hostfile import Host, checked_address
from jobs.sshconfig import ssh_config
from sciabc_tui.head import remote_agent
from sciabc_tui.head.remote_agent import MARK
from sciabc_tui.head.remote_wording import why_refused

SILENT = 600.0
"""Seconds in which a node must say something: a slow card takes minutes for the checksum of a large file."""

HELLO_WITHIN = 30.0
"""Seconds for the login and the start of Python; an old Pi under load needs ten."""

_LAST_WORDS_WITHIN = 1.0
_SSH = shutil.which("ssh") or "/usr/bin/ssh"
_PIECE = 1 << 20
_LONGEST_LINE = 4 << 20
_MOST_NOISE = 64 * 1024
_CPU = Path("/proc/cpuinfo")
_FAST_THERE = ("x86_64", "Raspberry Pi 5")
_FAST = ("-o", "Ciphers=^aes128-gcm@openssh.com")

_READ_PROGRAM = "import sys;exec(sys.stdin.buffer.readline())"


_T = TypeVar("_T")


class Hello(msgspec.Struct):
    """Whatever an agent says when it is well."""


class _Failed(msgspec.Struct):
    """What it says when it can't go on; of anything else, nothing of it is there."""

    failed: str | None = None
    number: int = 0
    path: str = ""


class CopyFailed(Exception):
    """A node could not be copied to or from.

    Attributes:
        fix: What to do next.
    """

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Pinned:
    """What every ssh is started with.

    Attributes:
        known_hosts: The host keys that a person approved.
        identity: The key to log in with; None: the host's own, the agent's or ssh's defaults.
    """

    known_hosts: Path
    identity: Path | None


class Talk:
    """One conversation; to be used with `with`."""

    def __init__(self, host: Host, pinned: Pinned, kind: str) -> None:
        """Start nothing yet.

        Args:
            host: The node; the head itself if it is local.
            pinned: How ssh knows whom it talks to.
            kind: What is known of the node's processor: its machine and its model.
        """
        self._host = host
        self._pinned = pinned
        self._kind = kind
        self._folder = tempfile.TemporaryDirectory(prefix="sciabc-copy-")
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._in = self._out = self._err = -1
        self._said = bytearray()
        self._complaint = bytearray()

    def __enter__(self) -> Self:
        """Log in there.

        Raises:
            CopyFailed: Nobody answers, or no Python is there.
        """
        try:
            self._start()
            self._greet()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        if self._process is not None:
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self._folder.cleanup()

    def end(self) -> None:
        """End it at once, from any thread, more than once; the agent removes what it has begun."""
        self._ended = True
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def tell(self, words: Mapping[str, object]) -> None:
        """Say a line."""
        self._write(json.dumps(words).encode() + b"\n")

    def hear(self, kind: type[_T], within: float = SILENT) -> _T:
        """Hear a line of this kind.

        Raises:
            CopyFailed: The connection was lost, or the agent could not go on, or says something else.
        """
        while True:
            if (end := self._said.find(b"\n")) >= 0:
                line = bytes(self._said[:end])
                del self._said[: end + 1]
                return self._parsed(line, kind)
            if len(self._said) > _LONGEST_LINE or not self._fill(within):
                raise self._lost()

    def take(self, size: int, sink: Callable[[bytes], object]) -> None:
        """Hear so many bytes, as they come.

        Raises:
            CopyFailed: The connection was lost.
        """
        while size:
            if not self._said and not self._fill(SILENT):
                raise self._lost()
            data = bytes(self._said[:size])
            del self._said[: len(data)]
            size -= len(data)
            sink(data)

    def pour(self, file: int, size: int, progress: Callable[[int], object]) -> bool:
        """Send so many bytes of an open file, from its beginning; the kernel moves them.

        Returns:
            Whether it was that long still.

        Raises:
            CopyFailed: The connection was lost.
        """
        offset = 0
        while offset < size:
            try:
                count = os.sendfile(self._in, file, offset, min(_PIECE, size - offset))
            except BrokenPipeError:
                raise self._broken() from None
            if not count:
                return False
            offset += count
            progress(count)
        return True

    def _start(self) -> None:
        try:
            command = self._command()
        except SpecError as error:
            problem, _, fix = str(error).partition(". Next: ")
            raise CopyFailed(problem, f"Next: {fix}") from error
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # no terminal to ask at
                bufsize=0,
            )
        except OSError as error:
            fix = "Next: sudo apt install openssh-client"
            raise CopyFailed(f"{command[0]} can't be started: {error.strerror}", fix) from error
        process = self._process
        if process.stdin and process.stdout and process.stderr:
            self._in, self._out, self._err = (
                pipe.fileno() for pipe in (process.stdin, process.stdout, process.stderr)
            )
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIECE)
        if self._ended:  # by somebody who did not see this process
            self.end()
        program = Path(remote_agent.__file__).read_text(encoding="utf-8")
        self._write(b"exec(" + ascii(program).encode() + b")\n")

    def _command(self) -> list[str]:
        # -I: nothing of the folder that it starts in is imported; simple words for whatever shell is there
        if self._host.local:
            return [sys.executable, "-I", "-c", _READ_PROGRAM]
        config = Path(self._folder.name) / "ssh_config"
        text = ssh_config([self._host], known_hosts=self._pinned.known_hosts, identity=self._pinned.identity)
        config.write_text(text, encoding="utf-8")
        fast = _FAST if self._both_fast() else ()
        program = f"exec python3 -I -c '{_READ_PROGRAM}'"
        return [_SSH, "-T", "-F", str(config), *fast, checked_address(self._host.address), program]

    def _both_fast(self) -> bool:
        """Tell whether both processors have instructions for AES; else ssh's own choice is faster."""
        with contextlib.suppress(OSError):
            return " aes " in _CPU.read_text() and any(word in self._kind for word in _FAST_THERE)
        return False

    def _greet(self) -> None:
        """Wait for the agent's first words; a login's greetings stand before them."""
        until = time.monotonic() + HELLO_WITHIN
        while MARK not in self._said:
            left = until - time.monotonic()
            if left <= 0 or len(self._said) > _MOST_NOISE or not self._fill(left):
                raise self._lost(HELLO_WITHIN if left <= 0 else None)
        del self._said[: self._said.index(MARK)]
        self.hear(Hello)

    def _fill(self, within: float) -> bool:
        """Take in what comes; tell whether more may come."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if self._err >= 0:
                selector.register(self._err, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(within)}
        if self._err in ready:
            said = os.read(self._err, _PIECE)
            self._complaint = (self._complaint + said)[-4096:]  # what ended it stands last
            self._err = self._err if said else -1
            if self._out not in ready:
                return True
        if not ready:
            return False
        data = os.read(self._out, _PIECE)
        self._said += data
        return bool(data)

    def _parsed(self, line: bytes, kind: type[_T]) -> _T:
        try:
            text = line[len(MARK) :] if line.startswith(MARK) else b""
            failure = msgspec.json.decode(text, type=_Failed)
            found = msgspec.json.decode(text, type=kind) if failure.failed is None else None
        except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
            fix = f"Next: see what ~/.bashrc prints on {self._host.name}"
            raise CopyFailed("it does not answer as it should", fix) from error
        if found is None:
            raise CopyFailed(
                *why_refused(failure.failed or "", failure.number, failure.path, self._host.name)
            )
        return found

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._in, data) :]
        except BrokenPipeError:
            raise self._broken() from None

    def _broken(self) -> CopyFailed:
        """Say why nobody listens any more: the agent may have said it."""
        try:
            while True:
                self.hear(Hello, _LAST_WORDS_WITHIN)
        except CopyFailed as failure:
            return failure

    def _lost(self, waited: float | None = None) -> CopyFailed:
        if self._ended:
            return CopyFailed("stopped", "")
        while self._err >= 0 and self._fill(0.2):
            pass
        text = self._complaint.decode("utf-8", "replace")
        if "python3" in text:
            return CopyFailed("no python3 there", f"Next: on {self._host.name}: sudo apt install python3")
        problem, fix = why_unreached(text, self._host, waited)
        return CopyFailed(problem if text or waited else "the connection was lost", fix)
