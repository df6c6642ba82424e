"""The loops of osu_latency and osu_bw, beside those of `pingpong`; for `test_programs_numbers.py`.

    mpirun -n 2 python -m mpi4py osu_loops.py RESULTS

Written after the description of the OSU micro-benchmarks (https://mvapich.cse.ohio-state.edu/benchmarks/),
and not after `pingpong`. Both are measured in turn, and OSU's once more, so that it is known how much the
same loop differs from itself. RESULTS gets `{"latency": [[ours, OSU's, OSU's again], ..], "bandwidth": ..}`,
in seconds and in bytes a second.
"""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

from mpi4py import MPI

from tests.jobs.programs_driver import PROGRAMS, loaded

TIMES = 60
LATENCY_SIZE, LATENCY_LOOPS, LATENCY_SKIP = 8, 200, 20
BANDWIDTH_SIZE, BANDWIDTH_LOOPS, BANDWIDTH_SKIP, WINDOW = 65536, 2, 1, 64


def osu_latency(world: MPI.Intracomm) -> float:
    """Half of a round trip, as rank 0 sees it, in seconds."""
    myid = world.rank
    s_buf, r_buf = bytearray(b"a" * LATENCY_SIZE), bytearray(b"b" * LATENCY_SIZE)
    start = end = 0.0
    world.Barrier()
    for i in range(LATENCY_LOOPS + LATENCY_SKIP):
        if myid == 0:
            if i == LATENCY_SKIP:
                start = MPI.Wtime()
            world.Send(s_buf, 1, 1)
            world.Recv(r_buf, 1, 1)
        else:
            world.Recv(r_buf, 0, 1)
            world.Send(s_buf, 0, 1)
    end = MPI.Wtime()
    return (end - start) / (2.0 * LATENCY_LOOPS)


def osu_bandwidth(world: MPI.Intracomm) -> float:
    """Bytes a second from rank 0 to rank 1, as rank 0 sees it."""
    myid = world.rank
    s_buf, r_buf, ack = bytearray(b"a" * BANDWIDTH_SIZE), bytearray(b"b" * BANDWIDTH_SIZE), bytearray(4)
    start = end = 0.0
    world.Barrier()
    for i in range(BANDWIDTH_LOOPS + BANDWIDTH_SKIP):
        if myid == 0:
            if i == BANDWIDTH_SKIP:
                start = MPI.Wtime()
            requests = [world.Isend(s_buf, 1, 100) for _ in range(WINDOW)]
            MPI.Request.Waitall(requests)
            world.Recv(ack, 1, 101)
        else:
            requests = [world.Irecv(r_buf, 0, 100) for _ in range(WINDOW)]
            MPI.Request.Waitall(requests)
            world.Send(ack, 0, 101)
    end = MPI.Wtime()
    return BANDWIDTH_SIZE * BANDWIDTH_LOOPS * WINDOW / (end - start)


def in_turn(loops: list[Callable[[], float]]) -> list[list[float]]:
    """Measure all, again and again, every other time from the last to the first.

    Where a buffer lies in memory decides some per cent: it is another place each time, that none is favoured.
    """
    found: list[list[float]] = []
    chance = random.Random(MPI.COMM_WORLD.rank)
    for time in range(TIMES):
        order = range(len(loops)) if time % 2 == 0 else reversed(range(len(loops)))
        once: dict[int, float] = {}
        for place in order:
            room = [bytearray(chance.randrange(1 << 17)) for _ in range(4)]
            once[place] = loops[place]()
            del room
        found.append([once[place] for place in range(len(loops))])
    return found


def main() -> None:
    """Measure both."""
    world = MPI.COMM_WORLD
    sys.path.insert(0, str(PROGRAMS))
    pingpong = loaded("pingpong")
    partner = 1 - world.rank
    short = pingpong.Loops(LATENCY_LOOPS, LATENCY_SKIP)
    long = pingpong.Loops(BANDWIDTH_LOOPS, BANDWIDTH_SKIP)

    def our_latency() -> float:
        return float(pingpong.latency(world, partner, LATENCY_SIZE, short)[0])

    def our_bandwidth() -> float:
        return float(pingpong.bandwidth(world, partner, BANDWIDTH_SIZE, long)[0])

    found = {
        "latency": in_turn([our_latency, lambda: osu_latency(world), lambda: osu_latency(world)]),
        "bandwidth": in_turn([our_bandwidth, lambda: osu_bandwidth(world), lambda: osu_bandwidth(world)]),
    }
    if world.rank == 0:
        Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
