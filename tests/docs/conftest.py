"""A scripted service, and a way to run the commands of the guides against it as a reader does."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from sciabc_tui.api.client import Client
from tests.api.scripted import Serving, serving
from tests.cli.shell import Shell


@pytest.fixture
def home() -> Generator[Path, None, None]:
    """Give a folder with a short name: the path of a Unix socket may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sciabc-") as folder:
        yield Path(folder)


@pytest.fixture
def shell(home: Path) -> Shell:
    """Run commands with folders of their own; no head service answers there."""
    return Shell(home)


@pytest.fixture
def service(home: Path) -> Generator[Serving, None, None]:
    """Serve a scripted backend where the shell's commands look for it."""
    with serving(home / "run" / "api.sock") as service:
        yield service
        # A command that was just ended by Ctrl-C may have connected in its last moment: who gets an answer
        # now knows that all before it were let in, so that the server closes them.
        Client(service.socket).state()
