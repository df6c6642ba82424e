"""Reads a moment that a person means: `10m` ago, `14:05` today, `2026-11-21T14:05`."""

import re
from datetime import datetime, timedelta

import typer

from sciabc_tui.cli.values import duration

_AGO = re.compile(r"(?:[0-9]{1,9}[smhd])+")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?")


def moment(text: str, now: float) -> float:
    """Give the seconds since 1970.

    Args:
        text: How long ago (`90s`, `10m`, `1h30m`), a time of the last 24 hours, or a date and a time; the
            latter two by this machine's clock.
        now: In seconds since 1970.

    Raises:
        BadParameter: It is none of these.
    """
    try:
        found = _read(text.strip(), datetime.fromtimestamp(now).astimezone())
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is not such as 10m, 14:05 or 2026-11-21T14:05") from error
    return max(0.0, found.timestamp())


def _read(text: str, now: datetime) -> datetime:
    if _AGO.fullmatch(text):
        return now - timedelta(seconds=duration(text))
    if _CLOCK.fullmatch(text):
        time = datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M").time()  # noqa: DTZ007 - the day is put in below
        today = datetime.combine(now, time).astimezone()
        return today if today <= now else datetime.combine(now - timedelta(days=1), time).astimezone()
    return datetime.fromisoformat(text).astimezone()
