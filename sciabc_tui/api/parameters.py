"""What a request says: its body, the parameters in its path, and whose it is. What is wrong is a refusal."""

import socket
from typing import TypeVar

import msgspec
from aiohttp import web

from sciabc_tui.api.peers import peer_uid, user_name
from sciabc_tui.cluster.job import JobId

_T = TypeVar("_T")


async def body(request: web.Request, kind: type[_T]) -> _T:
    """Decode the body, whatever type of content it claims; an empty one is an empty object."""
    return msgspec.json.decode(await request.read() or b"{}", type=kind)


def number(request: web.Request, name: str, default: int, *, least: int, most: int) -> int:
    """Read a whole number within its bounds; raises what the server turns into a refusal."""
    text = request.query.get(name)
    if text is None:
        return default
    try:
        found = int(text)
    except ValueError:
        found = least - 1
    if not least <= found <= most:
        raise web.HTTPBadRequest(reason=f"{name} takes a whole number from {least} to {most}")
    return found


def flag(request: web.Request, name: str) -> bool:
    """Read a parameter that is 0 or 1; without it, it is 0."""
    return number(request, name, 0, least=0, most=1) == 1


def job_id(request: web.Request) -> JobId:
    """Give the number of the job that the path names."""
    return JobId(int(request.match_info["job"]))


def wire_of(request: web.Request) -> socket.socket:
    """Give the socket that a request came on."""
    return request.get_extra_info("socket")


def caller(request: web.Request) -> str:
    """Name the user at the other end, as the kernel knows them."""
    return user_name(peer_uid(wire_of(request)))
