"""A cluster of any size behind the real API, in a process of its own; `tests.tui.seat` shows it.

    python -m tests.tui.fleet SOCKET NODES [--idle] [--jobs K] [--sick]

    with fleet(socket, 750) as pid:
        ...

Each second every node has a new reading, and one state is published. With `--idle` the readings come, too,
and measure the same each time.
"""

import argparse
import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from sciabc_tui.api.client import Client
from sciabc_tui.api.server import ApiServer
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, JobState
from sciabc_tui.cluster.node import Drain, Liveness, Node, Reading, Trust, with_reading
from sciabc_tui.cluster.observations import DrainNode, NodeCommand, ResumeNode
from sciabc_tui.cluster.state import LampState, PanelView, State
from sciabc_tui.errors import SciabcError
from sciabc_tui.head.clock import SystemClock
from tests.api.scripted import HELLO, ScriptedBackend
from tests.tui import states

PERIOD = 1.0
_CLOCK = SystemClock()


def cluster(nodes: int, *, jobs: int = 0, sick: bool = False) -> State:
    """Make a state of so many nodes, the head among them.

    Args:
        nodes: How many.
        jobs: How many jobs; the first runs on the first half of the nodes, the others have ended.
        sick: Whether some nodes are down, suspect, new, drained or have another host key.
    """
    digits = max(2, len(str(nodes)))
    boards = [_board(number, digits) for number in range(1, nodes)]
    if sick:
        boards = [_sick(board, number) for number, board in enumerate(boards, 1)]
    now, wall = _CLOCK.monotonic(), _CLOCK.wall()
    base = states.running()
    all_ = (_at(states.head_node(), now), *(_at(board, now) for board in boards))
    part = tuple(
        Allocation(node.id, node.name, node.slots) for node in all_[: max(1, nodes // 2)] if node.schedulable
    )
    ended = {
        "started_at": wall - 1600,
        "ended_at": wall - 1596,
        "exit_code": 0,
        "attempt": 1,
        "submitted_at": wall - 1700,
    }
    made = [states.job(number, "hello", JobState.COMPLETED, **ended) for number in range(1, jobs)]
    if jobs:
        made.append(
            states.job(
                jobs,
                "nbody",
                JobState.RUNNING,
                started_at=wall - 761,
                submitted_at=wall - 762,
                attempt=1,
                ranks=sum(one.slots for one in part),
                allocation=part,
            )
        )
    return replace(
        base,
        at=now,
        wall=wall,
        head=replace(base.head, started=wall - 86400),
        uplink=base.uplink and replace(base.uplink, since=now - 3600),
        nodes={node.id: node for node in all_},
        jobs={job.id: job for job in made},
        log=tuple(replace(entry, wall=wall - 60 + entry.seq) for entry in base.log),
        panel=PanelView(("203.0.113.254  ♥", "home"), LampState.RUNNING, rhythm="sky blue, breathes"),
    )


def _board(number: int, digits: int) -> Node:
    name = f"node{number:0{digits}d}"
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    board = states.board(number % 90)
    facts = board.facts and replace(board.facts, serial=f"1000000{number:09d}", boot_id=f"boot-{number:032d}")
    return replace(
        board,
        id=NodeId(f"{number:032x}"),
        name=name,
        addresses=(address,),
        contact=address,
        host_key=states.key_of(name),
        facts=facts,
    )


def _at(node: Node, now: float) -> Node:
    """Move what the scripted states say of times to now."""
    gone = now - states.AT
    reading = node.reading and replace(node.reading, at=node.reading.at + gone)
    drained = node.drained and replace(node.drained, since=node.drained.since + gone)
    return replace(
        node, since=node.since + gone, heard_at=node.heard_at + gone, reading=reading, drained=drained
    )


def _sick(node: Node, number: int) -> Node:
    match number % 20:
        case 3:
            return replace(node, liveness=Liveness.DEAD, probe="ARP failed", streaming=False)
        case 7:
            return replace(node, liveness=Liveness.SUSPECT, probe="ARP answers")
        case 11:
            return replace(node, trust=Trust.UNKNOWN)
        case 13:
            return replace(node, drained=Drain("fan broken", "pi", states.AT - 500))
        case 17:
            return replace(node, trust=Trust.CHANGED, offered_key=states.key_of("other"))
        case _:
            return node


class FleetBackend(ScriptedBackend):
    """Fits `sciabc_tui.api.ports.Backend`: a new state each second, and one job that prints."""

    def __init__(self, state: State, *, idle: bool) -> None:
        super().__init__()
        self.state = state
        self.logs = dict.fromkeys(state.jobs, HELLO * 100)
        self._idle = idle
        self._second = 0

    async def run(self) -> None:
        """Publish until cancelled."""
        due = time.monotonic()
        while True:
            due += PERIOD
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._second += 1
            now = _CLOCK.monotonic()
            nodes = {node.id: self._later(node, number, now) for number, node in enumerate(self._nodes())}
            self.publish(replace(self.state, at=now, wall=_CLOCK.wall(), nodes=nodes))

    def _nodes(self) -> tuple[Node, ...]:
        return tuple(self.state.nodes.values())

    def _later(self, node: Node, number: int, now: float) -> Node:
        if not node.streaming or node.reading is None or not node.present:
            return node
        reading = replace(node.reading, at=now)
        return with_reading(node, reading if self._idle else self._busy(reading, number))

    def _busy(self, reading: Reading, number: int) -> Reading:
        wave = math.sin(number / 7 + self._second / 3)
        return replace(
            reading,
            cpu_percent=50 + 49 * wave,
            load1=2 + 1.9 * wave,
            memory_used=int((0.5 + 0.3 * wave) * 8 * 2**30),
            temperature=58 + 9 * wave,
            uptime=(reading.uptime or 0.0) + PERIOD,
            received=1e6 * (1.1 + wave),
            sent=4e4 * (1.1 + wave),
        )

    @override
    def obey(self, command: NodeCommand) -> None:
        """Drain and resume as the head does; keep every command."""
        node = self.state.nodes[command.node]
        match command:
            case DrainNode():
                node = replace(node, drained=Drain(command.reason, command.by, _CLOCK.monotonic()))
            case ResumeNode():
                node = replace(node, drained=None)
            case _:
                pass
        self.commands.append(command)
        self.publish(replace(self.state, nodes={**self.state.nodes, node.id: node}))


async def serve(socket: Path, state: State, *, idle: bool) -> None:
    """Serve until SIGTERM or SIGINT."""
    backend = FleetBackend(state, idle=idle)
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with ApiServer(backend, socket), asyncio.TaskGroup() as group:
        running = group.create_task(backend.run())
        await end.wait()
        running.cancel()


@contextmanager
def fleet(
    socket: Path, nodes: int, *, idle: bool = False, jobs: int = 0, sick: bool = False
) -> Generator[int, None, None]:
    """Serve a cluster from a process of its own for the length of the block; wait until it answers.

    Args:
        socket: Where; its folder must be one that only this user can reach, or not exist yet.
        nodes: How many, the head among them.
        idle: Measure the same in each second.
        jobs: As for `cluster`.
        sick: As for `cluster`.

    Yields:
        The id of the process.
    """
    flags = {"--idle": idle, "--sick": sick}
    command = (sys.executable, "-m", "tests.tui.fleet", str(socket), str(nodes), f"--jobs={jobs}")
    with subprocess.Popen(
        [*command, *(flag for flag, wanted in flags.items() if wanted)],
        cwd=Path(__file__).parents[2],
        env=_environment(),
    ) as process:
        try:
            _wait(process, Client(socket))
            yield process.pid
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def _environment() -> Mapping[str, str]:
    root = Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": str(root)}


def _wait(process: subprocess.Popen[bytes], client: Client) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client.state()
        except SciabcError:
            assert process.poll() is None, "the fleet did not start"
            assert time.monotonic() < deadline, "the fleet does not answer"
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        else:
            return


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description="Serve a cluster of any size.")
    parser.add_argument("socket", type=Path)
    parser.add_argument("nodes", type=int)
    parser.add_argument("--idle", action="store_true", help="each second measures the same")
    parser.add_argument("--jobs", type=int, default=0, help="how many jobs, one of which runs")
    parser.add_argument("--sick", action="store_true", help="one node in four is not well")
    asked = parser.parse_args()
    asyncio.run(serve(asked.socket, cluster(asked.nodes, jobs=asked.jobs, sick=asked.sick), idle=asked.idle))


if __name__ == "__main__":
    main()
