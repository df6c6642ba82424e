"""How a cell looks, and the shortest way to tell a terminal: SGR (ECMA-48, 8.3.117)."""

from functools import partial
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import force_setattr
from rich.color import Color, ColorSystem
from rich.style import Style

_K = TypeVar("_K")
_V = TypeVar("_V")

_PLAIN_COLOR = ("39", "49")
"""SGR: the terminal's own foreground and background."""

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}
"""SGR: what ends an attribute; 22 ends bold and dim."""

_KEPT = 4096
"""So many styles and changes are remembered; then it begins anew."""

_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
}


class Ink(Struct, frozen=True):
    """How a cell looks, in SGR's numbers.

    Args:
        attributes: Of 1 bold, 2 dim, 3 italic, 4 underlined, 7 reversed, 9 struck.
        color: The foreground.
        ground: The background.
    """

    attributes: tuple[str, ...] = ()
    color: str = _PLAIN_COLOR[0]
    ground: str = _PLAIN_COLOR[1]
    seen_on_blank: bool = False
    """Does a space show more than its background? It is worked out of the attributes."""

    def __post_init__(self) -> None:
        force_setattr(self, "seen_on_blank", bool({"4", "7", "9"} & set(self.attributes)))

    def same_blank(self, other: "Ink") -> bool:
        """Does a space look the same in both?"""
        return self is other or (
            self.ground == other.ground and not self.seen_on_blank and not other.seen_on_blank
        )


PLAIN = Ink()


class Palette:
    """Makes inks of styles, and changes of inks.

    Args:
        system: What the terminal's colours are, as `rich.console.Console.color_system` names it; None for a
            terminal without any.
    """

    def __init__(self, system: str | None) -> None:
        self._system = _SYSTEMS.get(system or "")
        self._inks: dict[Style, Ink] = {}
        self._changes: dict[tuple[Ink, Ink], str] = {}

    def ink(self, style: Style | None) -> Ink:
        """Give a style's ink; a link or anything else that is no look of a cell is left out."""
        if style is None:
            return PLAIN
        ink = self._inks.get(style)
        if ink is None:
            ink = _remember(self._inks, style, self._made(style))
        return ink

    def change(self, old: Ink | None, new: Ink) -> str:
        """Give the shortest sequence after which text looks `new`; `old` is None where that is not known."""
        if old is None:
            return _whole(new)
        if old == new:
            return ""
        change = self._changes.get((old, new))
        if change is None:
            change = _remember(self._changes, (old, new), min(_step(old, new), _whole(new), key=len))
        return change

    def _made(self, style: Style) -> Ink:
        on = (style.bold, style.dim, style.italic, style.underline, style.reverse, style.strike)
        attributes = tuple(code for code, wanted in zip(_OFF, on, strict=True) if wanted)
        code = partial(_code, self._system)
        return Ink(attributes, code(style.color, foreground=True), code(style.bgcolor, foreground=False))


def _code(system: ColorSystem | None, color: Color | None, *, foreground: bool) -> str:
    if color is None or system is None:
        return _PLAIN_COLOR[0 if foreground else 1]
    return ";".join(color.downgrade(system).get_ansi_codes(foreground))


def _whole(new: Ink) -> str:
    parts = [*new.attributes, *(code for code in (new.color, new.ground) if code not in _PLAIN_COLOR)]
    return f"\x1b[0;{';'.join(parts)}m" if parts else "\x1b[m"


def _step(old: Ink, new: Ink) -> str:
    ended = {_OFF[code] for code in old.attributes if code not in new.attributes}
    parts = sorted(ended)
    parts += [code for code in new.attributes if code not in old.attributes or _OFF[code] in ended]
    parts += [new.color] * (new.color != old.color) + [new.ground] * (new.ground != old.ground)
    return f"\x1b[{';'.join(parts)}m"


def _remember(memory: dict[_K, _V], key: _K, value: _V) -> _V:
    if len(memory) >= _KEPT:
        memory.clear()
    memory[key] = value
    return value
