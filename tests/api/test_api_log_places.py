"""A log over the API backwards, line by line of a filter, and counted."""

from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import LogCount, LogFilter, LogPlace
from tests.api.scripted import Serving


def test_lines_before_an_offset(service: Serving, client: Client) -> None:
    """A reader goes back page by page; where a page begins and how long the log is comes with it."""
    job = next(iter(service.backend.logs))
    log = service.backend.logs[job]
    found, offset = b"", len(log)
    while offset:
        chunk = client.log(job, offset=offset, limit=50, before=True)
        assert (chunk.next_offset, chunk.size) == (offset, len(log))
        found, offset = chunk.data + found, chunk.start
    assert found == log


def test_places_and_counts(service: Serving, client: Client) -> None:
    """What is wanted goes with the question; the answer comes back as it was given."""
    job = next(iter(service.backend.logs))
    log = service.backend.logs[job]
    wanted = LogFilter(ranks=(1, 2), streams=("err",), since=5.0, attempt=3)
    assert client.seek_log(job, offset=0, wanted=wanted) == LogPlace(0, found=True)
    assert service.backend.wanted == wanted
    back = client.seek_log(job, offset=len(log), wanted=wanted, backward=True)
    assert back == LogPlace(log.rfind(b"\n", 0, len(log) - 1) + 1, found=True)
    assert client.count_log(job, offset=0, to=2**53) == LogCount(log.count(b"\n"), len(log), len(log))
