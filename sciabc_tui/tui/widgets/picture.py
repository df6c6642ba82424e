"""Draws pixels, in the middle of its width; only lines that changed are painted again."""

from itertools import groupby
from typing import ClassVar

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

from sciabc_tui.tui.present.cells import Tone
from sciabc_tui.tui.present.frames import COLOURS, Pixel, Pixels
from sciabc_tui.tui.widgets.paint import COMPONENTS, style_of

_UPPER, _LOWER = "▀", "▄"


class PictureView(Widget):
    """Shows the pixels that it was given last."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    ALLOW_SELECT = False
    DEFAULT_CSS = "PictureView { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(id=id)
        self._pixels = Pixels()
        self._styles: dict[tuple[Pixel, Pixel], tuple[str, Style]] = {}

    def put(self, pixels: Pixels) -> None:
        """Show these; what has not changed is not painted again."""
        before, self._pixels = self._pixels, pixels
        old, new = before.pairs or before.shades, pixels.pairs or pixels.shades
        if len(old) != len(new):
            self.refresh()
            return
        changed = [y for y, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    @override
    def render_line(self, y: int) -> Strip:
        width, pixels = self.size.width, self._pixels
        blank = style_of(self, Tone.PLAIN)
        if y >= pixels.height:
            return Strip.blank(width, blank)
        segments = (
            [self._run(pair, len(list(run)), blank) for pair, run in groupby(pixels.pairs[y])]
            if pixels.pairs
            else [Segment(pixels.shades[y], blank)]
        )
        drawn = Strip(segments)
        before = Segment(" " * ((width - drawn.cell_length) // 2), blank)
        return Strip([before, *drawn]).adjust_cell_length(width, blank)

    def _run(self, pair: tuple[Pixel, Pixel], length: int, blank: Style) -> Segment:
        text, style = self._styles.get(pair) or self._styles.setdefault(pair, _style(pair))
        return Segment(text * length, blank + style)


def _style(pair: tuple[Pixel, Pixel]) -> tuple[str, Style]:
    """Give the sign and the style of two pixels; where there is none the ground is seen."""
    upper, lower = pair
    if upper is None and lower is None:
        return " ", Style()
    if upper is None:
        return _LOWER, Style(color=_colour(lower))
    if lower is None:
        return _UPPER, Style(color=_colour(upper))
    return _UPPER, Style(color=_colour(upper), bgcolor=_colour(lower))


def _colour(pixel: Pixel) -> Color:
    return Color.from_rgb(*COLOURS[pixel or 0])
