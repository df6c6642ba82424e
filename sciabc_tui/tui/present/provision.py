"""The pages of provisioning: which boards, are these their host keys, and what shall be done there."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sciabc_tui.api.provisioning import BoardWish, ProvisionWish
from sciabc_tui.api.works import Board
from sciabc_tui.cluster.node import Node, Origin, Readiness, Trust, row_word
from sciabc_tui.cluster.nodeset import natural, unfold
from sciabc_tui.tui.present.cells import Cell, Line, Row, Table, Tone, fit, plain, wrapped
from sciabc_tui.tui.present.columns import Column, choose
from sciabc_tui.tui.present.new_job import NO, YES, Field
from sciabc_tui.tui.present.view import UNKNOWN, View

MOST = 1024
"""Boards that can be provisioned at once."""

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_TARGET = re.compile(r"(?:[A-Za-z_][A-Za-z0-9._-]{0,31}@)?[A-Za-z0-9_.:\[\]-]{1,253}")
_MOST_SLOTS = 4096
_FINGERPRINT = 50

WAYS = ("auto", "packages", "wheels", "shared", "none")

FIELDS = (
    Field(
        "user", "New user", "made there for the cluster, such as sciabc; nothing: whom we log in as", "none"
    ),
    Field("mpi", "MPI by", "up down: auto chooses packages, wheels or shared by what is there", choices=WAYS),
    Field("slots", "Slots", "ranks that each board takes; nothing: one on each core", "its cores"),
    Field(
        "names", "Host names", "new ones in the order above: node[05-07]; nothing: they keep theirs", "kept"
    ),
    Field(
        "new_keys",
        "New keys",
        "up down: yes makes new host keys, for boards whose cards were copied",
        choices=(NO, YES),
    ),
    Field("between", "Between", "up down: yes lets the nodes log in to each other", choices=(NO, YES)),
)
"""The fields of the last page, below the password."""

PASSWORD = Field(
    "password",
    "Password",
    "for the login and for sudo; nothing where the head's key does",
    "none: keys alone",
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A board that may be provisioned; its texts are as they came.

    Attributes:
        target: How it is called in a wish.
        name: Of the node that it is; empty if it is none yet.
        address: Where it is.
        about: What is known of it.
        known: It computes already.
    """

    target: str
    name: str = ""
    address: str = ""
    about: str = ""
    known: bool = False


def candidates(
    view: View, chosen: Sequence[str], typed: Sequence[str], found: Iterable[Board]
) -> tuple[Candidate, ...]:
    """Give the boards of the first page: nodes that do not compute yet, those that were chosen, typed, found.

    Args:
        view: The cluster.
        chosen: Names of nodes, which are listed whatever their state.
        typed: `[USER@]HOST` as they were typed.
        found: By a scan.
    """
    listed = {
        node.name: Candidate(node.name, node.name, node.address, _about(node), _computes(node))
        for node in view.digest.nodes
        if node.origin is not Origin.LOCAL and (node.name in chosen or is_new(node))
    }
    for target in typed:
        listed.setdefault(target, Candidate(target, "", "", "typed here"))
    for board in sorted(found, key=lambda board: natural(board.address or board.target)):
        target = board.node or board.address or board.target
        computes = "computes already  " if board.ready else ""
        about = f"{computes}{board.about or board.problem}"
        listed.setdefault(target, Candidate(target, board.node, board.address, about, board.ready))
    return tuple(listed.values())


def is_new(node: Node) -> bool:
    """Is it there, and does not compute because nobody made it?"""
    unmade = node.trust is Trust.UNKNOWN or node.readiness is Readiness.UNPROVISIONED
    return node.origin is not Origin.LOCAL and node.present and unmade


def _computes(node: Node) -> bool:
    return node.trust is Trust.TRUSTED and node.readiness is Readiness.READY


def _about(node: Node) -> str:
    reason = f": {node.readiness_reason}" if node.readiness_reason else ""
    computes = "computes already, " if _computes(node) else ""
    return f"{computes}{row_word(node, busy=False).value}{reason}"


