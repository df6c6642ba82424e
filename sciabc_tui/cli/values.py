"""What people write on a command line: durations and node sets."""

import re
from typing import Annotated

import typer

from sciabc_tui.cluster.nodeset import unfold

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs (docs/api.md).")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:[0-9]{1,9}[smhd])+|[0-9]{1,9}")


def duration(text: str) -> float:
    """Read a duration: `90`, `90s`, `10m`, `1h30m`, `2d`; in seconds.

    Raises:
        typer.BadParameter: It is none.
    """
    if not _DURATION.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no duration like 90s, 10m or 1h30m")
    if text.isdigit():
        return float(text)
    return float(sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([smhd])", text)))


def node_names(text: str) -> tuple[str, ...]:
    """Read a node set: `node[01-03],head`; nothing is no node.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        return unfold(text) if text else ()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
