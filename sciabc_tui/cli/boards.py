"""Boards on the command line: which are meant, which host keys they show, and who approves those."""

import sys
from collections.abc import Callable, Sequence

import msgspec
import typer

from sciabc_tui.api.client import Client
from sciabc_tui.api.provisioning import BoardWish, LookWish, ProvisionWish, ScanWish
from sciabc_tui.api.works import Board, Over, Part, Step, Wish
from sciabc_tui.cli.failures import INTERRUPTED
from sciabc_tui.cli.output import ask, hint, table
from sciabc_tui.cli.values import node_names
from sciabc_tui.cli.work import Status
from sciabc_tui.cluster.nodeset import unfold
from sciabc_tui.errors import CommandRefused


def targets(client: Client, hosts: Sequence[str]) -> tuple[str, ...]:
    """Unfold what was named: `pi@10.77.0.[11-13]`, `node[01-04]`, `@new`; each once.

    Raises:
        typer.BadParameter: It is no such thing.
    """
    found: dict[str, None] = {}
    for host in hosts:
        if host.startswith("@"):
            found |= dict.fromkeys(node_names(client, host))
        elif "[" in host and ":" not in host.partition("]")[0]:  # else it is an IPv6 address
            try:
                found |= dict.fromkeys(unfold(host))
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
        else:
            found[host] = None
    return tuple(found)


def work(client: Client, wish: Wish, hear: Callable[[Part], object]) -> None:
    """Do a work and hear of it; Ctrl-C ends it, and the command."""
    try:
        client.work(wish, hear)
    except KeyboardInterrupt:
        hint("Cancelled.")
        raise typer.Exit(INTERRUPTED) from None


def looked_at(client: Client, wish: LookWish | ScanWish, *, as_json: bool) -> tuple[list[Board], Over]:
    """Look at boards; give what was seen, by address, and what came of it."""
    found: list[Board] = []
    over = Over()
    status = Status()

    def hear(part: Part) -> None:
        nonlocal over
        if as_json:
            typer.echo(msgspec.json.encode(part).decode())
        match part:
            case Board():
                found.append(part)
            case Step(text=text) if text:
                status.show(f"asking: {text}")
            case Over():
                over = part
            case _:
                pass

    work(client, wish, hear)
    status.clear()
    return sorted(found, key=lambda board: (_natural(board.address), board.port)), over


def show(boards: Sequence[Board]) -> None:
    """Print boards, each with the host key that it shows, or why it shows none."""
    rows = [
        (
            board.target,
            board.address if board.address != board.target else "",
            board.node or "--",
            _state(board),
            board.fingerprint or board.problem,
            board.about,
        )
        for board in boards
    ]
    header = ("BOARD", "ADDRESS", "NODE", "STATE", "HOST KEY", "ABOUT")
    kept = [index for index in range(len(header)) if index != 1 or any(row[1] for row in rows)]
    table([header[index] for index in kept], [[row[index] for index in kept] for row in rows])
    for fix in dict.fromkeys(board.fix for board in boards if board.fix):
        hint(f"  {fix}")


def approved(boards: Sequence[Board], fingerprints: Sequence[str], *, yes: bool) -> list[Board]:
    """Give the boards whose host keys are approved: by `--fingerprint`, by `--yes`, or by a person now.

    Raises:
        CommandRefused: They are not.
    """
    usable = [board for board in boards if board.fingerprint]
    if fingerprints:
        _compare(usable, fingerprints)
        return usable
    asked = [board for board in usable if board.trust != "trusted"]
    if not asked or yes:
        return usable
    _ask(asked)
    return usable


def _compare(boards: Sequence[Board], fingerprints: Sequence[str]) -> None:
    for board in boards:
        if board.fingerprint not in fingerprints:
            raise CommandRefused(
                f"{board.target} shows {board.fingerprint}, which is not what you gave. "
                "Next: compare it with the board itself"
            )


def _ask(asked: Sequence[Board]) -> None:
    if not sys.stdin.isatty():
        raise CommandRefused(
            "Nobody is there to compare fingerprints. Next: add --fingerprint SHA256:..., or --yes if you did"
        )
    for board in asked:
        if board.trust == "changed":
            hint(f"{board.node}: its host key CHANGED. Approve only if you flashed it anew.")
    hint("On a board with a screen: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    it = "this is the key" if len(asked) == 1 else f"these are the {len(asked)} keys"
    if ask(f"Approve? Only if {it} that the boards themselves show. [y/N]") not in {"y", "yes"}:
        raise CommandRefused("Nothing was approved, nothing was sent. Next: compare, then do it again")


def need_password(client: Client, boards: Sequence[BoardWish]) -> bool:
    """Tell whether the head's keys do not do on a board, for the login or for root; nothing is changed."""
    needed = False

    def hear(part: Part) -> None:
        nonlocal needed
        if isinstance(part, Step) and part.step == "login":
            needed |= part.outcome == "failed" or "without root" in part.text

    work(client, ProvisionWish(tuple(boards), dry_run=True, undo=True), hear)
    return needed


def _state(board: Board) -> str:
    if board.problem:
        return "no answer"
    if board.trust == "changed":
        return "KEY CHANGED"
    return "ready" if board.ready else "trusted" if board.trust == "trusted" else "new"


def _natural(address: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in address.split("."))
