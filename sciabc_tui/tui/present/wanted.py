"""What is typed behind `/`: words, states and node sets, all of which must hold."""

from dataclasses import dataclass

from sciabc_tui.cluster.node import RowWord
from sciabc_tui.cluster.nodeset import unfold

_STATES = frozenset(word.value for word in RowWord)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter, taken apart once."""

    words: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    """Words that name a state of a node: they ask for just that."""
    sets: tuple[frozenset[str], ...] = ()
    """Names of nodes, in small letters."""

    def __bool__(self) -> bool:
        return bool(self.words or self.states or self.sets)


def parse(text: str) -> Wanted:
    """Take a filter apart: `down node[01-04] arp` asks for those of four nodes that are down and say so.

    A node set that is still being typed, as `node[01-`, counts as far as it goes.
    """
    words: list[str] = []
    states: list[str] = []
    sets: list[frozenset[str]] = []
    for word in text.lower().split():
        names = _names(word)
        if names:
            sets.append(names)
        elif word in _STATES:
            states.append(word)
        else:
            words.append(word.partition("[")[0])
    return Wanted(tuple(words), tuple(states), tuple(sets))


def _names(word: str) -> frozenset[str]:
    if "[" not in word and "," not in word:
        return frozenset()
    try:
        return frozenset(unfold(word))
    except ValueError:
        return frozenset()
