"""Key exchange and streams against a real sshd."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Facts, HostKey, Node, Origin, Reading
from sciabc_tui.head.errors import ContactFailed, HostKeyMismatch, LoginDenied, Unreachable
from sciabc_tui.head.keys import Transport, fingerprint, known_hosts, read_host_key
from sciabc_tui.head.readings import Parser
from sciabc_tui.head.ssh import Credentials, Stream, open_stream
from tests.head.servers import LOOPBACK, Sshd, alive, impostor, need, running_sshd, wait_for
from tests.lab.keys import new_key

WOKEN_WITHIN = 4.0
"""Seconds for what takes milliseconds, and 5 where a thread is not woken but looks by itself."""


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """A real sshd that lets us in; no agent."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with running_sshd(tmp_path) as server:
        yield server


def connect(port: int) -> socket.socket:
    """Connect to a server on loopback."""
    return socket.create_connection((LOOPBACK, port), 5)


def readings_of(stream: Stream, count: int) -> tuple[Facts, list[Reading]]:
    """Read facts and so many readings."""
    parser = Parser()
    facts: list[Facts] = []
    taken: list[Reading] = []

    def enough() -> bool:
        for item in parser.feed(stream.read(), time.monotonic()):
            if isinstance(item, Facts):
                facts.append(item)
            else:
                taken.append(item)
        return len(taken) >= count

    wait_for(enough, f"{count} readings")
    return facts[0], taken


def no_thread_is_left() -> None:
    """Wait until neither a thread of paramiko's nor one of its timers lives."""

    def none() -> bool:
        return not any(isinstance(t, paramiko.Transport | threading.Timer) for t in threading.enumerate())

    wait_for(none, "all threads end", within=WOKEN_WITHIN)


