"""The proxy for a board's apt: what it serves, what it refuses, and that it ends with its connection."""

import http.client
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from sciabc_tui.head.provisioning.apt_proxy import Proxy
from sciabc_tui.head.provisioning.apt_sources import is_private, own_hosts

_SOURCE = "http://203.0.113.5/debian"
_BODY = b"Package: openmpi-bin\n" * 10_000


class Mirror(BaseHTTPRequestHandler):
    """A mirror that sends away to elsewhere what is asked below /debian/moved/."""

    protocol_version = "HTTP/1.1"

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        if self.path.startswith("/debian/moved/"):
            self.send_response(302)
            self.send_header("Location", f"http://203.0.113.6{self.path.replace('moved', 'pool')}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/debian/endless":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(_BODY)
            self.close_connection = True
        elif self.path == "/debian/missing":
            self.send_error(404)
        else:
            asked = self.headers.get("Range", "")
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(_BODY)))
            self.send_header("X-Seen", f"{self.path} {asked} {self.headers.get('Cookie', '')}")
            self.send_header("Last-Modified", f"{self.path} {asked}")
            self.end_headers()
            self.wfile.write(_BODY)


@pytest.fixture
def mirror() -> Iterator[Callable[[str, int], socket.socket]]:
    """Serve a mirror; give what connects to it, whatever the address."""
    server = ThreadingHTTPServer(("127.0.0.2", 0), Mirror)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def dial(_address: str, _port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.2", server.server_port), 10, ("127.0.0.1", 0))

    yield dial
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def asking(proxy: Proxy) -> Generator[socket.socket]:
    """Give the board's end of a connection that a proxy serves."""
    near, far = socket.socketpair()
    near.settimeout(10)
    far.settimeout(10)
    thread = threading.Thread(target=proxy.serve, args=(far,))
    thread.start()
    try:
        yield near
    finally:
        near.close()
        thread.join(10)
        assert not thread.is_alive()


def answer(near: socket.socket) -> http.client.HTTPResponse:
    """Read an answer."""
    response = http.client.HTTPResponse(near)
    response.begin()
    return response


def get(near: socket.socket, url: str, *headers: str) -> tuple[int, bytes, http.client.HTTPResponse]:
    """Ask for a URL."""
    near.sendall("\r\n".join((f"GET {url} HTTP/1.1", "Host: x", *headers, "", "")).encode())
    response = answer(near)
    return response.status, response.read(), response


def test_what_apt_names_is_served_on_one_connection(mirror: Callable[[str, int], socket.socket]) -> None:
    """Several files in turn; apt's own headers pass, others do not, either way."""
    with asking(Proxy([_SOURCE], mirror)) as near:
        for _ in range(3):
            status, body, response = get(near, f"{_SOURCE}/dists/x", "Range: bytes=5-", "Cookie: secret")
            assert (status, body) == (206, _BODY)
            assert response.getheader("last-modified") == "/debian/dists/x bytes=5-"
            assert response.getheader("x-seen") is None
        assert get(near, f"{_SOURCE}/missing")[0] == 404


def test_an_answer_without_a_length_ends_the_connection(mirror: Callable[[str, int], socket.socket]) -> None:
    """The whole of it arrives, and then the end."""
    with asking(Proxy([_SOURCE], mirror)) as near:
        assert get(near, f"{_SOURCE}/endless")[:2] == (200, _BODY)
        assert near.recv(1) == b""


@pytest.mark.parametrize(
    "url",
    [
        "http://203.0.113.6/debian/x",
        "http://203.0.113.5/debianx/x",
        "http://203.0.113.5/",
        "http://203.0.113.5:8080/debian/x",
        "http://203.0.113.5/debian/../admin",
        "http://203.0.113.5/debian/%2e%2e/admin",
        "http://203.0.113.5/debian/%2E./admin",
        "http://u:p@203.0.113.5/debian/x",
        "https://203.0.113.5/debian/x",
        "/debian/x",
        "file:///etc/passwd",
    ],
)
def test_nothing_else_is_served(mirror: Callable[[str, int], socket.socket], url: str) -> None:
    """Other hosts, ports, paths and schemes, and ways out of the path, are refused."""
    with asking(Proxy([_SOURCE], mirror)) as near:
        assert get(near, url)[0] == 403


def test_where_a_source_sends_apt_it_may_go(mirror: Callable[[str, int], socket.socket]) -> None:
    """A redirect by a source opens that one URL, and no other on its host."""
    with asking(Proxy([_SOURCE], mirror)) as near:
        status, _, response = get(near, f"{_SOURCE}/moved/a.deb")
        assert status == 302
        assert response.getheader("location") == "http://203.0.113.6/debian/pool/a.deb"
        assert get(near, "http://203.0.113.6/debian/pool/a.deb")[0] == 200
        assert get(near, "http://203.0.113.6/debian/pool/b.deb")[0] == 403


@pytest.mark.parametrize(
    ("sources", "target", "status"),
    [
        (["https://203.0.113.5/debian"], "203.0.113.5:443", 200),
        (["https://203.0.113.5/debian"], "203.0.113.5:22", 403),
        (["http://203.0.113.5/debian"], "203.0.113.5:443", 403),
        (["https://203.0.113.5:8443/debian"], "203.0.113.5:8443", 403),
        (["https://127.0.0.1/debian"], "127.0.0.1:443", 502),
        (["https://169.254.169.254/debian"], "169.254.169.254:443", 502),
    ],
)
def test_a_tunnel_leads_to_the_hosts_of_sources_alone(
    mirror: Callable[[str, int], socket.socket], sources: list[str], target: str, status: int
) -> None:
    """CONNECT: to host and port of an https source; never to this machine or a link-local address."""
    with asking(Proxy(sources, mirror)) as near:
        near.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        near_answer = near.recv(1000)
        assert near_answer.startswith(f"HTTP/1.1 {status} ".encode())
        if status == 200:
            near.sendall(b"GET /debian/tunnelled HTTP/1.1\r\nHost: x\r\n\r\n")
            response = answer(near)
            assert (response.status, response.read()) == (200, _BODY)


@pytest.mark.parametrize("address", ["10.0.0.7", "172.20.1.1", "192.168.1.1", "100.64.0.1", "[fd00::7]"])
def test_a_private_network_is_asked_for_the_heads_own_sources_alone(
    mirror: Callable[[str, int], socket.socket], address: str
) -> None:
    """A board names a printer as its source: it is not asked. A school's mirror is the head's own too."""
    source = f"http://{address}/debian"
    stranger = Proxy([source], mirror)
    with asking(stranger) as near:
        status, _, response = get(near, f"{source}/dists/x")
        assert (status, response.reason) == (
            403,
            "A host in a private network that is no source of the head",
        )
    assert stranger.private == {address.strip("[]")}
    own = Proxy([source], mirror, own={address.strip("[]")})
    with asking(own) as near:
        assert get(near, f"{source}/dists/x")[:2] == (200, _BODY)
    assert own.private == set()


def test_what_is_private() -> None:
    """However the address is written."""
    for name in ("::ffff:192.168.1.1", "FD00::1%eth0", "10.255.255.255"):
        assert is_private(name)
    for name in ("203.0.113.5", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1"):
        assert not is_private(name)


def test_the_heads_own_sources_are_read(tmp_path: Path) -> None:
    """Both ways of writing them; comments, discs and files that are none do no harm."""
    (tmp_path / "sources.list.d" / "folder.list").mkdir(parents=True)
    (tmp_path / "sources.list").write_text(
        "deb [arch=arm64 signed-by=/x] http://Mirror.School.example:8080/debian stable main\n"
        "# deb http://old.example/debian stable main\ndeb cdrom:[Debian]/ stable main\n\xff\n",
        encoding="latin-1",
    )
    (tmp_path / "sources.list.d" / "a.sources").write_text(
        "Types: deb\nURIs: https://user:pw@10.0.0.7/debian http://[fd00::7]/x\nSuites: stable\n"
    )
    assert own_hosts(tmp_path) == {"mirror.school.example", "10.0.0.7", "fd00::7"}
    assert own_hosts(tmp_path / "nowhere") == frozenset()


def test_the_head_itself_is_not_reached(mirror: Callable[[str, int], socket.socket]) -> None:
    """A source that names an address of this machine is refused, also where it looks like another's."""

    def to_itself(_address: str, _port: int) -> socket.socket:
        far = mirror("", 0)
        port = far.getpeername()[1]
        far.close()
        return socket.create_connection(("127.0.0.2", port), 10, ("127.0.0.2", 0))

    with asking(Proxy([_SOURCE], to_itself)) as near:
        assert get(near, f"{_SOURCE}/x")[0] == 502


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"POST http://203.0.113.5/debian/x HTTP/1.1\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET http://203.0.113.5/debian/x HTTP/1.1\r\n" + b"a: b\r\n" * 100 + b"\r\n", 431),
        (b"\xff\xfe x y\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_of_apt_is_refused(
    mirror: Callable[[str, int], socket.socket], words: bytes, status: int
) -> None:
    """Other methods, garbage, and headers without end."""
    with asking(Proxy([_SOURCE], mirror)) as near:
        near.sendall(words)
        assert near.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_lost_connection_ends_it_quietly(mirror: Callable[[str, int], socket.socket]) -> None:
    """The board goes away in the middle: nothing is raised, and no thread stays."""
    with asking(Proxy([_SOURCE], mirror)) as near:
        near.sendall(f"GET {_SOURCE}/x HTTP/1.1\r\n\r\n".encode())
        near.recv(10)
