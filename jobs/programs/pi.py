"""Compute pi: each rank its share, and one reduction at the end.

It shows work that falls apart into equal pieces, with one message at the end: the speed-up is nearly the
number of ranks. Pi is the area under 4 / (1 + x * x) from 0 to 1, cut into thin strips. Rank 0 computes all
strips alone first, and compares.
"""

import argparse
import math
import sys

from mpi4py import MPI
from sciabc_lines import Lines

PIECES = 50


def area(first: int, end: int, strips: int) -> float:
    """Return the area of the strips from the first to before the end, of so many between 0 and 1."""
    width = 1.0 / strips
    total = 0.0
    for strip in range(first, end):
        x = (strip + 0.5) * width
        total += 4.0 / (1.0 + x * x)
    return total * width


def share(first: int, end: int, strips: int, lines: Lines) -> float:
    """Return the area of a rank's strips, in pieces, so that it can be said how far it is."""
    ends = [first + (end - first) * piece // PIECES for piece in range(PIECES + 1)]
    total = 0.0
    for piece in range(PIECES):
        total += area(ends[piece], ends[piece + 1], strips)
        lines.progress(piece + 1, PIECES)
    return total


def problem(found: float, alone: float, strips: int) -> str:
    """Say what is wrong with the result; empty if nothing is."""
    if not math.isclose(found, alone, rel_tol=1e-10):  # the same strips, added up in another order
        return f"all ranks together found {found}, one alone {alone}"
    if abs(found - math.pi) > 1.0 / strips**2 + 1e-10:  # the strips' own error is a twelfth of that
        return f"it is {found}, and pi is {math.pi}"
    return ""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compute pi on all ranks and add up their shares.")
    parser.add_argument("--strips", type=int, default=5_000_000, help="how many (default: 5000000)")
    options = parser.parse_args()
    if options.strips < 1:
        parser.error("--strips must be 1 or more")
    return options


def main() -> int:
    """Compute alone, compute together, compare; return the exit status."""
    world = MPI.COMM_WORLD
    strips: int = arguments().strips
    lines = Lines(speaks=world.rank == 0)
    began = MPI.Wtime()
    alone = area(0, strips, strips) if world.rank == 0 else 0.0
    alone_seconds = MPI.Wtime() - began
    world.barrier()
    began = MPI.Wtime()
    mine = share(strips * world.rank // world.size, strips * (world.rank + 1) // world.size, strips, lines)
    print(f"rank {world.rank}: {mine:.12f} in {MPI.Wtime() - began:.3f} s", flush=True)
    found: float | None = world.reduce(mine, op=MPI.SUM)
    seconds = MPI.Wtime() - began
    if found is None:  # only rank 0 is given the sum
        return 0
    if wrong := problem(found, alone, strips):
        print(f"WRONG: {wrong}", file=sys.stderr, flush=True)
        return 1
    print(f"pi is {found:.12f}, wrong by {abs(found - math.pi):.1e}")
    print(f"total {seconds:.3f} s on {world.size} rank(s), {alone_seconds:.3f} s on one alone")
    print(f"speed-up {alone_seconds / seconds:.2f}", flush=True)
    lines.metric("alone", alone_seconds, "s", last=True)
    lines.metric("together", seconds, "s", last=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
