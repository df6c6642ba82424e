"""A program in a terminal of its own: a real pty whose other end is a screen that a test can look at.

    with Terminal([sys.executable, "-m", "tests.tui.play"], size=(140, 40)) as terminal:
        terminal.until("node01", within=10)
        terminal.press(b"?")
        seconds = terminal.until("Help")

`Line` puts a slow link between the two, as ssh does: bytes leave the program as long as the bounded buffer
has room, cross at so many a second, and arrive after the delay; keys and answers take the delay, too.
"""

import fcntl
import math
import os
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte
from typing_extensions import override

_PRIVATE = 5
"""pyte keeps private modes shifted by so many bits."""

_ASK = b"\x1b[6n"
"""Ends each frame: the next one waits for its answer, which the program reads after all keys before it."""

_UNWANTED = ("NO_COLOR", "COLUMNS", "LINES", "TMUX", "TERM_PROGRAM", "PYTHONASYNCIODEBUG")


@dataclass(frozen=True, slots=True)
class Line:
    """A slow link.

    Args:
        rate: Bytes a second to the terminal.
        delay: Seconds one way; a round trip is two of them.
        room: Bytes that wait on the program's side before its writes block, as in ssh and its socket.
    """

    rate: float = math.inf
    delay: float = 0.0
    room: int = 65536


class Terminal:
    """Runs a program in a pty and keeps its screen; a context manager that leaves no process behind.

    Args:
        command: The program and its arguments.
        size: Columns and lines.
        env: Put over a clean environment of xterm-256color with true colours.
        cwd: Where the program starts.
        line: What lies between program and screen.
        answers: Whether the terminal answers what it is asked (where the cursor is, what it is).
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        line: Line | None = None,
        answers: bool = True,
    ) -> None:
        self._line = line or Line()
        self._screen = Screen(*size, self._answer if answers else lambda _: None)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._written = bytearray()
        self._up: deque[tuple[float, bytes]] = deque()
        self._waiting: deque[bytes] = deque()
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self._reading = True
        self._closing = False
        self._failure: Exception | None = None
        self._master, child = os.openpty()
        self._set_size(size)
        try:
            self._process = subprocess.Popen(
                ["setsid", "--ctty", *command],  # execs: its pid is the program's
                stdin=child,
                stdout=child,
                stderr=child,
                cwd=cwd,
                env=_environment(env or {}),
            )
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(child)
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._carry, name="terminal")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    @property
    def text(self) -> str:
        """What is on the screen now: its lines, without the blanks at their ends."""
        with self._changed:
            return self._text()

    @property
    def raw(self) -> bytes:
        """All bytes that the program wrote so far, as they left the pty."""
        with self._changed:
            return bytes(self._written)

    @property
    def written(self) -> int:
        """How many bytes the program wrote so far."""
        return len(self._written)

    @property
    def held(self) -> int:
        """How many bytes the program wrote that the screen does not show yet."""
        with self._changed:
            return sum(map(len, self._waiting)) + sum(len(chunk) for _, chunk in self._under_way)

    @property
    def modes(self) -> frozenset[int]:
        """The private modes that are on: 25 cursor, 1049 alternate screen, 1000 mouse, 2004 paste, ..."""
        with self._changed:
            return frozenset(self._screen.private_modes)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return self._screen.columns, self._screen.lines

    @property
    def title(self) -> str:
        """The window's title."""
        with self._changed:
            return self._screen.title

    @property
    def bells(self) -> int:
        """How often it rang."""
        return self._screen.bells

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and line of the cursor, from 0."""
        with self._changed:
            return self._screen.cursor.x, self._screen.cursor.y

    def cells(self) -> tuple[tuple[pyte.screens.Char, ...], ...]:
        """Give the screen cell by cell, with its colours."""
        with self._changed:
            screen = self._screen
            return tuple(
                tuple(screen.buffer[y][x] for x in range(screen.columns)) for y in range(screen.lines)
            )

    def press(self, keys: bytes) -> None:
        """Send keys, as the terminal encodes them; they take the link's delay."""
        self._send(keys)

    def until(self, what: str | Callable[[str], object], *, within: float = 30.0) -> float:
        """Wait until a text is on the screen, or until a condition on its text holds.

        Returns:
            How many seconds it took.

        Raises:
            AssertionError: It did not come within the time, or the program ended; shows the screen.
        """
        begin = time.monotonic()

        def wanted(text: str) -> object:
            return what in text if isinstance(what, str) else what(text)

        with self._changed:
            while not wanted(self._text()):
                left = begin + within - time.monotonic()
                if left <= 0 or self._failure or not self._thread.is_alive():
                    raise AssertionError(self._complaint(what, within))
                self._changed.wait(min(left, 0.5))
        return time.monotonic() - begin

    def until_frames(self, more: int = 2) -> None:
        """Wait until so many more frames are shown, and none in part.

        With two of them the program has read the keys that were pressed before, and shown what was due.
        """
        wanted = self.raw.count(_ASK) + more

        def shown(_: str) -> bool:
            whole = self._written.endswith(_ASK) and not self._waiting and not self._under_way
            return whole and self._written.count(_ASK) >= wanted

        self.until(shown)

    def resize(self, width: int, height: int) -> None:
        """Change the size; the program gets SIGWINCH."""
        with self._changed:
            self._screen.resize(height, width)
        self._set_size((width, height))

    def stop_reading(self) -> None:
        """Take no more bytes from the program, as a terminal that hangs."""
        self._reading = False
        self._poke()

    def read_on(self) -> None:
        """Take bytes again."""
        self._reading = True
        self._poke()

    def hang_up(self) -> None:
        """Close the terminal, as a dropped connection does: the program gets SIGHUP."""
        self._stop_carrying()

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._process.send_signal(number)

    def wait(self, within: float = 30.0) -> int:
        """Wait for the program's end and for the last it wrote; give its exit status.

        Raises:
            AssertionError: It goes on; shows the screen.
        """
        try:
            status = self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._complaint("its end", within)) from None
        self._thread.join(within)  # until nothing more comes out of the pty
        return status

    def exits(self, within: float = 30.0) -> bool:
        """Wait for the program's end, whatever it wrote; tell whether it came."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """End the program whatever it does, and let go of the terminal; again is no harm."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.send_signal(signal.SIGCONT)
        self._process.wait()
        self._stop_carrying()

    def _text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    def _complaint(self, what: object, within: float) -> str:
        status = self._process.poll()
        end = "goes on" if status is None else f"ended with {status}"
        trouble = f"; the screen failed: {self._failure!r}" if self._failure else ""
        with self._changed:
            return f"{what!r} did not come within {within} s; the program {end}{trouble}\n{self._text()}"

    def _set_size(self, size: tuple[int, int]) -> None:
        width, height = size
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def _answer(self, data: str) -> None:
        self._send(data.encode())

    def _send(self, data: bytes) -> None:
        self._up.append((time.monotonic() + self._line.delay, data))
        self._poke()

    def _poke(self) -> None:
        if not self._closing:
            os.write(self._waker, b".")

    def _stop_carrying(self) -> None:
        if self._closing:
            return
        self._poke()
        self._closing = True
        self._thread.join()
        for descriptor in (self._master, self._wake, self._waker):
            os.close(descriptor)

    def _carry(self) -> None:
        """Move bytes both ways until the program's side is closed or nobody wants them any more."""
        open_ = True
        try:
            while not self._closing and (open_ or self._waiting or self._under_way):
                now = time.monotonic()
                self._press_due(now)
                self._move(now)
                self._show_due(now)
                room = self._reading and open_ and sum(map(len, self._waiting)) < self._line.room
                ready, _, _ = select.select(
                    [self._wake, *([self._master] if room else [])], [], [], self._pause()
                )
                if self._wake in ready:
                    os.read(self._wake, 4096)
                if self._master in ready:
                    open_ = self._take()
        except Exception as error:
            self._failure = error
            raise
        finally:
            with self._changed:
                self._changed.notify_all()

    def _pause(self) -> float:
        """Seconds until something is due."""
        times = [queue[0][0] for queue in (self._up, self._under_way) if queue]
        if self._waiting:
            times.append(self._free_at)
        return max(0.0, min([*times, math.inf]) - time.monotonic()) if times else 1.0

    def _take(self) -> bool:
        """Read what the program wrote; tell whether there may be more."""
        try:
            data = os.read(self._master, 4096)
        except OSError:  # EIO: nobody has the other side open any longer
            return False
        with self._changed:
            self._written += data
            self._waiting.append(data)
        return bool(data)

    def _press_due(self, now: float) -> None:
        while self._up and self._up[0][0] <= now:
            try:
                os.write(self._master, self._up.popleft()[1])
            except OSError:
                return

    def _move(self, now: float) -> None:
        """Put onto the link what it can take up to now."""
        rate, delay = self._line.rate, self._line.delay
        with self._changed:  # `held` counts both queues
            while self._waiting and self._free_at <= now:
                data = self._waiting.popleft()
                size = len(data) if math.isinf(rate) else max(1, int(rate / 100))
                if data[size:]:
                    self._waiting.appendleft(data[size:])
                self._free_at = max(self._free_at, now - 0.01) + len(data[:size]) / rate
                self._under_way.append((max(now, self._free_at) + delay, data[:size]))

    def _show_due(self, now: float) -> None:
        while self._under_way and self._under_way[0][0] <= now:
            with self._changed:
                self._stream.feed(self._under_way.popleft()[1])
                self._changed.notify_all()


