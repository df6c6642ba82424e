"""How the screen looks in this terminal: glyphs, theme, colours, and what may be sent to it."""

from collections.abc import Mapping

from msgspec import Struct

from sciabc_tui.config import TuiSettings
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.present.glyphs import UNICODE, Glyphs, choose
from sciabc_tui.tui.themes import ThemeName

_NO_SCREENS = {"", "dumb", "unknown", "emacs"}
_NO_COLOURS = ("vt1", "vt2", "vt3", "vt52")
"""How terminals are called that know no colour at all."""

_NO_TITLE = ("linux", "vt", "cons25", "wsvt")
"""How terminals are called that have no title, and may print what is meant for it."""

_MANY_COLOURS = ("256color", "kitty", "direct")
"""How the names of terminals end that have 256 colours or more; Rich, which paints, goes by the same."""

_LIGHT = {"7", "15"}
"""The backgrounds in `COLORFGBG` that are light: white and bright white."""


class Looks(Struct, frozen=True):
    """How to look, and what to do beside it."""

    glyphs: Glyphs = UNICODE
    theme: ThemeName = ThemeName.DARK
    colours: bool = True
    """Not with NO_COLOR: bold and reverse video remain."""
    title: bool = False
    """Has the terminal a title to show health in?"""
    wanted: TuiSettings = TuiSettings()
    """What the user wants of the screen."""


def looks(environ: Mapping[str, str], encoding: str, settings: TuiSettings, *, terminal: str = "") -> Looks:
    """Find out how to look.

    Args:
        environ: The environment; NO_COLOR as https://no-color.org has it.
        encoding: The terminal's character set, as Python names it.
        settings: What the user wants.
        terminal: The terminal behind a multiplexer, where `TERM` only names that one.

    Raises:
        SciabcError: This terminal can't show a screen.
    """
    term = environ.get("TERM", "")
    if term in _NO_SCREENS:
        raise SciabcError(
            f"This terminal can't show screens (TERM={term or 'unset'}). Next: sciabc-tui status"
        )
    real = terminal or term
    return Looks(
        glyphs=choose(real, _character_set(environ, encoding), wanted=settings.glyphs),
        theme=_theme(environ, real, settings),
        colours=not environ.get("NO_COLOR") and not real.startswith(_NO_COLOURS),
        title=not real.startswith(_NO_TITLE),
        wanted=settings,
    )


def _character_set(environ: Mapping[str, str], encoding: str) -> str:
    """Python takes UTF-8 for the locale C, too, which promises ASCII only."""
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "C"
    return "ascii" if locale in {"C", "POSIX"} else encoding


def _theme(environ: Mapping[str, str], terminal: str, settings: TuiSettings) -> ThemeName:
    if settings.theme != "auto":
        return ThemeName(settings.theme)
    many = terminal.endswith(_MANY_COLOURS) or environ.get("COLORTERM", "") in {"truecolor", "24bit"}
    if terminal == "linux" or not many:
        return ThemeName.CONSOLE
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return ThemeName.LIGHT if background in _LIGHT else ThemeName.DARK