def boards(view: View, listed: Sequence[Candidate], selected: int, width: int) -> Table:
    """List the boards of the first page; those that compute already are dim."""
    longest = min(24, max((len(plain(one.target)) for one in listed), default=5))
    chosen = choose(
        _of_boards(longest),
        Column("", 20, lambda one: _of(one, one.about)),
        width=width,
        cut=view.glyphs.cut,
    )
    rows = tuple(Row(one.target, chosen.line(one)) for one in listed)
    empty = "no new board is known: type one below, or ctrl+n scans the cluster's network"
    return Table("Boards", chosen.heading, rows, f"{selected} selected of {len(listed)}", empty)


def _of_boards(longest: int) -> tuple[Column[Candidate], ...]:
    return (
        Column("board", longest, lambda one: _of(one, one.target)),
        Column("address", 15, lambda one: _of(one, one.address or UNKNOWN), goes=1),
    )


def _of(one: Candidate, text: str) -> Cell:
    return Cell(plain(text), Tone.DIM if one.known else Tone.PLAIN)


def read_targets(text: str) -> tuple[tuple[str, ...], str]:
    """Read `[USER@]HOST[:PORT]...` and node sets, apart by spaces or commas; give them, or what is wrong."""
    targets: list[str] = []
    for word in text.replace(";", " ").split():
        try:
            names = unfold(word) if "@" not in word else tuple(word.split(","))
        except ValueError as error:
            return (), str(error)
        if bad := next((name for name in names if not _TARGET.fullmatch(name)), ""):
            return (), f"{bad} is no [USER@]HOST[:PORT]"
        targets += names
    if len(targets) > MOST:
        return (), f"more than {MOST} boards"
    return tuple(dict.fromkeys(targets)), ""


def usable(board: Board) -> bool:
    """Can its host key be approved? A changed one cannot, nor one that was not read."""
    return bool(board.fingerprint) and board.trust != "changed" and not board.problem


def keys(view: View, looked: Mapping[str, Board], waiting: Sequence[str], width: int) -> Table:
    """List host keys: changed ones and boards that can't be used in red, with why and what to do."""
    rows: list[Row] = []
    longest = min(20, max((len(plain(_name(board))) for board in looked.values()), default=5))
    chosen = choose(
        _of_keys(longest),
        Column("host key", _FINGERPRINT, lambda board: Cell(plain(board.fingerprint), Tone.ACCENT)),
        width=width,
        cut=view.glyphs.cut,
    )
    for target, board in sorted(looked.items(), key=lambda pair: natural(pair[1].address or pair[0])):
        if usable(board) and chosen.room >= _FINGERPRINT:
            rows.append(Row(target, chosen.line(board)))
        elif usable(board):  # a key that is compared must be seen whole
            rows.append(Row(target, (Cell(fit(plain(_name(board)), width, cut=view.glyphs.cut)),)))
            rows.append(Row(f"{target}\n", (Cell(f"    {plain(board.fingerprint)}", Tone.ACCENT),)))
        else:
            rows += [
                Row(f"{target}\n{number}", (Cell(fit(text, width, cut=view.glyphs.cut), tone),))
                for number, (text, tone) in enumerate(_trouble(board, width))
            ]
    rows += [
        Row(target, (Cell(fit(f"{plain(target)}  asking", width, cut=view.glyphs.cut), Tone.DIM),))
        for target in waiting
    ]
    good = sum(map(usable, looked.values()))
    return Table("Host keys", chosen.heading, tuple(rows), f"{good} of {len(looked) + len(waiting)}", "none")


def _of_keys(longest: int) -> tuple[Column[Board], ...]:
    return (
        Column("board", longest, lambda board: Cell(plain(_name(board)))),
        Column("address", 15, lambda board: Cell(plain(board.address), Tone.DIM), goes=1),
        Column("trust", 8, _trust, goes=2),
    )


