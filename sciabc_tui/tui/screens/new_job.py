"""The form of a new job, with what will run and where each rank goes."""

import os
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label
from typing_extensions import override

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.schedule import total_slots
from sciabc_tui.tui.actions import Place
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import Refused
from sciabc_tui.tui.present.cells import Cell, Tone, plain, titled, wrapped
from sciabc_tui.tui.present.forms import BUNDLED, Wish, preview, read_wish
from sciabc_tui.tui.requests import Submit
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.fields import ChoiceInput
from sciabc_tui.tui.widgets.lines import Lines


class NewJobScreen(ClusterScreen):
    """Program, arguments, ranks; nothing typed is lost when the service refuses."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.FORM)

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._title = Lines()
        self._program = ChoiceInput(BUNDLED[0], id="program")
        self._program.choices = BUNDLED
        self._arguments = Input(compact=True, id="arguments")
        self._arguments.cursor_blink = False
        self._ranks = ChoiceInput("all", id="ranks")
        self._programs_hint = Lines(classes="hint")
        self._ranks_hint = Lines(classes="hint")
        self._preview_title = Lines()
        self._preview = Lines(id="preview")
        self._answer = Lines(id="answer")
        self._sending = False

    @override
    def body(self) -> ComposeResult:
        yield self._title
        yield Horizontal(Label("Program", markup=False), self._program, classes="field")
        yield self._programs_hint
        yield Horizontal(Label("Arguments", markup=False), self._arguments, classes="field")
        yield Horizontal(Label("Ranks", markup=False), self._ranks, classes="field")
        yield self._ranks_hint
        yield self._preview_title
        yield self._preview
        yield self._answer

    @override
    def on_mount(self) -> None:
        self._program.focus()
        super().on_mount()

    @override
    def present(self) -> None:
        width, rule = self.size.width, self.view.glyphs.rule
        total = total_slots(self.view.state) if self.view.state else 0
        self._ranks.choices = ("all", *(str(number) for number in range(1, total + 1)))
        self._title.put((titled("New job", width, rule),))
        self._programs_hint.put(((Cell(f"up down: {', '.join(BUNDLED)}; or type a path", Tone.DIM),),))
        ranks = f"up down: 1 to {total}, or all of them" if total else "no slot is free to use yet"
        self._ranks_hint.put(((Cell(ranks, Tone.DIM),),))
        self._preview_title.put((titled("Preview", width, rule),))
        self._preview.put(preview(self.view, self._wish(), width - 4))

    @property
    @override
    def place(self) -> Place:
        return Place.FORM

    def _wish(self) -> Wish:
        return read_wish(self._program.value, self._arguments.value, self._ranks.value)

    def _answer_with(self, text: str, tone: Tone) -> None:
        self._answer.put(tuple((Cell(part, tone),) for part in wrapped(plain(text), self.size.width - 4)))

    def on_input_changed(self) -> None:
        """Show what would run now."""
        self._answer.put(())
        self.present()

    def on_input_submitted(self) -> None:
        """Enter submits from every field."""
        self.action_submit()

    def action_submit(self) -> None:
        """Ask for the job, unless the form can't be used yet or one is on its way."""
        wish = self._wish()
        if wish.problem or self._sending:
            return
        self._sending = True
        self._answer_with("submitting ...", Tone.DIM)
        self.link.tell(Submit(SubmitJob(program=_absolute(wish.program), args=wish.args, ranks=wish.ranks)))

    def on_refused(self, message: Refused) -> None:
        """Say why it was not taken; everything typed stays."""
        message.stop()
        self._sending = False
        self._answer_with(message.text, Tone.BAD)


def _absolute(program: str) -> str:
    """Make a path absolute, because the service has another working directory; a bare name stays one."""
    if program in BUNDLED or (os.sep not in program and not Path(program).exists()):
        return program
    return str(Path(program).expanduser().absolute())
