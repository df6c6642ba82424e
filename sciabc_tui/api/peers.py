"""Who is at the other end of a Unix socket, and whose socket it is."""

import os
import pwd
import socket
import struct
from pathlib import Path

from sciabc_tui.errors import NotYourService

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


def peer_uid(wire: socket.socket) -> int:
    """Give the user id at the other end, as the kernel knows it (unix(7): SO_PEERCRED)."""
    raw = wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(raw)[1]


def user_name(uid: int) -> str:
    """Name a user; one that the system does not know by its number, as sudo takes it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def check_owner(path: Path, uid: int) -> None:
    """Refuse a service that is not our own user's, root or not: it would run our programs as its owner.

    Raises:
        NotYourService: The socket, or who answers on it, belongs to another user.
    """
    if uid != os.geteuid():
        raise _not_yours(path, user_name(uid))


def kept_out(path: Path) -> NotYourService:
    """Explain that the socket can't even be reached, by the owner of what can still be seen."""
    for place in (path, *path.parents):
        try:
            uid = place.stat().st_uid
        except OSError:
            continue
        if uid != os.geteuid():
            return _not_yours(path, user_name(uid))
        break
    return NotYourService(f"{path} can't be reached by this user. Next: ls -ld {path.parent}")


def _not_yours(path: Path, owner: str) -> NotYourService:
    return NotYourService(f"The head service on {path} belongs to {owner}. Next: sudo -u {owner} sciabc-tui")
