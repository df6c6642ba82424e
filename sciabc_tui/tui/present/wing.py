"""The wing: its shape and how it is drawn before it flies, what it is run with, and what became of it."""

import contextlib
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePath

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.api.pictures import LEVELS, Picture
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present import metrics
from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, plain
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.present.jobs import TONES
from sciabc_tui.tui.present.view import UNKNOWN, View

NAME = "wing"


class Part(StrEnum):
    """What of the shape can be changed; the values are the program's options."""

    CAMBER = "camber"
    THICKNESS = "thickness"
    ANGLE = "angle"


PARTS = tuple(Part)

_LIMITS = {Part.CAMBER: (0.0, 9.5, 0.5), Part.THICKNESS: (2.0, 30.0, 1.0), Part.ANGLE: (-30.0, 30.0, 1.0)}
"""The least, the greatest, and a step; the ends are the program's."""

_UNITS = {Part.CAMBER: "%", Part.THICKNESS: "%", Part.ANGLE: "deg"}


@dataclass(frozen=True, slots=True)
class Shape:
    """A NACA 4-digit aerofoil: camber and thickness in per cent of the chord, the angle in degrees."""

    camber: float = 0.0
    thickness: float = 12.0
    angle: float = 4.0

    def of(self, part: Part) -> float:
        """Give one of the three."""
        return {
            Part.CAMBER: self.camber,
            Part.THICKNESS: self.thickness,
            Part.ANGLE: self.angle,
        }[part]

    def moved(self, part: Part, steps: int) -> "Shape":
        """Change one of the three by steps, within its limits."""
        return self.put(part, self.of(part) + steps * _LIMITS[part][2])

    def put(self, part: Part, value: float) -> "Shape":
        """Set one of the three, within its limits; what is no number leaves it."""
        low, high, _ = _LIMITS[part]
        return self if math.isnan(value) else replace(self, **{part.value: min(high, max(low, value))})

    def holds(self, along: float, up: float) -> bool:
        """Tell whether a point lies inside: in chords from the middle, before it is turned; up is positive.

        The thickness is taken upright, not across the line in the middle: on a screen that is the same.
        """
        turn = math.radians(self.angle)
        x = along * math.cos(turn) - up * math.sin(turn) + 0.5
        y = along * math.sin(turn) + up * math.cos(turn)
        if not 0.0 <= x <= 1.0:
            return False
        m, p, t = self.camber / 100.0, 0.4, self.thickness / 100.0
        bend = m / p**2 * (2 * p * x - x * x) if x < p else m / (1 - p) ** 2 * (1 - 2 * p + 2 * p * x - x * x)
        half = 0.2969 * math.sqrt(x) + x * (-0.1260 + x * (-0.3516 + x * (0.2843 - 0.1036 * x)))
        return abs(y - bend) <= 5.0 * t * half


def outline(shape: Shape, columns: int, lines: int) -> Picture:
    """Draw the shape for so many cells: bright inside, nothing around it."""
    wide, high = max(1, columns), max(1, 2 * lines)
    chord = min(wide / 1.3, high / 0.8)
    rows = tuple(
        tuple(
            LEVELS - 1 if shape.holds((x + 0.5 - wide / 2) / chord, (high / 2 - y - 0.5) / chord) else None
            for x in range(wide)
        )
        for y in range(high)
    )
    return Picture(0.0, "shape", 0.0, 1.0, rows)


def request(shape: Shape) -> SubmitJob:
    """Ask for a run on every slot."""
    args = tuple(word for part in PARTS for word in (f"--{part.value}", f"{shape.of(part):g}"))
    return SubmitJob(program=NAME, args=args, name=NAME)


def under_way(state: State) -> Job | None:
    """Give the wing that was begun last and has not ended."""
    wings = [job for job in state.jobs.values() if _is_wing(job) and not job.state.ended]
    return max(wings, key=lambda job: job.id, default=None)


