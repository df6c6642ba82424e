"""Puts together the nodes that said the same, as `clush -b` and `dshbak -c` do: live, and in bounded memory.

What each node wrote is a path in a tree of lines that all share: a thousand nodes that say the same cost no
more than one, and who is at the same place has said the same so far. When the tree is full, what is said
further is counted and compared by a checksum, and not kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice

from sciabc_tui.cluster.nodeset import natural

MOST = 16 * 2**20
"""Bytes that are kept of what all nodes said."""

LONGEST = 64 * 1024
"""Bytes of a line; a longer one is broken."""

_COST = 400
"""Bytes that a line takes beside its own."""


@dataclass(slots=True, eq=False)
class _Line:
    """A line that some nodes wrote, and what each of them wrote before."""

    text: bytes = b""
    before: "_Line | None" = None
    number: int = 0
    following: "dict[bytes, _Line]" = field(default_factory=dict[bytes, "_Line"])

    def backward(self) -> Iterator[bytes]:
        """Give the lines from this one back to the first."""
        line = self
        while line.before is not None:
            yield line.text
            line = line.before


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went on a node.

    Attributes:
        running: It goes on.
        ok: All went well.
        text: What came of it; empty where that is what the program wrote.
        fix: What to do next.
        code: The exit status of the program; None where there was none.
    """

    running: bool = False
    ok: bool = True
    text: str = ""
    fix: str = ""
    code: int | None = None


RUNNING = Outcome(running=True)


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that said the same, and where it went the same.

    Attributes:
        nodes: Their names, in their natural order.
        outcome: How it went.
        lost: How many bytes of the output of each were not kept; these are not shown, but they are the same.
    """

    nodes: tuple[str, ...]
    outcome: Outcome
    lost: int
    _out: _Line
    _err: _Line

    @property
    def count(self) -> int:
        """How many lines were kept, of both kinds."""
        return self._out.number + self._err.number

    def out(self, last: int | None = None) -> tuple[str, ...]:
        """Give the lines of standard output, or the last ones only; as text that may hold anything."""
        return _lines(self._out, last)

    def err(self, last: int | None = None) -> tuple[str, ...]:
        """Give the lines of standard error, likewise."""
        return _lines(self._err, last)


@dataclass(slots=True)
class _Place:
    """How far a node is in one of its two outputs."""

    line: _Line
    begun: bytearray = field(default_factory=bytearray)
    lost: int = 0
    rest: blake2b = field(default_factory=lambda: blake2b(digest_size=16))
    """Of what was lost."""

    def lose(self, data: bytes) -> None:
        """Count and compare what is not kept."""
        self.lost += len(data)
        self.rest.update(data)


@dataclass(slots=True)
class _Node:
    out: _Place
    err: _Place
    outcome: Outcome = RUNNING


class Gathering:
    """Takes in what nodes say, and gives the groups of those that said the same.

    The two outputs of a program are compared each for itself: how they mingle is chance.
    """

    def __init__(self, nodes: Iterable[str], most: int = MOST) -> None:
        """Begin with nodes that run and said nothing.

        Args:
            nodes: By name; others may follow.
            most: Bytes to keep of all that is said.
        """
        self._root = _Line()
        self._left = most
        self._full = False
        self._nodes = {name: self._fresh() for name in nodes}

    def said(self, node: str, data: bytes, *, err: bool = False) -> None:
        """Take in a piece of what a node wrote; it may end anywhere."""
        known = self._node(node)
        place = known.err if err else known.out
        if not place.lost:
            data = self._taken(place, data)
        if place.lost:
            place.lose(data)

    def ended(
        self, node: str, *, ok: bool = True, text: str = "", fix: str = "", code: int | None = None
    ) -> None:
        """Note that a node is over, and how."""
        known = self._node(node)
        for place in (known.out, known.err):
            if place.begun:
                self._keep(place, bytes(place.begun))
                place.begun.clear()
        known.outcome = Outcome(ok=ok, text=text, fix=fix, code=code)

    @property
    def running(self) -> tuple[str, ...]:
        """The nodes that are not over."""
        return tuple(name for name, node in self._nodes.items() if node.outcome.running)

    @property
    def over(self) -> int:
        """How many nodes are over."""
        return sum(not node.outcome.running for node in self._nodes.values())

    def groups(self) -> tuple[Group, ...]:
        """Give the groups as they are now, the largest first; of running nodes by their whole lines."""
        found: dict[tuple[object, ...], list[str]] = {}
        for name, node in self._nodes.items():
            places = (node.out, node.err)
            key = (*((id(p.line), p.lost, p.rest.digest()) for p in places), node.outcome)
            found.setdefault(key, []).append(name)
        groups = [self._group(names) for names in found.values()]
        return tuple(sorted(groups, key=lambda group: (-len(group.nodes), natural(group.nodes[0]))))

    def _group(self, names: list[str]) -> Group:
        node = self._nodes[names[0]]
        lost = node.out.lost + node.err.lost
        return Group(tuple(sorted(names, key=natural)), node.outcome, lost, node.out.line, node.err.line)

    def _node(self, name: str) -> _Node:
        if name not in self._nodes:
            self._nodes[name] = self._fresh()
        return self._nodes[name]

    def _fresh(self) -> _Node:
        return _Node(_Place(self._root), _Place(self._root))

    def _taken(self, place: _Place, data: bytes) -> bytes:
        """Keep whole lines while there is room; give what is left when there is none."""
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0:
            self._add(place, data[begin:end])
            if place.lost:
                return data[end:]
            self._keep(place, bytes(place.begun), b"\n")
            place.begun.clear()
            begin = end + 1
            if place.lost:
                return data[begin:]
        self._add(place, data[begin:])
        return b""

    def _add(self, place: _Place, piece: bytes) -> None:
        place.begun += piece
        while len(place.begun) > LONGEST and not place.lost:
            self._keep(place, bytes(place.begun[:LONGEST]))
            del place.begun[:LONGEST]
        if place.lost and place.begun:
            place.lose(bytes(place.begun))
            place.begun.clear()

    def _keep(self, place: _Place, text: bytes, end: bytes = b"") -> None:
        """Go on to a line; from the first that there is no room for, all that follows is lost."""
        line = place.line
        if (known := line.following.get(text)) is None:
            self._left -= len(text) + _COST
            self._full |= self._left < 0  # for good: what is kept must not hang on who came first
            if self._full:
                place.lose(text + end)
                return
            known = line.following[text] = _Line(text, line, line.number + 1)
        place.line = known


def _lines(line: _Line, last: int | None) -> tuple[str, ...]:
    kept = list(islice(line.backward(), last))
    return tuple(text.removesuffix(b"\r").decode("utf-8", "backslashreplace") for text in reversed(kept))
