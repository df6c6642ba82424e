"""Stands for ssh where a job shall survive the loss of a node: ``-m jobs.survival FOLDER ADDRESS ...``.

Open MPI 5 survives the loss of a rank, but not of its daemon on a node: mpirun ends the job then, whatever it
was told (``proc_errors`` in PRRTE 3.0's ``errmgr_dvm.c``). So mpirun is not told. For each node it starts one
of these, through which the daemon talks to it. When the node goes silent, mpirun hears what a daemon says
whose ranks were killed, and tells the other ranks; they shrink and go on. The connection is held until mpirun
orders its daemons to end.
"""

import asyncio
import contextlib
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from jobs import prrte
from jobs.attempt import AttemptFiles
from jobs.errors import LauncherRefused
from jobs.survivors import note_host, note_rank, ranks_on

SILENCE = 6
"""Seconds after which a node that does not answer is lost: not before the head says so too."""

_URI = re.compile(r"@0\.0;tcp://(?P<addresses>[0-9.,]+):(?P<port>[0-9]{1,5}):(?P<masks>[0-9,]+)")
_FAILED = 255  # as ssh itself says it
_MEETINGS = 2  # in MPI_Init: that all know the addresses of all, and that all are connected


def main() -> int:
    """Start the daemon of one node and stand between it and mpirun; return ssh's exit status."""
    folder, address, *words = sys.argv[1:]
    return asyncio.run(_stand_between(Path(folder), address, " ".join(words)))


@dataclass(frozen=True, slots=True)
class Launch:
    """How mpirun starts a daemon.

    Attributes:
        command: What the node's shell is given.
        where: Where in it stands how mpirun is reached.
        address: Where mpirun is.
        port: There.
    """

    command: str
    where: tuple[int, int]
    address: str
    port: int

    def through(self, port: int) -> str:
        """Give the command with another port."""
        start, end = self.where
        return f"{self.command[:start]}{port}{self.command[end:]}"


def launch_of(command: str) -> Launch:
    """Read how mpirun starts a daemon.

    Raises:
        LauncherRefused: It does not say how mpirun is reached.
    """
    found = _URI.search(command)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise LauncherRefused("This Open MPI starts its nodes in no known way. Next: choose fail or requeue")
    address, _, _ = found["addresses"].partition(",")
    return Launch(command, found.span("port"), address, int(found["port"]))


@dataclass(frozen=True, slots=True)
class _Read:
    """A message and what it says."""

    message: prrte.Message
    payload: bytes


@dataclass(frozen=True, slots=True)
class _Wire:
    """One end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> _Read | None:
        """Read a message; None when there are no more: half of one is none."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            try:
                message = prrte.read(await self.reader.readexactly(prrte.HEADER_BYTES))
            except LauncherRefused as error:
                sys.stderr.write(f"{error}\n")
                return None
            return _Read(message, await self.reader.readexactly(message.length))
        return None

    async def write(self, read: _Read) -> None:
        """Pass a message on; that nobody is there to take it is found out by reading."""
        with contextlib.suppress(OSError):
            self.writer.writelines((read.message.header, read.payload))
            await self.writer.drain()

    def close(self) -> None:
        """Close it."""
        self.writer.close()


async def _stand_between(folder: Path, address: str, command: str) -> int:
    try:
        launch = launch_of(command)
    except LauncherRefused as error:
        sys.stderr.write(f"{error}\n")
        return _FAILED
    arrived: asyncio.Future[tuple[_Wire, _Read]] = asyncio.get_running_loop().create_future()

    async def arrive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = _Wire(reader, writer)
        first = await wire.read()
        if first is None or arrived.done() or first.message.sender not in launch.command:
            wire.close()
        else:
            arrived.set_result((wire, first))

    server = await asyncio.start_server(arrive, port=0, family=socket.AF_INET)
    port: int = server.sockets[0].getsockname()[1]
    ssh = await asyncio.create_subprocess_exec(
        *("ssh", "-F", str(AttemptFiles(folder).ssh_config), address, launch.through(port)),
        stdin=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(ssh.wait())
        await asyncio.wait((arrived, ended), return_when=asyncio.FIRST_COMPLETED)
        if not arrived.done() and (status := ended.result()):
            return status  # the daemon never came, and mpirun says why
        node, first = await arrived
        server.close()
        mpirun = _Wire(*await asyncio.open_connection(launch.address, launch.port))
        await _Relay(folder, address, node, mpirun).run(first)
        with contextlib.suppress(ProcessLookupError):
            ssh.terminate()
    return 0


class _Relay:
    """Passes messages between a node's daemon and mpirun, whole ones only."""

    def __init__(self, folder: Path, address: str, node: _Wire, mpirun: _Wire) -> None:
        self._folder = folder
        self._address = address
        self._node = node
        self._mpirun = mpirun
        self._lost = False
        self._ending = False
        self._over = False
        self._meetings = 0

    async def run(self, first: _Read) -> None:
        """Do it until mpirun lets its daemons go, or is gone."""
        _listen_for_silence(self._node.writer)
        await self._mpirun.write(first)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass_orders())
            group.create_task(self._pass_answers(first.message))

    async def _pass_orders(self) -> None:
        while not (self._lost and self._ending) and (read := await self._mpirun.read()) is not None:
            self._ending = self._ending or prrte.orders_the_end(read.message, read.payload)
            if (rank := prrte.rank_killed(read.message, read.payload)) is not None:
                note_rank(self._folder, rank)
            if not self._lost:
                await self._node.write(read)
        self._over = True
        self._node.close()
        self._mpirun.close()

    async def _pass_answers(self, daemon: prrte.Message) -> None:
        while (read := await self._node.read()) is not None:
            self._meetings += prrte.meets_others(read.message)
            await self._mpirun.write(read)
        if self._ending or self._meetings < _MEETINGS:
            self._mpirun.close()  # before all ranks have met they would wait for the lost ones for ever
        elif not self._over:
            self._lose(daemon)

    def _lose(self, daemon: prrte.Message) -> None:
        self._lost = True
        self._node.close()
        note_host(self._folder, self._address)
        ranks = ranks_on(AttemptFiles(self._folder).hostfile.read_text(encoding="utf-8"), self._address)
        numbers = ", ".join(map(str, ranks))
        sys.stderr.write(f"{self._address} was lost: the other ranks go on without {numbers}\n")
        self._mpirun.writer.write(prrte.killed(daemon.sender, daemon.rank, ranks))


def _listen_for_silence(writer: asyncio.StreamWriter) -> None:
    """Let the kernel ask a silent node each second whether it is there; its own kernel answers."""
    wire: socket.socket = writer.get_extra_info("socket")
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, SILENCE - 1)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)


if __name__ == "__main__":
    sys.exit(main())
