"""Makes what the screens show the same on every machine."""

import os

# Read by Textual when it is imported, so before anything else here.
os.environ["TEXTUAL_ANIMATIONS"] = "none"

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex
from typing_extensions import override

from tests.tui.screens import Shot

_FOLDER = Path(__file__).parents[2] / "snapshots"
_IDS = re.compile(r"terminal-\d+-")


class _InFolder(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT

    @override
    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(_FOLDER)

    @override
    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        return Path(snapshot_location).parent == _FOLDER

    @override
    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        return str(index)


class SvgExtension(_InFolder):
    """The screen as a picture."""

    file_extension = "svg"


class TextExtension(_InFolder):
    """The screen as text: a difference that a person can read."""

    file_extension = "txt"


class Accepted:
    """Compares a screen with the accepted one in snapshots/."""

    def __init__(self, snapshot: SnapshotAssertion) -> None:
        self._snapshot = snapshot

    def check(self, shot: Shot, name: str) -> None:
        """Compare the text first: it says more when it differs."""
        assert shot.text == self._snapshot(name=name, extension_class=TextExtension)
        assert _IDS.sub("terminal-", shot.svg) == self._snapshot(name=name, extension_class=SvgExtension)


@pytest.fixture
def accepted(snapshot: SnapshotAssertion) -> Accepted:
    """Compare with snapshots/; `make snapshots` accepts what is there now."""
    return Accepted(snapshot)


@pytest.fixture(autouse=True)
def one_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test the same terminal and time zone."""
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("TZ", "UTC")):
        monkeypatch.setenv(name, value)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
