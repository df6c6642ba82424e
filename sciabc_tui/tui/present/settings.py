"""The settings: each with its value, where that came from, what it means, and where to write another."""

from collections.abc import Iterable

from sciabc_tui.config import Loaded, Setting
from sciabc_tui.tui.present.cells import Cell, Line, Row, Table, Tone, plain, titled, wrapped
from sciabc_tui.tui.present.columns import Column, choose
from sciabc_tui.tui.present.fields import field
from sciabc_tui.tui.present.glyphs import Glyphs

DEFAULT = "default"

_WHOSE = (
    "As this screen read them when it started. The head service has its own, read at its start: its user, "
    "files and environment may be others."
)


def about(width: int) -> tuple[Line, ...]:
    """Say whose settings these are."""
    return tuple((Cell(f" {part}", Tone.DIM),) for part in wrapped(_WHOSE, width - 2))


def table(loaded: Loaded | None, width: int, wanted: str, glyphs: Glyphs) -> Table:
    """List the settings that hold a text in their key, value, source or meaning, below their sections."""
    known = loaded.effective if loaded else ()
    shown = [setting for setting in known if _matches(setting, wanted.lower())]
    longest = max((len(setting.key) for setting in known), default=8)
    chosen = choose(
        (
            Column("setting", longest, _key),
            Column("value", max(12, (width - longest) // 2 - 4), _value),
        ),
        Column("from", 8, _source),
        width=width,
        cut=glyphs.cut,
    )
    changed = sum(setting.source != DEFAULT for setting in shown)
    found = f"{len(shown)} of {len(known)}" if wanted else str(len(known))
    return Table(
        f"Settings  {changed} not as by default" + (f"  /{plain(wanted)}" if wanted else ""),
        chosen.heading,
        tuple(Row(setting.key, chosen.line(setting)) for setting in shown),
        note=found,
        empty="no setting matches" if known else "this screen was started without settings",
    )


def _matches(setting: Setting, wanted: str) -> bool:
    return wanted in f"{setting.key} {setting.toml} {setting.source} {setting.about}".lower()


def _key(setting: Setting) -> Cell:
    return Cell(setting.key, Tone.PLAIN if setting.source == DEFAULT else Tone.ACCENT)


def _value(setting: Setting) -> Cell:
    return Cell(plain(setting.toml), Tone.PLAIN if setting.source == DEFAULT else Tone.ACCENT)


def _source(setting: Setting) -> Cell:
    return Cell(plain(setting.source), Tone.DIM if setting.source == DEFAULT else Tone.ACCENT)


def detail(loaded: Loaded | None, key: str, width: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """Tell of one setting, under a title of its own: its meaning, its source, and how to change it."""
    setting = _found(loaded.effective if loaded else (), key)
    if loaded is None or setting is None:
        return ()
    section, _, name = setting.key.partition(".")
    file = plain(str(loaded.files[-1])) if loaded.files else "the configuration file"
    source = plain(setting.source)
    lines = [
        *field("means", setting.about, width),
        *field(
            "now",
            f"{plain(setting.toml)}  ({'by default' if source == DEFAULT else f'from {source}'})",
            width,
        ),
        *field("to change", f"in {file}, below [{section}]:  {name} = ...", width),
        *field("", f"{setting.variable}=... in the environment outranks it", width),
        *field("all", "sciabc-tui config", width),
    ]
    return (titled(setting.key, width + 3, glyphs.rule), *((Cell("  "), *line) for line in lines))


def _found(known: Iterable[Setting], key: str) -> Setting | None:
    return next((setting for setting in known if setting.key == key), None)
