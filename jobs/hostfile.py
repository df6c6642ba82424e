"""The hosts of a job, the files that name them, and writing a file so that nobody sees half of it."""

import ipaddress
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import SpecError

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})")


@dataclass(frozen=True, slots=True)
class Host:
    """A node that takes part in a job.

    Attributes:
        name: What people call it.
        address: Its IPv4 address (or host name) on the cluster's network.
        slots: How many ranks of this job may run on it.
        user: Who logs in there; empty means the user that runs the launcher.
        port: Where its sshd listens.
        local: Whether it is the very machine that the launcher runs on.
        host_key_alias: The name of its key in the known-hosts file; empty means its address.
        identity: The private key to log in there with; empty means what holds for every host.
    """

    name: str
    address: str
    slots: int
    user: str = ""
    port: int = 22
    local: bool = False
    host_key_alias: str = ""
    identity: str = ""


def openmpi_hostfile(hosts: Iterable[Host]) -> str:
    """Write the hosts as Open MPI reads them: ``ADDRESS slots=N``, one a line.

    Raises:
        SpecError: An address or a number of slots is none.
    """
    return "".join(_hostfile_line(host) for host in hosts)


def nodes_txt(addresses: Iterable[str]) -> str:
    """Write the hosts as in 2016: one IPv4 address a line, each once, in the order given.

    Raises:
        SpecError: An address is not IPv4.
    """
    return "".join(f"{_ipv4(address)}\n" for address in dict.fromkeys(addresses))


def checked_address(address: str) -> str:
    """Return the address if it is IPv4 or a host name; no option, pattern or second line gets through.

    Raises:
        SpecError: It is neither.
    """
    if not _HOST_NAME.fullmatch(address):
        raise SpecError("hosts", f"{address!r} is no IPv4 address or host name. Next: sciabc-tui nodes")
    return address


def write_atomically(path: Path, text: str, mode: int = 0o644) -> bool:
    """Replace the file as a whole and durably: a reader, or a power cut, finds the old text or the new.

    A file that already holds the text is left alone: an SD card wears out.

    Args:
        path: The file; its folder must be there.
        text: What it shall hold, written as UTF-8.
        mode: Its permissions.

    Returns:
        Whether anything was written.

    Raises:
        OSError: The folder can't be written to, or is full.
    """
    data = text.encode()
    if path.is_file() and path.stat().st_mode & 0o777 == mode and path.read_bytes() == data:
        return False
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hostfile_line(host: Host) -> str:
    if host.slots < 1:
        raise SpecError("hosts", f"{host.name} has {host.slots} slots. Next: leave it out")
    return f"{checked_address(host.address)} slots={host.slots}\n"


def _ipv4(address: str) -> str:
    try:
        return str(ipaddress.IPv4Address(address))
    except ipaddress.AddressValueError as error:
        raise SpecError("hosts", f"{address!r} is no IPv4 address. Next: sciabc-tui nodes") from error
