"""How far a job says that it is, and what it measures."""

from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.job_progress import JobMetric, JobProgress, told_metric
from sciabc_tui.tui.present.cells import Cell, Line, Tone, dimmed_line, fit, plain
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs, trend
from sciabc_tui.tui.present.view import UNKNOWN, View

_PARTS = {UNICODE.levels: "▏▎▍▌▋▊▉█", LINUX.levels: "▌█", ASCII.levels: "#"}
"""What a cell of a bar is filled with, by the glyphs' trends: from the least to the whole of it."""

_METRIC = 38
"""Cells that a metric has at least."""

_BAR = 30


def bar(progress: JobProgress, width: int, glyphs: Glyphs) -> str:
    """Draw a bar that is `width` cells when all is done, and its blank rest."""
    parts = _PARTS.get(glyphs.levels, "#")
    filled = progress.done * width * len(parts) // progress.total
    whole, part = divmod(filled, len(parts))
    return (parts[-1] * whole + (parts[part - 1] if part else "")).ljust(width)


def column(job: Job, width: int, glyphs: Glyphs) -> Cell:
    """Give a running job's bar and per cent in `width` cells; nothing of one that does not tell."""
    if job.state is not JobState.RUNNING or job.progress is None:
        return Cell("")
    return Cell(f"{bar(job.progress, width - 5, glyphs)} {job.progress.percent:>3}%", Tone.BUSY)


def lines(view: View, job: Job, width: int) -> tuple[Line, ...]:
    """Give a job's bar with its ETA, and its metrics with how they were; nothing if it tells nothing."""
    found = [*_progress(view, job, width), *_metrics(job.metrics, width, view.glyphs)]
    return tuple(dimmed_line(line) for line in found) if view.stale else tuple(found)


def _progress(view: View, job: Job, width: int) -> list[Line]:
    progress = job.progress
    if progress is None or job.state is not JobState.RUNNING:
        return []
    drawn = bar(progress, min(_BAR, width // 3), view.glyphs)
    told = f" {progress.percent:>3}%  {progress.done:,} of {progress.total:,}  ETA {eta(progress, view.wall)}"
    return [(Cell(f" {drawn}", Tone.BUSY), Cell(fit(told, width - len(drawn) - 1, cut=view.glyphs.cut)))]


def eta(progress: JobProgress, wall: float) -> str:
    """Say in how much time it ends; `--` while that is not known."""
    left = progress.left(wall)
    if left is None:
        return UNKNOWN
    hours, seconds = divmod(round(left), 3600)
    minutes, seconds = divmod(seconds, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _metrics(metrics: tuple[JobMetric, ...], width: int, glyphs: Glyphs) -> list[Line]:
    beside = max(1, width // _METRIC)
    room = width // beside
    cells = [cell for metric in metrics for cell in _metric(metric, room, glyphs)]
    return [tuple(cells[start : start + 2 * beside]) for start in range(0, len(cells), 2 * beside)]


def _metric(metric: JobMetric, width: int, glyphs: Glyphs) -> tuple[Cell, Cell]:
    told = plain(f" {metric.name} {told_metric(metric)} ")
    return (
        Cell(fit(told, min(24, width), cut=glyphs.cut)),
        Cell(fit(trend(_scaled(metric.series), width - 26, glyphs), width - 24), Tone.ACCENT),
    )


def _scaled(series: tuple[float, ...]) -> tuple[int, ...]:
    """Bring values to 0 to 100: the least and the greatest of them."""
    low, high = min(series, default=0.0), max(series, default=0.0)
    half = high / 2 - low / 2  # the difference of two finite numbers may be none
    if half <= 0:
        return (50,) * len(series)
    return tuple(round((value / 2 - low / 2) / half * 100) for value in series)