def _trust(board: Board) -> Cell:
    return Cell("approved", Tone.OK) if board.trust == "trusted" else Cell("new", Tone.DIM)


def _name(board: Board) -> str:
    return board.node or board.target


def _trouble(board: Board, width: int) -> list[tuple[str, Tone]]:
    name = plain(_name(board))
    if board.trust == "changed":
        is_ = f"  is {plain(board.fingerprint)}"
        texts = [f"{name}  {plain(board.address)}  HOST KEY CHANGED", is_]
    else:
        texts = list(wrapped(f"{name}  {plain(board.problem) or 'no host key was read'}", width))
    told = [(text, Tone.BAD) for text in texts]
    return told + [(f"    {part}", Tone.ACCENT) for part in wrapped(plain(board.fix), width - 4) if part]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the last page asks for; or in which field it can't be used, and why."""

    wish: ProvisionWish | None = None
    field: str = ""
    problem: str = ""


def read_options(texts: Mapping[str, str], approved: Sequence[Board]) -> Reading:
    """Read the fields of the last page; the password is not among them."""
    user, slots, names = texts["user"].strip(), texts["slots"].strip(), texts["names"].strip()
    if user and not _USER.fullmatch(user):
        return _bad("user", "small letters, digits, _ and -")
    if slots and not (slots.isascii() and slots.isdigit() and 0 < int(slots) <= _MOST_SLOTS):
        return _bad("slots", f"1 to {_MOST_SLOTS}, or nothing")
    for key in ("new_keys", "between"):
        if texts[key] not in {YES, NO}:
            return _bad(key, "yes or no")
    try:
        new_names = unfold(names) if names else ()
    except ValueError as error:
        return _bad("names", str(error))
    if new_names and (len(new_names) != len(approved) or not all(map(_HOST_NAME.fullmatch, new_names))):
        return _bad("names", f"{len(approved)} names for {len(approved)} boards, such as node[05-07]")
    boards = tuple(
        BoardWish(board.target, board.fingerprint, name)
        for board, name in zip(approved, new_names or [""] * len(approved), strict=True)
    )
    new_keys, between = texts["new_keys"] == YES, texts["between"] == YES
    slot_count = int(slots) if slots else None
    match texts["mpi"]:
        case "auto" | "packages" | "wheels" | "shared" | "none" as way:
            wish = ProvisionWish(boards, "", user, way, slot_count, new_keys, between)
            return Reading(wish)
        case _:
            return _bad("mpi", f"one of {', '.join(WAYS)}")


def _bad(key: str, why: str) -> Reading:
    label = next(field.label for field in FIELDS if field.key == key)
    return Reading(field=key, problem=f"{label.lower()}: {why}")


def about(approved: Sequence[Board], width: int, cut: str) -> tuple[Line, ...]:
    """Say above the last page which boards it is about, in their order."""
    names = plain(", ".join(_name(board) for board in approved))
    count = f"{len(approved)} board{'s' if len(approved) != 1 else ''}: "
    first = (Cell(f" {count}", Tone.DIM), Cell(fit(names, width - len(count) - 2, cut=cut), Tone.ACCENT))
    text = "Each step does what is missing there, and no more. Undo: sciabc-tui nodes unprovision"
    return (first, *((Cell(f" {part}", Tone.DIM),) for part in wrapped(text, width - 3)))


def outcome(well: int, of: int, changes: int, *, dry_run: bool) -> str:
    """Say what came of it, and what to press next."""
    if dry_run:
        return "Nothing was changed. Next: esc, then enter does it" if well == of else "Nothing was changed."
    some = f"{well} board{'s' if well != 1 else ''}" if well == of else f"{well} of {of} boards"
    verb = "computes" if well == of == 1 else "compute"
    told = f"{some} {verb}; {changes} change{'s' if changes != 1 else ''}."
    return f"{told} Next: n runs a job" if well == of else f"{told} Next: r does the others again"
