"""`sciabc-tui config`: the settings, and where each came from."""

from typing import cast

import typer

from sciabc_tui.cli.output import emit, say
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson
from sciabc_tui.config import SYSTEM_FILE, user_file

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
  SCIABC_PANEL_SIZE=20x4 sciabc-tui config"""


def config(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every setting, its value, where that came from, and what it takes."""
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
        say(f"{key} = {_toml(setting.value)}  # {setting.source}")


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(_toml, cast('tuple[object, ...]', value)))}]"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case _:
            return str(value)
