"""The HTTP proxy that a board's apt uses while the head lends it its internet.

It serves what apt's own sources on that board name and nothing else, so that a board that is not what it
seems can't look around in the head's other networks: GET of a URL below a source (http), CONNECT to the
host of a source (https), and where a source itself sends apt by a redirect (as Raspberry Pi OS's mirrors
do); never an address of the head itself, or one that leads nowhere else; and one in a private network only
for a host that the head's own apt has among its sources. RFC 9110 and RFC 9112.
"""

import contextlib
import http.client
import io
import ipaddress
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from typing_extensions import override

from sciabc_tui.head.provisioning.apt_sources import is_private

_WITHIN = 30.0
_PIECE = 64 * 1024
_LINE = 8192
_MOST_HEADERS = 64
_MOST_REDIRECTS = 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_PORTS = {"http": 80, "https": 443}
_ASKED = {"range", "if-range", "if-modified-since", "cache-control", "user-agent", "accept"}
_TOLD = {
    "content-type",
    "content-length",
    "content-range",
    "last-modified",
    "etag",
    "location",
    "accept-ranges",
}


class Wire(Protocol):
    """A connection of the board, such as `paramiko.Channel`."""

    def recv(self, nbytes: int, /) -> bytes:
        """Give what arrives next; empty at the end."""
        ...

    def sendall(self, s: bytes, /) -> None:
        """Send all of it."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Refused(Exception):
    """A request that is not served; its text is the status line's."""


