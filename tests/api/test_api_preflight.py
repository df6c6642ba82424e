"""Preflight over the socket: it takes seconds, and whoever asked may stop waiting."""

import asyncio
import threading

import pytest

from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import PreflightReport, PreflightWish
from sciabc_tui.errors import NotFound, SciabcError, ServiceUnavailable
from tests.api.scripted import Serving

WISH = PreflightWish("hello", "/srv", ("node01",), ("node02",), fresh=True, each=True, launcher="mpich")


def test_every_field_of_the_wish_arrives(client: Client, service: Serving) -> None:
    """What is asked on one side is asked on the other, and the report comes back as it is."""
    assert client.preflight(WISH) == service.backend.report
    assert service.backend.wishes == [WISH]


def test_it_can_be_stopped(client: Client, service: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another thread: who waits hears at once that nobody answers; the next one is answered again."""
    begun, answer = threading.Event(), asyncio.Event()

    async def slow(wish: PreflightWish) -> PreflightReport:
        begun.set()
        await answer.wait()
        raise NotFound(f"nobody waits for {wish.program}. Next: nothing")

    monkeypatch.setattr(service.backend, "preflight", slow)
    ended: list[SciabcError] = []

    def ask() -> None:
        try:
            client.preflight(WISH)
        except SciabcError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(10)
    client.stop_preflight()
    asking.join(10)
    assert [type(error) for error in ended] == [ServiceUnavailable]
    service.do(answer.set)
    monkeypatch.undo()
    client.stop_preflight()
    assert client.preflight(WISH) == service.backend.report
