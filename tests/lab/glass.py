"""A display on the lab's head, below the system calls (`tests.hw.umock`): what a person would read on it."""

from collections.abc import Generator
from contextlib import contextmanager

from hw.hd44780 import SIZE_16X2, Size
from tests.hw.umock import Umock, command
from tests.lab.image import REPOSITORY
from tests.lab.lab import Lab


@contextmanager
def display(lab: Lab, size: Size = SIZE_16X2) -> Generator[Umock]:
    """Give the head of a lab a bus with a display; a service in there gets the environment of what is given.

    Times compare with `time.monotonic()` of the test: the head has the host's clock.
    """
    program = lab.head.popen(command(size), cwd=str(REPOSITORY))
    with Umock(process=program.outer) as world:
        world.add_bus()
        yield world
