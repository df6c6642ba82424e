"""Measure latency and bandwidth between all nodes.

It shows what the network costs. The method is that of the OSU micro-benchmarks (osu_latency, osu_bw): after a
warm-up a message goes to and fro, and half of a round trip is the latency; for the bandwidth one side sends a
window of 64 messages without waiting, and the other answers once when it has them all. Every node is measured
with every other, through the first rank on it; where there is only one node, every rank with every other. The
bytes that arrive are compared with what the sender must have sent.

The benchmarks: https://mvapich.cse.ohio-state.edu/benchmarks/. Their loops in Python, with mpi4py as here: N.
Alnaasan et al., "OMB-Py: Python Micro-Benchmarks for Evaluating Performance of MPI Libraries on HPC Systems",
IPDPSW 2022.
"""

import argparse
import sys
from dataclasses import dataclass
from itertools import combinations
from threading import Event

from mpi4py import MPI
from sciabc_lines import Lines

WINDOW = 64
TAG = 1
"""A tag and a plain buffer, as OSU's have them: any tag, and naming the datatype, cost time of their own."""
LARGE = 8192
"""Bytes; messages above it are measured in fewer loops, as OSU's are."""
SMALL_MESSAGE = 8
SIZES = (1, 64, 1024, 8192, 65536)
STATIONS = 16
PAUSE = 0.002


@dataclass(frozen=True)
class Loops:
    """How often a message goes, and how often before that to warm up."""

    timed: int
    warming: int


@dataclass(frozen=True)
class Link:
    """What was measured between two stations.

    Attributes:
        latency: Of a small message, one way, in microseconds.
        bandwidth: In MB/s, a million bytes each.
        intact: Whether all bytes came as they were sent.
    """

    latency: float
    bandwidth: float
    intact: bool


