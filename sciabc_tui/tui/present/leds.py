"""The LEDs of a stick that has several, as the front panel's mirror shows them."""

from collections.abc import Mapping, Sequence

from sciabc_tui.cluster.node import RowWord
from sciabc_tui.tui.present.cells import Cell, Line, Tone
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.nodes import TONES

_WORDS: Mapping[str, RowWord] = {
    "ready": RowWord.READY,
    "busy": RowWord.BUSY,
    "aside": RowWord.DRAINED,
    "suspect": RowWord.SUSPECT,
    "down": RowWord.DOWN,
}
"""What a node has on its row when a LED says this of it."""


def leds(lights: Sequence[str], glyphs: Glyphs) -> tuple[Line, ...]:
    """Draw one sign a LED, in their order on the stick; nothing for a stick that says nothing of nodes."""
    if not lights:
        return ()
    return ((Cell("nodes ", Tone.DIM), *(_led(light, glyphs) for light in lights)),)


def _led(light: str, glyphs: Glyphs) -> Cell:
    word = _WORDS.get(light)
    return Cell(glyphs.silent, Tone.DIM) if word is None else Cell(glyphs.nodes[word], TONES[word])
