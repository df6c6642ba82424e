"""Nodes as they are listed: their order, the filter, and what a row is made of."""

import re
from dataclasses import dataclass

from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.health import HEAD_HOT
from sciabc_tui.cluster.node import Node, Reading, RowWord, row_word
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.cells import Cell, Tone, plain
from sciabc_tui.tui.present.digest import Digest
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.view import UNKNOWN, View
from sciabc_tui.tui.present.wanted import Wanted, parse

_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{6})[A-Za-z0-9+/]{30,}([A-Za-z0-9+/]{4})")

WARM = 75.0
"""Degrees Celsius that are worth a look; a Raspberry Pi slows down at `HEAD_HOT`."""

_THROTTLE_WORDS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""By bit; the same from bit 16 on."""

THROTTLED_NOW = 0xF
"""The flags of what the firmware does now."""

TONES = {
    RowWord.READY: Tone.OK,
    RowWord.BUSY: Tone.BUSY,
    RowWord.NEW: Tone.ACCENT,
    RowWord.SUSPECT: Tone.WARN,
    RowWord.DOWN: Tone.BAD,
    RowWord.LEFT: Tone.DIM,
    RowWord.DRAINED: Tone.DIM,
    RowWord.REFUSED: Tone.BAD,
}


WORST_FIRST = (
    RowWord.DOWN,
    RowWord.REFUSED,
    RowWord.SUSPECT,
    RowWord.DRAINED,
    RowWord.NEW,
    RowWord.LEFT,
    RowWord.BUSY,
    RowWord.READY,
)


@dataclass(frozen=True, slots=True)
class Seat:
    """A node with what its row needs beside it."""

    node: Node
    used: int
    view: View

    @property
    def word(self) -> RowWord:
        """The one word of its state."""
        return row_word(self.node, busy=self.used > 0)

    @property
    def glyphs(self) -> Glyphs:
        """The signs of this terminal."""
        return self.view.glyphs

    @property
    def why(self) -> str:
        """The evidence."""
        return plain(evidence(self.node, self.view.now))

    @property
    def measured(self) -> Tone:
        """The tone of what was measured: it says no more of a node that is not present."""
        return Tone.PLAIN if self.node.present else Tone.DIM


def ordered(state: State) -> tuple[Node, ...]:
    """Give the nodes as they are listed: the head first, then by name."""
    return Digest(state).nodes


def seats(view: View, wanted: str = "") -> tuple[Seat, ...]:
    """Give the nodes that match the filter's text (name, address, state, evidence, or a set of names)."""
    used, asked = view.digest.used, parse(wanted)
    all_ = (Seat(node, used.get(node.id, 0), view) for node in view.digest.nodes)
    return tuple(seat for seat in all_ if matches(seat, asked))


def matches(seat: Seat, wanted: Wanted) -> bool:
    """Tell whether a node is what the filter asks for."""
    name = seat.node.name.lower()
    if any(name not in names for names in wanted.sets):
        return False
    if any(seat.word.value != state and state not in name for state in wanted.states):
        return False
    rest = [word for word in wanted.words if word not in name]
    if not rest:
        return True
    told = " ".join((name, *seat.node.addresses, seat.word.value, seat.why)).lower()
    return all(word in told for word in rest)


def state_cell(seat: Seat) -> Cell:
    """Give the state as a glyph and a word."""
    return Cell(f"{seat.glyphs.nodes[seat.word]} {seat.word.value}", TONES[seat.word])


def percent(value: float | None) -> str:
    """Write a share of 0 to 100."""
    return UNKNOWN if value is None else f"{value:.0f}%"


def heat(reading: Reading) -> Tone | None:
    """Give the tone of a temperature that is worth a look, and of a board that the firmware slows down."""
    degrees = reading.temperature if reading.temperature is not None else 0.0
    if degrees >= HEAD_HOT or (reading.throttle or 0) & THROTTLED_NOW:
        return Tone.BAD
    return Tone.WARN if degrees >= WARM else None


def throttle_words(flags: int) -> str:
    """Say what the firmware's flags mean: what it does now, and what it did since the node's boot."""
    now = [word for bit, word in enumerate(_THROTTLE_WORDS) if flags >> bit & 1]
    once = [word for bit, word in enumerate(_THROTTLE_WORDS) if flags >> bit + 16 & 1 and word not in now]
    said = [f"{', '.join(words)} {when}" for words, when in ((now, "now"), (once, "since boot")) if words]
    return "; ".join(said) or "never throttled"


def short_keys(text: str) -> str:
    """Shorten fingerprints in a text, so that they can still be told apart."""
    return _FINGERPRINT.sub(r"SHA256:\1..\2", text)
