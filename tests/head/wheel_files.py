"""Wheels made by tests: real archives, with what a test puts in them."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from sciabc_tui.head.wheels import Kind, Shelf


def make_wheel(folder: Path, name: str, files: Mapping[str, str] | None = None) -> Path:
    """Make a wheel of that file name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in (files or {"nothing.py": ""}).items():
            archive.writestr(member, text)
    return path


def fill_shelf(shelf: Shelf, kind: Kind, wheels: Mapping[str, Mapping[str, str]]) -> None:
    """Put wheels on a shelf, by file name."""
    folder = shelf.folder / "fetched"
    for name, files in wheels.items():
        make_wheel(folder, name, files)
    shelf.put(kind, folder)


def sums(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of every file below a folder, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
