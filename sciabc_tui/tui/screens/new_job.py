"""The form of a new job, with what will run and where each rank goes."""

import os
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Label
from typing_extensions import override

from sciabc_tui.api.messages import PreflightWish, SubmitJob
from sciabc_tui.cluster.schedule import Placed, total_slots
from sciabc_tui.tui.actions import Place
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import Refused
from sciabc_tui.tui.present import nodes
from sciabc_tui.tui.present.cells import Cell, Tone, fit, plain, titled, wrapped
from sciabc_tui.tui.present.new_job import BUNDLED, LOSSES, NO, YES, Fields, Wish, preview, read_wish, turn
from sciabc_tui.tui.requests import OpenPreflight, Submit
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.fields import ChoiceInput
from sciabc_tui.tui.widgets.lines import Lines

_HINTS = {
    "program": f"up down: {', '.join(BUNDLED)}; or type a path",
    "arguments": "as in a shell: quotes keep words together",
    "nodes": "only these, such as node[01-03],head; nothing: any",
    "files": "files and folders it needs, for nodes that do not share them",
    "outputs": "brought back in the end: result*.csv, in the home directory",
    "loss": "up down: fail ends it, requeue runs it again, survive goes on",
    "grow": "up down: yes launches it again with more ranks when nodes join",
}
"""What is said of a field while one types in it; what the ranks take depends on the cluster."""


class NewJobScreen(ClusterScreen):
    """Program, arguments, ranks and more; nothing typed is lost when the service refuses."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Place.FORM),
        # before the field has them, so that what is typed at once after them goes to the next field
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._title = Lines()
        self._program = ChoiceInput(BUNDLED[0], id="program")
        self._program.choices = BUNDLED
        self._arguments = ChoiceInput("", id="arguments")
        self._ranks = ChoiceInput("all", id="ranks")
        self._places = ChoiceInput("", id="nodes")
        self._files = ChoiceInput("", id="files")
        self._outputs = ChoiceInput("", id="outputs")
        self._loss = ChoiceInput(LOSSES[0], id="loss")
        self._loss.choices = LOSSES
        self._grow = ChoiceInput(NO, id="grow")
        self._grow.choices = (NO, YES)
        self._hint = Lines(classes="hint")
        self._preview_title = Lines()
        self._preview = Lines(id="preview")
        self._answer = Lines(id="answer")
        self._sending = False

    @override
    def body(self) -> ComposeResult:
        yield self._title
        for name, field in (
            ("Program", self._program),
            ("Arguments", self._arguments),
            ("Ranks", self._ranks),
            ("Nodes", self._places),
            ("With files", self._files),
            ("Collect", self._outputs),
            ("Node loss", self._loss),
            ("Grow", self._grow),
        ):
            yield Horizontal(Label(name, markup=False), field, classes="field")
        yield self._hint
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
        known = nodes.ordered(self.view.state) if self.view.state else ()
        self._ranks.choices = ("all", *(str(number) for number in range(1, total + 1)))
        self._places.choices = ("", *(plain(node.name) for node in known))
        self._title.put((titled("New job", width, rule),))
        self._hint.put(((Cell(fit(self._hint_of(total), width - 16), Tone.DIM),),))
        self._preview_title.put((titled("Preview", width, rule),))
        self._preview.put(preview(self.view, self._wish(), width - 4))

    def _hint_of(self, total: int) -> str:
        here = self.focused.id or "" if self.focused else ""
        if here == "ranks":
            return f"up down: 1 to {total}, or all of them" if total else "no slot is free to use yet"
        return _HINTS.get(here, "")

    @property
    @override
    def place(self) -> Place:
        return Place.FORM

    def _wish(self) -> Wish:
        return read_wish(
            Fields(
                program=self._program.value,
                arguments=self._arguments.value,
                ranks=self._ranks.value,
                nodes=self._places.value,
                files=self._files.value,
                outputs=self._outputs.value,
                loss=self._loss.value,
                grow=self._grow.value,
            )
        )

    def _answer_with(self, text: str, tone: Tone) -> None:
        self._answer.put(tuple((Cell(part, tone),) for part in wrapped(plain(text), self.size.width - 4)))

    def on_descendant_focus(self) -> None:
        """Tell what the field takes."""
        self.tick()

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
        self.link.tell(Submit(_request(wish)))

    def action_preflight(self) -> None:
        """Check the nodes that the job would get, or those that it may use while it would wait."""
        wish, state = self._wish(), self.view.state
        if wish.problem or state is None:
            return
        where, count = wish.nodes, ""
        found = turn(state, wish)
        if isinstance(found, Placed):
            where = tuple(part.name for part in found.allocation)
            ranks = sum(part.slots for part in found.allocation)
            count = f" of {ranks} rank{'s' if ranks > 1 else ''}"
        self.link.tell(OpenPreflight(f"new job{count}", PreflightWish(_absolute(wish.program), nodes=where)))

    def on_refused(self, message: Refused) -> None:
        """Say why it was not taken; everything typed stays."""
        message.stop()
        self._sending = False
        self._answer_with(message.text, Tone.BAD)


def _request(wish: Wish) -> SubmitJob:
    return SubmitJob(
        program=_absolute(wish.program),
        args=wish.args,
        ranks=wish.ranks,
        nodes=wish.nodes,
        on_node_loss=wish.on_node_loss,
        files=tuple(map(_from_here, wish.files)),
        outputs=wish.outputs,
        grow=wish.grow,
    )


def _absolute(program: str) -> str:
    """Make a path absolute, because the service has another working directory; a bare name stays one."""
    if program in BUNDLED or (os.sep not in program and not Path(program).exists()):
        return program
    return _from_here(program)


def _from_here(path: str) -> str:
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError:
        return path  # no such user: the service says so
