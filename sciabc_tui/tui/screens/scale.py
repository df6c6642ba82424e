"""The scaling lesson: a program on 1, 2, 4 .. N slots, plotted while it is measured."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.api.scaling import MOST_ROUNDS, Cluster, News, RunBegan, ScaleWish, Scaling
from sciabc_tui.cluster.scaling import Lesson, counts
from sciabc_tui.cluster.schedule import total_slots
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import Accepted, Refused
from sciabc_tui.tui.paths import from_here
from sciabc_tui.tui.present import scale
from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, plain, titled
from sciabc_tui.tui.present.new_job import BUNDLED
from sciabc_tui.tui.present.scale import Progress
from sciabc_tui.tui.present.scale_files import csv_text, svg_text
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.fields import ChoiceInput
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.page import Page

_RANKS = re.compile(r"[1-9][0-9]{0,3}(?:,[1-9][0-9]{0,3})*")
_LABEL = 10
_FIXED = 9
"""Lines that are no plot: the header, the footer, a title, the fields and their hint, and what is told."""


class ScaleScreen(ClusterScreen):
    """Three fields, and below them the plots. Esc ends what is measured, and cancels the job; then leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Place.SCALE, first={Verb.BACK}),
        Binding("tab", "app.focus_next", show=False, priority=True),
    ]
    CSS = """
    ScaleScreen .field { padding: 0 1; }
    ScaleScreen .label { width: 10; }
    ScaleScreen Page { height: 1fr; padding: 0 1; }
    """

    @dataclass
    class Heard(Message):
        """Something happened in the lesson of this number."""

        number: int
        news: News

    @dataclass
    class Over(Message):
        """The lesson of this number is over; why, if that was before its end."""

        number: int
        problem: str = ""

    def __init__(self, link: Link, client: Callable[[], Cluster]) -> None:
        """Show an empty form.

        Args:
            link: To the application.
            client: Gives a client of its own for each lesson; asked in a thread.
        """
        super().__init__(link)
        self._client = client
        self._scaling: Scaling | None = None
        self._number = 0
        self._measuring = False
        self._progress = Progress()
        self._lesson = Lesson()
        self._problem = ""
        self._first_job = 0
        self._measured = ""
        self._title = Lines()
        self._program = ChoiceInput("mergesort", placeholder="a program and its arguments", id="program")
        self._program.choices = BUNDLED
        self._ranks = ChoiceInput("", placeholder="1, 2, 4 .. every slot", id="ranks")
        self._rounds = ChoiceInput("", placeholder="3, then more until the share is known", id="rounds")
        self._rounds.choices = ("1", "3", "5", "10")
        self._labels = {name: Lines(classes="label") for name in ("Program", "Ranks", "Rounds")}
        self._hint = Lines(id="scale-hint")
        self._found = Lines(id="scale-found")
        self._page = Page(self._found)

    @override
    def body(self) -> ComposeResult:
        yield self._title
        for label, field in zip(
            self._labels.values(), (self._program, self._ranks, self._rounds), strict=True
        ):
            yield Horizontal(label, field, classes="field")
        yield self._hint
        yield self._page

    @override
    def on_mount(self) -> None:
        self.set_focus(self._program)

    def on_unmount(self) -> None:
        """End what is measured: nobody looks at it any more."""
        if self._scaling is not None:
            self._scaling.stop()

    @property
    @override
    def place(self) -> Place:
        return Place.SCALE

    @override
    def hidden(self) -> set[Verb]:
        hidden = super().hidden()
        typing = isinstance(self.focused, Input)
        if typing or self._measuring or not self._lesson.points:
            hidden.add(Verb.SAVE)
        if typing or self._measuring:
            hidden.add(Verb.REFRESH)
        if not typing or self._measuring:
            hidden.add(Verb.SUBMIT)
        if typing:
            hidden |= {Verb.HELP, Verb.QUIT, Verb.PALETTE}
        return hidden

    @override
    def present(self) -> None:
        width, glyphs = self.size.width, self.view.glyphs
        self._title.put((titled("Scaling lesson", width, glyphs.rule),))
        for name, label in self._labels.items():
            here = self.focused is not None and self.focused.id == name.lower()
            label.put(((Cell(fit(name, _LABEL), Tone.ACCENT if here else Tone.DIM),),))
        self._hint.put((self._hint_line(width),))
        self._found.put(self._lines(width - 3))
        self._page.can_focus = True

    def _hint_line(self, width: int) -> Line:
        tone = Tone.BUSY
        if self._measuring:
            mark = "SIMULATED " if self._progress.simulated else ""
            text = f"{mark}{scale.status(self._progress, self.view.now)}"
        elif self._problem:
            text, tone = plain(self._problem), Tone.BAD
        elif self._lesson.points:
            text, tone = f"measured: {self._progress.over} of {self._progress.runs} runs", Tone.DIM
        else:
            slots = total_slots(self.view.state) if self.view.state else 0
            told = ", ".join(map(str, counts(slots)))
            text, tone = f"{slots} slots: on {told or 'no'} ranks, if none are named", Tone.DIM
        return (Cell(fit(f" {text}", width, cut=self.view.glyphs.cut), tone),)

    def _lines(self, width: int) -> tuple[Line, ...]:
        glyphs, lesson = self.view.glyphs, self._lesson
        why = (self._progress.why,) if self._progress.why else ()
        told = scale.words(why if self._measuring else lesson.words, width)
        problems = scale.words(self._progress.problems, width, Tone.BAD)
        others = (
            scale.words((f"other jobs disturb this: {', '.join(self._progress.others)}",), width, Tone.WARN)
            if self._progress.others
            else ()
        )
        table = scale.table(lesson.points, width, glyphs) if lesson.points else ()
        beside = (*others, *problems, *told)
        room = self.size.height - _FIXED - len(table) - len(beside)
        drawn = scale.plots(lesson, width, max(10, room), glyphs)
        return (*drawn, *beside, *table)

    def _begin(self) -> None:
        """Measure what the form says, unless that is wrong."""
        if self._measuring:
            return
        try:
            wish = self._wish()
        except ValueError as error:
            self._problem = str(error)
            self.tick()
            return
        self._number += 1
        self._measured = PurePath(wish.request.program).stem
        self._problem, self._measuring, self._first_job = "", True, 0
        self._progress, self._lesson = Progress(now="begins"), Lesson()
        self.set_focus(self._page)
        number = self._number
        self.run_worker(lambda: self._measure(number, wish), thread=True, group="scale")
        self.tick()

    def _wish(self) -> ScaleWish:
        """Read the form. Raises `ValueError` with a line for the user."""
        try:
            words = shlex.split(self._program.value)
        except ValueError as error:
            raise ValueError(f"Program: {error}") from error
        if not words:
            raise ValueError("Program: there is none. Next: name one")
        ranks = self._ranks.value.replace(" ", "")
        if ranks and not _RANKS.fullmatch(ranks):
            raise ValueError(f"Ranks: {ranks} is not such as 1,2,4,8")
        rounds = self._rounds.value.strip()
        if rounds and not (rounds.isascii() and rounds.isdigit() and 1 <= int(rounds) <= MOST_ROUNDS):
            raise ValueError(f"Rounds: {rounds} is no number from 1 to {MOST_ROUNDS}")
        request = from_here(SubmitJob(program=words[0], args=tuple(words[1:]), cwd="."))
        return ScaleWish(
            request, tuple(map(int, ranks.split(","))) if ranks else (), int(rounds) if rounds else None
        )

    def _measure(self, number: int, wish: ScaleWish) -> None:
        """Run in a thread."""
        try:
            scaling = self._scaling = Scaling(self._client(), wish)
            whole = scaling.run(lambda news: self.post_message(self.Heard(number, news)))
        except SciabcError as error:
            self.post_message(self.Over(number, str(error)))
        else:
            problem = "" if whole else "ended before its end; the job that ran is cancelled"
            self.post_message(self.Over(number, problem))

    def on_scale_screen_heard(self, message: "ScaleScreen.Heard") -> None:
        """Show what happened."""
        message.stop()
        if message.number == self._number and self._scaling is not None:
            self._progress = scale.heard(self._progress, message.news, self.link.look().now)
            if isinstance(message.news, RunBegan):
                self._first_job = self._first_job or message.news.job
            self._lesson = self._scaling.lesson()
            self.tick()

    def on_scale_screen_over(self, message: "ScaleScreen.Over") -> None:
        """Show what was learnt."""
        message.stop()
        if message.number == self._number:
            self._measuring, self._problem = False, message.problem
            if self._scaling is not None:
                self._lesson = self._scaling.lesson()
            self.tick()

    def on_descendant_focus(self) -> None:
        """Print the keys of the part that has the cursor."""
        self.tick()

    def on_input_changed(self) -> None:
        """What was wrong may be right now."""
        if not self._measuring:
            self._problem = ""
            self.tick()

    def on_input_submitted(self) -> None:
        """Measure."""
        self._begin()

    def action_submit(self) -> None:
        """Measure."""
        self._begin()

    def action_refresh(self) -> None:
        """Measure it once more."""
        self._begin()

    def action_save(self) -> None:
        """Write the runs and the plot into files."""
        scaling, lesson = self._scaling, self._lesson
        if scaling is None or not lesson.points:
            return
        program = self._measured
        name = f"scale-{re.sub(r'[^A-Za-z0-9_.-]', '_', program)}-{self._first_job}"
        title = f"{program} (SIMULATED)" if self._progress.simulated else program
        texts = {f"{name}.csv": csv_text(lesson, scaling.runs), f"{name}.svg": svg_text(lesson, title)}
        self.run_worker(lambda: self._write(texts), thread=True, group="save")

    def _write(self, texts: dict[str, str]) -> None:
        """Run in a thread."""
        try:
            for name, text in texts.items():
                Path(name).write_text(text, encoding="utf-8")
        except OSError as error:
            self.post_message(Refused(f"{error.filename}: {error.strerror}. Next: start in another folder"))
        else:
            self.post_message(Accepted(f"saved {' and '.join(texts)} in {Path.cwd()}"))

    @override
    def action_back(self) -> None:
        """End what is measured; go back if nothing is."""
        if self._measuring and self._scaling is not None:
            self._scaling.stop()
        else:
            super().action_back()
