"""The form of a new job, with what will run and where each rank goes."""

from collections.abc import Callable
from dataclasses import fields as fields_in
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import Key
from typing_extensions import override

from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.schedule import total_slots
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import (
    JobAccepted,
    PathsListed,
    PreflightEnded,
    PreflightTold,
    PreviewEnded,
    Refused,
)
from sciabc_tui.tui.paths import from_here
from sciabc_tui.tui.present import dry_run, form_lines
from sciabc_tui.tui.present.cells import Cell, Tone, fit, plain, titled, wrapped
from sciabc_tui.tui.present.new_job import BUNDLED, FIELDS, MAIN, MORE, Fields, Wish, read_wish, refused_field
from sciabc_tui.tui.prospect import Prospect
from sciabc_tui.tui.requests import (
    KeepForm,
    ListPaths,
    OpenPreflight,
    Submit,
)
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.fields import ChoiceInput, SuggestInput, Suggestions
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.slider import Slider

_LEAST_PREVIEW = 6
_FIXED = 5
"""Lines that are neither fields nor preview: header, two titles, hint, footer."""


class NewJobScreen(ClusterScreen):
    """Program, arguments, ranks and more; nothing typed is lost when the service refuses."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Place.FORM, first={Verb.MORE}),
        # before the field has them, so that what is typed at once after them goes to the next field
        Binding("tab", "next_field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    CSS = """
    #fields { height: auto; scrollbar-size: 1 1; }
    #preview-pane { height: 1fr; scrollbar-size: 1 1; padding: 0 2; }
    #preview-pane:focus { background: $panel; }
    #fields .label { width: 14; }
    #fields .field { padding: 0 2 0 0; }
    #fields Slider { background: $panel; }
    #fields Slider:focus { background: $cursor; }
    Suggestions { background: $cursor; }
    #more { padding: 0 2; }
    NewJobScreen #preview { padding: 0; }
    NewJobScreen #answer { margin: 0; }
    """

    def __init__(
        self,
        link: Link,
        *,
        fields: Fields | None = None,
        recent: tuple[str, ...] = (),
        job: JobId | None = None,
    ) -> None:
        """Show a form.

        Args:
            link: To the application.
            fields: What stands in it at first.
            recent: Programs that ran before, the newest first.
            job: The one that shall run again with changes.
        """
        super().__init__(link)
        self._job = job
        self._recent = recent
        given = fields or Fields(BUNDLED[0])
        self._inputs = {key: _input(key, getattr(given, key)) for key in FIELDS}
        self._labels = {key: Lines(classes="label") for key in FIELDS}
        self._lists = {key: Suggestions() for key in ("program", "directory")}
        self._rows = {
            key: Horizontal(self._labels[key], self._inputs[key], classes="field") for key in FIELDS
        }
        self._title = Lines()
        self._more = Lines(id="more")
        self._is_open = False
        self._hint = Lines(classes="hint")
        self._preview_title = Lines()
        self._preview = Lines(id="preview")
        self._pane = VerticalScroll(self._preview, id="preview-pane")
        self._answer = Lines(id="answer")
        self._sending = False
        self._refused = ""
        self._opening = True
        self._prospect = Prospect(link.tell, self._later, self.tick, lambda: self.link.look().now)
        self._show_more(is_open=False)

    @override
    def body(self) -> ComposeResult:
        yield self._title
        with VerticalScroll(id="fields", can_focus=False):
            for key in (field.key for field in MAIN):
                yield self._rows[key]
                if key in self._lists:
                    yield self._lists[key]
            yield self._more
            for key in (field.key for field in MORE):
                yield self._rows[key]
                if key in self._lists:
                    yield self._lists[key]
        yield self._hint
        yield self._preview_title
        yield self._pane
        yield self._answer

    @override
    def on_mount(self) -> None:
        if self.focused is None:  # ctrl+o may have come before
            self.set_focus(self._inputs["program"])
        self.call_later(self._opened)

    def _opened(self) -> None:
        self._opening = False

    def on_key(self, event: Key) -> None:
        """Give the field what was typed behind `n` in one burst: it came before there was a field."""
        if self._opening and self.focused is not None:
            event.stop()
            event.prevent_default()
            self.focused.post_message(Key(event.key, event.character))

    @property
    @override
    def place(self) -> Place:
        return Place.FORM

    @property
    def fields(self) -> Fields:
        """What stands in the form."""
        return Fields(**{one.name: self._inputs[one.name].value for one in fields_in(Fields)})

    @override
    def present(self) -> None:
        width, view, fields = self.size.width, self.view, self.fields
        wish = read_wish(fields)
        total = total_slots(view.state) if view.state else 0
        self._present_fields(fields, wish, total, width)
        title = "New job" if self._job is None else f"Job {self._job} again, with changes"
        self._title.put((titled(title, width, view.glyphs.rule),))
        hint = fit(self._hint_of(wish, total), width - 16, cut=view.glyphs.cut)
        self._hint.put(((Cell(hint, Tone.BAD if wish.problem else Tone.DIM),),))
        self._prospect.look(view, from_here(wish.request) if wish.request else None)
        known = self._prospect.known
        asks = ": asking" if known.late else ""
        self._preview_title.put((titled(f"Preview{asks}", width, view.glyphs.rule),))
        shown = dry_run.lines(view, wish, known, width - 6)
        self._preview.put(shown)
        self._divide(len(shown))

    def _present_fields(self, fields: Fields, wish: Wish, total: int, width: int) -> None:
        bad, glyphs = wish.field or self._refused or self._prospect.field, self.view.glyphs
        for key, field in FIELDS.items():
            here = self.focused is self._inputs[key]
            self._labels[key].put(form_lines.label(field, glyphs, here=here, bad=key == bad))
        self._more.put((form_lines.more_line(fields, width - 4, glyphs, is_open=self._is_open),))
        slider = self._inputs["ranks"]
        if isinstance(slider, Slider):
            slider.most = total
            slider.put(form_lines.slider(fields.ranks, total, width - 16, glyphs))
        names = [plain(node.name) for node in self.view.digest.nodes]
        for key in ("nodes", "exclude"):
            self._choose_from(key, ("", *names, fold(names)) if names else ())

    def _choose_from(self, key: str, choices: tuple[str, ...]) -> None:
        field = self._inputs[key]
        if isinstance(field, ChoiceInput):
            field.choices = choices

    def _divide(self, wanted: int) -> None:
        """Give the fields all the room but what the preview needs."""
        rows = len(MAIN) + 1 + (len(MORE) if self._is_open else 0)
        banner = 1 if self.view.gone is not None or self.view.state is None else 0
        room = self.size.height - _FIXED - banner - self._answer.line_count
        height = max(3, min(rows, room - max(_LEAST_PREVIEW, min(wanted, room // 2))))
        pane = self.query_one("#fields")
        if pane.styles.height is None or pane.styles.height.cells != height:
            pane.styles.height = height

    def _hint_of(self, wish: Wish, total: int) -> str:
        if wish.problem:
            return plain(wish.problem)
        here = self.focused.id or "" if self.focused else ""
        if here == "ranks":
            return form_lines.ranks_hint(total)
        if here == "preview-pane":
            return "up down scrolls"
        return FIELDS[here].hint if here in FIELDS else ""

    def on_preview_ended(self, message: PreviewEnded) -> None:
        """Show what the service said."""
        message.stop()
        self._prospect.previewed(message)

    def on_preflight_told(self, message: PreflightTold) -> None:
        """Wait for all of them: the form has one line for that."""
        message.stop()

    def on_preflight_ended(self, message: PreflightEnded) -> None:
        """Show whether the nodes are fit."""
        message.stop()
        self._prospect.checked(message)

    def _answer_with(self, text: str, tone: Tone) -> None:
        width = self.size.width - 4
        self._answer.put(tuple((Cell(part, tone),) for part in wrapped(plain(text), width)) if text else ())

    def on_descendant_focus(self) -> None:
        """Tell what the field takes."""
        self.tick()

    def on_input_changed(self) -> None:
        """Show what would run now."""
        self._changed()

    def on_slider_changed(self) -> None:
        """Show where so many ranks would go."""
        self._changed()

    def _changed(self) -> None:
        self._refused = ""
        self._answer_with("", Tone.PLAIN)
        self.link.tell(KeepForm(self.fields, self._job))
        self.present()

    def on_input_submitted(self) -> None:
        """Enter submits from every field."""
        self.action_submit()

    def on_slider_submitted(self) -> None:
        """Enter submits from the ranks, too."""
        self.action_submit()

    def on_suggest_input_wanted(self, message: SuggestInput.Wanted) -> None:
        """Offer what is at hand at once, and paths as soon as they are read."""
        field = message.field
        if field == "program":
            state = self.view.state
            ran = tuple(job.program for job in state.jobs.values())[::-1] if state else ()
            found = form_lines.at_hand(message.text, (*self._recent, *ran), every=message.every)
            self._offer(field, message.text, found)
        if not message.every or field == "directory":
            self.link.tell(ListPaths(field, message.text, folders=field == "directory"))

    def on_paths_listed(self, message: PathsListed) -> None:
        """Offer the paths, below what is at hand."""
        message.stop()
        at_hand = form_lines.at_hand(message.text, self._recent, every=False)
        first = at_hand if message.field == "program" else ()
        self._offer(message.field, message.text, tuple(dict.fromkeys((*first, *message.found))))

    def _offer(self, key: str, text: str, found: tuple[str, ...]) -> None:
        field = self._inputs[key]
        if isinstance(field, SuggestInput):
            field.offer(text, found)

    def on_suggest_input_offered(self, message: SuggestInput.Offered) -> None:
        """Draw the list below the field."""
        shown = self._lists[message.field]
        shown.display = bool(message.found)
        shown.put(form_lines.suggestions(message.found, message.here, self.size.width - 18, self.view.glyphs))

    def action_next_field(self) -> None:
        """Take what the field offers, and go on."""
        field = self.focused
        if not (isinstance(field, SuggestInput) and field.take(whole=False)):
            self.focus_next()

    def action_more(self) -> None:
        """Show the fields that are seldom used, or hide them."""
        self._show_more(is_open=not self._is_open)
        if self._is_open:
            self.set_focus(self._inputs[MORE[0].key])
        elif self.focused is None or self.focused.id in {field.key for field in MORE}:
            self.set_focus(self._inputs["program"])
        self.tick()

    def _show_more(self, *, is_open: bool) -> None:
        self._is_open = is_open
        for field in MORE:
            self._rows[field.key].display = is_open

    def action_submit(self) -> None:
        """Ask for the job, unless one is on its way; go to the field that can't be used if there is one."""
        wish = read_wish(self.fields)
        if wish.request is None:
            self._show_more(is_open=self._is_open or wish.field in {field.key for field in MORE})
            self.set_focus(self._inputs[wish.field])
            self.tick()
        elif not self._sending:
            self._sending = True
            self._answer_with("submitting ...", Tone.DIM)
            self.link.tell(Submit(from_here(wish.request)))

    def action_preflight(self) -> None:
        """Check the nodes that the job would get, or those that it may use while it would wait."""
        wish, preview = self._prospect.wish, self._prospect.known.preview
        if wish is None or self.view.state is None or not read_wish(self.fields).request:
            return
        ranks = sum(len(host.ranks) for host in preview.hosts) if preview and wish.nodes else 0
        count = f" of {ranks} rank{'s' if ranks > 1 else ''}" if ranks else ""
        self.link.tell(OpenPreflight(f"new job{count}", wish))

    @override
    def action_back(self) -> None:
        """Close the list of a field; else go back, and keep what was typed."""
        field = self.focused
        if isinstance(field, SuggestInput) and field.close():
            return
        self._prospect.stop()
        self.link.tell(KeepForm(self.fields, self._job, left=True))
        super().action_back()

    def on_job_accepted(self, _: JobAccepted) -> None:
        """Keep what was submitted; the application goes on to the job's log."""
        self.link.tell(KeepForm(self.fields, self._job, submitted=True))

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something after a while, if the form is what the user looks at then."""
        self.set_timer(seconds, lambda: call() if self.is_current else None)

    @override
    def on_screen_resume(self) -> None:
        """Ask again what another screen ended."""
        self._prospect.resume()

    def on_refused(self, message: Refused) -> None:
        """Say why it was not taken; everything typed stays."""
        message.stop()
        self._sending = False
        self._refused = refused_field(message.text)
        self._answer_with(message.text, Tone.BAD)
        self.tick()


def _input(key: str, value: str) -> ChoiceInput | SuggestInput | Slider:
    field = FIELDS[key]
    if key == "ranks":
        return Slider(value, id=key)
    if key in {"program", "directory"}:
        return SuggestInput(value, placeholder=field.empty, id=key)
    made = ChoiceInput(value, placeholder=field.empty, id=key)
    made.choices = field.choices
    return made
