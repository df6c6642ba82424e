"""Four sets of colours. Each has the same tones, and each can be told apart by the colour-blind.

Their start is Okabe-Ito: sky blue, bluish green, amber, vermilion. No text has less contrast with what is
behind it than 4.5 to 1 (WCAG 2.2, 1.4.3), in `CONTRAST` 7 to 1.
"""

from collections.abc import Mapping
from enum import StrEnum

from textual.theme import BUILTIN_THEMES, Theme


class ThemeName(StrEnum):
    """What a theme is called in the settings and on the screen."""

    DARK = "dark"
    LIGHT = "light"
    CONTRAST = "contrast"
    CONSOLE = "console"


_SKY, _AMBER, _GREEN, _YELLOW, _ROSE, _RED = range(6)


def _theme(  # noqa: PLR0913 (each is a colour)
    name: ThemeName,
    *,
    background: str,
    panel: str,
    cursor: str,
    foreground: str,
    dim: str,
    hues: tuple[str, str, str, str, str, str],
    dark: bool = True,
    ansi: bool = False,
) -> Theme:
    return Theme(
        name=f"sciabc-{name.value}",
        primary=hues[_SKY],
        secondary=hues[_GREEN],
        accent=hues[_SKY],
        success=hues[_SKY],
        warning=hues[_AMBER],
        error=hues[_RED],
        foreground=foreground,
        background=background,
        surface=background,
        panel=panel,
        boost=panel,
        dark=dark,
        ansi=ansi,
        variables={
            **(BUILTIN_THEMES["ansi-dark"].variables if ansi else {}),
            "cursor": cursor,
            "busy": hues[_GREEN],
            "dim": dim,
            **{f"hue{number}": hue for number, hue in enumerate(hues)},
        },
    )


THEMES: Mapping[ThemeName, Theme] = {
    ThemeName.DARK: _theme(
        ThemeName.DARK,
        background="#0f1418",
        panel="#1a2229",
        cursor="#2b3238",
        foreground="#d7dce2",
        dim="#9ba7b1",
        hues=("#56b4e9", "#e69f00", "#2fbf95", "#f0e442", "#d98ab4", "#ff7a40"),
    ),
    ThemeName.LIGHT: _theme(
        ThemeName.LIGHT,
        background="#fbfbf8",
        panel="#e9ecee",
        cursor="#d5dde4",
        foreground="#15191c",
        dim="#4d565e",
        hues=("#00558f", "#704200", "#005f45", "#5c5300", "#85295f", "#a82a00"),
        dark=False,
    ),
    ThemeName.CONTRAST: _theme(
        ThemeName.CONTRAST,
        background="#000000",
        panel="#00172b",
        cursor="#00005f",
        foreground="#ffffff",
        dim="#d3d9de",
        hues=("#8fd3ff", "#ffc14d", "#5ff0c0", "#fff27a", "#ffb3da", "#ffb08a"),
    ),
    ThemeName.CONSOLE: _theme(
        ThemeName.CONSOLE,
        background="ansi_black",
        panel="ansi_black",
        cursor="ansi_black",
        foreground="ansi_white",
        dim="ansi_white",
        hues=(
            "ansi_bright_cyan",
            "ansi_bright_yellow",
            "ansi_bright_green",
            "ansi_bright_white",
            "ansi_bright_magenta",
            "ansi_bright_red",
        ),
        ansi=True,
    ),
}
"""The console's are the sixteen that each terminal has a palette for; its cursor is reverse video."""


def following(name: ThemeName) -> ThemeName:
    """Give the theme that comes after this one."""
    names = list(THEMES)
    return names[(names.index(name) + 1) % len(names)]
