"""Solve linear equations on all ranks; give the cluster's GFLOPS.

It shows what the list of the 500 fastest computers measures: LU factorization with partial pivoting. The
matrix is dealt out in blocks of columns, like cards. The rank whose turn it is factors its block and
broadcasts it, and all update what they have to the right of it. The answer is checked as the HPL benchmark
does it: rank 0 makes the matrix anew, alone, and ||Ax - b|| / (eps * (||A|| * ||x|| + ||b||) * n), in maximum
norms, must be below 16.

HPL: A. Petitet, R. C. Whaley, J. Dongarra, A. Cleary, https://www.netlib.org/benchmark/hpl/ (also for the
count of operations, 2/3 n^3 + 3/2 n^2).
"""

import argparse
import os
import sys
from dataclasses import dataclass

from mpi4py import MPI
from sciabc_lines import Lines

# A thread for each core, on every rank, would be too many: set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError:
    sys.exit(f"linpack: no numpy on {MPI.Get_processor_name()}. Next: sudo apt install python3-numpy there")

THRESHOLD = 16.0
Matrix = NDArray[np.float64]


def factor(panel: Matrix, steps: int) -> NDArray[np.int64]:
    """Factor a block of columns in place, so many steps; return which row was swapped with which at each."""
    swaps = np.empty(steps, dtype=np.int64)
    for step in range(steps):
        pivot = step + int(np.argmax(np.abs(panel[step:, step])))
        swaps[step] = pivot
        panel[[step, pivot]] = panel[[pivot, step]]
        panel[step + 1 :, step] /= panel[step, step]
        panel[step + 1 :, step + 1 :] -= np.outer(panel[step + 1 :, step], panel[step, step + 1 :])
    return swaps


def update(right: Matrix, panel: Matrix, swaps: NDArray[np.int64]) -> None:
    """Bring columns to the right of a factored block up to date with it, in place."""
    steps = len(swaps)
    for step, pivot in enumerate(swaps):
        if pivot != step:
            right[[step, pivot]] = right[[pivot, step]]
    lower = np.tril(panel[:steps, :steps], -1) + np.eye(steps)
    right[:steps] = np.linalg.solve(lower, right[:steps])
    right[steps:] -= panel[steps:, :steps] @ right[:steps]


@dataclass(frozen=True)
class Problem:
    """What is solved: n equations, in blocks of `width` columns, from a seed."""

    n: int
    width: int
    seed: int

    @property
    def blocks(self) -> int:
        """How many blocks of columns there are, that of b among them."""
        return self.n // self.width + 1

    @property
    def operations(self) -> float:
        """Of floating point, as HPL counts them."""
        return 2.0 / 3.0 * self.n**3 + 1.5 * self.n**2

    def made(self, block: int) -> Matrix:
        """Make a block of columns; any rank can make any. The last column of the last block is b."""
        wide = min(self.width, self.n + 1 - block * self.width)
        return np.random.default_rng([self.seed, block]).random((self.n, wide)) - 0.5


def dealt(world: MPI.Intracomm, problem: Problem) -> Matrix:
    """Make this rank's blocks, side by side: of five ranks the second has blocks 1, 6, 11 ..."""
    blocks = [problem.made(block) for block in range(world.rank, problem.blocks, world.size)]
    return np.concatenate(blocks, axis=1) if blocks else np.empty((problem.n, 0))


def factor_all(world: MPI.Intracomm, problem: Problem, mine: Matrix, lines: Lines) -> None:
    """Factor the matrix in place."""
    n, width = problem.n, problem.width
    for block in range(problem.blocks):
        first, (turn, owner) = block * width, divmod(block, world.size)
        steps, wide = min(width, n - first), min(width, n + 1 - first)
        if not steps:  # only b is left
            break
        panel, swaps = np.empty((n - first, wide)), np.empty(steps, dtype=np.int64)
        if world.rank == owner:
            panel[:] = mine[first:, turn * width : turn * width + wide]
            swaps = factor(panel, steps)
            mine[first:, turn * width : turn * width + wide] = panel
        world.Bcast([swaps, MPI.INT64_T], root=owner)
        world.Bcast([panel, MPI.DOUBLE], root=owner)
        seen = turn + (world.rank <= owner)  # blocks of this rank up to the one that was factored
        if seen * width < mine.shape[1]:
            update(mine[first:, seen * width :], panel, swaps)
        lines.progress(block + 1, problem.blocks)


