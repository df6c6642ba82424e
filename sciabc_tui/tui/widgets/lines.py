"""Lines of ready text, and the parts of a screen that are nothing else."""

from typing import ClassVar

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

from sciabc_tui.tui.present.cells import Line, Tone, line_width
from sciabc_tui.tui.widgets.paint import COMPONENTS, paint, style_of


class Lines(Widget):
    """Shows lines as they are; as high as they are many."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    ALLOW_SELECT = False
    DEFAULT_CSS = "Lines { height: auto; width: 1fr; }"

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 (Textual's name for it)
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()

    @property
    def line_count(self) -> int:
        """How many lines it shows."""
        return len(self._lines)

    def put(self, lines: tuple[Line, ...]) -> None:
        """Show these lines; what has not changed is not painted again."""
        before, self._lines = self._lines, lines
        if len(before) != len(lines):
            self.refresh(layout=True)
            return
        changed = [y for y, (old, new) in enumerate(zip(before, lines, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    @override
    def get_content_width(self, container: Size, viewport: Size) -> int:
        return max((line_width(line) for line in self._lines), default=0)

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        blank = style_of(self, Tone.PLAIN)
        if y >= len(self._lines):
            return Strip.blank(width, blank)
        return paint(self, self._lines[y]).adjust_cell_length(width, blank)


class HeaderBar(Lines):
    """The first line of every screen."""


class Banner(Lines):
    """What stands in the way of everything; takes no room while nothing does."""


class FooterBar(Lines):
    """The keys that do something here and now."""


class PanelMirror(Lines):
    """The glass of the LCD and the lamp."""
