"""`sciabc-tui nodes provision`, `unprovision` and `scan`: boards get in, and out again."""

import getpass
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from sciabc_tui.api.client import Client
from sciabc_tui.api.provisioning import BoardWish, LookWish, ProvisionWish, ScanWish
from sciabc_tui.api.works import Board
from sciabc_tui.cli.attachment import Attachment
from sciabc_tui.cli.boards import approved, looked_at, need_password, show, targets
from sciabc_tui.cli.complete import node_names as complete_nodes
from sciabc_tui.cli.connect import attached, connected
from sciabc_tui.cli.failures import FAILED
from sciabc_tui.cli.output import ask, examples, hint, say
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson
from sciabc_tui.cli.work import Steps, carry_out
from sciabc_tui.cluster.nodeset import unfold
from sciabc_tui.errors import CommandRefused

PROVISION_EXAMPLES = examples(
    "sciabc-tui nodes provision pi@10.77.0.21",
    "sciabc-tui nodes provision --scan",
    "sciabc-tui nodes provision pi@10.77.0.[21-23] --host-name node[01-03]",
    "sciabc-tui nodes provision node07 --dry-run",
    "sciabc-tui nodes provision pi@10.77.0.21 --fingerprint SHA256:... --password-stdin < password",
)
UNPROVISION_EXAMPLES = examples(
    "sciabc-tui nodes unprovision node07", "sciabc-tui nodes unprovision pi@node[01-03] --dry-run"
)
SCAN_EXAMPLES = examples("sciabc-tui nodes scan", "sciabc-tui nodes scan 10.77.0.0/26")

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: I compared the host keys.")]
Fingerprints = Annotated[
    list[str] | None,
    typer.Option("--fingerprint", metavar="SHA256:...", help="A host key that is approved; may be repeated."),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be changed, and change nothing.")]


def scan(
    context: typer.Context,
    network: Annotated[str, typer.Argument(metavar="[NETWORK]", show_default=False)] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Look for boards with an SSH server on the cluster's own network, or on a part of it.

    Each address is asked once. Nothing is sent but a key exchange.
    """
    with connected(session(context), start=True) as client:
        boards, over = looked_at(client, ScanWish(network), as_json=as_json)
    if as_json:
        return
    if boards:
        show(boards)
    hint(over.text)
    if over.fix:
        hint(f"  {over.fix}")


def provision(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    hosts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[USER@]HOST...", autocompletion=complete_nodes, show_default=False),
    ] = None,
    *,
    scanned: Annotated[bool, typer.Option("--scan", help="All new boards on the cluster's network.")] = False,
    dry_run: DryRun = False,
    user: Annotated[
        str, typer.Option(metavar="NAME", help="Make this user for the cluster, and use it from then on.")
    ] = "",
    mpi: Annotated[
        Literal["auto", "packages", "wheels", "shared", "none"],
        typer.Option(help="How MPI gets there; auto: as the head has it."),
    ] = "auto",
    slots: Annotated[
        int | None, typer.Option(min=1, max=4096, metavar="N", help="Slots of each; else its cores.")
    ] = None,
    host_name: Annotated[
        str, typer.Option(metavar="NAME", help="Rename the board; for several: node[01-03].")
    ] = "",
    new_host_keys: Annotated[
        bool, typer.Option("--new-host-keys", help="For copied cards: new host keys and machine id.")
    ] = False,
    between: Annotated[
        bool, typer.Option("--between", help="Let these boards log in to each other without a password.")
    ] = False,
    password_stdin: PasswordStdin = False,
    fingerprint: Fingerprints = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make boards compute: key, user, MPI, announcement. What is right already is left as it is.

    You see each board's host key first, and are asked once. One password serves for all boards; it is asked
    for where the head's key does not do, and is kept nowhere.
    """
    if bool(hosts) == scanned:
        raise typer.BadParameter("name boards, or --scan")
    with attached(session(context)) as head:
        client = _begun(head)
        boards = _found(client, hosts or (), scanned=scanned, as_json=as_json)
        unreached = [board for board in boards if not board.fingerprint]
        usable = approved(boards, fingerprint or (), yes=yes)
        wanted = _wishes(usable, _host_names(host_name, usable))
        password = _password(_begun(head), wanted, stdin=password_stdin)
        wish = ProvisionWish(
            wanted, password, user, mpi, slots, new_host_keys=new_host_keys, between=between, dry_run=dry_run
        )
        _do(_begun(head), wish, unreached, as_json=as_json)


def unprovision(
    context: typer.Context,
    hosts: Annotated[list[str], typer.Argument(metavar="[USER@]NODE...", autocompletion=complete_nodes)],
    *,
    dry_run: DryRun = False,
    password_stdin: PasswordStdin = False,
    fingerprint: Fingerprints = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take away again all that was done on boards: their files are as before, and the head forgets them."""
    with attached(session(context)) as head:
        client = _begun(head)
        boards = _found(client, hosts, scanned=False, as_json=as_json)
        unreached = [board for board in boards if not board.fingerprint]
        usable = approved(boards, fingerprint or (), yes=yes)
        names = ", ".join(board.target for board in usable)
        asked = not (yes or dry_run or fingerprint) and sys.stdin.isatty()
        if asked and ask(f"Undo all that was done on {names}? [y/N]") not in {"y", "yes"}:
            raise CommandRefused("Nothing was undone. Next: sciabc-tui nodes unprovision --dry-run")
        wanted = _wishes(usable, ())
        password = _password(_begun(head), wanted, stdin=password_stdin)
        wish = ProvisionWish(wanted, password, dry_run=dry_run, undo=True)
        _do(_begun(head), wish, unreached, as_json=as_json)


def _begun(head: Attachment) -> Client:
    """Give a client of a service that runs: one that was started for us ends while a person compares keys."""
    head.begin()
    return head.client()


def _found(client: Client, hosts: Sequence[str], *, scanned: bool, as_json: bool) -> list[Board]:
    if scanned:
        boards, over = looked_at(client, ScanWish(), as_json=as_json)
        boards = [board for board in boards if not board.ready]
        if not boards:
            raise CommandRefused(f"{over.text}: none to provision. Next: sciabc-tui nodes")
    else:
        boards, _ = looked_at(client, LookWish(targets(client, hosts)), as_json=as_json)
    if not as_json:
        show(boards)
    if not any(board.fingerprint for board in boards):
        raise typer.Exit(FAILED)
    return boards


def _wishes(boards: Sequence[Board], names: Sequence[str]) -> tuple[BoardWish, ...]:
    named = names or [""] * len(boards)
    return tuple(
        BoardWish(board.target, board.fingerprint, name) for board, name in zip(boards, named, strict=True)
    )


def _host_names(text: str, boards: Sequence[Board]) -> tuple[str, ...]:
    if not text:
        return ()
    try:
        names = unfold(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if len(names) != len(boards):
        raise typer.BadParameter(f"--host-name gives {len(names)} names for {len(boards)} boards")
    return names


def _password(client: Client, boards: Sequence[BoardWish], *, stdin: bool) -> str:
    """Give the password: from standard input, or asked for, if the head's keys do not do."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty() or not need_password(client, boards):
        return ""
    return getpass.getpass("Password on the boards (for the login, and for sudo; empty: none): ")


def _do(client: Client, wish: ProvisionWish, unreached: Sequence[Board], *, as_json: bool) -> None:
    """Do it; a board that does not answer is a failure too."""
    if not as_json:
        for board in unreached:
            say(f"{board.target}: FAILED {board.problem}")
    carry_out(client, wish, Steps(), as_json=as_json)
    if unreached:
        raise typer.Exit(FAILED)
