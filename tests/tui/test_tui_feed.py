"""States come as long as the service answers, and again when it is back."""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest
from textual.message import Message
from typing_extensions import override

from sciabc_tui.cluster.state import State
from sciabc_tui.errors import NotYourService, ServiceUnavailable
from sciabc_tui.tui import feed as feed_module
from sciabc_tui.tui.feed import Feed
from sciabc_tui.tui.late import LateClient
from sciabc_tui.tui.messages import ServiceLost, StateReceived
from tests.tui.client import CapturingClient
from tests.tui.states import lost, ready


class Following:
    """A feed in its thread, and what it brought."""

    def __init__(
        self,
        client: CapturingClient,
        clock: Callable[[], float] = lambda: 5.0,
        begin: Callable[[], object] = lambda: None,
    ) -> None:
        self.came: SimpleQueue[Message] = SimpleQueue()
        self._feed = Feed(LateClient(lambda: client), self.came.put, clock, begin)
        self._thread = threading.Thread(target=self._feed.run)

    def __enter__(self) -> "Following":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._feed.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def next(self) -> Message:
        """Wait for the next message."""
        return self.came.get(timeout=30)


def test_one_client_for_all() -> None:
    """Whoever asks first, in whatever thread: there is one client, and none before."""
    made: list[CapturingClient] = []
    both = threading.Barrier(2)

    def make() -> CapturingClient:
        made.append(CapturingClient())
        return made[-1]

    late = LateClient(make)
    assert late.made is None
    found: SimpleQueue[object] = SimpleQueue()

    def ask() -> None:
        both.wait(5)
        found.put(late())

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert found.get(timeout=5) is found.get(timeout=5) is late.made is made[0]
    assert len(made) == 1


def test_states_are_stamped_and_the_loss_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state comes with when it came; a lost service is told with its reason, and followed again."""
    monkeypatch.setattr(feed_module, "FIRST_RETRY", 0.01)
    client = CapturingClient(ready())
    with Following(client) as following:
        first = following.next()
        assert isinstance(first, StateReceived)
        assert first.at == 5.0
        client.go_away(NotYourService("the socket is root's. Next: sudo"))
        told = following.next()
        assert isinstance(told, ServiceLost)
        assert told.why == "the socket is root's. Next: sudo"
        client.send(lost())
        while isinstance(back := following.next(), ServiceLost):
            pass
        assert isinstance(back, StateReceived)
        assert back.state == lost()


def test_stop_ends_a_feed_that_waits() -> None:
    """Leaving does not wait for a service that says nothing."""
    with Following(CapturingClient()):
        pass


class _Broken(CapturingClient):
    @override
    def watch(self) -> Iterator[State]:
        raise ValueError("not what I expected")


def test_nonsense_from_the_service_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error is logged with its traceback and told in one line; the feed goes on trying."""
    with Following(_Broken()) as following:
        told = following.next()
    assert isinstance(told, ServiceLost)
    assert "\n" not in told.why
    assert "not what I expected" in caplog.text


def test_a_service_is_started_until_one_stands_and_never_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hinders the start is told and tried again; a service that went away later is its owner's."""
    monkeypatch.setattr(feed_module, "FIRST_RETRY", 0.01)
    tries: list[int] = []

    def begin() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ServiceUnavailable("the disk is full. Next: df -h")

    client = CapturingClient(ready())
    with Following(client, begin=begin) as following:
        told = following.next()
        assert isinstance(told, ServiceLost)
        assert told.why == "the disk is full. Next: df -h"
        assert isinstance(following.next(), StateReceived)
        client.go_away(ServiceUnavailable("gone"))
        assert isinstance(following.next(), ServiceLost)
        client.send(lost())
        while isinstance(following.next(), ServiceLost):
            pass
    assert len(tries) == 2
