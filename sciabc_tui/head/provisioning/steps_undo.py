"""Undoes what the journals of a board hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shlex import quote

from sciabc_tui.head.ingress import printable
from sciabc_tui.head.provisioning import journal
from sciabc_tui.head.provisioning.ports import Board, StepFailed
from sciabc_tui.head.provisioning.steps import asked

_WORDS = {
    "kept": "put back",
    "absent": "remove",
    "folder": "remove the folder, if it is empty,",
    "made": "remove the folder",
    "package": "remove the package",
    "did": "run",
}

_WITHIN = 900.0


@dataclass(frozen=True, slots=True)
class UndoStep:
    """Replays the journals backwards: root's, then the user's own; the head's key goes last.

    Attributes:
        begins: Called before anything is undone.
    """

    begins: Callable[[], None]
    title: str = "undo"

    def look(self, board: Board) -> Sequence[str]:
        """Say what is to be undone, the newest first."""
        return [_words(line) for root in _journals(board) for line in self._held(board, root=root)]

    def do(self, board: Board) -> str:
        """Undo it; what can't be undone stays in the journal for the next time."""
        self.begins()
        undone, left = 0, list[str]()
        for root in _journals(board):
            board.progress("as root" if root else "")
            text = journal.undo(journal.folder(board.told, root=root))
            answer = board.run(text, root=root, within=_WITHIN)
            lines = answer.out.splitlines()
            undone += sum(line.startswith("undone ") for line in lines)
            left += [_words(line.removeprefix("left ")) for line in lines if line.startswith("left ")]
            if answer.status != 0 and not left:
                left.append(printable(answer.err.strip().rpartition("\n")[2], 100) or "all of it")
        if left:
            raise StepFailed(
                f"could not {left[0]}" + (f", and {len(left) - 1} more" if len(left) > 1 else ""),
                "Next: mend that on the board, then do it again: what is undone stays undone",
            )
        return f"undid {undone} things"

    def _held(self, board: Board, *, root: bool) -> Sequence[str]:
        script = journal.contents(journal.folder(board.told, root=root))
        lines = asked(board, script, root=root).splitlines()
        by = next((line.removeprefix("by ") for line in lines if line.startswith("by ")), "")
        if by and by != board.told.user:
            raise StepFailed(
                f"{printable(by)} provisioned it, not {board.told.user}",
                f"Next: sciabc-tui nodes unprovision {printable(by)}@{board.told.host_name}",
            )
        return [line for line in lines if not line.startswith("by ")]


def _journals(board: Board) -> Sequence[bool]:
    """Tell for which users there are journals: root, then the user who logged in."""
    user = journal.folder(board.told, root=False)
    root = journal.folder(board.told, root=True)
    script = f"[ ! -d {quote(root)} ] || echo root; [ ! -d {quote(user)} ] || echo user"
    found = asked(board, script).split()
    ways = ("root",) if user == root else ("root", "user")
    return tuple(way == "root" for way in ways if way in found)


def _words(line: str) -> str:
    kind, _, what = line.partition(" ")
    shown = "".join(letter for letter in what if letter.isprintable())[:200]
    if kind == "did" and shown.startswith(": "):  # it says in words what it does
        return shown.removeprefix(": ").partition(";")[0]
    return f"{_WORDS.get(kind, 'undo')} {shown}"
