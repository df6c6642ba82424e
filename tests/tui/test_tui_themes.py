"""Colours, glyphs, and what is sent to which terminal."""

import re
from collections.abc import Mapping

import pytest
from rich.color import Color, ColorSystem, blend_rgb
from textual.theme import Theme

from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.node import RowWord
from sciabc_tui.cluster.state import Severity
from sciabc_tui.config import TuiSettings
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.looks import Looks, looks
from sciabc_tui.tui.present.cells import Tone
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, SETS, UNICODE, Glyphs
from sciabc_tui.tui.present.heat import SHADES
from sciabc_tui.tui.theme import CSS
from sciabc_tui.tui.themes import THEMES, ThemeName, following
from sciabc_tui.tui.widgets.heat import DEEP
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import on_stage

UTF8 = {"LANG": "C.UTF-8"}

PALETTE = {
    "ansi_black": "#000000",
    "ansi_white": "#aaaaaa",
    "ansi_bright_cyan": "#55ffff",
    "ansi_bright_yellow": "#ffff55",
    "ansi_bright_green": "#55ff55",
    "ansi_bright_white": "#ffffff",
    "ansi_bright_magenta": "#ff55ff",
    "ansi_bright_red": "#ff5555",
}
"""The sixteen colours as the Linux console has them (vt.c, default_red), as far as they are used."""

_SHADE = re.compile(r"^\.heat--(\d) \{ background: \$(\w+) (\d+)%", re.MULTILINE)
_RULE = re.compile(r"\.tone--(\w+) \{ color: \$([\w-]+);")


def luminance(color: str) -> float:
    """Give the relative luminance (WCAG 2.2)."""
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Give the contrast ratio of two colours (WCAG 2.2, 1.4.3)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def in_256(color: str) -> str:
    """Give the colour that a terminal with 256 colours shows for it."""
    red, green, blue = Color.parse(color).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
    return f"#{red:02x}{green:02x}{blue:02x}"


def colors(theme: Theme) -> Mapping[str, str]:
    """Give what the style sheet's variables are in a theme."""
    given = {
        "foreground": theme.foreground,
        "background": theme.background,
        "panel": theme.panel,
        "success": theme.success,
        "warning": theme.warning,
        "error": theme.error,
        **theme.variables,
    }
    return {name: PALETTE.get(value or "", value or "") for name, value in given.items()}


def test_every_tone_has_a_colour() -> None:
    """The style sheet gives each tone a colour of the theme, and every theme has that colour."""
    rules = dict(_RULE.findall(CSS))
    assert set(rules) == {tone.value for tone in Tone}
    for theme in THEMES.values():
        assert set(rules.values()) <= set(colors(theme))


@pytest.mark.parametrize("name", ThemeName)
def test_contrast(name: ThemeName) -> None:
    """Each tone on each background has a contrast of 4.5 to 1, and 7 to 1 in the theme of high contrast."""
    least = 7.0 if name is ThemeName.CONTRAST else 4.5
    given = colors(THEMES[name])
    for variable in dict(_RULE.findall(CSS)).values():
        for behind in ("background", "panel", "cursor"):
            pair = given[variable], given[behind]
            assert contrast(*pair) >= least, (variable, behind, contrast(*pair))
            if name is not ThemeName.CONSOLE:
                assert contrast(*map(in_256, pair)) >= least, (variable, behind, "of 256 colours")


@pytest.mark.parametrize("name", [ThemeName.DARK, ThemeName.LIGHT, ThemeName.CONTRAST])
def test_the_letters_of_the_heat_map_can_be_read(name: ThemeName) -> None:
    """Each tone on the light shades, and the plain colour on the deep ones; each shade is another colour."""
    least = 7.0 if name is ThemeName.CONTRAST else 4.5
    given = colors(THEMES[name])
    tones = {given[variable] for variable in dict(_RULE.findall(CSS)).values()}
    shades = [given["background"]]
    for shade, variable, part in _SHADE.findall(CSS):
        ground = Color.parse(given["background"]), Color.parse(given[variable])
        mixed = blend_rgb(ground[0].get_truecolor(), ground[1].get_truecolor(), int(part) / 100)
        shades.append(f"#{mixed.red:02x}{mixed.green:02x}{mixed.blue:02x}")
        for tone in {given["foreground"]} if int(shade) >= DEEP else tones:
            assert contrast(tone, shades[-1]) >= least, (tone, shade)
            assert contrast(in_256(tone), in_256(shades[-1])) >= least, (tone, shade, "of 256 colours")
    assert len({*shades}) == len(shades) == SHADES


def test_themes_go_round() -> None:
    """Each theme comes once before the first comes again."""
    seen = [ThemeName.DARK]
    while (name := following(seen[-1])) not in seen:
        seen.append(name)
    assert seen == list(ThemeName)


@pytest.mark.parametrize("glyphs", SETS.values(), ids=SETS)
def test_each_word_of_the_domain_has_a_glyph(glyphs: Glyphs) -> None:
    """The sets name the words themselves, for the domain is loaded later: none is missing or too many."""
    assert set(glyphs.nodes) == set(RowWord)
    assert set(glyphs.jobs) == set(JobState)
    assert set(glyphs.events) == set(Severity)


@pytest.mark.parametrize("glyphs", SETS.values(), ids=SETS)
def test_states_have_glyphs_of_their_own(glyphs: Glyphs) -> None:
    """In each set of glyphs no two states of a job, and hardly two of a node, look the same."""
    assert len(set(glyphs.nodes.values())) >= len(RowWord) - 1
    apart = (JobState.PENDING, JobState.RUNNING, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)
    assert len({glyphs.jobs[state] for state in apart}) == len(apart)


