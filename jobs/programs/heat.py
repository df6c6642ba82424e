"""Let heat spread over a plate that all ranks share out.

It shows the halo exchange that most simulations live on. The ranks form a grid (a Cartesian communicator),
each computes its tile, and before each step it gets the rows and columns next to it from its four neighbours.
The upper edge of the plate is hot, the others are cold, and each cell becomes the mean of its neighbours
(Jacobi's method). Rank 0 computes the whole plate alone, and every cell must be the same.
"""

import argparse
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mpi4py import MPI
from sciabc_lines import Lines

HOT = 100.0
PICTURES = 60
MOST_CELLS = 3800
"""Of a picture; of a larger plate it shows every second cell, or every third."""

Rows: TypeAlias = "list[array[float]]"


@dataclass(frozen=True)
class Tile:
    """A rank's place in the grid of ranks, and what it has of the plate: rows and columns, ends excluded."""

    cart: MPI.Cartcomm
    top: int
    bottom: int
    left: int
    right: int


def fitting(ranks: int, rows: int, columns: int) -> list[int]:
    """Say how the most of so many ranks stand in a grid in which each has a cell at least."""
    while True:
        dims = MPI.Compute_dims(ranks, 2)
        if dims[0] <= rows and dims[1] <= columns:
            return dims
        ranks -= 1


def tile_of(comm: MPI.Comm, dims: list[int], rows: int, columns: int) -> Tile:
    """Give this rank its tile; the sizes of tiles differ by one at most."""
    cart = MPI.Intracomm(comm).Create_cart(dims)
    (down, across), (high, wide) = cart.coords, dims
    return Tile(
        cart,
        rows * down // high,
        rows * (down + 1) // high,
        columns * across // wide,
        columns * (across + 1) // wide,
    )


def cold(tile: Tile) -> Rows:
    """Make a tile with its halo: cold, but for what is above the upper edge of the plate."""
    width = tile.right - tile.left + 2
    plate = [array("d", bytes(8 * width)) for _ in range(tile.bottom - tile.top + 2)]
    if tile.top == 0:
        plate[0] = array("d", [HOT] * width)
    return plate


def exchange(tile: Tile, plate: Rows) -> None:
    """Get the edges of the neighbours into the halo; at the edge of the plate there is none."""
    above, below = tile.cart.Shift(0, 1)
    before, behind = tile.cart.Shift(1, 1)
    width = len(plate[0])
    for mine, to, halo, origin in ((1, above, -1, below), (-2, below, 0, above)):
        tile.cart.Sendrecv(
            [plate[mine], width, MPI.DOUBLE], to, 0, [plate[halo], width, MPI.DOUBLE], origin, 0
        )
    for mine, to, halo, origin in ((1, before, -1, behind), (-2, behind, 0, before)):
        column = array("d", [row[mine] for row in plate])
        came = array("d", [row[halo] for row in plate])
        tile.cart.Sendrecv([column, MPI.DOUBLE], to, 0, [came, MPI.DOUBLE], origin, 0)
        for row, value in zip(plate, came, strict=True):
            row[halo] = value


def step(plate: Rows) -> Rows:
    """Return the plate a step later: each cell is the mean of its four neighbours."""
    after = [array("d", row) for row in plate]
    for number in range(1, len(plate) - 1):
        up, here, down, new = plate[number - 1], plate[number], plate[number + 1], after[number]
        for column in range(1, len(here) - 1):
            new[column] = 0.25 * (up[column] + down[column] + here[column - 1] + here[column + 1])
    return after


def inside(plate: Rows) -> Rows:
    """Return a tile without its halo."""
    return [row[1:-1] for row in plate[1:-1]]


def spread(tile: Tile, steps: int, shown: Callable[[int, Rows], None] | None = None) -> Rows:
    """Compute so many steps, and show some of them."""
    plate = cold(tile)
    every = max(1, steps // PICTURES)
    for number in range(1, steps + 1):
        exchange(tile, plate)
        plate = step(plate)
        if shown and (number % every == 0 or number == steps):
            shown(number, inside(plate))
    return inside(plate)


def joined(tile: Tile, mine: Rows, columns: int) -> Rows:
    """Bring all tiles to rank 0 and lay them side by side; the others get nothing."""
    tiles = tile.cart.gather((tile.top, tile.left, mine))
    if tiles is None:
        return []
    height = max(top + len(rows) for top, _, rows in tiles)
    plate = [array("d", bytes(8 * columns)) for _ in range(height)]
    for top, left, rows in tiles:
        for number, row in enumerate(rows):
            plate[top + number][left : left + len(row)] = row
    return plate


def picture(plate: Rows) -> Rows:
    """Make a plate small enough for a frame."""
    every = 1
    while len(plate[::every]) * len(plate[0][::every]) > MOST_CELLS:
        every += 1
    return [row[::every] for row in plate[::every]]


def together(tile: Tile, options: argparse.Namespace, lines: Lines) -> Rows:
    """Compute on all ranks of the grid; rank 0 gets the plate and shows pictures of it."""

    def show(number: int, mine: Rows) -> None:
        plate = joined(tile, mine, options.columns)
        if plate:
            lines.progress(number, options.steps)
            lines.frame("heat", picture(plate), 0.0, HOT)

    return joined(tile, spread(tile, options.steps, show), options.columns)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Let heat spread over a plate of cells.")
    parser.add_argument("--rows", type=int, default=60, help="of cells (default: 60)")
    parser.add_argument("--columns", type=int, default=120, help="of cells (default: 120)")
    parser.add_argument("--steps", type=int, default=400, help="how many (default: 400)")
    options = parser.parse_args()
    if min(options.rows, options.columns, options.steps) < 1:
        parser.error("--rows, --columns and --steps must be 1 or more")
    return options


def main() -> int:
    """Compute together, compute alone, compare; return the exit status."""
    world = MPI.COMM_WORLD
    options = arguments()
    lines = Lines(speaks=world.rank == 0)
    dims = fitting(world.size, options.rows, options.columns)
    takes_part = world.rank < dims[0] * dims[1]
    comm = world.Split(0 if takes_part else 1, world.rank)
    if not takes_part:
        print(f"rank {world.rank}: the plate has no cell left for me", flush=True)
        return 0
    tile = tile_of(comm, dims, options.rows, options.columns)
    where = f"rows {tile.top} to {tile.bottom - 1}, columns {tile.left} to {tile.right - 1}"
    print(f"rank {world.rank}: {where}", flush=True)
    comm.barrier()
    began = MPI.Wtime()
    found = together(tile, options, lines)
    seconds = MPI.Wtime() - began
    if not found:  # only rank 0 is given the plate
        return 0
    began = MPI.Wtime()
    single = tile_of(MPI.COMM_SELF, [1, 1], options.rows, options.columns)
    alone = spread(single, options.steps)
    alone_seconds = MPI.Wtime() - began
    if found != alone:
        differ = sum(
            a != b for row, other in zip(found, alone, strict=True) for a, b in zip(row, other, strict=True)
        )
        print(f"WRONG: {differ} cells are not what one rank alone finds", file=sys.stderr, flush=True)
        return 1
    mean = sum(map(sum, found)) / (options.rows * options.columns)
    print(f"mean {mean:.6f} of {HOT:g}: {dims[0]} x {dims[1]} rank(s) found what one finds alone")
    print(f"total {seconds:.3f} s on {dims[0] * dims[1]} rank(s), {alone_seconds:.3f} s on one alone")
    print(f"speed-up {alone_seconds / seconds:.2f}", flush=True)
    lines.metric("alone", alone_seconds, "s", last=True)
    lines.metric("together", seconds, "s", last=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
