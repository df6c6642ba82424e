"""The streams: watch and follow, with readers that stall, go away, or outlive the service."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sciabc_tui.api import client as api_client
from sciabc_tui.api import routes as api_routes
from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import ServiceFailed, ServiceUnavailable
from tests.api.scripted import HELLO, Serving, ready_node, serving

SERVE = """
import sys, pathlib, threading
from tests.api.scripted import serving
with serving(pathlib.Path(sys.argv[1])):
    print("up", flush=True)
    threading.Event().wait()
"""


def raw_watch(service: Serving) -> socket.socket:
    """Begin a watch by hand, and read nothing."""
    wire = socket.socket(socket.AF_UNIX)
    wire.settimeout(10)
    wire.connect(str(service.socket))
    wire.sendall(b"GET /v1/watch HTTP/1.1\r\nHost: test\r\n\r\n")
    return wire


def test_a_watch_gives_the_state_now_and_after_a_change(service: Serving, client: Client) -> None:
    """The first state comes at once, the next after the next change."""
    watch = client.watch()
    assert next(watch) == service.backend.state
    service.do(service.backend.tick)
    assert next(watch).revision == 2
    client.close_watch()
    assert list(watch) == []


def test_followed_events_come_once_each(service: Serving, client: Client) -> None:
    """What happened after a number comes first, then each new event; other changes bring nothing."""
    first = [service.do(lambda: service.backend.happen("before")) for _ in range(3)]
    with contextlib.closing(client.follow_events(1)) as events:
        assert [next(events), next(events)] == first[1:]
        service.do(service.backend.tick)
        burst = [service.do(lambda: service.backend.happen("after")) for _ in range(50)]
        assert [next(events) for _ in burst] == burst


def test_followed_events_say_that_the_service_is_alive(
    service: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader hears empty lines while nothing happens, which tell a quiet service from a stuck one."""
    monkeypatch.setattr(api_routes, "KEEP_ALIVE", 0.05)
    monkeypatch.setattr(api_client, "SILENT_FOR", 3.0)
    with contextlib.closing(client.follow_events(0)) as events:
        late = threading.Timer(4.0, lambda: service.do(lambda: service.backend.happen("late")))
        late.start()
        assert next(events).text == "late"
        late.join()


def test_followed_events_end_with_the_service(tmp_path: Path) -> None:
    """When the service stops, the reader is told so."""
    with serving(tmp_path / "run" / "api.sock") as service:
        service.do(lambda: service.backend.happen("the last"))
        events = Client(service.socket).follow_events(0)
        assert next(events).text == "the last"
    with pytest.raises(ServiceUnavailable, match="went away"):
        next(events)


def test_a_watch_gives_the_newest_at_most_four_a_second(service: Serving, client: Client) -> None:
    """A burst of changes arrives as its last one, and five states take at least a second."""

    def burst() -> int:  # at once: no state is sent in the middle of it
        for _ in range(50):
            service.backend.tick()
        return service.backend.state.revision

    watch = client.watch()
    began = time.monotonic()  # before the first state is sent: when we read it is no matter
    next(watch)
    for _ in range(4):
        newest = service.do(burst)
        assert next(watch).revision == newest
    assert time.monotonic() - began >= 0.95
    client.close_watch()


def test_a_stalled_reader_costs_little_and_skips(service: Serving) -> None:
    """Whoever does not read is sent a bounded amount, and nobody else waits for them."""
    with contextlib.closing(raw_watch(service)) as stalled:
        service.until(lambda: service.server.connections == 1)
        log = service.backend.state.log
        assert log == ()
        brisk = Client(service.socket)
        watch = brisk.watch()
        for _ in range(12):
            service.do(service.backend.tick)
            assert next(watch).revision == service.backend.state.revision
        brisk.close_watch()
        taken = stalled.recv(1 << 20, socket.MSG_PEEK)
        assert len(taken) < 256 * 1024


