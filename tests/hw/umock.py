"""Emulated devices below the system calls, for an unmodified program: the test's side.

    with Umock() as world:
        world.add_bus()
        subprocess.run(program, env=world.env)
        assert world.state.glass == (...)

umockdev's library, preloaded into the program, leads open(2) and ioctl(2) of the devices to the process of
`tests.hw.umock_world`. smbus2, pyusb and libusb are the real ones.
"""

import ctypes.util
import json
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import pytest

from hw.hd44780 import SIZE_16X2, Size

ROOT = Path(__file__).parents[2]
DEBIAN = "/usr/bin/python3"
"""The Python that the bindings belong to; the venv's may be another."""

PRELOAD = "libumockdev-preload.so.0"
ADDRESS = 0x27
_PATIENCE_S = 60.0
_BLINKSTICK = ("BS012345-1.1", 0x0101)

_TRIAL = 'import gi; gi.require_version("UMockdev", "1.0"); from gi.repository import GLib, UMockdev'
_INSTALL = "sudo apt install umockdev gir1.2-umockdev-1.0 python3-gi libusb-1.0-0"


@cache
def lacks() -> str:
    """Tell what this machine lacks for emulated devices, and how to get it; empty when nothing."""
    if shutil.which("umockdev-wrapper") is None or not ctypes.util.find_library("usb-1.0"):
        return f"no umockdev: {_INSTALL}"
    trial = subprocess.run([DEBIAN, "-c", _TRIAL], capture_output=True, text=True, check=False, timeout=30)
    return "" if trial.returncode == 0 else f"no bindings of umockdev for {DEBIAN}: {_INSTALL}"


def need_umockdev() -> None:
    """Skip, with what this machine lacks; under SCIABC_REQUIRE_ALL=1 (as in .ci/run) fail instead."""
    if reason := lacks():
        if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person and an analyser would see.

    Attributes:
        glass: The lines of text, as the chip's memory has them.
        backlight: Whether it is lit.
        violations: How often the datasheet's times or setup rules were broken.
        written: Bytes on the wire to the display, without addresses.
        transfers: How many transfers on the bus ended.
        hanging_lcd: How many hang now.
        hanging_stick: The same of the stick.
        reports: What the present stick was sent, the newest 256: number of the report, and its bytes.
        driven: Whether the kernel's HID driver has the stick.
    """

    glass: tuple[str, ...]
    backlight: bool
    violations: int
    written: int
    transfers: int
    hanging_lcd: int
    hanging_stick: int
    reports: tuple[tuple[int, bytes], ...]
    driven: bool


class Umock:
    """A world of its own for a program that gets `env`; devices come when they are added."""

    def __init__(
        self, size: Size = SIZE_16X2, address: int = ADDRESS, process: "subprocess.Popen[str] | None" = None
    ) -> None:
        """Start it.

        Args:
            size: Of the glass.
            address: Of the display.
            process: One that runs `command` elsewhere, with pipes; None for one of our own here.
        """
        self._process = process or subprocess.Popen(
            command(size, address), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._buffer = b""
        self.root = Path(cast("dict[str, str]", self._answer())["root"])
        """The folder with its `dev` and `sys`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def env(self) -> dict[str, str]:
        """What makes a program live in this world."""
        return {"LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": str(self.root)}

    @property
    def state(self) -> Seen:
        """How it is now."""
        told = cast("dict[str, Any]", self.order("state"))
        told["glass"] = tuple(told["glass"])
        told["reports"] = tuple((number, bytes.fromhex(data)) for number, data in told["reports"])
        return Seen(**told)

    @property
    def shown(self) -> list[tuple[float, tuple[str, ...]]]:
        """Every text that stood on the glass after a transfer, and since when (`time.monotonic()`)."""
        told = cast("list[tuple[float, list[str]]]", self.order("shown"))
        return [(at, tuple(lines)) for at, lines in told]

    def order(self, name: str, /, **arguments: object) -> object:
        """Have a method of `tests.hw.umock_world.Orders` called; give what it gives."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if isinstance(answer, dict):
            told = cast("dict[str, object]", answer)
            assert "error" not in told, f"{name}: {told}"
            return told
        return answer

    def plug_stick(self, serial: str = _BLINKSTICK[0], version: int = _BLINKSTICK[1]) -> Path:
        """Plug a BlinkStick in; give the file behind its device node."""
        node = cast("str", self.order("plug_stick", serial=serial, version=version))
        return self.root / node.lstrip("/")

    def add_bus(self) -> Path:
        """Let /dev/i2c-1 come; give the file behind it."""
        self.order("add_bus")
        return self.root / "dev/i2c-1"

    def until(self, condition: Callable[[Seen], bool], *, within: float = _PATIENCE_S) -> Seen:
        """Look until a condition holds; give what was seen then.

        Raises:
            AssertionError: It does not come to hold; the text tells how things are.
        """
        deadline = time.monotonic() + within
        pause = threading.Event()
        while not condition(seen := self.state):
            assert time.monotonic() < deadline, f"not within {within:g} s: {seen}"
            pause.wait(0.01)
        return seen

    def close(self) -> None:
        """Take it down."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.root, ignore_errors=True)  # it removes that itself, if it was not killed

    def _answer(self) -> object:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([descriptor], [], [], _PATIENCE_S)
            piece = os.read(descriptor, 65536) if ready else b""
            assert piece, f"the devices' side is silent; exit status {self._process.poll()}"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)


