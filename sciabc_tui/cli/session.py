"""What the options before the command say; every command finds it in its context."""

from pathlib import Path

import typer
from msgspec import Struct

from sciabc_tui.config import Loaded, load


class Session(Struct, frozen=True):
    """The options of `sciabc-tui` itself."""

    config: Path | None = None
    demo: bool = False
    debug: bool = False
    read_only: bool = False

    def load(self) -> Loaded:
        """Read the settings.

        Raises:
            ConfigError: A file can't be read, or a value is not what its key takes.
        """
        return load(file=self.config)


def session(context: typer.Context) -> Session:
    """Give the options that stood before the command."""
    return context.find_object(Session) or Session()
