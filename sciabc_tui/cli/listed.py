"""The commands by name; the code of one is loaded when it is asked for, so that each starts fast."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command
from typing_extensions import override

from sciabc_tui.cli.failures import EXIT_CODES, one_line_for_errors
from sciabc_tui.cli.output import examples


@dataclass(frozen=True, slots=True)
class Listed:
    """A command that is not loaded yet.

    Attributes:
        module: Of `sciabc_tui.cli`; it has a function of the command's name, or a group that is called `app`.
        epilog: What stands below its help.
        loose: Whether options that it does not know are arguments.
    """

    module: str
    epilog: str = ""
    loose: bool = False

    def load(self, name: str) -> object:
        """Import it and make it a command."""
        found = import_module(f"sciabc_tui.cli.{self.module}")
        group = getattr(found, "app", None)
        if isinstance(group, typer.Typer):
            return get_command(group)
        epilog = self.epilog or f"{found.EXAMPLES}\n\n{EXIT_CODES}"
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        settings = {"ignore_unknown_options": True} if self.loose else None
        alone.command(name, epilog=epilog, context_settings=settings)(getattr(found, name))
        return get_command(alone)


LISTED: Mapping[str, Listed] = {
    "head": Listed("service", examples("sciabc-tui head", "sciabc-tui head --demo")),
    "status": Listed("status", examples("sciabc-tui status", "sciabc-tui status --json | jq .external_ip")),
    "nodes": Listed("nodes"),
    "events": Listed(
        "events",
        examples(
            "sciabc-tui events",
            "sciabc-tui events -f --severity warn",
            "sciabc-tui events --since 10m",
            "sciabc-tui events --since 14:05 --json | jq -r .text",
        ),
    ),
    "run": Listed("run", loose=True),
    "preflight": Listed(
        "preflight",
        examples(
            "sciabc-tui preflight",
            "sciabc-tui preflight ./simulate -w node[01-04]",
            "sciabc-tui preflight hello --fresh --json",
        ),
    ),
    "jobs": Listed("jobs", examples("sciabc-tui jobs", "sciabc-tui jobs -n 100 --json")),
    "logs": Listed(
        "logs",
        examples("sciabc-tui logs 7", "sciabc-tui logs 7 -f", "sciabc-tui logs 7 --rank 0 > rank0.txt"),
    ),
    "cancel": Listed("operate", examples("sciabc-tui cancel 7")),
    "hold": Listed("operate", examples("sciabc-tui hold 7")),
    "release": Listed("operate", examples("sciabc-tui release 7")),
    "requeue": Listed("operate", examples("sciabc-tui requeue 7")),
    "priority": Listed("operate", examples("sciabc-tui priority 7 10", "sciabc-tui priority 7 -- -10")),
    "hostfile": Listed(
        "status",
        examples(
            "sciabc-tui hostfile", "sciabc-tui hostfile > nodes.txt; mpirun --hostfile nodes.txt hostname"
        ),
    ),
    "config": Listed("settings"),
    "panel": Listed(
        "service", examples("sciabc-tui panel --preview", "sciabc-tui panel --preview --size 20x4")
    ),
}


class Commands(TyperGroup):
    """The commands, with one place where their errors end."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        """Give the names, in the order of the help."""
        return list(LISTED)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command; None if there is none of that name."""
        listed = LISTED.get(cmd_name)
        return None if listed is None else listed.load(cmd_name)

    @override
    def invoke(self, ctx: Any) -> Any:
        """Run the command; say what went wrong in one line."""
        with one_line_for_errors(ctx.params):
            return super().invoke(ctx)
