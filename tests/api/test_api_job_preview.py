"""A job's preview over the socket, and a preflight row by row."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import (
    AttemptHost,
    JobPreview,
    PreflightBegun,
    PreflightCheck,
    PreflightReport,
    PreflightRow,
    PreflightWish,
    SubmitJob,
)
from sciabc_tui.errors import CommandRefused, ServiceUnavailable
from tests.api.scripted import Serving

ROWS = tuple(
    PreflightRow(name, 0.5, (PreflightCheck("ssh", "ok", "logs in"),)) for name in ("head", "node01")
)
REPORT = PreflightReport("Open MPI 5.0.11", ROWS)


def test_a_preview_comes_as_it_is(client: Client, service: Serving) -> None:
    """Every field of the job arrives, nothing is submitted, and the answer comes back whole."""
    given = JobPreview("/x", "x", "MPI", "mpirun x", (AttemptHost("head", "10.0.0.1", (0, 1)),), "w", 3, "p")
    service.do(lambda: setattr(service.backend, "preview_given", given))
    request = SubmitJob("hello", ("x",), 2, "n", "/", {"A": "1"}, priority=3, grow=True)
    assert client.preview(request) == given
    assert service.backend.previewed == [request]
    assert service.backend.submitted == []


def test_a_preview_is_refused_as_a_submission_is(client: Client) -> None:
    """With the field and the next step."""
    with pytest.raises(CommandRefused, match=r"program: missing not found\. Next: "):
        client.preview(SubmitJob("missing"))


def test_rows_are_told_as_they_come(client: Client, service: Serving) -> None:
    """In any order; the report has them in the order of the nodes."""
    service.do(lambda: setattr(service.backend, "report", REPORT))
    told: list[object] = []
    assert client.preflight(PreflightWish("hello"), told.append) == REPORT
    assert told == [PreflightBegun("Open MPI 5.0.11", ("head", "node01")), ROWS[1], ROWS[0]]
    assert client.preflight(PreflightWish("hello")) == REPORT


def test_a_refusal_comes_before_any_row(client: Client) -> None:
    """With its own words, though the answer would have been a stream."""
    told: list[object] = []
    with pytest.raises(CommandRefused, match="missing not found"):
        client.preflight(PreflightWish("missing"), told.append)
    assert told == []


def test_rows_that_break_off_are_no_report(
    client: Client, service: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that goes away in the middle has not said that all is well."""

    async def broken(_: PreflightWish) -> AsyncGenerator[PreflightBegun | PreflightRow, None]:
        yield PreflightBegun("Open MPI 5.0.11", ("head", "node01"))
        yield ROWS[0]
        await asyncio.sleep(0)
        raise RuntimeError("secret detail of the inside")

    monkeypatch.setattr(service.backend, "follow_preflight", broken)
    told: list[object] = []
    with pytest.raises(ServiceUnavailable):
        client.preflight(PreflightWish(), told.append)
    assert told[1:] == [ROWS[0]]
