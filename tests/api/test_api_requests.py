"""Requests and refusals, client and server together over a real socket."""

import getpass
import http.client
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from sciabc_tui.api import server as api_server
from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import Refusal, SubmitJob
from sciabc_tui.api.wire import LARGEST_REQUEST
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.observations import ApproveHostKey, DrainNode, ForgetNode, ResumeNode
from sciabc_tui.errors import CommandRefused, NotFound, ServiceFailed
from tests.api.scripted import HELLO, KEY, Serving


def ask(service: Serving, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Send a request by hand; give the status and the body."""
    connection = http.client.HTTPConnection("test")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(10)
        connection.sock.connect(str(service.socket))
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_state_arrives_as_it_was(service: Serving, client: Client) -> None:
    """What the backend holds and what the client gives are equal, class by class."""
    assert client.state() == service.backend.state


def test_a_submitted_job_names_the_caller(service: Serving, client: Client) -> None:
    """`by` is who the kernel says is at the other end, whatever the request says."""
    request = SubmitJob("/opt/hello", ("a", "b"), 2, "greet", "/tmp", {"K": "v"})
    job = client.submit(request)
    assert (job.id, job.name) == (4, "greet")
    assert service.backend.submitted == [(request, getpass.getuser())]


def test_node_commands_reach_the_backend_by_id_or_name(service: Serving, client: Client) -> None:
    """Each action becomes its command, with the caller; a node may be named by its id or its name."""
    client.approve(NodeId("id-node05"), KEY.fingerprint)
    client.drain(NodeId("node01"), "fan \x1b[31mbroken")
    client.resume(NodeId("node01"))
    client.forget(NodeId("node01"))
    me, node = getpass.getuser(), NodeId("id-node01")
    assert service.backend.commands == [
        ApproveHostKey(NodeId("id-node05"), KEY.fingerprint, me),
        DrainNode(node, "fan [31mbroken", me),
        ResumeNode(node, me),
        ForgetNode(node, me),
    ]


def test_a_node_is_added_in_the_callers_name(service: Serving, client: Client) -> None:
    """The host goes through as it is written; what the backend refuses is raised."""
    client.add_node("pi@10.77.0.12:2222")
    assert service.backend.added == [("pi@10.77.0.12:2222", getpass.getuser())]
    with pytest.raises(CommandRefused, match="is no node"):
        client.add_node("two words")
    assert ask(service, "POST", "/v1/nodes", b"{}")[0] == 400
    assert ask(service, "POST", "/v1/nodes", b'{"host": "%s"}' % (b"x" * 301))[0] == 400


def test_events_are_the_newest_after_a_number(service: Serving, client: Client) -> None:
    """`since` leaves out what is known, `limit` keeps the newest, and both are checked."""
    entries = [service.do(lambda: service.backend.happen("it happened", ago=1.5)) for _ in range(5)]
    assert client.events(0, 100) == tuple(entries)
    assert client.events(2, 2) == tuple(entries[3:])
    assert client.events(5, 100) == ()
    for query in ("since=-1", "limit=0", "limit=20001", "since=x", "follow=2"):
        assert ask(service, "GET", f"/v1/events?{query}")[0] == 400


def test_jobs_and_one_job(client: Client) -> None:
    """Jobs come newest first, as many as asked; one comes by its number."""
    assert [job.id for job in client.jobs(2)] == [3, 2]
    assert client.job(JobId(1)).program == "/opt/hello.py"
    assert client.hostfile() == "192.168.8.1\n192.168.8.11\n"


def test_a_job_that_the_state_no_longer_carries_is_found(service: Serving, client: Client) -> None:
    """An old job is looked up among the stored ones."""
    old = service.backend.state.jobs[JobId(1)]

    async def jobs(limit: int) -> tuple[object, ...]:
        return (service.backend.state.jobs[JobId(3)], service.backend.state.jobs[JobId(2)], old)[:limit]

    rest = {id_: job for id_, job in service.backend.state.jobs.items() if id_ != 1}
    service.backend.jobs = jobs  # pyright: ignore[reportAttributeAccessIssue]
    service.do(lambda: service.backend.publish(replace(service.backend.state, jobs=rest)))
    assert client.job(JobId(1)) == old


def test_cancel(service: Serving, client: Client) -> None:
    """A running job is cancelled in the caller's name; one that has ended is refused."""
    client.cancel(JobId(3))
    assert service.backend.cancelled == [(JobId(3), getpass.getuser())]
    assert client.job(JobId(3)).state is JobState.CANCELLED
    with pytest.raises(CommandRefused, match="Job 3 has ended"):
        client.cancel(JobId(3))


def test_a_log_is_read_in_pieces(client: Client) -> None:
    """Pieces are whole lines, read on where the last ended; a negative offset counts from the end."""
    first = client.log(JobId(1), offset=0, limit=60)
    rest = client.log(JobId(1), offset=first.next_offset, limit=65536)
    assert first.data == HELLO[: first.next_offset]
    assert first.data + rest.data == HELLO
    assert rest.ended
    tail = client.log(JobId(1), offset=-44, limit=65536)
    assert tail.data == HELLO[-44:]
    assert not client.log(JobId(3), offset=0, limit=10).ended


def test_what_is_not_there_is_not_found(client: Client) -> None:
    """Each call about an unknown node or job raises NotFound with one line that names the next step."""
    calls: list[Callable[[], object]] = [
        lambda: client.job(JobId(99)),
        lambda: client.cancel(JobId(99)),
        lambda: client.log(JobId(99), offset=0, limit=1),
        lambda: next(client.follow(JobId(99))),
        lambda: client.forget(NodeId("no/such node")),
    ]
    for call in calls:
        with pytest.raises(NotFound, match=r"^There is no .* Next: sciabc-tui \w+$"):
            call()


def test_a_refusal_is_one_line(client: Client) -> None:
    """The backend's own words arrive, on one line."""
    with pytest.raises(CommandRefused) as refused:
        client.submit(SubmitJob("/opt/missing"))
    assert str(refused.value) == "program: /opt/missing does not exist. Next: check the path"


def test_a_failure_of_the_service_is_logged_and_not_told(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error is one line for the client; the details are in the service's log only."""
    with pytest.raises(ServiceFailed, match="Next: read its log") as failed:
        client.submit(SubmitJob("/opt/crash"))
    assert "secret" not in str(failed.value)
    assert "Traceback" not in str(failed.value)
    assert any("secret detail" in (record.exc_text or "") for record in caplog.records)
    assert [record.levelno for record in caplog.records if record.name == api_server.__name__] == [
        logging.ERROR
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/jobs", b"", 400),
        ("POST", "/v1/jobs", b"{", 400),
        ("POST", "/v1/jobs", b'{"program": 3}', 400),
        ("POST", "/v1/jobs", b'{"program": "/p", "rank": 3}', 400),
        ("POST", "/v1/jobs", b'{"program": "\xff"}', 400),
        ("POST", "/v1/nodes/node05/approve", b"{}", 400),
        ("POST", "/v1/nodes/node05/drain", json.dumps({"reason": "x" * 201}).encode(), 400),
        ("GET", "/v1/jobs?limit=0", None, 400),
        ("GET", "/v1/jobs?limit=many", None, 400),
        ("GET", "/v1/jobs/1/log?offset=1e3", None, 400),
        ("GET", "/v1/jobs/1/log?follow=2", None, 400),
        ("GET", "/v1/jobs/1/log?ranks=x", None, 400),
        ("GET", "/v1/jobs/1/log?ranks=0,-1", None, 400),
        ("GET", "/v1/jobs/1/log?streams=both", None, 400),
        ("GET", "/v1/jobs/1/log?since=nan", None, 400),
        ("GET", "/v1/jobs/1/log?since=1e99", None, 400),
        ("GET", "/v1/jobs/1/log?since=-1", None, 400),
        ("GET", "/v1/jobs/1/log?attempt=0", None, 400),
        ("GET", "/v1/jobs/-1", None, 404),
        ("GET", "/v1/jobs/9999999999999999999999", None, 404),
        ("GET", "/v2/state", None, 404),
        ("GET", "/v1/nodes/%1b%5b31m/drain", None, 405),
        ("POST", "/v1/nodes/%1b%5b31m/drain", b"", 404),
        ("DELETE", "/v1/state", None, 405),
    ],
)
def test_bad_requests_get_a_refusal(
    service: Serving, method: str, path: str, body: bytes | None, status: int
) -> None:
    """Whatever is wrong, the answer is a Refusal of one printable line, and the backend was not asked."""
    got, answer = ask(service, method, path, body)
    refusal = msgspec.json.decode(answer, type=Refusal)
    assert got == status
    assert refusal.error.isprintable()
    assert "Next: " in refusal.error
    assert not service.backend.submitted
    assert not service.backend.commands


def test_a_body_has_a_limit(service: Serving, client: Client) -> None:
    """A body at the limit is read, one above is refused by the server, and by the client before it sends."""
    limit = api_server.BODY_LIMIT
    assert limit == LARGEST_REQUEST
    assert ask(service, "POST", "/v1/jobs", b" " * limit)[0] == 400
    status, answer = ask(service, "POST", "/v1/jobs", b" " * (limit + 1))
    assert (status, msgspec.json.decode(answer, type=Refusal).kind) == (413, "BadRequest")
    with pytest.raises(CommandRefused, match="use a file"):
        client.submit(SubmitJob("/p", tuple("x" * 4000 for _ in range(20))))


def test_requests_are_counted(service: Serving, client: Client) -> None:
    """A watcher counts as long as it watches; afterwards the quiet time grows from zero."""
    watch = client.watch()
    next(watch)
    assert service.do(lambda: (service.server.connections, service.server.idle_since)) == (1, None)
    client.close_watch()
    assert list(watch) == []

    def quiet() -> bool:
        service.backend.tick()
        return service.server.connections == 0

    service.until(quiet)
    since = service.do(lambda: service.server.idle_since)
    assert since is not None
    assert 0.0 <= time.monotonic() - since < 60.0


def test_the_client_starts_fast() -> None:
    """The client imports neither the server's library nor any of the screen's or the head's."""
    program = "import sys, sciabc_tui.api.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "asyncio", "textual", "rich", "typer", "paramiko", "zeroconf"}
    assert not heavy & set(loaded.stdout.split())
