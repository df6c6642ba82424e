"""Node sets with groups and operators, in ClusterShell's notation: `@up!node[03-04]`, `@all&node[1-9]`.

`,` adds, `!` takes away, `&` keeps what is in both, `^` what is in one only; they are worked off from left
to right (ClusterShell's manual, "Node sets", "Extended patterns"). A group is a question to the state:
`@drained` are those that are drained now.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from sciabc_tui.cluster.node import Node, Origin, Trust
from sciabc_tui.cluster.nodeset import natural, unfold
from sciabc_tui.errors import NotFound

GROUPS: Mapping[str, Callable[[Node], bool]] = {
    "all": lambda _: True,
    "up": lambda node: node.present,
    "schedulable": lambda node: node.schedulable,
    "drained": lambda node: node.drained is not None,
    "new": lambda node: node.trust is Trust.UNKNOWN,
    "down": lambda node: not node.present,
    "head": lambda node: node.origin is Origin.LOCAL,
}
"""What stands behind an `@`, and which nodes that are."""

_OPERATOR = re.compile(r"([,!&^])(?![^\[]*\])")

Names = dict[str, None]
"""A set that keeps the order in which it was written."""


def has_group(text: str) -> bool:
    """Tell whether the state is needed to know which nodes are meant."""
    return "@" in text


def plain(text: str) -> tuple[str, ...]:
    """Unfold a node set that has no group in it.

    Raises:
        ValueError: It is none; the text says what is wrong with it.
    """
    return tuple(_worked_off(text, lambda word: dict.fromkeys(unfold(word))))


def check(text: str) -> None:
    """Refuse what is no node set, before anybody is asked.

    Raises:
        ValueError: It is none, or there is no such group.
    """
    _worked_off(text, lambda word: {} if _group(word) else dict.fromkeys(unfold(word)))


def select(text: str, nodes: Iterable[Node]) -> tuple[str, ...]:
    """Give the names of the nodes that are meant, in the order written; groups in their natural order.

    Args:
        text: The node set.
        nodes: All that are known. An id is as good as a name; of two with one name, each is given by its id.

    Raises:
        ValueError: It is no node set, or there is no such group.
        NotFound: There is no such node.
    """
    known = tuple(nodes)
    often = Counter(node.name for node in known)
    named = {node.id: node.name if often[node.name] == 1 else str(node.id) for node in known}
    by_word = {str(id_): name for id_, name in named.items()}
    by_word |= {name: name for name in often}

    def meant(word: str) -> Names:
        if (of_group := _group(word)) is not None:
            found = [named[node.id] for node in known if of_group(node)]
            return dict.fromkeys(sorted(found, key=natural))
        names = unfold(word)
        if missing := next((name for name in names if name not in by_word), None):
            raise NotFound(f"There is no node {missing}. Next: sciabc-tui nodes")
        return dict.fromkeys(by_word[name] for name in names)

    return tuple(_worked_off(text, meant))


def _group(word: str) -> Callable[[Node], bool] | None:
    if not word.startswith("@"):
        return None
    if (found := GROUPS.get(word[1:])) is None:
        known = " ".join(f"@{name}" for name in GROUPS)
        raise ValueError(f"there is no group {word}. Next: one of {known}")
    return found


def _worked_off(text: str, meant: Callable[[str], Names]) -> Names:
    first, *rest = _OPERATOR.split(text)
    found = meant(_word(first, text))
    for operator, word in zip(rest[::2], rest[1::2], strict=True):
        found = _joined(found, operator, meant(_word(word, text)))
    return found


def _word(word: str, text: str) -> str:
    if not word.strip():
        raise ValueError(f"{text!r} is no node set like node[01-03],@up!node07")
    return word.strip()


def _joined(one: Names, operator: str, other: Names) -> Names:
    match operator:
        case ",":
            return one | other
        case "!":
            return {name: None for name in one if name not in other}
        case "&":
            return {name: None for name in one if name in other}
        case _:
            return {name: None for name in one | other if (name in one) != (name in other)}