def test_a_stalled_reader_of_a_large_state_is_held_at_one(
    service: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """One state waits for it and no more, and that it dies meanwhile is no error of the service."""
    many = {NodeId(f"id-{number}"): ready_node(f"node{number:04}") for number in range(2000)}
    service.do(lambda: service.backend.publish(replace(service.backend.state, nodes=many)))
    brisk = Client(service.socket)
    watch = brisk.watch()
    with contextlib.closing(raw_watch(service)) as stalled:
        for _ in range(6):
            service.do(service.backend.tick)
            assert next(watch).revision == service.backend.state.revision
        assert service.do(lambda: service.server.connections) == 2
        stalled.recv(1)
    brisk.close_watch()

    def quiet() -> bool:
        service.backend.tick()
        return service.server.connections == 0

    service.until(quiet)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_concurrent_watchers_all_see_the_newest(service: Serving) -> None:
    """Twenty watchers each come to the last of many changes."""
    last = 300
    seen: list[int] = []

    def watch() -> None:
        client = Client(service.socket)
        for state in client.watch():
            if state.revision >= last:
                seen.append(state.revision)
                return

    threads = [threading.Thread(target=watch) for _ in range(20)]
    for thread in threads:
        thread.start()
    service.until(lambda: service.server.connections == 20)
    while service.do(lambda: service.backend.state.revision) < last:
        service.do(service.backend.tick)
    for thread in threads:
        thread.join(10)
    assert seen == [last] * 20


def test_close_watch_ends_a_watch_that_waits(client: Client) -> None:
    """A watch that waits in another thread ends when it is closed; a later one ends at once."""
    states: list[State] = []
    first = threading.Event()

    def watch() -> None:
        for state in client.watch():
            states.append(state)
            first.set()

    thread = threading.Thread(target=watch)
    thread.start()
    assert first.wait(10)
    client.close_watch()
    thread.join(10)
    assert not thread.is_alive()
    assert list(client.watch()) == []
    assert len(states) == 1


def test_a_watch_ends_with_the_service(tmp_path: Path) -> None:
    """When the service stops in order, watches end quietly and at once."""
    with serving(tmp_path / "api.sock") as service:
        watch = Client(service.socket).watch()
        next(watch)
        began = time.monotonic()
    assert list(watch) == []
    assert time.monotonic() - began < 5.0


def test_a_silent_service_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that accepts and then says nothing is unavailable after the time for it."""
    monkeypatch.setattr(api_client, "SILENT_FOR", 0.2)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "api.sock"))
        listener.listen()
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            next(Client(tmp_path / "api.sock").watch())


def test_close_watch_ends_what_is_being_read(tmp_path: Path) -> None:
    """Who leaves does not wait for a service that hangs; what is read later is refused at once."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "api.sock"))
        listener.listen()
        client = Client(tmp_path / "api.sock")

        def close() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.recv(1)  # it has asked
                client.close_watch()

        closer = threading.Thread(target=close)
        closer.start()
        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                client.state()
        closer.join(10)


def test_keep_alives_hold_a_quiet_watch(
    service: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster in which nothing happens is not taken for a dead service."""
    monkeypatch.setattr("sciabc_tui.api.routes.KEEP_ALIVE", 0.05)
    monkeypatch.setattr(api_client, "SILENT_FOR", 3.0)
    watch = client.watch()
    next(watch)
    timer = threading.Timer(4.0, lambda: service.do(service.backend.tick))
    timer.start()
    assert next(watch).revision == 2
    timer.join()
    client.close_watch()


def test_another_version_is_said(tmp_path: Path) -> None:
    """A state that can't be decoded is an error of the service, not a traceback."""
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"revision": "one"}\n'

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            wire, _ = listener.accept()
            with wire:
                wire.recv(4096)
                wire.sendall(answer)

    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "api.sock"))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        client = Client(tmp_path / "api.sock")
        with pytest.raises(ServiceFailed, match="another version"):
            next(client.watch())
        with pytest.raises(ServiceFailed, match="another version"):
            client.state()
        thread.join(10)


def test_follow_ends_with_the_job(service: Serving, client: Client) -> None:
    """Following gives what is there, then what comes, whole lines only, and ends when the job has."""
    job = client.submit(SubmitJob("/opt/wait"))
    pieces = client.follow(job.id)
    assert next(pieces) == HELLO[:51]

    def more() -> None:
        service.backend.logs[job.id] += HELLO[51:]
        service.backend.end_job(job.id, JobState.COMPLETED, 0)

    service.do(more)
    assert b"".join(pieces) == HELLO[51:]


def test_follow_from_an_offset(client: Client) -> None:
    """An offset skips what was read before; a negative one begins near the end."""
    assert b"".join(client.follow(JobId(1), offset=51)) == HELLO[51:]
    assert b"".join(client.follow(JobId(1), offset=-44)) == HELLO[-44:]


def test_a_long_log_arrives_whole(service: Serving, client: Client) -> None:
    """Ten megabytes come through follow and through pieces without a byte changed."""
    log = b"".join(b"2026-11-21T14:03:11.123Z   0 out line %d \xff\x1b[31m\n" % n for n in range(200_000))
    service.do(lambda: service.backend.logs.update({JobId(1): log}))
    assert b"".join(client.follow(JobId(1))) == log
    offset, read = 0, b""
    while True:
        chunk = client.log(JobId(1), offset=offset, limit=1024 * 1024)
        if not chunk.data:
            break
        read, offset = read + chunk.data, chunk.next_offset
    assert read == log


def test_a_follower_that_goes_away_is_let_go(service: Serving) -> None:
    """Nobody reads on for a follower that left while its job is silent."""
    pieces = Client(service.socket).follow(JobId(3))
    next(pieces)
    service.until(lambda: service.server.connections == 1)
    pieces.close()
    service.until(lambda: service.server.connections == 0)


def test_a_follow_that_fails_halfway_is_cut_off(service: Serving, client: Client) -> None:
    """An error in the middle is no end of the log: the reader is told."""
    pieces = client.follow(JobId(3))
    next(pieces)
    service.do(lambda: service.backend.logs.pop(JobId(3)))
    with pytest.raises(ServiceUnavailable, match="went away"):
        list(pieces)


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Serve in a process of its own, which a test may kill."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path / "api.sock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout as up:
        assert up.readline() == "up\n"
        yield process
        process.kill()


def test_a_killed_service_ends_watch_and_cuts_follow(tmp_path: Path, killable: subprocess.Popen[str]) -> None:
    """After SIGKILL a watch ends, a follower learns that the log did not, and the next call finds nobody."""
    client = Client(tmp_path / "api.sock")
    watch, pieces = client.watch(), client.follow(JobId(3))
    next(watch)
    next(pieces)
    os.kill(killable.pid, signal.SIGKILL)
    killable.wait(10)
    assert list(watch) == []
    with pytest.raises(ServiceUnavailable, match="went away"):
        list(pieces)
    with pytest.raises(ServiceUnavailable, match=r"^No head service is running. Next: sciabc-tui head$"):
        client.state()
