"""Pass a message round a ring of all ranks, and time a hop.

It shows sending and receiving between two ranks, the smallest move of MPI. Rank 0 starts a message with an
empty list, every rank writes its number into it, adds its square to a sum and sends it to the next, and the
last one sends it home. Rank 0 checks who was visited, in which order, and the sum, against what it works out
alone.
"""

import argparse
import sys

from mpi4py import MPI
from sciabc_lines import Lines

Message = tuple[list[int], int]


def stamped(message: Message, rank: int) -> Message:
    """Return the message as it leaves a rank."""
    visited, total = message
    return [*visited, rank], total + rank**2


def pass_round(world: MPI.Intracomm) -> Message:
    """Send a message once round the ring; what comes home means something on rank 0."""
    right, left = (world.rank + 1) % world.size, (world.rank - 1) % world.size
    if world.rank == 0:
        # Not blocking: where rank 0 is alone it sends to itself.
        sent = world.isend(stamped(([], 0), 0), dest=right)
        message: Message = world.recv(source=left)
        sent.wait()
        return message
    message = world.recv(source=left)
    world.send(stamped(message, world.rank), dest=right)
    return message


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Pass a message round a ring of all ranks.")
    parser.add_argument("--rounds", type=int, default=1000, help="how often round (default: 1000)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return options


def main() -> int:
    """Pass, time, check; return the exit status."""
    world = MPI.COMM_WORLD
    options = arguments()
    lines = Lines(speaks=world.rank == 0)
    expected = (list(range(world.size)), sum(rank**2 for rank in range(world.size)))
    wrong: Message | None = None
    print(f"rank {world.rank} sends to rank {(world.rank + 1) % world.size}", flush=True)
    world.barrier()
    began = MPI.Wtime()
    for number in range(options.rounds):
        came = pass_round(world)
        if came != expected:
            wrong = wrong or came
        lines.progress(number + 1, options.rounds)
    hop = (MPI.Wtime() - began) / (options.rounds * world.size)
    if world.rank != 0:
        return 0
    if wrong is not None:
        print(f"WRONG: the ring came home with {wrong}, it should be {expected}", file=sys.stderr, flush=True)
        return 1
    print(f"{options.rounds} times round {world.size} rank(s): every one was visited, in order")
    print(f"one hop {1e6 * hop:.1f} us", flush=True)
    lines.metric("hop", 1e6 * hop, "us", last=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
