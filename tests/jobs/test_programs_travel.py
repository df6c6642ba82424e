"""A copied program and its helper reach boards that share no folder with the head."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.spec import COMPANION, PROGRAMS
from tests.lab.flight import Flight
from tests.lab.image import HOME, USER_ID
from tests.lab.lab import Lab
from tests.lab.launchers import Launcher
from tests.lab.losing import environment
from tests.lab.needs import missing

pytestmark = [pytest.mark.lab, pytest.mark.mpi, pytest.mark.timeout(240)]


@pytest.fixture
def flight() -> Iterator[Flight]:
    """Fly with a head and two boards, Open MPI 5 on all."""
    if lacks := missing():
        reason = "no lab on this machine: " + "; ".join(lacks)
        (pytest.fail if os.environ.get("SCIABC_REQUIRE_ALL") == "1" else pytest.skip)(reason)
    with Lab(2, 1) as lab:
        flown = Flight(lab, environment(Launcher.OPEN_MPI_5))
        flown.up()
        yield flown


def copied(flight: Flight, name: str) -> str:
    """Put a program and its helper into a folder of pi's on the head, as `programs copy` does."""
    folder = flight.file(f"{HOME}/mine")
    folder.mkdir()
    os.chown(folder, USER_ID, USER_ID)
    for file in (f"{name}.py", COMPANION):
        (folder / file).write_bytes((PROGRAMS / file).read_bytes())
        os.chown(folder / file, USER_ID, USER_ID)
    return f"{HOME}/mine/{name}.py"


def left(flight: Flight) -> list[Path]:
    """Give what is on the boards."""
    return [each for node in flight.lab.nodes for each in node.path(f"{HOME}").glob("mine*")]


def test_the_helper_travels_with_a_program(flight: Flight) -> None:
    """It is named nowhere, and every rank finds it."""
    out = flight.run("run", "-n", "3", copied(flight, "ring"), "--", "--rounds", "20")
    assert "20 times round 3 rank(s): every one was visited, in order" in out
    assert "@sciabc progress 20 of 20" in out
    assert not left(flight)
