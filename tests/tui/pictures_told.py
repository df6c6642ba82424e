"""Jobs that tell how far they are and print pictures, for the tests of the screens."""

import math
from dataclasses import replace

from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.job_progress import JobMetric, JobProgress
from sciabc_tui.cluster.state import State
from tests.simtime import WALL
from tests.tui import states

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

NBODY = JobId(42)

LIFT = JobMetric("lift", 0.2013, "", tuple(0.2 * (1 - math.exp(-n / 6)) for n in range(24)))
DRAG = JobMetric("drag", 0.1254, "", tuple(0.125 + 0.1 * math.exp(-n / 4) for n in range(24)))


def telling(state: State | None = None, *, job: JobId = NBODY, **changes: object) -> State:
    """Give a cluster whose running job tells how far it is, and what it measures."""
    state = state or states.running()
    told = replace(
        state.jobs[job],
        progress=JobProgress(3240, 6000, WALL + 171.0),
        metrics=(LIFT, DRAG),
        **changes,
    )
    return replace(state, jobs={**state.jobs, job: told})


def wing_job(state: JobState = JobState.RUNNING, number: int = 42) -> Job:
    """Give a job as the wing's screen asks for it."""
    return states.job(
        number,
        "wing",
        state,
        program="/opt/sciabc/jobs/programs/wing.py",
        args=("--camber", "0", "--thickness", "12", "--angle", "4"),
        ranks=None,
        started_at=WALL - 60,
        attempt=1,
    )


def flying(state: JobState = JobState.RUNNING) -> State:
    """Give a cluster on which the wing is run."""
    base = states.ready()
    job = wing_job(state)
    return telling(replace(base, jobs={**base.jobs, job.id: job}))


def frame(shift: int = 0, columns: int = 80, rows: int = 40, name: str = "speed") -> bytes:
    """Give the record of a picture: a ramp that turns, with a hole."""
    cells = "".join(
        "." if abs(x - columns // 2) < 5 and abs(y - rows // 2) < 2 else DIGITS[(x + y + shift) % 64]
        for y in range(rows)
        for x in range(columns)
    )
    line = f"@sciabc frame {name} {columns}x{rows} 0 1.6 {cells}"
    return b"2026-11-21T14:00:00.000Z   0 out " + line.encode() + b"\n"
