"""`sciabc-tui config`: the settings, and where each came from."""

from collections.abc import Iterator
from typing import Annotated, Literal, cast, get_args, get_origin, get_type_hints

import typer
from msgspec import Meta, Struct

from sciabc_tui.cli.output import emit, say
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson
from sciabc_tui.config import SYSTEM_FILE, Setting, Settings, user_file

EXAMPLES = f"""\b
Settings come from, later ones win:
  the defaults
  {SYSTEM_FILE}
  {user_file()}, or the file of --config or $SCIABC_CONFIG
  the environment: SCIABC_PANEL_SIZE=20x4 is panel.size; lists with commas

\b
Examples:
  sciabc-tui config
  sciabc-tui --config ./briefcase.toml config --json
  sciabc-tui config --markdown
  SCIABC_PANEL_SIZE=20x4 sciabc-tui config"""

_PAGE = f"""\
# Configuration

This page is what `sciabc-tui config --markdown` prints: all settings, with what you get if you say nothing.
What holds on your head, and which file or variable it came from, is told by `sciabc-tui config`.

Settings are read from these places, and later ones win:

1. the defaults below
2. `{SYSTEM_FILE}`
3. `~/.config/sciabc/config.toml`, or the file that `--config` or `$SCIABC_CONFIG` names
4. the environment: `SCIABC_SECTION_KEY`, as in `SCIABC_PANEL_SIZE=20x4`; lists with commas

A key or a value that is not known is refused, with the place where it stands. The head service reads them
when it starts; for one that systemd runs: `sudo systemctl restart sciabc`, which touches no running job.
"""


def config(
    context: typer.Context,
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the reference: every setting with its default.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting, its value, where that came from, and what it takes."""
    if markdown:
        for line in reference().splitlines():
            say(line)
        return
    effective = session(context).load().effective
    if as_json:
        emit({"settings": effective})
        return
    section = ""
    for setting in effective:
        name, _, key = setting.key.partition(".")
        if name != section:
            if section:
                say("")
            say(f"[{name}]")
            section = name
        say(f"# {setting.about}")
        say(f"{key} = {setting.toml}  # {setting.source}")


def reference() -> str:
    """Write docs/configuration.md: every setting that there is, in Markdown."""
    defaults = Settings()
    parts = [_PAGE]
    for section in defaults.__struct_fields__:
        values = cast("Struct", getattr(defaults, section))
        about = (type(values).__doc__ or "").partition(": ")[2]
        parts.append(f"\n## [{section}]\n\n{about[:1].upper()}{about[1:]}\n\n{_table(section, values)}")
    return "".join(parts)


def _table(section: str, values: Struct) -> str:
    rows = [("key", "default", "takes", "what for")]
    hints = get_type_hints(type(values), include_extras=True)
    for key in values.__struct_fields__:
        kind, *notes = get_args(hints[key])
        about, *bounds = _notes(notes)
        default = Setting(f"{section}.{key}", getattr(values, key), "default", about)
        takes = " ".join([_takes(kind), *bounds])
        rows.append((f"`{key}`", f"`{default.toml}`", takes, about))
    head, *body = (f"| {' | '.join(row)} |\n" for row in rows)
    return f"{head}|---|---|---|---|\n{''.join(body)}"


def _notes(notes: list[object]) -> Iterator[str]:
    """Give what a key is for, then its bounds, if it has any."""
    for note in notes:
        if isinstance(note, Meta):
            yield note.description or ""
            if note.ge is not None and note.le is not None:
                yield f"{note.ge} to {note.le}"


def _takes(kind: object) -> str:
    """Say in a few words what a key takes."""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list of texts"
    return {bool: "`true`, `false`", int: "a number", str: "a text"}[cast("type", kind)]