class Proxy:
    """Serves apt on one board; `serve` may be called by several threads.

    Args:
        sources: The URLs of its sources, as `apt-get indextargets` gives their `REPO_URI`.
        dial: Opens a connection to an address and a port.
        own: The hosts of the head's own sources.

    Attributes:
        private: The hosts that were not asked, for they are in a private network.
    """

    def __init__(
        self,
        sources: Iterable[str],
        dial: Callable[[str, int], socket.socket] | None = None,
        *,
        own: Collection[str] = (),
    ) -> None:
        split = [urlsplit(source) for source in sources]
        self._below = tuple(source for source in split if source.scheme == "http" and source.hostname)
        self._hosts = {_target(source) for source in split if source.scheme == "https" and source.hostname}
        self._sent: set[str] = set()
        self._lock = threading.Lock()
        self._dial = dial or _dial
        self._own = own
        self.private: set[str] = set()

    def serve(self, wire: Wire) -> None:
        """Serve a connection until one of both ends it."""
        try:
            with io.BufferedReader(_Reading(wire), _PIECE) as requests:
                while self._answer(wire, requests):
                    pass
        except Refused as error:
            with contextlib.suppress(OSError):
                wire.sendall(f"HTTP/1.1 {error}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        except (OSError, ValueError, http.client.HTTPException):
            pass  # apt tells that the connection was lost
        finally:
            wire.close()

    def _answer(self, wire: Wire, requests: "io.BufferedReader[_Reading]") -> bool:
        """Answer a request; False when the connection has to end."""
        line = requests.readline(_LINE)
        if not line.strip():
            return bool(line)
        try:
            method, target, _version = line.decode("ascii").split()
        except ValueError as error:
            raise Refused("400 Bad Request") from error
        headers = _headers(requests)
        if method == "CONNECT":
            self._tunnel(wire, requests, target)
            return False
        if method not in {"GET", "HEAD"}:
            raise Refused("405 Only GET, HEAD and CONNECT")
        return self._get(wire, method, target, headers)

    def _get(self, wire: Wire, method: str, target: str, headers: Mapping[str, str]) -> bool:
        url = self._allowed(target)
        connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=_WITHIN)
        connection.sock = self._reach(url.hostname or "", url.port or 80)
        try:
            path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
            asked = {name: value for name, value in headers.items() if name in _ASKED}
            connection.request(method, path, headers={**asked, "Connection": "close"})
            response = connection.getresponse()
            if response.status in _REDIRECTS:
                self._follow(target, response.getheader("location", ""))
            return _pass_on(wire, response, body=method == "GET")
        finally:
            connection.close()

    def _allowed(self, target: str) -> SplitResult:
        url = urlsplit(target)
        if url.scheme == "http" and url.hostname and not url.username and _plain(url.path):
            if target in self._sent:
                return url
            for source in self._below:
                if _target(source) == _target(url) and url.path.startswith(f"{source.path.rstrip('/')}/"):
                    return url
        raise Refused("403 Not among the sources of apt")

    def _follow(self, target: str, location: str) -> None:
        url = urlsplit(location)
        if not url.scheme:  # on the same host
            base = urlsplit(target)
            url = url._replace(scheme=base.scheme, netloc=base.netloc)
        with self._lock:
            if len(self._sent) + len(self._hosts) >= _MOST_REDIRECTS:
                return
            if url.scheme == "http":
                self._sent.add(url.geturl())
            elif url.scheme == "https" and url.hostname:
                self._hosts.add(_target(url))

    def _tunnel(self, wire: Wire, requests: "io.BufferedReader[_Reading]", target: str) -> None:
        url = urlsplit(f"https://{target}")
        if _target(url) not in self._hosts:
            raise Refused("403 Not among the sources of apt")
        if (url.port or 443) != 443:
            raise Refused("403 Not a port of https")
        with self._reach(url.hostname or "", 443) as far:
            wire.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_pump, args=(far, wire), name="apt-tunnel", daemon=True)
            back.start()
            try:
                while data := requests.read1(_PIECE):
                    far.sendall(data)
            finally:
                with contextlib.suppress(OSError):
                    far.shutdown(socket.SHUT_RDWR)
                back.join(_WITHIN)

    def _reach(self, host: str, port: int) -> socket.socket:
        """Connect to a host that is neither this machine nor nowhere."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Refused("502 The head does not know that host") from error
        for *_, address in found:
            if not _leads_out(str(address[0])):
                continue
            if is_private(str(address[0])) and host.lower() not in self._own:
                self.private.add(host.lower())
                raise Refused("403 A host in a private network that is no source of the head")
            with contextlib.suppress(OSError):
                far = self._dial(str(address[0]), port)
                if far.getpeername()[0] != far.getsockname()[0]:
                    return far
                far.close()
        raise Refused("502 The head does not reach that host")


class _Reading(io.RawIOBase):
    """What a connection says, as a file."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        data = self._wire.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _headers(requests: "io.BufferedReader[_Reading]") -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = requests.readline(_LINE)
        if line in {b"\r\n", b"\n", b""}:
            return found
        name, _, value = line.decode("latin-1").partition(":")
        found[name.strip().lower()] = value.strip()
    raise Refused("431 Too many headers")


def _pass_on(wire: Wire, response: http.client.HTTPResponse, *, body: bool) -> bool:
    """Pass an answer on; False if it has no length, so that only the end of the connection tells its end."""
    told = [(name, value) for name, value in response.getheaders() if name.lower() in _TOLD]
    sized = response.length is not None or response.status in {204, 304} or not body
    how = "keep-alive" if sized else "close"
    lines = (f"{name}: {value}" for name, value in (*told, ("Connection", how)))
    head = "\r\n".join((f"HTTP/1.1 {response.status} {response.reason}", *lines, "", ""))
    wire.sendall(head.encode("latin-1"))
    while body and (data := response.read(_PIECE)):
        wire.sendall(data)
    return sized


def _pump(far: socket.socket, wire: Wire) -> None:
    with contextlib.suppress(OSError):
        while data := far.recv(_PIECE):
            wire.sendall(data)
    wire.close()


def _dial(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), _WITHIN)


def _target(url: SplitResult) -> tuple[str, int]:
    return (url.hostname or "").lower(), url.port or _PORTS.get(url.scheme, 0)


def _plain(path: str) -> bool:
    return ".." not in path.split("/") and "%2e" not in path.lower() and "%2f" not in path.lower()


def _leads_out(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified)
