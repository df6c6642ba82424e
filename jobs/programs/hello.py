"""Say hello from every rank: which there are, and on which nodes.

It shows that the launcher reaches every node and that the ranks know each other. Rank 0 gathers what the
ranks say of themselves and checks that each rank from 0 to the last is there exactly once.
"""

import argparse
import platform
import socket
import sys
from pathlib import Path

from mpi4py import MPI
from sciabc_lines import Lines


def core() -> str:
    """Return the processor core that this rank is on right now, as Linux counts them."""
    # Field 39 of proc(5)'s stat, counted behind the name, which may hold spaces.
    return Path("/proc/self/stat").read_text().rpartition(")")[2].split()[36]


def answer(world: MPI.Intracomm) -> tuple[int, int, str]:
    """Return what a rank says of itself: its number, how many there are, and its node."""
    return world.rank, world.size, socket.gethostname()


def main() -> int:
    """Greet, gather, check; return the exit status."""
    argparse.ArgumentParser(description="Say hello from every rank, and on which node it runs.").parse_args()
    world = MPI.COMM_WORLD
    mine = answer(world)
    processor = f"processor {platform.machine()} core {core()}"
    print(f"Hello from rank {world.rank} of {world.size} on {mine[2]}, {processor}", flush=True)
    seen = world.gather(mine)
    if seen is None:  # only rank 0 is given the others' words
        return 0
    if [(rank, size) for rank, size, _ in seen] != [(rank, world.size) for rank in range(world.size)]:
        print(f"WRONG: the ranks that answered are {seen}", file=sys.stderr, flush=True)
        return 1
    Lines().progress(len(seen), world.size)
    hosts = {name for _, _, name in seen}
    print(f"All {world.size} ranks on {len(hosts)} host(s) answered", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
