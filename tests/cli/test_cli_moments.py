"""Moments as people write them."""

from datetime import datetime

import pytest
import typer

from sciabc_tui.cli.moments import moment

NOW = 1_795_269_791.0
"""2026-11-21T14:03:11Z."""


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", "2026-11-21T14:01:41Z"),
        ("10m", "2026-11-21T13:53:11Z"),
        ("1h30m", "2026-11-21T12:33:11Z"),
        ("2d", "2026-11-19T14:03:11Z"),
        ("14:03", "2026-11-21T14:03:00Z"),
        ("9:30:15", "2026-11-21T09:30:15Z"),
        ("14:04", "2026-11-20T14:04:00Z"),
        ("0:00", "2026-11-21T00:00:00Z"),
        ("2026-11-20 08:00", "2026-11-20T08:00:00Z"),
        ("2026-11-20T08:00+01:00", "2026-11-20T07:00:00Z"),
        ("1900-01-01", "1970-01-01T00:00:00Z"),
        ("30000d", "1970-01-01T00:00:00Z"),
    ],
)
def test_a_moment_is_read(text: str, meant: str) -> None:
    """How long ago, a time of the last 24 hours, or a date and a time."""
    assert moment(text, NOW) == _at(meant)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "10", "10x", "25:00", "14:5", "1:2:3", "-10m", "\u0663m", "2026-13-01", "\x00", "9" * 99],
)
def test_what_is_none_is_refused(text: str) -> None:
    """With what it was and what it could be."""
    with pytest.raises(typer.BadParameter, match="10m, 14:05 or"):
        moment(text, NOW)