def payload(size: int, rank: int) -> bytes:
    """Return what a rank sends."""
    pattern = bytes((7 * rank + step) % 251 for step in range(251))
    return (pattern * (size // len(pattern) + 1))[:size]


def latency_loops(size: int, options: argparse.Namespace) -> Loops:
    """Say how often to and fro: OSU takes 10000 and 1000, which a slow network has no time for."""
    return (
        Loops(options.loops, max(1, options.loops // 10))
        if size <= LARGE
        else Loops(options.loops // 10 + 1, 2)
    )


def latency(world: MPI.Intracomm, partner: int, size: int, loops: Loops) -> tuple[float, bool]:
    """Measure one way, in seconds, as osu_latency does; tell whether the bytes came intact."""
    first = world.rank < partner
    mine, came = bytearray(payload(size, world.rank)), bytearray(size)
    world.sendrecv(None, dest=partner, source=partner)
    began = 0.0
    for loop in range(loops.warming + loops.timed):
        if loop == loops.warming:
            began = MPI.Wtime()
        if first:
            world.Send(mine, partner, TAG)
            world.Recv(came, partner, TAG)
        else:
            world.Recv(came, partner, TAG)
            world.Send(mine, partner, TAG)
    seconds = (MPI.Wtime() - began) / (2 * loops.timed)
    return seconds, bytes(came) == payload(size, partner)


def bandwidth(world: MPI.Intracomm, partner: int, size: int, loops: Loops) -> tuple[float, bool]:
    """Measure bytes a second from the lower rank to the higher, as osu_bw does; tell if they came intact."""
    first = world.rank < partner
    mine, came, answer = bytearray(payload(size, world.rank)), bytearray(size), bytearray(4)
    world.sendrecv(None, dest=partner, source=partner)
    began = 0.0
    for loop in range(loops.warming + loops.timed):
        if loop == loops.warming:
            began = MPI.Wtime()
        if first:
            MPI.Request.Waitall([world.Isend(mine, partner, TAG) for _ in range(WINDOW)])
            world.Recv(answer, partner, TAG)
        else:
            MPI.Request.Waitall([world.Irecv(came, partner, TAG) for _ in range(WINDOW)])
            world.Send(answer, partner, TAG)
    seconds = MPI.Wtime() - began
    return size * WINDOW * loops.timed / seconds, first or bytes(came) == payload(size, partner)


def measure(world: MPI.Intracomm, partner: int, options: argparse.Namespace) -> Link:
    """Measure a pair; both of it call this."""
    one_way, small_intact = latency(world, partner, SMALL_MESSAGE, latency_loops(SMALL_MESSAGE, options))
    through, large_intact = bandwidth(world, partner, options.size, Loops(options.windows, 1))
    intact: bool = world.sendrecv(small_intact and large_intact, dest=partner, source=partner)
    return Link(1e6 * one_way, through / 1e6, intact and small_intact and large_intact)


def wait_for_all(world: MPI.Intracomm) -> None:
    """Meet at a barrier, without taking the core from those who still measure."""
    everybody, pause = world.Ibarrier(), Event()
    while not everybody.Test():
        pause.wait(PAUSE)


def stations(world: MPI.Intracomm) -> dict[int, str]:
    """Choose who is measured: the first rank on each node, or the ranks of the only one; with their names."""
    hosts = world.allgather(MPI.Get_processor_name())
    firsts = {hosts.index(host): host for host in hosts}
    if len(firsts) == 1:
        firsts = {rank: f"rank {rank}" for rank in range(world.size)}
    return dict(list(firsts.items())[:STATIONS])


def show_sizes(
    world: MPI.Intracomm, pair: tuple[int, int], names: dict[int, str], loops: argparse.Namespace
) -> None:
    """Measure one pair with messages of several sizes, and print the table that OSU prints."""
    if world.rank in pair:
        partner = pair[0] if world.rank == pair[1] else pair[1]
        rows = [
            (
                size,
                latency(world, partner, size, latency_loops(size, loops))[0],
                bandwidth(world, partner, size, Loops(loops.windows, 1))[0],
            )
            for size in SIZES
        ]
        if world.rank == pair[0]:
            print(f"{names[pair[0]]} - {names[pair[1]]}\n{'bytes':>8} {'latency us':>12} {'MB/s':>10}")
            for size, one_way, through in rows:
                print(f"{size:8} {1e6 * one_way:12.2f} {through / 1e6:10.2f}")
            sys.stdout.flush()
    wait_for_all(world)


def matrix(names: dict[int, str], links: dict[tuple[int, int], Link], what: str) -> list[list[float | None]]:
    """Lay out a measure of all pairs as a grid, None on its diagonal."""
    return [
        [None if a == b else float(getattr(links[min(a, b), max(a, b)], what)) for b in names] for a in names
    ]


def show_matrix(names: dict[int, str], grid: list[list[float | None]], title: str) -> None:
    """Print a matrix."""
    print(title)
    width = max(9, *(len(name) for name in names.values()))
    print(" " * width, *(f"{name:>{width}}" for name in names.values()))
    for name, row in zip(names.values(), grid, strict=True):
        print(f"{name:>{width}}", *(f"{'-' if cell is None else f'{cell:.2f}':>{width}}" for cell in row))
    sys.stdout.flush()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure latency and bandwidth between all nodes.")
    parser.add_argument("--loops", type=int, default=1000, help="round trips (default: 1000)")
    parser.add_argument("--windows", type=int, default=10, help="windows of 64 messages (default: 10)")
    parser.add_argument("--size", type=int, default=65536, help="bytes of their messages (default: 65536)")
    options = parser.parse_args()
    if min(options.loops, options.windows, options.size) < 1:
        parser.error("--loops, --windows and --size must be 1 or more")
    return options


def main() -> int:
    """Measure every pair, show, check; return the exit status."""
    world = MPI.COMM_WORLD
    options = arguments()
    lines = Lines(speaks=world.rank == 0)
    names = stations(world)
    pairs = list(combinations(names, 2))
    if not pairs:
        print("one rank alone has nobody to talk to: nothing was measured", flush=True)
        lines.progress(1, 1)
        return 0
    show_sizes(world, pairs[-1], names, options)
    mine: dict[tuple[int, int], Link] = {}
    for done, pair in enumerate(pairs, start=1):
        if world.rank in pair:
            mine[pair] = measure(world, pair[0] if world.rank == pair[1] else pair[1], options)
        wait_for_all(world)
        lines.progress(done, len(pairs))
    gathered = world.gather(mine)
    if gathered is None:  # only rank 0 is told
        return 0
    # Of the two of a pair the lower one's times count: it has waited for the answer.
    links = {pair: gathered[pair[0]][pair] for pair in pairs}
    if broken := [f"{names[a]} - {names[b]}" for (a, b), link in links.items() if not link.intact]:
        print(f"WRONG: other bytes came than were sent: {', '.join(broken)}", file=sys.stderr, flush=True)
        return 1
    for what, unit in (("latency", "us"), ("bandwidth", "MB/s")):
        grid = matrix(names, links, what)
        values = [cell for row in grid for cell in row if cell is not None]
        show_matrix(names, grid, f"{what} in {unit}")
        lines.frame(what, grid, 0.0, max(values))
        lines.metric(what, max(values) if what == "latency" else min(values), unit, last=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
