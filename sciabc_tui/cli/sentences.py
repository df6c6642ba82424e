"""A group of commands whose help says of each a whole sentence."""

from typing import Any

from typer.core import TyperGroup
from typing_extensions import override

_LIMIT = 200
"""Characters of a command's first sentence; click cuts it to one line otherwise."""


class Sentences(TyperGroup):
    """Lists its commands as any group does, and cuts no sentence off."""

    @override
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with the first sentence of its help, over as many lines as that takes."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, command.get_short_help_str(_LIMIT))
            for name, command in found
            if not (command is None or command.hidden)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
