"""A work on nodes as it goes: nodes and steps, what failed and why, and the way to do that again."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.api.works import Part, Wish
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.ports import Owner
from sciabc_tui.tui.present import work
from sciabc_tui.tui.present.cells import titled
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.requests import AskBefore
from sciabc_tui.tui.screens.base import Link
from sciabc_tui.tui.screens.working import WorkingScreen
from sciabc_tui.tui.widgets.grid import GridView
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.page import Page


class WorkScreen(WorkingScreen):
    """Begins as soon as it is opened. Esc asks before it cancels; then it leaves."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.WORK)
    CSS = """
    WorkScreen #grid { height: 1fr; }
    WorkScreen #remedy { padding: 0; }
    WorkScreen #told { height: 30%; min-height: 4; padding: 0 2; scrollbar-size: 0 0; }
    """

    def __init__(self, link: Link, *, title: str, wish: Wish, owner: Owner | None = None) -> None:
        """Show nothing yet.

        Args:
            link: To the application.
            title: What is done, in words.
            wish: What is asked for; forgotten as soon as it was asked, for there may be a password in it.
            owner: Knows how it is done again; None: it is not.
        """
        super().__init__(link)
        self._title = title
        self._wish: Wish | None = wish
        self._owner = owner
        self._progress = work.Progress()
        self._meaning = ""
        glyphs = self.view.glyphs
        self._status = Lines(id="work-status")
        self._grid = GridView(glyphs.rule, glyphs.cursor, id="grid")
        self._remedy_title = Lines()
        self._remedy = Lines(id="remedy")
        self._told = Page(self._remedy, id="told")

    @override
    def body(self) -> ComposeResult:
        yield self._status
        yield self._grid
        yield self._remedy_title
        yield self._told

    @override
    def on_mount(self) -> None:
        self._grid.focus()

    @override
    def present(self) -> None:
        if self._wish is not None:
            self._begin(self._wish)
        width = self.size.width
        self._status.put(work.status(self.view, self._title, self._progress, self._meaning, width))
        self._grid.put(work.grid(self.view, self._title.partition(":")[0], self._progress, width))
        self._present_cell()

    def _present_cell(self) -> None:
        width, rule = self.size.width, self.view.glyphs.rule
        told = work.remedy(self.view, self._progress, self._grid.row, self._grid.column, width - 4)
        self._remedy.put(told)
        more = "  tab, then up down: more" if len(told) > max(4, self._told.size.height) else ""
        self._remedy_title.put((titled(f"Under the cursor{more}", width, rule),))

    def _begin(self, wish: Wish) -> None:
        self._wish = None
        self._meaning = ""
        self._progress = work.begun(self.view.now)
        self.begin(wish)

    @property
    @override
    def at_work(self) -> bool:
        return self._progress.running

    @override
    def hear(self, parts: Sequence[Part]) -> None:
        self._progress = work.told(self._progress, parts)

    @override
    def over(self, problem: str, *, cancelled: bool) -> None:
        self._progress = work.finished(self._progress, self.view.now, problem, cancelled=cancelled)
        if self._owner is not None:
            progress = self._progress
            of = len(progress.names)
            self._meaning = self._owner.over(well=of - len(progress.failed), of=of, changes=progress.changes)
        self.tick()
        self._grid.point(*work.first_bad(self._progress))

    @property
    @override
    def place(self) -> Place:
        return Place.WORK

    @override
    def hidden(self) -> set[Verb]:
        hidden = super().hidden()
        progress = self._progress
        again = bool(progress.failed or progress.problem) and self._owner is not None
        if progress.running or not again:
            hidden.add(Verb.REFRESH)
        return hidden

    def on_grid_view_moved(self) -> None:
        """Tell what belongs to the cell under the cursor."""
        self._present_cell()
        self.show_keys()

    def action_refresh(self) -> None:
        """Do it again on those nodes on which it failed."""
        if self._owner is None:
            return
        wish = self._owner.again(self._progress.failed)
        if wish is None:
            super().action_back()
            return
        self._begin(wish)
        self.tick()

    @override
    def action_back(self) -> None:
        """Go back; while it is under way ask first, for that cancels it."""
        if not self._progress.running:
            super().action_back()
            return
        question = Question(
            f"Cancel: {self._title}?",
            (
                f"{len(self._progress.ended)} of {len(self._progress.names)} nodes are over.",
                "On the others it is stopped where it is; it can be done again later.",
            ),
            "cancel it",
        )
        self.link.tell(AskBefore(question, self.cancel))
