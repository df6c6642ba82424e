"""What a job that survives losses keeps in its attempt's folder: its ssh, and which nodes it lost."""

import contextlib
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from jobs.attempt import AttemptFiles
from jobs.hostfile import Host, write_atomically

_HOUSE = Path(__file__).parent.parent
_LOST = "lost-"
_KILLED = "killed-"
_SLOTS = re.compile(r"(\S+) slots=([0-9]+)")


def agent_script(folder: Path) -> str:
    """Write the program that mpirun calls as its ssh: see ``jobs.survival``."""
    words = shlex.join([sys.executable, "-m", "jobs.survival", str(folder.absolute())])
    return f'#!/bin/sh\ncd {shlex.quote(str(_HOUSE))} && exec {words} "$@"\n'


def ranks_on(hostfile: str, address: str) -> tuple[int, ...]:
    """Say which ranks a host gets: they follow the hosts of Open MPI's hostfile in order."""
    start = 0
    for host, slots in _SLOTS.findall(hostfile):
        if host == address:
            return tuple(range(start, start + int(slots)))
        start += int(slots)
    return ()


def note_host(folder: Path, address: str) -> None:
    """Write down that a host was lost."""
    _note(folder / f"{_LOST}{address}")


def note_rank(folder: Path, rank: int) -> None:
    """Write down that a rank was ended by a signal."""
    _note(folder / f"{_KILLED}{rank}")


def tell_losses(folder: Path, hosts: Sequence[Host]) -> str:
    """Say what was lost, such as ``without node02, rank 5, whose loss it survived``; empty if nothing was."""
    lost = _lost(folder, hosts)
    ranks = sorted(_killed(folder).difference(*(_ranks(folder, host) for host in lost)))
    parts = (*(host.name for host in lost), *(f"rank {rank}" for rank in ranks))
    return f"without {', '.join(parts)}, whose loss it survived" if parts else ""


def lost_all(folder: Path, hosts: Sequence[Host]) -> bool:
    """Tell whether no rank was left: mpirun calls that a success."""
    gone = _killed(folder).union(*(_ranks(folder, host) for host in _lost(folder, hosts)))
    if not gone:
        return False
    count = sum(int(slots) for _, slots in _SLOTS.findall(_hostfile(folder)))
    return gone >= set(range(count))


def _note(path: Path) -> None:
    with contextlib.suppress(OSError):  # on a disk that is full it is only not told
        write_atomically(path, "")


def _lost(folder: Path, hosts: Sequence[Host]) -> Sequence[Host]:
    return [host for host in hosts if (folder / f"{_LOST}{host.address}").exists()]


def _killed(folder: Path) -> set[int]:
    found = (path.name.removeprefix(_KILLED) for path in folder.glob(f"{_KILLED}*"))
    return {int(number) for number in found if number.isdecimal()}


def _ranks(folder: Path, host: Host) -> tuple[int, ...]:
    return ranks_on(_hostfile(folder), host.address)


def _hostfile(folder: Path) -> str:
    return AttemptFiles(folder).hostfile.read_text(encoding="utf-8")