class Screen(pyte.Screen):
    """What pyte does not do: the alternate screen, erasing in colour, bells, questions and their answers."""

    def __init__(self, columns: int, lines: int, answer: Callable[[str], None] = lambda _: None) -> None:
        self._answer = answer
        self.bells = 0
        super().__init__(columns, lines)

    @property
    def private_modes(self) -> set[int]:
        """The private modes that are on."""
        return {mode >> _PRIVATE for mode in self.mode if mode >= 1 << _PRIVATE}

    @override
    def set_mode(self, *modes: int, **kwargs: bool) -> None:
        super().set_mode(*modes, **kwargs)
        if kwargs.get("private") and 1049 in modes:
            self.erase_in_display(2)

    @override
    def reset_mode(self, *modes: int, **kwargs: bool) -> None:
        super().reset_mode(*modes, **kwargs)
        if kwargs.get("private") and 1049 in modes:
            self.erase_in_display(2)
            self.cursor_position()

    @override
    def erase_in_display(self, how: int = 0, *args: object, **kwargs: bool) -> None:
        super().erase_in_display(how)
        if how == 2:
            for y in range(self.lines):
                self.buffer[y].update(dict.fromkeys(range(self.columns), self.cursor.attrs))

    @override
    def set_title(self, param: str) -> None:
        if not param.startswith(";"):  # pyte takes `OSC 22 ; shape` (the pointer's) for a title
            super().set_title(param)

    @override
    def bell(self, *args: object) -> None:
        self.bells += 1

    @override
    def report_device_status(self, mode: int = 0, **kwargs: bool) -> None:
        if not kwargs:
            super().report_device_status(mode)

    @override
    def write_process_input(self, data: str) -> None:
        self._answer(data)

    @override
    def select_graphic_rendition(self, *attrs: int, **kwargs: bool) -> None:
        if not kwargs:
            super().select_graphic_rendition(*attrs)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    plain = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    return {**kept, **plain, **more}