@pytest.mark.parametrize("name", ThemeName)
async def test_state_is_never_told_by_colour_alone(name: ThemeName) -> None:
    """In every theme, and without colours, the plain text of the screen has each state's glyph and word."""
    for colours in (True, False):
        looked = Looks(theme=name, colours=colours)
        async with on_stage(CapturingClient(states.lost()), looks=looked) as stage:
            text = stage.text
        for word in (
            RowWord.READY,
            RowWord.DOWN,
            RowWord.SUSPECT,
            RowWord.NEW,
            RowWord.DRAINED,
            RowWord.REFUSED,
        ):
            assert f"{UNICODE.nodes[word]} {word.value}" in text
        for job in (JobState.RUNNING, JobState.PENDING):
            assert f"{UNICODE.jobs[job]} {job.value}" in text
        assert f"{UNICODE.alarm} degraded" in text


async def test_key_changes_the_theme() -> None:
    """T puts on one theme after the other, at once, and says how to keep it."""
    async with on_stage(CapturingClient(states.running())) as stage:
        svg = {stage.shot().svg}
        for name in (ThemeName.LIGHT, ThemeName.CONTRAST, ThemeName.CONSOLE):
            await stage.press("T")
            await stage.until_text(f'theme = "{name.value}" in [tui]')
            assert stage.app.theme == THEMES[name].name
            svg.add(stage.shot().svg)
        await stage.press("T")
        await stage.until(lambda: stage.app.theme == THEMES[ThemeName.DARK].name)
        assert len(svg) == 4


async def test_without_colours() -> None:
    """Where colours are not wanted no colour is in what is painted, and the cursor is reverse video."""
    async with on_stage(CapturingClient(states.lost()), looks=Looks(colours=False)) as stage:
        await stage.press("j")
        strips = stage.app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style]
        assert all(style.color is None or style.color.is_default for style in styles)
        assert all(style.bgcolor is None or style.bgcolor.is_default for style in styles)
        assert any(style.reverse for style in styles)


@pytest.mark.parametrize(
    ("environ", "terminal", "theme"),
    [
        ({"TERM": "xterm-256color"}, "", ThemeName.DARK),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "", ThemeName.LIGHT),
        ({"TERM": "xterm-256color", "COLORFGBG": "15;default;0"}, "", ThemeName.DARK),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "", ThemeName.DARK),
        ({"TERM": "xterm"}, "", ThemeName.CONSOLE),
        ({"TERM": "linux"}, "", ThemeName.CONSOLE),
        ({"TERM": "linux", "COLORTERM": "truecolor"}, "", ThemeName.CONSOLE),
        ({"TERM": "tmux-256color"}, "linux", ThemeName.CONSOLE),
        ({"TERM": "tmux-256color"}, "xterm-256color", ThemeName.DARK),
    ],
)
def test_theme_is_chosen(environ: dict[str, str], terminal: str, theme: ThemeName) -> None:
    """Sixteen colours get those, a light background is believed, and what is behind tmux decides."""
    assert looks({**UTF8, **environ}, "utf-8", TuiSettings(), terminal=terminal).theme is theme
    chosen = looks({**UTF8, **environ}, "utf-8", TuiSettings(theme="contrast"), terminal=terminal)
    assert chosen.theme is ThemeName.CONTRAST


@pytest.mark.parametrize(
    ("environ", "encoding", "terminal", "glyphs"),
    [
        ({"TERM": "xterm", "LANG": "en_GB.UTF-8"}, "utf-8", "", UNICODE),
        ({"TERM": "xterm", "LANG": "C.UTF-8"}, "UTF8", "", UNICODE),
        ({"TERM": "xterm", "LANG": "en_GB"}, "iso8859-1", "", ASCII),
        ({"TERM": "xterm", "LC_ALL": "C", "LANG": "en_GB.UTF-8"}, "utf-8", "", ASCII),
        ({"TERM": "xterm"}, "utf-8", "", ASCII),
        ({"TERM": "linux", "LANG": "C.UTF-8"}, "utf-8", "", LINUX),
        ({"TERM": "screen", "LANG": "C.UTF-8"}, "utf-8", "linux", LINUX),
    ],
)
def test_glyphs_are_chosen(environ: dict[str, str], encoding: str, terminal: str, glyphs: object) -> None:
    """The locale and the terminal behind a multiplexer decide, unless the user does."""
    assert looks(environ, encoding, TuiSettings(), terminal=terminal).glyphs is glyphs
    assert looks(environ, encoding, TuiSettings(glyphs="linux"), terminal=terminal).glyphs is LINUX


def test_colours_and_title_are_left_out() -> None:
    """NO_COLOR and terminals without colours get none; those without a title are not sent one."""
    wanted = TuiSettings()
    plain = looks({**UTF8, "TERM": "xterm"}, "utf-8", wanted)
    assert plain.colours
    assert plain.title
    assert not looks({**UTF8, "TERM": "xterm", "NO_COLOR": "1"}, "utf-8", wanted).colours
    assert looks({**UTF8, "TERM": "xterm", "NO_COLOR": ""}, "utf-8", wanted).colours
    assert not looks({**UTF8, "TERM": "vt220"}, "utf-8", wanted).colours
    assert not looks({**UTF8, "TERM": "linux"}, "utf-8", wanted).title
    assert not looks({**UTF8, "TERM": "tmux-256color"}, "utf-8", wanted, terminal="linux").title


@pytest.mark.parametrize("term", ["", "dumb", "unknown"])
def test_terminal_without_screens_is_refused(term: str) -> None:
    """It is refused in one line that names the next step."""
    with pytest.raises(SciabcError, match=r"TERM=.*Next: sciabc-tui status"):
        looks({**UTF8, "TERM": term}, "utf-8", TuiSettings())
