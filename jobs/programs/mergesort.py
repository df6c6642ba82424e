"""Sort 500,000 numbers on one rank, then on all; give the speed-up.

It shows how much a problem gains from more ranks, and where the time goes. Rank 0 sorts alone first. Then it
scatters the numbers, every rank sorts its share, and pairs of ranks merge: half of them send to their
neighbours and are done, then half of the rest, until rank 0 holds everything. The merging is written out in
plain Python, because it is what the program is about. The result must equal what rank 0 found alone.
"""

import argparse
import random
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from mpi4py import MPI
from sciabc_lines import Lines

PHASES = 4
"""Alone, scatter, sort, merge."""


@dataclass(frozen=True)
class Times:
    """How long the phases took, in seconds, as rank 0 saw it."""

    scatter: float
    sort: float
    merge: float

    @property
    def total(self) -> float:
        """All phases together."""
        return self.scatter + self.sort + self.merge


def merge(left: list[int], right: list[int]) -> list[int]:
    """Return what two sorted lists hold as one sorted list."""
    merged: list[int] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]


def merge_sort(numbers: list[int]) -> list[int]:
    """Return the numbers in order."""
    if len(numbers) < 2:
        return numbers
    middle = len(numbers) // 2
    return merge(merge_sort(numbers[:middle]), merge_sort(numbers[middle:]))


def shares(numbers: list[int], ranks: int) -> list[list[int]]:
    """Cut the numbers into one share a rank; their lengths differ by one at most."""
    ends = [len(numbers) * rank // ranks for rank in range(ranks + 1)]
    return [numbers[start:end] for start, end in pairwise(ends)]


def merge_ranks(world: MPI.Intracomm, mine: list[int]) -> list[int]:
    """Merge the sorted shares of all ranks into rank 0's; the others return what they sent away."""
    step = 1
    while step < world.size:
        if world.rank % (2 * step):
            world.send(mine, dest=world.rank - step)
            break
        if world.rank + step < world.size:
            mine = merge(mine, world.recv(source=world.rank + step))
        step *= 2
    return mine


def sort_together(world: MPI.Intracomm, numbers: list[int], lines: Lines) -> tuple[list[int], Times]:
    """Sort rank 0's numbers on all ranks; the result and the times mean something on rank 0."""
    world.barrier()
    began = MPI.Wtime()
    mine: list[int] = world.scatter(shares(numbers, world.size) if world.rank == 0 else None)
    scattered = MPI.Wtime()
    lines.progress(2, PHASES)
    mine = merge_sort(mine)
    print(f"rank {world.rank}: sorted {len(mine)} numbers in {MPI.Wtime() - scattered:.3f} s", flush=True)
    world.barrier()
    in_order = MPI.Wtime()
    lines.progress(3, PHASES)
    mine = merge_ranks(world, mine)
    return mine, Times(scattered - began, in_order - scattered, MPI.Wtime() - in_order)


def problem(numbers: list[int], alone: list[int], together: list[int]) -> str:
    """Say what is wrong with the results; empty if nothing is."""
    if any(before > after for before, after in pairwise(alone)):
        return "one rank alone did not put the numbers in order"
    if Counter(alone) != Counter(numbers):
        return "one rank alone lost or invented numbers"
    return "" if together == alone else "all ranks together found something else than one rank alone"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Sort random numbers by merging, on one rank and on all.")
    parser.add_argument("--count", type=int, default=500_000, help="how many numbers (default: 500000)")
    parser.add_argument("--seed", type=int, default=2016, help="which random numbers (default: 2016)")
    options = parser.parse_args()
    if options.count < 1:
        parser.error("--count must be 1 or more")
    return options


def main() -> int:
    """Sort alone, sort together, compare; return the exit status."""
    world = MPI.COMM_WORLD
    options = arguments()
    lines = Lines(speaks=world.rank == 0)
    numbers: list[int] = []
    alone: list[int] = []
    alone_seconds = 0.0
    if world.rank == 0:
        source = random.Random(options.seed)  # noqa: S311 - the same numbers each time, not secret ones
        numbers = [source.randrange(10 * options.count) for _ in range(options.count)]
        print(f"rank 0 sorts {options.count} numbers alone first", flush=True)
        began = MPI.Wtime()
        alone = merge_sort(numbers)
        alone_seconds = MPI.Wtime() - began
    lines.progress(1, PHASES)
    together, times = sort_together(world, numbers, lines)
    lines.progress(PHASES, PHASES)
    if world.rank != 0:
        return 0
    if wrong := problem(numbers, alone, together):
        print(f"WRONG: {wrong}", file=sys.stderr, flush=True)
        return 1
    print(
        f"in order: {together[0]} ... {together[-1]}, {len(together)} numbers, as one rank alone found them"
    )
    print(f"scatter {times.scatter:8.3f} s")
    print(f"sort    {times.sort:8.3f} s")
    print(f"merge   {times.merge:8.3f} s")
    print(f"total   {times.total:8.3f} s on {world.size} rank(s), {alone_seconds:.3f} s on one alone")
    print(f"speed-up {alone_seconds / times.total:.2f}", flush=True)
    lines.metric("alone", alone_seconds, "s", last=True)
    lines.metric("together", times.total, "s", last=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
