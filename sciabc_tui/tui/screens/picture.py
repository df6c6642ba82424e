"""What a job draws, as it draws it."""

from pathlib import PurePath
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.tui.actions import Place
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.log_reader import LogSource
from sciabc_tui.tui.present import metrics
from sciabc_tui.tui.present.cells import Cell, Tone, fit, plain
from sciabc_tui.tui.present.detail import job_heading
from sciabc_tui.tui.screens.base import Link
from sciabc_tui.tui.screens.drawing import DrawingScreen
from sciabc_tui.tui.widgets.lines import Lines

_DRAWN = {"heat": "the plate", "pingpong": "its tables", "wing": "the flow"}
"""What the programs that come along draw."""


def hint(job: Job) -> str:
    """Say how to see what a program that comes along draws; empty for any other."""
    path = PurePath(job.program)
    what = _DRAWN.get(path.stem) if path.parts[-3:-1] == ("jobs", "programs") else None
    return f"{path.stem} draws {what}: V shows it" if what else ""


class PictureScreen(DrawingScreen):
    """The job's heading, its newest picture, and below it what it measures."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.PICTURE)

    def __init__(self, link: Link, source: LogSource, *, job: JobId) -> None:
        super().__init__(link, source)
        self.job = job
        self._heading = Lines()
        self._legend = Lines()
        self._metrics = Lines()

    @override
    def body(self) -> ComposeResult:
        yield self._heading
        yield self._picture
        yield self._legend
        yield self._metrics

    @property
    @override
    def place(self) -> Place:
        return Place.PICTURE

    @override
    def present(self) -> None:
        job = self.view.state.jobs.get(self.job) if self.view.state else None
        if job is None:
            self._heading.put(((Cell(f" job {self.job}: not known here any longer", Tone.DIM),),))
            return
        self._follow(job)
        self._heading.put(job_heading(self.view, job, self.size.width, "")[:1])
        self._metrics.put(self._told(job))
        self.draw()

    def _told(self, job: Job) -> tuple[tuple[Cell, ...], ...]:
        """Give what there is room for below a picture."""
        return metrics.lines(self.view, job, self.size.width)[: max(1, self.size.height // 10)]

    @override
    def draw(self) -> None:
        pictures = self._pictures
        if pictures is None:
            return
        if (picture := pictures.shown) is not None:
            self._paint(picture)
        if pictures.problem:
            text, tone = plain(pictures.problem), Tone.BAD
        elif picture is None:
            text, tone = "no picture yet: this program has drawn none", Tone.DIM
        else:
            text, tone = f"{picture.name}: dark {picture.low:g}, bright {picture.high:g}", Tone.DIM
        self._legend.put(((Cell(fit(f" {text}", self.size.width, cut=self.view.glyphs.cut), tone),),))
