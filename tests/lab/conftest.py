"""The `lab` fixture: builds labs for a test and takes them down after it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.bare import Bare
from tests.lab.image import Advert
from tests.lab.lab import Lab
from tests.lab.launchers import Launcher, install_mpich
from tests.lab.needs import missing


@pytest.fixture(scope="session")
def lab_possible() -> None:
    """Skip, with what this machine lacks; under SCIABC_REQUIRE_ALL=1 (as in .ci/run) fail instead."""
    lacks = missing()
    if not lacks:
        return
    reason = "no lab on this machine: " + "; ".join(lacks)
    if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class LabFactory:
    """Builds labs that end with the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(
        self,
        nodes: int = 3,
        slots: int = 1,
        advert: Advert = Advert.CURRENT,
        shown: Sequence[Path] = (),
        bare: Bare | None = None,
    ) -> Lab:
        """Build a lab; it is up when this returns."""
        return self._stack.enter_context(Lab(nodes, slots, advert, shown, bare))


@pytest.fixture
def lab(lab_possible: None) -> Iterator[LabFactory]:
    """Give a factory of labs, called as Lab is: each is up at once and ends with the test."""
    with ExitStack() as stack:
        yield LabFactory(stack)


@pytest.fixture(scope="session")
def need_launcher() -> Callable[[Launcher], None]:
    """Give a function that skips where a launcher lacks; under SCIABC_REQUIRE_ALL=1: fetches it, or fails."""

    def need(launcher: Launcher) -> None:
        required = os.environ.get("SCIABC_REQUIRE_ALL") == "1"
        if required and launcher is Launcher.MPICH:
            install_mpich()
        if reason := launcher.lacks:
            if required:
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)

    return need
