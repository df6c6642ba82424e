"""The hosts of a job, the files that name them, and writing a file so that nobody sees half of it."""

import ipaddress
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
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
        boot_id: Which run of its kernel was chosen; empty if that is not known.
        identity: The private key to log in there with; empty means what holds for every host.
    """

    name: str
    address: str
    slots: int
    user: str = ""
    port: int = 22
    local: bool = False
    host_key_alias: str = ""
    boot_id: str = ""
    identity: str = ""


def openmpi_hostfile(hosts: Iterable[Host]) -> str:
    """Write the hosts as Open MPI reads them: ``ADDRESS slots=N``, one a line.

    Raises:
        SpecError: An address or a number of slots is none.
    """
    return "".join(f"{address} slots={slots}\n" for address, slots in map(_checked, hosts))


def mpich_hostfile(hosts: Iterable[Host]) -> str:
    """Write the hosts as MPICH reads them: ``ADDRESS:N``, one a line.

    Raises:
        SpecError: An address or a number of slots is none.
    """
    return "".join(f"{address}:{slots}\n" for address, slots in map(_checked, hosts))


def ranks_of(hosts: Sequence[Host], ranks: int | None, per_node: int | None) -> tuple[tuple[int, ...], ...]:
    """Say which ranks each host gets: they follow the hosts in order, as many on each as it has slots.

    Args:
        hosts: In the order of the hostfile; those behind the last rank get none.
        ranks: How many ranks; None means one on every slot.
        per_node: How many on a host at most, of its slots; None means all. 1 for a command for each node.

    Returns:
        For each host the numbers of its ranks.

    Raises:
        SpecError: The hosts have not so many slots.
    """
    if per_node is not None and (narrow := next((host for host in hosts if host.slots < per_node), None)):
        raise SpecError(
            "per_node", f"{per_node} ranks, {narrow.name} has {narrow.slots} slots. Next: ask for fewer"
        )
    ends = list(accumulate((per_node or host.slots for host in hosts), initial=0))
    total = ends[-1] if ranks is None else ranks
    if total > ends[-1]:
        raise SpecError("ranks", f"{total} ranks, not enough slots ({ends[-1]}). Next: ask for fewer")
    return tuple(tuple(range(min(start, total), min(end, total))) for start, end in pairwise(ends))


def placed(hosts: Sequence[Host], ranks: int | None, per_node: int | None) -> tuple[Host, ...]:
    """Give the hosts that get ranks, each with as many slots as that; see ``ranks_of``.

    A launcher that fills slots in order has no choice then.

    Raises:
        SpecError: The hosts have not so many slots.
    """
    shares = zip(hosts, ranks_of(hosts, ranks, per_node), strict=True)
    return tuple(replace(host, slots=len(share)) for host, share in shares if share)


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


def write_atomically(path: Path, text: str, mode: int = 0o644, *, durable: bool = True) -> bool:
    """Replace the file as a whole and durably: a reader, or a power cut, finds the old text or the new.

    A file that already holds the text is left alone: an SD card wears out.

    Args:
        path: The file; its folder must be there.
        text: What it shall hold, written as UTF-8.
        mode: Its permissions.
        durable: False if nobody needs it after a power cut, which may damage it then: an SD card is slow to
            make a file and its name durable.

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
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checked(host: Host) -> tuple[str, int]:
    if host.slots < 1:
        raise SpecError("hosts", f"{host.name} has {host.slots} slots. Next: leave it out")
    return checked_address(host.address), host.slots


def _ipv4(address: str) -> str:
    try:
        return str(ipaddress.IPv4Address(address))
    except ipaddress.AddressValueError as error:
        raise SpecError("hosts", f"{address!r} is no IPv4 address. Next: sciabc-tui nodes") from error
