"""The wing: shape an aerofoil, blow wind over it on every slot, and watch the flow."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from typing_extensions import override

from sciabc_tui.api.pictures import Picture
from sciabc_tui.api.scaling import Cluster
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.errors import CommandRefused, SciabcError
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.log_reader import LogSource
from sciabc_tui.tui.present import wing
from sciabc_tui.tui.present.cells import titled
from sciabc_tui.tui.requests import AskBefore, CancelJob
from sciabc_tui.tui.screens.base import Link
from sciabc_tui.tui.screens.drawing import DrawingScreen
from sciabc_tui.tui.widgets.lines import Lines


class WingScreen(DrawingScreen):
    """A shape until it is run, then its flow. A run goes on when the screen is left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Place.WING),
        Binding("up,k", "choose(-1)", show=False),
        Binding("down,j,tab", "choose(1)", show=False),
        Binding("left", "change(-1)", show=False),
        Binding("right", "change(1)", show=False),
    ]

    @dataclass
    class Begun(Message):
        """The job that was asked for, or why there is none."""

        job: Job | None = None
        problem: str = ""

    def __init__(self, link: Link, client: Callable[[], Cluster], source: LogSource) -> None:
        """Show a shape, or the run that is under way.

        Args:
            link: To the application.
            client: Gives a client of its own for each run; asked in a thread.
            source: Gives the logs of jobs.
        """
        super().__init__(link, source)
        self._client = client
        self._part = wing.Part.CAMBER
        self._job = wing.under_way(self.view.state) if self.view.state else None
        self._shape = wing.shape_of(self._job) if self._job else wing.Shape()
        self._outline: tuple[object, Picture] | None = None
        self._asking = False
        self._problem = ""
        self._title = Lines()
        self._fields = Lines()
        self._told = Lines()

    @override
    def body(self) -> ComposeResult:
        yield self._title
        yield self._fields
        yield self._picture
        yield self._told

    @property
    @override
    def place(self) -> Place:
        return Place.WING

    @property
    def _runs(self) -> Job | None:
        """The job, unless it has ended."""
        return self._job if self._job is not None and not self._job.state.ended else None

    @property
    def _is_another(self) -> bool:
        """Is the shape another one than that of the run?"""
        return self._job is not None and wing.shape_of(self._job) != self._shape

    @override
    def hidden(self) -> set[Verb]:
        return super().hidden() | (set[Verb]() if self._runs else {Verb.CANCEL})

    @override
    def present(self) -> None:
        if self._job is not None and self.view.state is not None:
            self._job = self.view.state.jobs.get(self._job.id, self._job)
            self._follow(self._job)
        width = self.size.width
        self._title.put((titled("Wing", width, self.view.glyphs.rule),))
        self._fields.put((wing.fields(self._shape, self._part, width),))
        self._told.put(wing.told(self.view, self._job, self._problem, width, before=self._is_another))
        self.draw()

    @override
    def draw(self) -> None:
        flow = self._pictures.shown if self._pictures and not self._is_another else None
        room = self._picture.size
        self._paint(flow or self._shape_in(room.width, room.height))

    def _shape_in(self, columns: int, lines: int) -> Picture:
        key = (self._shape, columns, lines)
        if self._outline is None or self._outline[0] != key:
            self._outline = key, wing.outline(self._shape, columns, lines)
        return self._outline[1]

    def action_choose(self, by: int) -> None:
        """Choose what left and right change."""
        number = wing.PARTS.index(self._part) + by
        self._part = wing.PARTS[number % len(wing.PARTS)]
        self.tick()

    def action_change(self, by: int) -> None:
        """Change the shape, and show it."""
        self._shape = self._shape.moved(self._part, by)
        self._problem = ""
        self.tick()

    def action_submit(self) -> None:
        """Run it; a run that is under way is cancelled, after a yes."""
        if self._asking:
            return
        if (job := self._runs) is not None:
            self.link.tell(AskBefore(wing.again_question(job), lambda: self._run(job.id)))
        else:
            self._run(None)

    def _run(self, before: JobId | None) -> None:
        self._asking, self._problem = True, ""
        wish = wing.request(self._shape)
        self.run_worker(lambda: self._begin(before, wish), thread=True, group="wing")

    def _begin(self, before: JobId | None, wish: wing.SubmitJob) -> None:
        """Run in a thread."""
        try:
            client = self._client()
            if before is not None:
                with contextlib.suppress(CommandRefused):  # it has ended meanwhile
                    client.cancel(before)
            began = self.Begun(client.submit(wish))
        except SciabcError as error:
            began = self.Begun(problem=str(error))
        self.post_message(began)

    def on_wing_screen_begun(self, message: "WingScreen.Begun") -> None:
        """Show the flow of the new job from now on."""
        message.stop()
        self._asking, self._problem = False, message.problem
        if message.job is not None:
            self._job, self._pictures = message.job, None
        self.tick()

    def action_cancel(self) -> None:
        """Ask for the run's end."""
        if (job := self._runs) is not None:
            self.link.tell(CancelJob(job.id))

    @override
    def action_back(self) -> None:
        """Leave; what runs goes on, after a yes."""
        if (job := self._runs) is not None:
            self.link.tell(AskBefore(wing.leave_question(job), super().action_back))
        else:
            super().action_back()
