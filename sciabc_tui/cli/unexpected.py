"""Keeps what a developer needs of an error that nobody foresaw."""

import os
import sys
import tempfile
from pathlib import Path

from sciabc_tui.config import load
from sciabc_tui.errors import SciabcError


def keep(details: str) -> Path:
    """Write the details where only the user can read them; the newest replace older ones."""
    try:
        folder = load().settings.paths.state_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "unexpected.log"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except (OSError, SciabcError):
        handle, name = tempfile.mkstemp(prefix="sciabc-", suffix=".log")
        path = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{' '.join(sys.argv)}\n{details}")
    return path