def test_the_key_read_is_the_one_that_ssh_keygen_shows(sshd: Sshd) -> None:
    """The fingerprint is what a person compares, letter by letter; and reading it is no login."""
    key = read_host_key(connect(sshd.port))
    public = sshd.folder / "host_key.pub"
    public.write_text(sshd.keys.public)
    shown = subprocess.run(
        [need("ssh-keygen", "openssh-client"), "-lf", str(public)], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[1] == key.fingerprint
    assert f"{key.kind} {key.blob}" == sshd.keys.public
    assert 20 in sshd.received()
    assert not sshd.asked_to_authenticate()
    no_thread_is_left()


def test_readings_arrive_a_second_apart(sshd: Sshd) -> None:
    """The stream gives the node's facts and plausible readings, the CPU from the second one on."""
    stream = open_stream(connect(sshd.port), sshd.login, sshd.credentials)
    try:
        facts, (first, second, *_) = readings_of(stream, 2)
    finally:
        stream.end()
    assert facts.cores >= 1
    assert facts.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert first.cpu_percent is None
    assert second.cpu_percent is not None
    assert 0 <= second.cpu_percent <= 100
    assert second.memory_percent is not None
    assert first.uptime is not None
    assert second.uptime is not None
    assert 0.5 <= second.uptime - first.uptime < 5  # it is the beat that is even; one too soon gives none
    no_thread_is_left()


def test_the_end_of_the_stream_leaves_no_program_on_the_node(sshd: Sshd) -> None:
    """When the head hangs up, the program there ends."""
    stream = open_stream(connect(sshd.port), sshd.login, sshd.credentials)
    readings_of(stream, 1)
    # what it starts looks like it until it is another program
    wait_for(lambda: len(sshd.programs()) == 1, "there is one program")
    programs = sshd.programs()
    assert programs
    stream.end()
    wait_for(lambda: not alive(programs), "the program ends")


def test_another_host_key_ends_it_before_any_login(sshd: Sshd) -> None:
    """The server that shows another key than the approved one receives no authentication message at all."""
    kind, blob = new_key().public.split()
    other = HostKey(kind, blob, fingerprint(blob))
    connection = connect(sshd.port)
    ours = rf"^Connection (closed|reset) by {LOOPBACK} port {connection.getsockname()[1]}\b"
    with pytest.raises(HostKeyMismatch, match="nobody approved") as caught:
        open_stream(connection, replace(sshd.login, host_key=other), sshd.credentials)
    assert caught.value.offered == sshd.login.host_key
    wait_for(lambda: bool(re.search(ours, sshd.log.read_text(), re.MULTILINE)), "the server notes the end")
    assert 21 in sshd.received()
    assert not sshd.asked_to_authenticate()
    open_stream(connect(sshd.port), sshd.login, sshd.credentials).end()
    assert sshd.asked_to_authenticate(), "the log would have shown it"


def test_a_key_that_is_not_let_in_names_the_next_step(sshd: Sshd) -> None:
    """The text is the command that mends it."""
    sshd.refuse()
    with pytest.raises(LoginDenied) as caught:
        open_stream(connect(sshd.port), sshd.login, sshd.credentials)
    identity = sshd.folder / "id_ed25519"
    where = f"-p {sshd.port} {sshd.login.user}@{LOOPBACK}"
    assert str(caught.value).endswith(f"Next: ssh-copy-id -i {identity} {where}")
    assert "\n" not in str(caught.value)
    no_thread_is_left()


def test_keys_are_found_where_openssh_keeps_them(sshd: Sshd) -> None:
    """Without a named identity the usual files are tried; without any, the text says how to make one."""
    found = Credentials(None, sshd.folder)
    open_stream(connect(sshd.port), sshd.login, found).end()
    with pytest.raises(LoginDenied, match="ssh-keygen"):
        open_stream(connect(sshd.port), sshd.login, Credentials(None, sshd.folder / "empty"))
    missing = Credentials(sshd.folder / "no_such_key", sshd.folder)
    with pytest.raises(LoginDenied, match=r"does not exist.*cluster\.identity"):
        open_stream(connect(sshd.port), sshd.login, missing)


def test_a_sealed_key_is_the_agents_work(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key with a passphrase asks for ssh-add; once the agent holds it, it lets us in."""
    identity = str(sshd.folder / "id_ed25519")
    keygen = need("ssh-keygen", "openssh-client")
    subprocess.run([keygen, "-p", "-P", "", "-N", "sesame", "-f", identity], check=True, capture_output=True)
    with pytest.raises(LoginDenied, match=r"needs its passphrase.*ssh-add"):
        open_stream(connect(sshd.port), sshd.login, sshd.credentials)
    place = sshd.folder / "agent"
    agent = subprocess.Popen(
        [need("ssh-agent", "openssh-client"), "-D", "-a", str(place)], stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: _listens(place), "the agent listens")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        subprocess.run(
            [keygen, "-p", "-P", "sesame", "-N", "", "-f", identity], check=True, capture_output=True
        )
        subprocess.run([need("ssh-add", "openssh-client"), identity], check=True, capture_output=True)
        subprocess.run(
            [keygen, "-p", "-P", "", "-N", "sesame", "-f", identity], check=True, capture_output=True
        )
        open_stream(connect(sshd.port), sshd.login, sshd.credentials).end()
    finally:
        agent.terminate()
        agent.wait(timeout=30)


def _listens(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(place)) == 0


def test_a_stream_that_the_node_ends_says_so(sshd: Sshd) -> None:
    """After its last bytes the stream raises, at once and not after a time-out."""
    stream = open_stream(connect(sshd.port), sshd.login, sshd.credentials)
    readings_of(stream, 1)
    sshd.hang_up()
    reasons: list[str] = []

    def over() -> bool:
        try:
            stream.read()
        except ContactFailed as failure:
            reasons.append(str(failure))
        return bool(reasons)

    wait_for(over, "the end is seen")
    stream.end()
    assert reasons[0] in {"the node closed the connection", "connection reset"}


@pytest.mark.parametrize(
    "greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 4096]
)
def test_what_is_no_ssh_server_is_unreachable(greeting: bytes) -> None:
    """A service that is none of ours gives a typed error in our words, and leaves no thread."""
    with (
        impostor(greeting) as port,
        pytest.raises(Unreachable, match=r"SSH handshake|connection reset") as caught,
    ):
        read_host_key(connect(port))
    assert caught.value.answered
    assert str(caught.value).isprintable()
    no_thread_is_left()


def test_an_idle_transport_does_not_wake_ten_times_a_second(sshd: Sshd) -> None:
    """The private interval of paramiko exists, its socket waits for it, and ours is fifty times longer."""
    assert paramiko.Transport._active_check_timeout == 0.1
    transport = Transport(connect(sshd.port))
    assert transport.sock.gettimeout() == Transport._active_check_timeout == 5.0
    transport.end()


def test_ending_does_not_wait_for_that_interval(sshd: Sshd) -> None:
    """The thread is woken through its socket."""
    stream = open_stream(connect(sshd.port), sshd.login, sshd.credentials)
    readings_of(stream, 1)
    programs = sshd.programs()
    try:
        for pid in programs:  # no reading shall wake it
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        stream.end()
        assert time.monotonic() - began < WOKEN_WITHIN
        no_thread_is_left()
    finally:
        for pid in programs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    stream.end()


def test_known_hosts_name_nodes_by_id(sshd: Sshd) -> None:
    """OpenSSH itself accepts the file for the node's id, whatever its address or name."""
    key = sshd.login.host_key
    nodes = [
        Node(NodeId("n-1"), "node01", Origin.MDNS, host_key=key),
        Node(NodeId("n-2"), "node02", Origin.MDNS),
    ]
    text = known_hosts(nodes)
    assert text == f"n-1 {key.kind} {key.blob}\n"
    hosts = sshd.folder / "known_hosts"
    hosts.write_text(text)
    options = {
        "BatchMode": "yes",
        "UserKnownHostsFile": str(hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlias": "n-1",
        "IdentitiesOnly": "yes",
    }
    said = subprocess.run(
        [
            need("ssh", "openssh-client"),
            "-F/dev/null",
            *(f"-o{key}={value}" for key, value in options.items()),
            f"-p{sshd.port}",
            f"-i{sshd.folder / 'id_ed25519'}",
            f"{sshd.login.user}@{LOOPBACK}",
            "echo let in",
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert said.stdout == "let in\n", said.stderr
