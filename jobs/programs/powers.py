"""Raise numbers to a power: broadcast, scatter, gather and reduce.

It shows the five moves that most MPI programs are made of. Rank 0 broadcasts the exponent, scatters the
numbers, every rank computes its share, and the results come back twice: gathered as a list, and reduced to
their sum. Rank 0 then computes all of it alone and compares. Any number of ranks will do, also more than
there are numbers.
"""

import argparse
import sys
from itertools import pairwise

from mpi4py import MPI
from sciabc_lines import Lines


def shares(numbers: list[int], ranks: int) -> list[list[int]]:
    """Cut the numbers into one share a rank; their lengths differ by one at most."""
    ends = [len(numbers) * rank // ranks for rank in range(ranks + 1)]
    return [numbers[start:end] for start, end in pairwise(ends)]


def raised(numbers: list[int], exponent: int) -> list[int]:
    """Return a rank's numbers to the power of the exponent."""
    return [number**exponent for number in numbers]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Raise the numbers 1, 2, 3 ... to a power on all ranks.")
    parser.add_argument("--count", type=int, default=12, help="how many numbers (default: 12)")
    parser.add_argument("--exponent", type=int, default=3, help="to which power (default: 3)")
    options = parser.parse_args()
    if options.count < 1 or options.exponent < 0:
        parser.error("--count must be 1 or more, --exponent 0 or more")
    return options


def main() -> int:
    """Compute, check; return the exit status."""
    world = MPI.COMM_WORLD
    options = arguments()
    first = world.rank == 0
    lines = Lines(speaks=first)

    exponent: int = world.bcast(options.exponent if first else None)
    numbers = list(range(1, options.count + 1))
    mine: list[int] = world.scatter(shares(numbers, world.size) if first else None)
    lines.progress(2, 5)  # broadcast and scattered
    results = raised(mine, exponent)
    print(f"rank {world.rank}: {mine} to the power of {exponent} = {results}", flush=True)
    gathered = world.gather(results)
    total: int | None = world.reduce(sum(results), op=MPI.SUM)
    lines.progress(5, 5)  # computed, gathered and reduced

    if gathered is None or total is None:  # only rank 0 is given the results
        return 0
    powers = [result for share in gathered for result in share]
    alone = [number**options.exponent for number in numbers]
    if powers != alone or total != sum(alone):
        print(f"WRONG: {world.size} ranks found {powers}, sum {total}; one finds {alone}", file=sys.stderr)
        return 1
    print(f"sum {total}: {world.size} rank(s) found what one finds alone", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
