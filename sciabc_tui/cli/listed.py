"""The commands by name; the code of one is loaded when it is asked for, so that each starts fast."""

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from msgspec import Struct
from typer.main import get_command
from typing_extensions import override

from sciabc_tui.cli.failures import EXIT_CODES, one_line_for_errors
from sciabc_tui.cli.output import examples
from sciabc_tui.cli.sentences import Sentences
from sciabc_tui.errors import CommandRefused


class Listed(Struct, frozen=True):
    """A command that is not loaded yet.

    Attributes:
        module: Of `sciabc_tui.cli`; it has a function of the command's name (with `_` for `-`), or a group
            that is called `app`.
        epilog: What stands below its help.
        loose: Whether options that it does not know are arguments.
        verbatim: Whether all that follows its first argument is arguments.
        real: Whether it is refused in a simulation, before one is even started.
    """

    module: str
    epilog: str = ""
    loose: bool = False
    verbatim: bool = False
    real: bool = False

    def load(self, name: str) -> object:
        """Import it and make it a command; from here on garbage is looked for (`sciabc_tui.__main__`).

        But not in what the imports made, which stays: the interpreter would go through it at its end.
        """
        found = import_module(f"sciabc_tui.cli.{self.module}")
        gc.freeze()
        gc.enable()
        group = getattr(found, "app", None)
        if isinstance(group, typer.Typer):
            return get_command(group)
        epilog = self.epilog or f"{found.EXAMPLES}\n\n{EXIT_CODES}"
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        settings = {"ignore_unknown_options": self.loose, "allow_interspersed_args": not self.verbatim}
        alone.command(name, epilog=epilog, context_settings=settings)(getattr(found, name.replace("-", "_")))
        return get_command(alone)


LISTED: Mapping[str, Listed] = {
    "head": Listed("service", examples("sciabc-tui head", "sciabc-tui head --demo")),
    "status": Listed("status", examples("sciabc-tui status", "sciabc-tui status --json | jq .external_ip")),
    "nodes": Listed("nodes"),
    "wheels": Listed("wheels"),
    "events": Listed(
        "events",
        examples(
            "sciabc-tui events",
            "sciabc-tui events -f --severity warn",
            "sciabc-tui events --since 10m",
            "sciabc-tui events --since 14:05 --json | jq -r .text",
        ),
    ),
    "shell": Listed("shell", examples("sciabc-tui shell node03")),
    "run": Listed("run", loose=True),
    "scale": Listed("scale", loose=True),
    "exec": Listed(
        "exec",
        examples(
            "sciabc-tui exec -- uptime",
            "sciabc-tui exec -w node[01-04] -- 'df -h / | tail -n 1'",
            "sciabc-tui exec -w @up -x head --within 10m -- sudo apt-get -y upgrade",
        ),
        verbatim=True,
        real=True,
    ),
    "push": Listed(
        "push",
        examples(
            "sciabc-tui push input.dat",
            "sciabc-tui push simulate params/ bin/",
            "sciabc-tui push -w @up!node04 --dry-run ~/data /srv/data",
        ),
        real=True,
    ),
    "pull": Listed(
        "pull",
        examples("sciabc-tui pull results", "sciabc-tui pull -w node[01-04] /var/log/syslog logs/"),
        real=True,
    ),
    "preflight": Listed(
        "preflight",
        examples(
            "sciabc-tui preflight",
            "sciabc-tui preflight ./simulate -w node[01-04]",
            "sciabc-tui preflight hello --fresh --json",
        ),
    ),
    "jobs": Listed("jobs", examples("sciabc-tui jobs", "sciabc-tui jobs -n 100 --json", "sciabc-tui jobs 7")),
    "logs": Listed(
        "logs",
        examples("sciabc-tui logs 7", "sciabc-tui logs 7 -f", "sciabc-tui logs 7 --rank 0 > rank0.txt"),
    ),
    "record": Listed("record"),
    "replay": Listed("replay"),
    "cancel": Listed("operate", examples("sciabc-tui cancel 7")),
    "hold": Listed("operate", examples("sciabc-tui hold 7")),
    "release": Listed("operate", examples("sciabc-tui release 7")),
    "requeue": Listed("operate", examples("sciabc-tui requeue 7")),
    "priority": Listed("operate", examples("sciabc-tui priority 7 10", "sciabc-tui priority 7 -- -10")),
    "identify": Listed(
        "identify", examples("sciabc-tui identify node03", "sciabc-tui identify node[01-04] --for 2m")
    ),
    "power": Listed("power", real=True),
    "pack": Listed(
        "pack", examples("sciabc-tui pack", "sciabc-tui pack --wait 10m --keep-head --yes"), real=True
    ),
    "unpack": Listed(
        "pack", examples("sciabc-tui unpack", "sciabc-tui unpack -w node[01-04] --within 5m"), real=True
    ),
    "programs": Listed("programs"),
    "hostfile": Listed(
        "status",
        examples(
            "sciabc-tui hostfile", "sciabc-tui hostfile > nodes.txt; mpirun --hostfile nodes.txt hostname"
        ),
    ),
    "config": Listed("settings"),
    "doctor": Listed("doctor", examples("sciabc-tui doctor", "sciabc-tui doctor --json")),
    "install-service": Listed(
        "install",
        examples(
            "sciabc-tui install-service --print",
            "sudo ~/sciabc/bin/sciabc-tui install-service",
            "sudo ~/sciabc/bin/sciabc-tui install-service --uninstall",
        ),
    ),
    "last-words": Listed(
        "last_words", examples("sciabc-tui last-words stopped", "sciabc-tui last-words shutdown")
    ),
    "panel": Listed(
        "service",
        examples(
            "sciabc-tui panel --preview",
            "sciabc-tui panel --preview --size 20x4",
            "sciabc-tui panel --once",
        ),
    ),
}


class Commands(Sentences):
    """The commands, with one place where their errors end."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        """Give the names, in the order of the help."""
        return list(LISTED)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command; None if there is none of that name."""
        listed = LISTED.get(cmd_name)
        if listed is not None and listed.real and ctx.params.get("demo"):
            from sciabc_tui.head.works import NOT_SIMULATED  # noqa: PLC0415 - most commands do no work

            raise CommandRefused(NOT_SIMULATED)
        return None if listed is None else listed.load(cmd_name)

    @override
    def invoke(self, ctx: Any) -> Any:
        """Run the command; say what went wrong in one line."""
        with one_line_for_errors(ctx.params):
            return super().invoke(ctx)
