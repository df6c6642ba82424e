"""What forms of new jobs ask of the application: answers of the service, paths, and to be remembered."""

from collections.abc import Callable
from functools import partial
from typing import assert_never

from textual.message import Message
from textual.message_pump import MessagePump

from sciabc_tui.cluster.job import JobId
from sciabc_tui.tui import requests as req
from sciabc_tui.tui.errands import Errands
from sciabc_tui.tui.memory import FormMemory
from sciabc_tui.tui.messages import FormFilled, FormKept, PathsListed
from sciabc_tui.tui.paths import complete
from sciabc_tui.tui.present.new_job import Fields, fields_of
from sciabc_tui.tui.screens.base import Link
from sciabc_tui.tui.screens.new_job import NewJobScreen


class JobForms:
    """Makes forms, and does what they ask.

    Args:
        errands: What the service is asked.
        memory: What stood in the form before.
        ask: Does work in a thread; its answer goes to the first of the two as a message.
    """

    def __init__(
        self,
        errands: Errands,
        memory: FormMemory,
        ask: Callable[[MessagePump, Callable[[], Message]], None],
    ) -> None:
        self._errands = errands
        self._memory = memory
        self._ask = ask

    def form(self, link: Link, job: JobId | None = None, filled: Fields | None = None) -> NewJobScreen:
        """Make a form: with what stood in it before, else as it is filled in."""
        fields = self._memory.fields(job) or filled
        return NewJobScreen(link, fields=fields, recent=self._memory.recent, job=job)

    def again(self, link: Link, message: FormFilled) -> NewJobScreen:
        """Make the form of a job that shall run again with changes."""
        return self.form(link, message.detail.job.id, fields_of(message.detail))

    def take(self, request: req.Forms, asker: MessagePump, app: MessagePump) -> None:
        """Do what a form, or a screen that wants one, asks."""
        match request:
            case req.EditJob(job):
                self._ask(app, partial(self._errands.fill_form, job))
            case req.AskPreview(wish, number):
                self._ask(asker, partial(self._errands.preview, wish, number))
            case req.ListPaths(field, text, folders):
                self._ask(asker, lambda: PathsListed(field, text, complete(text, folders=folders)))
            case req.KeepForm():
                self._keep(request, app)
            case _:
                assert_never(request)

    def _keep(self, request: req.KeepForm, app: MessagePump) -> None:
        if request.submitted:
            self._memory.submitted(request.fields, request.job)
        else:
            self._memory.keep(request.fields, request.job)
        if request.left or request.submitted:
            self._ask(app, self._written)

    def _written(self) -> FormKept:
        self._memory.write()
        return FormKept()

    def close(self) -> None:
        """Write down what was typed last."""
        self._memory.write()
