"""A command on nodes: typed here, run on all at once, and what each said, folded where it is the same."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.api.remote import ExecWish
from sciabc_tui.api.works import Begun, Ended, Part, Said
from sciabc_tui.cluster.gather import Gathering
from sciabc_tui.cluster.node import Node
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.present import exec as presented
from sciabc_tui.tui.present.cells import Cell, Tone, fit, titled
from sciabc_tui.tui.present.exec import Ran
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.present.many import names_of
from sciabc_tui.tui.requests import AskBefore
from sciabc_tui.tui.screens.base import Link
from sciabc_tui.tui.screens.working import WorkingScreen
from sciabc_tui.tui.widgets.fields import ChoiceInput
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.table import TableView

LONGEST = 4096
"""Characters of a command."""


class ExecScreen(WorkingScreen):
    """A field for the command; below it the output. Esc asks before it cancels; then it leaves."""

    PACE: ClassVar[float] = 0.2

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Place.EXEC, first={Verb.BACK, Verb.FILTER}),
        Binding("tab", "app.focus_next", show=False, priority=True),
    ]
    CSS = """
    ExecScreen .field { padding: 0 1; }
    ExecScreen .label { width: 10; }
    ExecScreen TableView { height: 1fr; }
    """

    def __init__(self, link: Link, *, nodes: tuple[Node, ...], commands: list[str]) -> None:
        """Show an empty field.

        Args:
            link: To the application.
            nodes: On which commands are run.
            commands: What was run before, the newest last; what is run here is added to it.
        """
        super().__init__(link)
        glyphs = self.view.glyphs
        self._output = TableView(glyphs.rule, glyphs.cursor, id="output")
        self._filter = Input(compact=True, id="filter", placeholder="filter lines")
        self._filter.cursor_blink = False
        self._on = nodes
        self._commands = commands
        self._ran = Ran()
        self._title = Lines()
        self._label = Lines(classes="label")
        self._command = ChoiceInput("", placeholder="such as: uptime", id="command")
        self._command.max_length = LONGEST
        self._command.choices = tuple(reversed(commands))
        self._status = Lines(id="exec-status")

    @override
    def body(self) -> ComposeResult:
        yield self._title
        yield Horizontal(self._label, self._command, classes="field")
        yield self._status
        yield self._output
        yield self._filter

    @override
    def on_mount(self) -> None:
        self._filter.display = False
        self.set_focus(self._command)

    @property
    @override
    def place(self) -> Place:
        if self.focused is self._filter:
            return Place.FILTER
        return Place.COMMAND if self.focused is self._command else Place.EXEC

    @property
    def _wanted(self) -> str:
        return self._filter.value if self._filter.display else ""

    @override
    def present(self) -> None:
        width, glyphs = self.size.width, self.view.glyphs
        self._title.put((titled(f"Exec on {names_of(self._on)}", width, glyphs.rule),))
        self._label.put(((Cell(fit("Command", 10), Tone.ACCENT),),))
        self._status.put((presented.status(self.view, self._ran, width),))
        self._output.put(presented.table(self.view, self._ran, self._wanted, width - 3))

    @override
    def hidden(self) -> set[Verb]:
        hidden = super().hidden()
        if not self._ran.command or self._ran.running:
            hidden.add(Verb.REFRESH)
        if self._ran.said is None:
            hidden.add(Verb.SAVE)
        return hidden

    def on_descendant_focus(self) -> None:
        """Print the keys of the part that has the cursor."""
        self.show_keys()

    def on_input_changed(self) -> None:
        """Filter while it is typed."""
        self.tick()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run the command, or keep the filter; an empty one is taken away."""
        if event.input is self._command:
            self.action_submit()
        else:
            self._filter.display = bool(self._filter.value)
            self.set_focus(self._output)
            self.tick()

    def action_filter(self) -> None:
        """Begin to type a filter; at once, so that what is typed behind it is in it."""
        self._filter.display = True
        self.set_focus(self._filter)
        self.tick()

    def action_submit(self) -> None:
        """Run what is typed, unless a command runs."""
        command = self._command.value.strip()
        if command and not self._ran.running:
            if command in self._commands:
                self._commands.remove(command)
            self._commands.append(command)
            self._command.choices = tuple(reversed(self._commands))
            self._run(command)

    def action_refresh(self) -> None:
        """Run the same once more."""
        self._run(self._ran.command)

    @override
    def action_exec(self) -> None:
        """Type another command."""
        self.set_focus(self._command)

    def _run(self, command: str) -> None:
        self._ran = Ran(command, since=self.view.now)
        names = tuple(node.name for node in self._on)
        self.set_focus(self._output)
        self.begin(ExecWish(names, command))
        self.tick()

    @property
    @override
    def at_work(self) -> bool:
        return self._ran.running

    @override
    def hear(self, parts: Sequence[Part]) -> None:
        for part in parts:
            match part:
                case Begun(nodes):
                    self._ran = Ran(self._ran.command, Gathering(nodes), self._ran.since)
                case Said(node, data, err) if self._ran.said:
                    self._ran.said.said(node, data, err=err)
                case Ended(node, ok, text, fix, code) if self._ran.said:
                    self._ran.said.ended(node, ok=ok, text=text, fix=fix, code=code)
                case _:
                    pass

    @override
    def over(self, problem: str, *, cancelled: bool) -> None:
        ran = self._ran
        self._ran = Ran(ran.command, ran.said, ran.since, self.view.now, problem, cancelled)
        self.tick()

    def action_save(self) -> None:
        """Write all that was kept into a new file of the home directory."""
        when = datetime.fromtimestamp(self.view.wall, UTC).astimezone()
        path = Path.home() / f"exec-{when:%Y%m%d-%H%M%S}.txt"
        text = presented.file_text(self._ran)
        self.run_worker(partial(self._write, path, text), thread=True, group="save")

    def _write(self, path: Path, text: str) -> None:  # in a thread
        try:
            with path.open("x", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError as error:
            self.notify(f"not saved: {error.strerror} ({path})", severity="error", timeout=8, markup=False)
        else:
            self.notify(f"saved in {path}", timeout=6, markup=False)

    @override
    def action_back(self) -> None:
        """Take the filter away, or go from the field to the output; cancel what runs, after a yes; leave."""
        if self._filter.display:
            self._filter.value, self._filter.display = "", False
            self.set_focus(self._output)
            self.tick()
        elif self.focused is self._command and self._ran.command:
            self.set_focus(self._output)
        elif self._ran.running:
            self.link.tell(AskBefore(self._question(), self.cancel))
        else:
            super().action_back()

    def _question(self) -> Question:
        said = self._ran.said
        left = len(said.running) if said else len(self._on)
        lines = (f"It runs on {left} of {len(self._on)} nodes, and is ended there.",)
        return Question("Cancel the command?", lines, "end it")