def solve_upper(world: MPI.Intracomm, problem: Problem, mine: Matrix) -> Matrix:
    """Solve the upper triangle, from the last block to the first; every rank gets x."""
    n, width = problem.n, problem.width
    x, rest = np.zeros(n), np.empty(n)
    holder = (problem.blocks - 1) % world.size
    if world.rank == holder:
        rest[:] = mine[:, -1]
    for block in reversed(range(problem.blocks)):
        first, end = block * width, min((block + 1) * width, n)
        turn, owner = divmod(block, world.size)
        world.Bcast([rest, MPI.DOUBLE], root=holder)
        if world.rank == owner and first < end:
            part = mine[:, turn * width : turn * width + end - first]
            x[first:end] = np.linalg.solve(np.triu(part[first:end]), rest[first:end])
            rest[:first] -= part[:first] @ x[first:end]
        world.Bcast([x, MPI.DOUBLE], root=owner)
        holder = owner
    return x


def residual(problem: Problem, x: Matrix) -> float:
    """Return HPL's scaled residual of an answer, with a matrix that is made anew."""
    whole = np.concatenate([problem.made(block) for block in range(problem.blocks)], axis=1)
    a, b = whole[:, :-1], whole[:, -1]
    norm_a = float(np.abs(a).sum(axis=1).max())
    scale = norm_a * float(np.abs(x).max()) + float(np.abs(b).max())
    return float(np.abs(a @ x - b).max()) / (float(np.finfo(np.float64).eps) * scale * problem.n)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Solve linear equations on all ranks; print GFLOPS.")
    parser.add_argument("--n", type=int, default=2000, help="how many equations (default: 2000)")
    parser.add_argument("--block", type=int, default=64, help="columns dealt out at a time (default: 64)")
    parser.add_argument("--seed", type=int, default=2016, help="which random numbers (default: 2016)")
    options = parser.parse_args()
    if options.n < 1 or options.block < 1 or options.seed < 0:
        parser.error("--n and --block must be 1 or more, --seed 0 or more")
    return options


def main() -> int:
    """Factor, solve, check; return the exit status."""
    world = MPI.COMM_WORLD
    options = arguments()
    problem = Problem(options.n, options.block, options.seed)
    lines = Lines(speaks=world.rank == 0)
    mine = dealt(world, problem)
    world.barrier()
    began = MPI.Wtime()
    factor_all(world, problem, mine, lines)
    x = solve_upper(world, problem, mine)
    world.barrier()
    seconds = MPI.Wtime() - began
    print(f"rank {world.rank}: {mine.shape[1]} of {problem.n + 1} column(s)", flush=True)
    if world.rank != 0:
        return 0
    lines.progress(problem.blocks, problem.blocks)
    found = residual(problem, x)
    if not found < THRESHOLD:  # also if it is no number
        print(
            f"WRONG: the residual is {found:.3g}, it must be below {THRESHOLD:g}", file=sys.stderr, flush=True
        )
        return 1
    speed = problem.operations / seconds / 1e9
    print(f"residual {found:.6f}, below {THRESHOLD:g}: the answer is right")
    print(f"{problem.n} equations in {seconds:.3f} s on {world.size} rank(s)")
    print(f"{speed:.3f} GFLOPS", flush=True)
    lines.metric("speed", speed, "GFLOPS", last=True)
    lines.metric("together", seconds, "s", last=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
