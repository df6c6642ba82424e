"""Blow wind over an aerofoil that you shape: lift, drag, and flight.

It shows a real simulation on all nodes. The air is a lattice of cells in which little crowds of particles
stream to the eight neighbours and collide (lattice Boltzmann, D2Q9). Every rank has some rows of it, and gets
the outermost ones of its neighbours: several at once where it has many. It computes these as well, and goes
on alone for as many steps: who meets less often waits less for the others (a deep halo). The shape is a NACA
4-digit one: camber and thickness in per cent of the chord, the greatest camber at 40 %. Rank 0 computes the
first and the last steps alone too, and every cell must be the same.

Collisions: regularized (Latt, Chopard, Math. Comput. Simul. 72, 2006), with the bulk viscosity set free;
equilibrium: incompressible (He, Luo, J. Stat. Phys. 88, 1997); wall: interpolated bounce-back (Bouzidi et
al., Phys. Fluids 13, 2001); forces: momentum exchange (Ladd, J. Fluid Mech. 271, 1994). What comes in at the
four sides is undisturbed wind. Aerofoil: Jacobs et al., NACA report 460, 1933, with its tail closed.

NACA 0012 at 4 degrees and Reynolds number 1000, as without options, has a lift of 0.201 and a drag of 0.125,
and at no angle a drag of 0.119 (Di Ilio et al., Computers & Fluids 166, 2018, figures 10 and 11 and table 1).
"""

import argparse
import math
import sys
from dataclasses import dataclass

from mpi4py import MPI
from sciabc_lines import Lines

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError:
    sys.exit(f"wing: no numpy on {MPI.Get_processor_name()}. Next: sudo apt install python3-numpy there")

Floats = NDArray[np.float64]
Cells = NDArray[np.float32]
Whole = NDArray[np.int64]

# The rest, east, north, north-east, north-west, and then their opposites in the same order.
EAST = np.array([0, 1, 0, 1, -1, -1, 0, -1, 1])
NORTH = np.array([0, 0, 1, 1, 1, 0, -1, -1, -1])
OPPOSITE = np.array([0, 5, 6, 7, 8, 1, 2, 3, 4])
WEIGHT = np.array([4 / 9, *[1 / 9, 1 / 9, 1 / 36, 1 / 36] * 2])
UP, DOWN = slice(2, 5), slice(6, 9)

WIND = 0.1
"""Cells a step, a sixth of the speed of sound."""
HEIGHT, LENGTH, BEFORE = 4, 8, 3
"""Of the tunnel, and from its mouth to the middle of the aerofoil, in chords."""
AT_A_TIME = 25
"""Rows; so many stay in the cache."""
DEEP, SHARE = 5, 16
"""The most rows that a rank gets from a neighbour, and how many of its own it has for each of these."""
STEPS_SHOWN = 5
PICTURE, FASTEST = (40, 80), 1.6
"""Rows and columns; the bright end, in units of the wind."""
CHECKED = 8
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Tunnel:
    """The wind tunnel with the aerofoil in it; lengths are in cells."""

    camber: float
    thickness: float
    angle: float
    chord: int
    reynolds: float

    @property
    def rows(self) -> int:
        """Its height."""
        return HEIGHT * self.chord

    @property
    def omega(self) -> float:
        """The share of the way to equilibrium that a collision goes; it makes the viscosity."""
        return 1.0 / (3.0 * WIND * self.chord / self.reynolds + 0.5)

    def wind(self) -> Cells:
        """Return the nine crowds of undisturbed wind; as all crowds here less their weights: 0 at rest."""
        return (WEIGHT * (3.0 * EAST * WIND + 4.5 * (EAST * WIND) ** 2 - 1.5 * WIND**2)).astype(np.float32)

    def outline(self) -> tuple[Floats, Floats]:
        """Return the corners of the aerofoil: columns and rows, once round."""
        x = (1.0 - np.cos(np.linspace(0.0, math.pi, 80))) / 2.0
        m, p, t = self.camber / 100.0, 0.4, self.thickness / 100.0
        half = 5.0 * t * (0.2969 * np.sqrt(x) + x * (-0.1260 + x * (-0.3516 + x * (0.2843 - 0.1036 * x))))
        fore = x < p
        line = np.where(
            fore, m / p**2 * (2 * p * x - x * x), m / (1 - p) ** 2 * (1 - 2 * p + 2 * p * x - x * x)
        )
        slope = np.arctan(np.where(fore, 2 * m / p**2 * (p - x), 2 * m / (1 - p) ** 2 * (p - x)))
        back = slice(-2, 0, -1)
        along = np.concatenate([x - half * np.sin(slope), (x + half * np.sin(slope))[back]]) - 0.5
        across = np.concatenate([line + half * np.cos(slope), (line - half * np.cos(slope))[back]])
        turn = math.radians(self.angle)
        return (
            BEFORE * self.chord + self.chord * (along * math.cos(turn) + across * math.sin(turn)),
            (self.rows - 1) / 2 + self.chord * (across * math.cos(turn) - along * math.sin(turn)),
        )


