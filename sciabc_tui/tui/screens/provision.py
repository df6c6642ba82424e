"""Provisioning, page by page: which boards, are these their host keys, and what shall be done there."""

from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.api.provisioning import ProvisionWish
from sciabc_tui.api.works import Board
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import Refused
from sciabc_tui.tui.present import form_lines, provision
from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, plain, titled, wrapped
from sciabc_tui.tui.present.provision import FIELDS, PASSWORD
from sciabc_tui.tui.present.trust import key_help
from sciabc_tui.tui.requests import OpenWork
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.survey import Survey
from sciabc_tui.tui.widgets.fields import ChoiceInput
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.secret import Secret
from sciabc_tui.tui.widgets.table import TableView

if TYPE_CHECKING:
    from sciabc_tui.tui.running import WorkEnded, WorkTold

_ALL = (PASSWORD, *FIELDS)


class Page(Enum):
    """Which page is shown; the work itself has a screen of its own."""

    BOARDS = 1
    KEYS = 2
    OPTIONS = 3


class ProvisionScreen(ClusterScreen):
    """Three pages; Enter goes on, Esc goes back. A password is forgotten when it is sent, or one leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Place.PROVISION, first={Verb.SCAN, Verb.PREFLIGHT, Verb.BACK}),
        Binding("tab", "app.focus_next", show=False, priority=True),
    ]
    CSS = """
    ProvisionScreen TableView { height: 1fr; }
    ProvisionScreen #options { height: 1fr; }
    ProvisionScreen #about { margin: 0; }
    ProvisionScreen .field { padding: 0 1; }
    ProvisionScreen .label { width: 14; }
    ProvisionScreen .hint { padding: 0 1; }
    ProvisionScreen Secret { background: $panel; }
    ProvisionScreen Secret:focus { background: $cursor; }
    """

    def __init__(self, link: Link, *, chosen: tuple[NodeId, ...] = (), scan: bool = False) -> None:
        """Show the first page.

        Args:
            link: To the application.
            chosen: Nodes that are to be provisioned; none: all that are new.
            scan: Look for boards at once.
        """
        super().__init__(link)
        nodes, known = self.view.digest.nodes, self.view.digest.state.nodes
        self._chosen = tuple(known[id_].name for id_ in chosen if id_ in known)
        preset = self._chosen or tuple(node.name for node in nodes if provision.is_new(node))
        self._selected = frozenset(preset)
        self._page = Page.BOARDS
        self._typed: tuple[str, ...] = ()
        self._survey = Survey(link.tell)
        self._approved: tuple[Board, ...] = ()
        self._scan_first = scan
        self._said: tuple[str, Tone] = ("", Tone.DIM)
        self._last: ProvisionWish | None = None
        self._needed_password = False
        self._finished = False
        glyphs = self.view.glyphs
        self._title = Lines()
        self._about = Lines(id="about")
        self._boards = TableView(glyphs.rule, glyphs.cursor, id="boards")
        self._target = _field("targets", "[USER@]HOST ...", "")
        self._keys = TableView(glyphs.rule, glyphs.cursor, id="keys")
        self._secret = Secret(empty=PASSWORD.empty, id=PASSWORD.key)
        self._fields: dict[str, ChoiceInput] = {}
        for field in FIELDS:
            made = self._fields[field.key] = _field(field.key, field.empty, next(iter(field.choices), ""))
            made.choices = field.choices
        self._labels = {field.key: Lines(classes="label") for field in _ALL}
        self._add = Lines(classes="label")
        self._hint = Lines(classes="hint")
        self._answer = Lines(classes="hint")
        boxes: list[Widget] = [self._secret, *self._fields.values()]
        self._options = Vertical(
            *(Horizontal(self._labels[box.id or ""], box, classes="field") for box in boxes), id="options"
        )
        self._adding = Horizontal(self._add, self._target, classes="field")

    @override
    def body(self) -> ComposeResult:
        yield self._title
        yield self._about
        yield self._boards
        yield self._keys
        yield self._adding
        yield self._options
        yield self._answer
        yield self._hint

    @override
    def on_mount(self) -> None:
        self._turn(Page.BOARDS)
        if self._scan_first:
            self.action_scan()

    def on_unmount(self) -> None:
        """Keep no password."""
        self._secret.action_clear()

    def _turn(self, page: Page) -> None:
        """Show a page, with the cursor where it begins."""
        self._page, self._said = page, ("", Tone.DIM)
        self._boards.display = self._adding.display = page is Page.BOARDS
        self._keys.display = page is Page.KEYS
        self._options.display = page is Page.OPTIONS
        match page:
            case Page.BOARDS:
                self.set_focus(self._boards)
            case Page.KEYS:
                self.set_focus(self._keys)
            case Page.OPTIONS:
                self.set_focus(self._secret)
        self.tick()

    @override
    def present(self) -> None:
        width, view = self.size.width, self.view
        heading = {
            Page.BOARDS: "which boards?",
            Page.KEYS: "are these their host keys?",
            Page.OPTIONS: "how?",
        }[self._page]
        self._title.put((titled(f"Provision {self._page.value} of 3: {heading}", width, view.glyphs.rule),))
        match self._page:
            case Page.BOARDS:
                self._present_boards(width)
            case Page.KEYS:
                survey = self._survey
                changed = any(board.trust == "changed" for board in survey.looked.values())
                self._about.put(key_help(width, changed=changed))
                chosen = frozenset(board.target for board in survey.good)
                self._keys.put(provision.keys(view, survey.looked, survey.waiting, width - 3), chosen)
            case Page.OPTIONS:
                self._present_options(width)
        said, tone = self._said
        parts = wrapped(plain(said), width - 3) if said else ()
        self._answer.put(tuple((Cell(part, tone),) for part in parts))
        self._hint.put(self._hint_lines(width))

    def _present_boards(self, width: int) -> None:
        text = "A board needs power, a network cable, an SSH server and a user with a password; nothing else."
        self._about.put(tuple((Cell(f" {part}", Tone.DIM),) for part in wrapped(text, width - 3)))
        listed = self._candidates()
        selected = frozenset(one.target for one in listed) & self._selected
        self._boards.put(provision.boards(self.view, listed, len(selected), width - 3), selected)
        here = self.focused is self._target
        tone = Tone.ACCENT if here else Tone.DIM
        self._add.put(((Cell(fit(f"{self.view.glyphs.cursor if here else ' '} Add", 14), tone),),))

    def _present_options(self, width: int) -> None:
        self._about.put(provision.about(self._approved, width, self.view.glyphs.cut))
        bad = self._read().field
        for field in _ALL:
            box = self._secret if field.key == PASSWORD.key else self._fields[field.key]
            label = form_lines.label(field, self.view.glyphs, here=self.focused is box, bad=field.key == bad)
            self._labels[field.key].put(label)

    def _hint_lines(self, width: int) -> tuple[Line, ...]:
        text, tone = "", Tone.DIM
        if self._survey.number:
            text, tone = f"{self._survey.under_way}; esc ends it", Tone.BUSY
        elif self._page is Page.BOARDS:
            text = "enter adds it" if self._target.value.strip() else "space selects, enter goes on"
        elif self._page is Page.KEYS:
            good = len(self._survey.good)
            text = f"enter approves {good} and goes on" if good else "nothing to approve; esc goes back"
        elif problem := self._read().problem:
            text, tone = problem, Tone.BAD
        else:
            here = self.focused.id if self.focused else ""
            text = next((field.hint for field in _ALL if field.key == here), "")
        return tuple((Cell(part, tone),) for part in wrapped(plain(text), width - 3))

    def _candidates(self) -> tuple[provision.Candidate, ...]:
        return provision.candidates(self.view, self._chosen, self._typed, self._survey.found.values())

    def _read(self) -> provision.Reading:
        texts = {key: box.value for key, box in self._fields.items()}
        return provision.read_options(texts, self._approved)

    @property
    @override
    def place(self) -> Place:
        return Place.PROVISION

    @override
    def hidden(self) -> set[Verb]:
        hidden = super().hidden()
        if self._page is not Page.BOARDS:
            hidden |= {Verb.SCAN, Verb.SELECT, Verb.SELECT_ALL}
        elif self.focused is self._target:
            hidden |= {Verb.SELECT, Verb.SELECT_ALL}
        if self._page is not Page.OPTIONS:
            hidden.add(Verb.PREFLIGHT)
        if self._survey.number:
            hidden.add(Verb.SCAN)
        return hidden

    def on_descendant_focus(self) -> None:
        """Tell what the field takes."""
        self.tick()

    def on_input_changed(self) -> None:
        """Tell whether that can be used."""
        self.tick()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Add the boards that are typed, or go on."""
        event.stop()
        self.action_submit()

    def on_secret_submitted(self) -> None:
        """Go on."""
        self.action_submit()

    def action_select(self) -> None:
        """Select the board under the cursor, or no longer."""
        if self._boards.key:
            self._selected ^= {self._boards.key}
            self._boards.action_move(1)
            self.tick()

    def action_select_all(self) -> None:
        """Select all boards that do not compute yet, or none."""
        listed = frozenset(one.target for one in self._candidates() if not one.known)
        self._selected = self._selected - listed if listed <= self._selected else self._selected | listed
        self.tick()

    @override
    def action_scan(self) -> None:
        """Look for boards on the cluster's network."""
        self._said = ("", Tone.DIM)
        self._survey.scan()
        self.tick()

    def action_submit(self) -> None:
        """Go on to the next page, and from the last one to the work."""
        match self._page:
            case Page.BOARDS if self._target.value.strip():
                self._take_typed()
            case Page.BOARDS:
                self._look()
            case Page.KEYS:
                self._approve()
            case Page.OPTIONS:
                self._provision(dry_run=False)

    def action_preflight(self) -> None:
        """Say what would be changed."""
        self._provision(dry_run=True)

    def _take_typed(self) -> None:
        targets, problem = provision.read_targets(self._target.value)
        if problem:
            self._said = (problem, Tone.BAD)
        else:
            self._typed = tuple(dict.fromkeys((*self._typed, *targets)))
            self._selected |= frozenset(targets)
            self._target.value, self._said = "", ("", Tone.DIM)
        self.tick()

    def _look(self) -> None:
        targets = tuple(one.target for one in self._candidates() if one.target in self._selected)
        if not targets:
            self._said = ("No board is selected. Next: space selects one, or type one", Tone.WARN)
            self.tick()
            return
        self._survey.look(targets)
        self._turn(Page.KEYS)

    def _approve(self) -> None:
        if self._survey.good and not self._survey.number:
            self._approved = self._survey.good
            self._turn(Page.OPTIONS)

    def _provision(self, *, dry_run: bool) -> None:
        reading = self._read()
        if reading.wish is None:
            self.set_focus(self._fields[reading.field])
            return
        self._last = structs.replace(reading.wish, dry_run=dry_run)
        self._needed_password = self._secret.filled
        wish = structs.replace(self._last, password=self._secret.take())
        boards = len(wish.boards)
        what = "Dry run" if dry_run else "Provision"
        self.link.tell(OpenWork(f"{what}: {boards} board{'s' if boards > 1 else ''}", wish, self))

    def again(self, failed: tuple[str, ...]) -> ProvisionWish | None:
        """Give the wish for the boards that failed; None leads to the last page, for the password."""
        names = frozenset(failed)
        boards = tuple(b for b in self._approved if not names or {b.node, b.target} & names) or self._approved
        self._approved = boards
        targets = {board.target for board in boards}
        if self._last is None or self._needed_password:
            self._turn(Page.OPTIONS)
            self._said = ("The password again: it was not kept. Enter does the failed ones again.", Tone.WARN)
            return None
        self._last = structs.replace(
            self._last, boards=tuple(b for b in self._last.boards if b.target in targets)
        )
        return self._last

    def over(self, *, well: int, of: int, changes: int) -> str:
        """Hear how it came out; say what that means and what to press."""
        dry_run = self._last is not None and self._last.dry_run
        self._finished = not dry_run and 0 < of == well
        return provision.outcome(well, of, changes, dry_run=dry_run)

    @override
    def on_screen_resume(self) -> None:
        """Leave when it was done."""
        if self._finished:
            self._finished = False
            super().action_back()

    def on_work_told(self, message: "WorkTold") -> None:
        """Show what a look or a scan found."""
        message.stop()
        parts = message.take()
        if message.number == self._survey.number:
            self._survey.hear(parts)
            self.tick()

    def on_work_ended(self, message: "WorkEnded") -> None:
        """Say why it could not be done."""
        message.stop()
        if message.number == self._survey.number:
            self._end(message.problem)

    def on_refused(self, message: Refused) -> None:
        """Tell of an error that nobody expected."""
        message.stop()
        self._end(message.text)

    def _end(self, problem: str) -> None:
        self._survey.end()
        self._said = (problem, Tone.BAD) if problem else (self._survey.result, Tone.DIM)
        self.tick()

    @override
    def action_back(self) -> None:
        """End a look or a scan; else go to the page before, or leave."""
        scans = self._survey.number > 0 and self._page is Page.BOARDS
        self._survey.stop()
        match self._page:
            case Page.BOARDS if scans:
                self.tick()
            case Page.BOARDS:
                super().action_back()
            case Page.KEYS:
                self._turn(Page.BOARDS)
            case Page.OPTIONS:
                self._secret.action_clear()
                self._turn(Page.KEYS)


def _field(key: str, empty: str, value: str) -> ChoiceInput:
    return ChoiceInput(value, placeholder=empty, id=key)