def command(size: Size, address: int = ADDRESS) -> list[str]:
    """Give the command line of the devices' side; to be run in the checkout."""
    wishes = json.dumps({"size": [size.columns, size.rows], "address": address})
    # preloaded there too: its own udev must find the devices of which it tells
    return ["env", f"LD_PRELOAD={PRELOAD}", DEBIAN, "-B", "-m", "tests.hw.umock_world", wishes]


class Driver:
    """Our program's own way to the devices, in a process of the world: `tests.hw.umock_driver`."""

    def __init__(
        self, world: Umock | None, *, prefix: Sequence[str] = (), settings: Mapping[str, object] | None = None
    ) -> None:
        """Start it.

        Args:
            world: Where the devices are; None for this machine as it is.
            prefix: A command that runs it in another way: with fewer rights, for example.
            settings: Of `[panel]`.
        """
        orders, answers = os.pipe(), os.pipe()
        self._process = subprocess.Popen(
            [
                *prefix,
                sys.executable,
                "-m",
                "tests.hw.umock_driver",
                str(orders[0]),
                str(answers[1]),
                json.dumps(dict(settings or {})),
            ],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **(world.env if world else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(orders[0], answers[1]),
        )
        os.close(orders[0])
        os.close(answers[1])
        self._orders = os.fdopen(orders[1], "w", encoding="utf-8")
        self._answers = os.fdopen(answers[0], encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, name: str, /, **arguments: object) -> object:
        """Have a method of `umock_driver.Steps` called; give what it gives, for an error `KIND: TEXT`."""
        self.begin(name, **arguments)
        return self.ended()

    def begin(self, name: str, /, **arguments: object) -> None:
        """Have it called, and do not wait for its end."""
        self._orders.write(json.dumps({"do": name, **arguments}) + "\n")
        self._orders.flush()

    def ended(self) -> object:
        """Wait for the end of what was begun; give what it gave."""
        line = self._answers.readline()
        assert line, f"the program ended: {self.close()!r}"
        return json.loads(line)

    def held(self) -> tuple[int, int]:
        """Count its descriptors and threads."""
        descriptors, threads = cast("list[int]", self("held"))
        return descriptors, threads

    def close(self) -> str:
        """End it; give all that it wrote to stdout and stderr, which should be nothing."""
        if not self._orders.closed:
            self._orders.close()
            self._answers.close()
        said, _ = self._process.communicate(timeout=30)
        return said.decode()