@dataclass(frozen=True)
class Wall:
    """The ways from a cell of air to a neighbour that the aerofoil's surface cuts, and the cells inside it.

    Attributes:
        way: The direction, 1 to 8.
        row, column: The cell.
        share: How much of the way is free, above 0 to 1.
        narrow: Whether the opposite way is cut as well.
        inside: Rows and columns of the cells inside.
    """

    way: Whole
    row: Whole
    column: Whole
    share: Floats
    narrow: NDArray[np.bool_]
    inside: tuple[Whole, Whole]


def wall(tunnel: Tunnel) -> Wall:
    """Find what the aerofoil's surface cuts, also where it is thinner than a cell."""
    ax, ay = tunnel.outline()
    ex, ey = np.roll(ax, -1) - ax, np.roll(ay, -1) - ay
    near = [np.arange(int(each.min()) - 2, int(each.max()) + 4) for each in (ax, ay)]
    column, row = (each.ravel() for each in np.meshgrid(*near))
    rx, ry = ax - column[:, None], ay - row[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        # Inside is where a line to the east crosses the outline an odd number of times.
        crosses = ((ry > 0) != (ry + ey > 0)) & (rx - ry * ex / ey > 0)
        inside = crosses.sum(axis=1) % 2 == 1
        share = np.full((9, row.size), np.inf)
        for way in range(1, 9):
            det = EAST[way] * ey - NORTH[way] * ex
            free, place = (rx * ey - ry * ex) / det, (rx * NORTH[way] - ry * EAST[way]) / det
            cut = (free > 0) & (free <= 1) & (place >= 0) & (place <= 1)
            share[way] = np.where(cut, free, np.inf).min(axis=1)
    ways, cells = np.nonzero(np.isfinite(share) & ~inside)
    return Wall(
        ways,
        row[cells],
        column[cells],
        np.maximum(share[ways, cells], 1e-3),
        np.isfinite(share[OPPOSITE[ways], cells]),
        (row[inside], column[inside]),
    )


def collide(crowds: Cells, omega: float, room: Cells) -> None:
    """Let the crowds of some cells collide, in place: what they carry of stress goes towards equilibrium.

    `room` is to write on: fourteen numbers for a cell.
    """
    f = np.float32
    sums, gaps, stress, both, (base, speed) = room[:4], room[4:8], room[8:10], room[10:12], room[12:]
    np.add(crowds[1:5], crowds[5:9], out=sums)
    np.subtract(crowds[1:5], crowds[5:9], out=gaps)
    np.sum(sums, axis=0, out=base)
    base += crowds[0]
    east, north = gaps[:2]
    gaps[:2] += gaps[2]
    east -= gaps[3]
    north += gaps[3]
    # Of the stress: the difference of its two axes, and the mixed part; their sum is at equilibrium at once.
    np.subtract(sums[::2], sums[1::2], out=stress)
    np.multiply(gaps[:2], gaps[:2], out=both)
    np.add(*both, out=speed)
    both[0] -= both[1]
    np.multiply(east, north, out=both[1])
    stress *= f(0.25 * (1.0 - omega))
    both *= f(0.25 * omega)
    stress += both
    # With density d and speed u: d/9 + u/12 on the axes, d/36 + u/12 on the diagonals, 4 d/9 - 2 u/3 at rest.
    base *= f(1 / 9)
    speed *= f(1 / 12)
    np.add(base, speed, out=both[0])
    speed *= f(3.0)
    np.add(both[0], speed, out=both[1])
    both[1] *= f(0.25)
    np.subtract(both[0], speed, out=base)
    np.multiply(base, f(4.0), out=crowds[0])
    np.add(both, stress, out=sums[::2])
    np.subtract(both, stress, out=sums[1::2])
    gaps[:2] *= f(1 / 3)
    np.add(east, north, out=gaps[2])
    np.subtract(north, east, out=gaps[3])
    gaps[2:] *= f(0.25)
    np.add(sums, gaps, out=crowds[1:5])
    np.subtract(sums, gaps, out=crowds[5:9])


class Slab:
    """A rank's rows of the tunnel, and rows of its neighbours below and above.

    Beyond an edge of the tunnel there is a row of undisturbed wind, as at the start is everything. Of a
    neighbour there are a few rows: each step spoils one more, from outside, until they are got again.
    """

    def __init__(self, tunnel: Tunnel, whole: Wall, comm: MPI.Comm) -> None:
        """Fill all rows with wind."""
        self.tunnel, self.whole, self.comm = tunnel, whole, comm
        self._wind = tunnel.wind()
        self._deep, self._spoilt = min(max(tunnel.rows // comm.size // SHARE, 1), DEEP), 0
        first, end = (tunnel.rows * rank // comm.size for rank in (comm.rank, comm.rank + 1))
        self._below, self._above = first > 0, end < tunnel.rows
        self._start = first - (self._deep if self._below else 1)
        stop = end + (self._deep if self._above else 1)
        self._own = slice(first - self._start, end - self._start)
        shape = (9, stop - self._start, LENGTH * tunnel.chord)
        self._crowds: Cells = np.empty(shape, np.float32)
        self._crowds[:] = self._wind[:, None, None]
        self._after = self._crowds.copy()
        self._room: Cells = np.empty((14, AT_A_TIME, shape[2]), np.float32)
        rows, columns = whole.inside
        here = (rows >= self._start) & (rows < stop)
        self._inside = rows[here] - self._start, columns[here]
        self._crowds[:, *self._inside] = 0.0
        here = (whole.row > self._start) & (whole.row < stop - 1)
        way, row, share, narrow = whole.way[here], whole.row[here], whole.share[here], whole.narrow[here]
        where = row - self._start, whole.column[here]
        self._to = np.ravel_multi_index((way, *where), shape)
        self._from = np.ravel_multi_index((OPPOSITE[way], *where), shape)
        self._near = share < 0.5
        # With no cell behind all comes back.
        bounced = np.where(narrow, 1.0, np.where(self._near, 2.0 * share, 0.5 / share))
        self._bounced = bounced.astype(np.float32)
        own = (row >= first) & (row < end)
        self._push = np.stack([EAST[way], NORTH[way]]) * own.astype(np.float64)

    @property
    def crowds(self) -> Cells:
        """The crowds of the slab's own rows."""
        return self._crowds[:, self._own]

    def step(self) -> Floats:
        """Go on one step; return the force on the surface in the own rows: to the east and to the north."""
        if self._spoilt == 0:
            self._meet()
        self._spoilt = (self._spoilt + 1) % self._deep
        # The rows beyond the tunnel's edges stay as they are.
        first, end = 0 if self._below else 1, self._crowds.shape[1] - (0 if self._above else 1)
        for start in range(first, end, AT_A_TIME):
            some = self._crowds[:, start : min(start + AT_A_TIME, end)]
            collide(some, self.tunnel.omega, self._room[:, : some.shape[1]])
        flat = self._crowds.reshape(-1)
        leaving, back = flat[self._to], flat[self._from]
        self._stream()
        flat = self._after.reshape(-1)
        # The streamed crowd is what the cell behind this one sent on the same way.
        other = np.where(self._near, flat[self._to], back)
        came = self._bounced * leaving + (np.float32(1.0) - self._bounced) * other
        flat[self._from] = came
        self._after[:, *self._inside] = 0.0
        self._crowds, self._after = self._after, self._crowds
        return self._push @ (leaving + came).astype(np.float64)

    def _meet(self) -> None:
        """Get the rows of the neighbours, and give them those of the own ones that they have too."""
        rank, first, end, deep = self.comm.rank, self._own.start, self._own.stop, self._deep
        below = rank - 1 if self._below else MPI.PROC_NULL
        above = rank + 1 if self._above else MPI.PROC_NULL
        for mine, to, halo, origin in ((end - deep, above, 0, below), (first, below, end, above)):
            sent = self._crowds[:, mine : mine + deep].copy()
            came = self._crowds[:, halo : halo + deep].copy()
            self.comm.Sendrecv([sent, MPI.FLOAT], to, 0, [came, MPI.FLOAT], origin, 0)
            self._crowds[:, halo : halo + deep] = came

    def speeds(self) -> Floats:
        """Return the picture's part in the own rows, in units of the wind; not a number in the aerofoil."""
        high, wide = PICTURE
        rows = (np.arange(high) * 2 + 1) * self.tunnel.rows // (2 * high) - self._start
        columns = (np.arange(wide) * 2 + 1) * LENGTH * self.tunnel.chord // (2 * wide)
        rows = rows[(rows >= self._own.start) & (rows < self._own.stop)]
        at = self._crowds[:, *np.ix_(rows, columns)].astype(np.float64)
        east, north = np.tensordot(EAST, at, 1), np.tensordot(NORTH, at, 1)
        return np.where(at.any(axis=0), np.hypot(east, north) / WIND, np.nan)  # nothing at all is inside only

    def _stream(self) -> None:
        self._after[0] = self._crowds[0]
        for way in range(1, 9):
            north, east = int(NORTH[way]), int(EAST[way])
            here = self._after[way, 1:-1]
            came = self._crowds[way, 1 - north : 1 - north + len(here)]
            first, end = max(east, 0), len(here[0]) + min(east, 0)
            here[:, first:end] = came[:, first - east : end - east]
            if east:
                here[:, min(-east, 0)] = self._wind[way]


def march(slab: Slab, steps: int) -> Floats:
    """Go on so many steps; return what this rank's rows add to the mean coefficients of drag and lift."""
    force = np.zeros(2)
    for _ in range(steps):
        force += slab.step()
    return force / (steps * 0.5 * WIND**2 * slab.tunnel.chord)


def checked(slab: Slab, steps: int) -> tuple[Floats, str]:
    """March, and do the same steps on rank 0 alone; say what is wrong, empty if nothing is."""
    before = slab.comm.gather(slab.crowds)
    coefficients = march(slab, steps)
    found = slab.comm.gather((coefficients, slab.crowds))
    if before is None or found is None:
        return coefficients, ""
    alone = Slab(slab.tunnel, slab.whole, MPI.COMM_SELF)
    alone.crowds[:] = np.concatenate(before, axis=1)
    march(alone, steps)
    gaps = np.abs(np.concatenate([crowds for _, crowds in found], axis=1) - alone.crowds)
    differ = int((~(gaps <= TOLERANCE)).any(axis=0).sum())  # also if no number
    wrong = f"{differ} cells are not what one rank alone finds" if differ else ""
    return np.sum([each for each, _ in found], axis=0), wrong


def fly(slab: Slab, steps: int, lines: Lines) -> tuple[Floats, str]:
    """Blow, and show it; return the mean drag and lift of the last fifth of the steps, and what is wrong."""
    first, wrong = checked(slab, CHECKED)
    history, done = [first], CHECKED
    while done < steps - CHECKED:
        some = min(STEPS_SHOWN, steps - CHECKED - done)
        done += some
        # All that rank 0 wants in one message, and only rank 0 waits for it.
        if found := slab.comm.gather((march(slab, some), slab.speeds())):
            history.append(np.sum([coefficients for coefficients, _ in found], axis=0))
            for name, value in zip(("drag", "lift"), history[-1], strict=True):
                lines.metric(name, float(value))
            lines.frame("speed", np.concatenate([speeds for _, speeds in found])[::-1].tolist(), 0.0, FASTEST)
            lines.progress(done, steps)
    last, again = checked(slab, CHECKED)
    history.append(last)
    return np.mean(history[len(history) * 4 // 5 :], axis=0), wrong or again


def verdict(drag: float, lift: float) -> str:
    """Say how far it flies by Breguet's formula, were the wing all of the drag."""
    # Engine and propeller make 30 % of kerosene's 43 MJ/kg work, and a fifth of the weight is kerosene.
    reach = 0.3 * 43e6 / 9.81 * math.log(1 / 0.8) * lift / drag / 1000.0
    return f"flies {reach:.0f} km on a full tank" if lift > 0.005 else "does not fly: nothing lifts it"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Blow wind over an aerofoil that you shape.")
    limits: dict[str, tuple[type, float, float, float, str]] = {
        "camber": (float, 0.0, 0.0, 9.5, "how far it is bent, in per cent of the chord"),
        "thickness": (float, 12.0, 2.0, 30.0, "in per cent of the chord"),
        "angle": (float, 4.0, -30.0, 30.0, "of attack, in degrees; nose up is positive"),
        "steps": (int, 6000, 2 * CHECKED + 1, 10**9, "how many"),
        "chord": (int, 50, 16, 1000, "cells from nose to tail; fewer than 46 are too coarse for numbers"),
        "reynolds": (float, 1000.0, 1.0, 3000.0, "chord times wind over viscosity"),
    }
    for name, (kind, default, _, _, text) in limits.items():
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text} (default: {default:g})")
    options = parser.parse_args()
    for name, (_, _, low, high, _) in limits.items():
        if not low <= getattr(options, name) <= high:
            parser.error(f"--{name} must be {low:g} to {high:g}")
    return options


def main() -> int:
    """Blow, check, judge; return the exit status."""
    world, options = MPI.COMM_WORLD, arguments()
    tunnel = Tunnel(options.camber, options.thickness, options.angle, options.chord, options.reynolds)
    takes_part = world.rank < tunnel.rows
    comm = world.Split(0 if takes_part else 1, world.rank)
    if not takes_part:
        print(f"rank {world.rank}: the tunnel has no row left for me", flush=True)
        return 0
    slab, lines = Slab(tunnel, wall(tunnel), comm), Lines(speaks=world.rank == 0)
    print(f"rank {world.rank}: {slab.crowds.shape[1]} of {tunnel.rows} rows", flush=True)
    comm.barrier()
    began = MPI.Wtime()
    with np.errstate(all="ignore"):  # a flow that breaks down is told below
        (drag, lift), wrong = fly(slab, options.steps, lines)
    seconds = MPI.Wtime() - began
    if world.rank != 0:
        return 0
    if not (math.isfinite(drag) and math.isfinite(lift)):
        wrong = "the flow broke down. Next: give a smaller --reynolds or a larger --chord"
    if wrong:
        print(f"WRONG: {wrong}", file=sys.stderr, flush=True)
        return 1
    lines.progress(options.steps, options.steps)
    lines.metric("drag", float(drag), last=True)
    lines.metric("lift", float(lift), last=True)
    lines.metric("together", seconds, "s", last=True)
    shape = f"camber {options.camber:g} %, thickness {options.thickness:g} %, angle {options.angle:g} degrees"
    print(f"{shape}, Reynolds number {options.reynolds:g}")
    print(f"{options.steps} steps in {seconds:.1f} s on {comm.size} rank(s)")
    print(f"lift {lift:.4f}, drag {drag:.4f}, lift over drag {lift / drag:.2f}")
    print(f"it {verdict(drag, lift)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