def _is_wing(job: Job) -> bool:
    return job.name == NAME and PurePath(job.program).stem == NAME


def fields(shape: Shape, chosen: Part, width: int) -> Line:
    """Write the three in a line; the chosen one between marks."""
    cells: list[Cell] = []
    for part in PARTS:
        value = f"{part.value} {shape.of(part):g} {_UNITS[part]}"
        here = part is chosen
        cells.append(
            Cell(f" < {value} > " if here else f"   {value}   ", Tone.ACCENT if here else Tone.PLAIN)
        )
    room = width - sum(len(cell.text) for cell in cells)
    return (*cells, Cell(fit("  arrows choose, change", room), Tone.DIM))


def shape_of(job: Job) -> Shape:
    """Give the shape that a job runs with; what it was not told is as without options."""
    shape = Shape()
    for option, value in zip(job.args, job.args[1:], strict=False):
        part = next((part for part in PARTS if option == f"--{part.value}"), None)
        if part is not None:
            with contextlib.suppress(ValueError):
                shape = shape.put(part, float(value))
    return shape


def told(view: View, job: Job | None, problem: str, width: int, *, before: bool) -> tuple[Line, ...]:
    """Give three lines: how the run stands, what it measures, and the verdict.

    Args:
        view: For the glyphs and the time.
        job: The run, if there was one.
        problem: Why there is none.
        width: Cells of a line.
        before: Whether that run was of another shape than the one above.
    """
    cut = view.glyphs.cut
    if problem:
        return _padded(((Cell(fit(f" {plain(problem)}", width, cut=cut), Tone.BAD),),))
    if job is None:
        return _padded(((Cell(fit(" enter blows wind over it on every slot", width, cut=cut), Tone.DIM),),))
    now = f" job {job.id}{' of the shape before' if before else ''} {job.state.value}"
    if job.state is not JobState.RUNNING:
        first: Line = (Cell(fit(f"{now}  {plain(job.reason)}", width, cut=cut), TONES[job.state]),)
    else:
        left = metrics.eta(job.progress, view.wall) if job.progress else UNKNOWN
        drawn = metrics.column(job, 30, view.glyphs)
        first = (
            Cell(f"{now}  ", Tone.BUSY),
            drawn,
            Cell(fit(f"  ETA {left}", width - len(now) - 2 - len(drawn.text))),
        )
    measured = metrics.lines(view, replace(job, progress=None), width)[:1]
    return _padded((first, *measured, (Cell(fit(f" {verdict(job)}", width, cut=cut), Tone.ACCENT),)))


def _padded(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    return (*lines, *(((Cell(""),),) * (3 - len(lines))))


def verdict(job: Job) -> str:
    """Say how far it flies by Breguet's formula, as the program does (`docs/programs.md`)."""
    values = {metric.name: metric.value for metric in job.metrics}
    lift, drag = values.get("lift"), values.get("drag")
    if lift is None or drag is None or drag <= 0:
        return f"lift over drag {UNKNOWN}"
    over = f"lift over drag {lift / drag:.2f}"
    if not job.state.ended:
        return f"{over}, not steady yet"
    if job.state is not JobState.COMPLETED:
        return f"{over} when it ended"
    reach = 0.3 * 43e6 / 9.81 * math.log(1 / 0.8) * lift / drag / 1000.0
    return f"{over}: it flies {reach:.0f} km on a full tank" if lift > 0.005 else f"{over}: it does not fly"


def again_question(job: Job) -> Question:
    """Ask before another run takes the place of one."""
    lines = (f"Job {job.id} is cancelled; what it printed so far is kept.",)
    return Question("Blow over the new shape?", lines, "cancel it and run")


def leave_question(job: Job) -> Question:
    """Ask before the screen of a run is left."""
    lines = (f"Job {job.id} goes on. To cancel it stay, and press c.",)
    return Question("Leave the wing?", lines, "leave, the job goes on")
