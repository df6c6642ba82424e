"""`sciabc-tui power`: restart boards, halt them, switch their power."""

import getpass
import sys
from typing import Annotated, Literal

import typer

from sciabc_tui.api.client import Client
from sciabc_tui.api.powering import PowerWish
from sciabc_tui.cli.complete import node_names as complete_nodes
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.output import ask, examples, hint
from sciabc_tui.cli.sentences import Sentences
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, node_names
from sciabc_tui.cli.work import Steps, carry_out
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.powering import jobs_lost, tell_jobs
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused

Action = Literal["reboot", "off", "on", "cycle", "cut"]

NodeSet = Annotated[str, typer.Argument(metavar="NODES", autocompletion=complete_nodes)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Force = Annotated[bool, typer.Option("--force", help="Although jobs run there, which are lost.")]
Password = Annotated[
    bool,
    typer.Option("--password", help="Ask for sudo's password there; without a terminal: its first line."),
]

app = typer.Typer(
    cls=Sentences,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Restart boards, halt them, switch their power. Each is seen to do so.",
    epilog=examples(
        "sciabc-tui power reboot node[01-04]",
        "sciabc-tui power off node05",
        "sciabc-tui power on node05",
        "sciabc-tui power cycle node07",
    ),
)


@app.command(epilog=examples("sciabc-tui power reboot node03", "sciabc-tui power reboot @all --yes"))
def reboot(
    context: typer.Context,
    nodes: NodeSet,
    *,
    yes: Yes = False,
    force: Force = False,
    password: Password = False,
    as_json: AsJson = False,
) -> None:
    """Restart boards in order, and see each come back."""
    _power(context, "reboot", nodes, yes=yes, force=force, password=password, as_json=as_json)


@app.command(epilog=examples("sciabc-tui power off node[01-03]"))
def off(
    context: typer.Context,
    nodes: NodeSet,
    *,
    yes: Yes = False,
    force: Force = False,
    password: Password = False,
    as_json: AsJson = False,
) -> None:
    """Halt boards in order, and see each gone."""
    _power(context, "off", nodes, yes=yes, force=force, password=password, as_json=as_json)


@app.command(epilog=examples("sciabc-tui power on node[01-03]"))
def on(context: typer.Context, nodes: NodeSet, *, as_json: AsJson = False) -> None:
    """Give boards power, by the driver that power.drivers names, and hear each."""
    _power(context, "on", nodes, yes=True, as_json=as_json)


@app.command(epilog=examples("sciabc-tui power cycle node07"))
def cycle(
    context: typer.Context, nodes: NodeSet, *, yes: Yes = False, force: Force = False, as_json: AsJson = False
) -> None:
    """Take boards' power away and give it back: for those that hang."""
    _power(context, "cycle", nodes, yes=yes, force=force, as_json=as_json)


@app.command(epilog=examples("sciabc-tui power cut node07"))
def cut(
    context: typer.Context, nodes: NodeSet, *, yes: Yes = False, force: Force = False, as_json: AsJson = False
) -> None:
    """Take boards' power away, as pulling the plug does. What halts them in order: power off."""
    _power(context, "cut", nodes, yes=yes, force=force, as_json=as_json)


def _power(
    context: typer.Context,
    action: Action,
    nodes: str,
    *,
    yes: bool,
    as_json: bool,
    force: bool = False,
    password: bool = False,
) -> None:
    checked_nodes(nodes)
    with connected(session(context), start=False) as client:
        names = node_names(client, nodes)
        if action != "on":
            force |= _agreed(client, action, names, yes=yes)
        wish = PowerWish(names, action, secret() if password else "", force)
        carry_out(client, wish, Steps(), as_json=as_json)


def _agreed(client: Client, action: Action, names: tuple[str, ...], *, yes: bool) -> bool:
    """Name what runs there, and ask; give whether somebody knows that it is lost."""
    lost = lost_jobs(client.state(), names)
    for line in lost:
        hint(line)
    if yes:
        return False
    what = {"off": "Halt", "reboot": "Restart", "cycle": "Switch off and on"}.get(action, "Cut off")
    risk = "What runs there is lost." if lost else "No job runs there."
    agree(f"{what} {fold(names)}? {risk} [y/N]", "Nothing was done. Next: sciabc-tui jobs")
    return bool(lost)


def lost_jobs(state: State, names: tuple[str, ...]) -> tuple[str, ...]:
    """Say what is lost with these nodes, a line a job."""
    return tell_jobs(jobs_lost(state, {node.id for node in state.nodes.values() if node.name in names}))


def agree(question: str, refused: str) -> None:
    """Ask, and go on only after a yes.

    Raises:
        CommandRefused: It was not yes, or nobody is there.
    """
    if not sys.stdin.isatty():
        raise CommandRefused("Nobody is there to say yes. Next: add --yes if you mean it")
    if ask(question) not in {"y", "yes"}:
        raise CommandRefused(refused)


def secret() -> str:
    """Ask for a password without showing it; where there is no terminal it is the first line of the input."""
    if sys.stdin.isatty():
        return getpass.getpass("sudo's password on the boards: ")
    return sys.stdin.readline().rstrip("\r\n")
