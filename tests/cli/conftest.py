"""A scripted service, and a way to run the commands against it as a user does."""

import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

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


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """Let this process live at Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
