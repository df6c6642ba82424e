"""The keys that move a cursor or a page, of every widget that has one; vim's and the arrows alike."""

from textual.binding import Binding, BindingType

ROWS: tuple[BindingType, ...] = (
    Binding("up,k", "move(-1)", "Up", show=False),
    Binding("down,j", "move(1)", "Down", show=False),
    Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
    Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
    Binding("home,g", "edge(-1)", "First", show=False),
    Binding("end,G", "edge(1)", "Last", show=False),
)

SIDEWAYS: tuple[BindingType, ...] = (
    Binding("left,h", "sideways(-1)", "Left", show=False),
    Binding("right,l", "sideways(1)", "Right", show=False),
)
