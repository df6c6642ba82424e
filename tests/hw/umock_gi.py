"""What is used of Debian's umockdev and GLib through their GObject bindings, which carry no types.

The bindings belong to Debian's own Python (`/usr/bin/python3`); the tests' venv has none. So this file, and
what imports it, runs there, and uses the standard library and `hw` only.
"""

import errno
import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Protocol, cast

PERFORMED, FAILED = 0, -1
"""What an ioctl gives back."""


class Memory(Protocol):
    """A piece of the program's memory, as an ioctl's argument points to it."""

    def resolve(self, offset: int, length: int, /) -> "Memory | None":
        """Follow the pointer at an offset to so many bytes; None for a null pointer."""
        ...

    def retrieve(self) -> Sequence[int]:
        """Give its bytes."""
        ...

    def update(self, offset: int, data: Sequence[int], /) -> None:
        """Write into it; the program sees it when the ioctl returns."""
        ...


class Call(Protocol):
    """An open file of the program, and the one ioctl that it waits for."""

    def get_request(self) -> int:
        """Give the ioctl's number."""
        ...

    def get_arg(self) -> Memory:
        """Give its argument: eight bytes, a value or a pointer."""
        ...

    def complete(self, result: int, errno: int, /) -> None:
        """Let the ioctl return; may be called later and from any thread."""
        ...


class Handler(Protocol):
    """What answers the ioctls of a device node (`UMockdev.IoctlBase`)."""

    def connect(self, signal: str, handle: Callable[["Handler", Call], bool], /) -> int:
        """Call for each ioctl, in a thread of umockdev's own; `handle` gives True."""
        ...


class Testbed(Protocol):
    """A /dev and a /sys of its own (`UMockdev.Testbed`)."""

    def get_root_dir(self) -> str:
        """Give the folder that `UMOCKDEV_DIR` must name."""
        ...

    def add_from_string(self, text: str, /) -> bool:
        """Add a device that is described as `umockdev-record` does."""
        ...

    def attach_ioctl(self, node: str, handler: Handler, /) -> bool:
        """Let a handler answer the ioctls of a device node."""
        ...

    def detach_ioctl(self, node: str, /) -> bool:
        """Take the handler away."""
        ...

    def uevent(self, path: str, action: str, /) -> None:
        """Tell those who listen to udev."""
        ...

    def remove_device(self, path: str, /) -> None:
        """Take a device out of /sys and /dev."""
        ...


class Loop(Protocol):
    """`GLib.MainLoop`."""

    def run(self) -> None:
        """Run until `quit`."""
        ...

    def quit(self) -> None:
        """End it."""
        ...


class GLib(Protocol):
    """What is used of GLib."""

    IO_IN: int
    IO_HUP: int

    def timeout_add(self, milliseconds: int, call: Callable[[], bool], /) -> int:
        """Call after a time, and again while it gives True."""
        ...

    def io_add_watch(
        self, descriptor: int, priority: int, condition: int, call: Callable[..., bool], /
    ) -> int:
        """Call when a descriptor may be read."""
        ...


def glib() -> GLib:
    """Give GLib."""
    return cast("GLib", importlib.import_module("gi.repository.GLib"))


def main_loop() -> Loop:
    """Give a loop for the main thread."""
    return cast("Loop", importlib.import_module("gi.repository.GLib").MainLoop())


def testbed() -> Testbed:
    """Make an empty testbed in a folder of its own; it is removed with the object."""
    return cast("Testbed", _umockdev().Testbed.new())


def handler(handle: Callable[[Call], bool]) -> Handler:
    """Make a handler that hands every ioctl to a function."""
    made = cast("Handler", _umockdev().IoctlBase.new())
    made.connect("handle-ioctl", lambda _handler, call: handle(call))
    return made


def memory_at(memory: Memory, offset: int, length: int) -> Memory:
    """Follow the pointer at an offset to so many bytes.

    Raises:
        OSError: It is a null pointer.
    """
    found = memory.resolve(offset, length)
    if found is None:
        raise OSError(errno.EFAULT, "a null pointer")
    return found


def _umockdev() -> ModuleType:
    importlib.import_module("gi").require_version("UMockdev", "1.0")
    return importlib.import_module("gi.repository.UMockdev")
