"""What would become of the job in a form: asked of the service, one question at a time, the newest next."""

from collections.abc import Callable
from dataclasses import replace

from sciabc_tui.api.messages import PreflightWish, SubmitJob
from sciabc_tui.tui.messages import PreflightEnded, PreviewEnded
from sciabc_tui.tui.present import dry_run
from sciabc_tui.tui.present.dry_run import DryRun
from sciabc_tui.tui.present.new_job import refused_field
from sciabc_tui.tui.present.preflight import Asking
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.requests import AskNodes, AskPreview, Request, StopAsking

QUIET = 1.0
"""Seconds without another job in the form after which its nodes are asked whether they are fit."""

PATIENCE = 0.3
"""Seconds after which what is shown of the job before is no longer shown as if it were of this one."""


class Prospect:
    """Keeps what is known of the job.

    Args:
        tell: Asks the application for something.
        later: Calls something after so many seconds.
        changed: Called when there is something else to show.
        now: The head's clock.
    """

    def __init__(
        self,
        tell: Callable[[Request], None],
        later: Callable[[float, Callable[[], None]], object],
        changed: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self._tell = tell
        self._later = later
        self._changed = changed
        self._now = now
        self._request: SubmitJob | None = None
        self._question: tuple[object, ...] = ()
        self._number = 0
        self._asking = False
        self._checks = 0
        self._to_check: PreflightWish | None = None
        self.known = DryRun()

    @property
    def field(self) -> str:
        """The key of the field that the service refuses; empty if it refuses none."""
        return refused_field(self.known.problem) if self.known.refused else ""

    @property
    def wish(self) -> PreflightWish | None:
        """What is to be asked of nodes for this job; None while there is no job."""
        preview = self.known.preview if not self.known.problem else None
        return dry_run.to_check(self._request, preview) if self._request else None

    def look(self, view: View, request: SubmitJob | None) -> None:
        """Ask what would become of a job, if that is not known as things are now."""
        self._request = request
        if request is None or view.state is None or view.gone is not None or self._asking:
            return
        question = (request, dry_run.situation(view.state))
        if question == self._question:
            return
        self._question, self._asking = question, True
        self._number += 1
        number = self._number
        self._later(PATIENCE, lambda: self._wait_no_longer(number))
        self._tell(AskPreview(request, number))

    def _wait_no_longer(self, number: int) -> None:
        if self._asking and number == self._number:
            self.known = replace(self.known, late=True)
            self._changed()

    def previewed(self, message: PreviewEnded) -> None:
        """Take in what the service said; then perhaps there is a newer question."""
        if message.number != self._number:
            return
        self._asking = False
        known = replace(self.known, late=False, problem=message.problem, refused=message.refused)
        self.known = replace(known, preview=message.preview or known.preview)
        if message.problem and not message.refused:
            self._question = ()  # nobody answered: the next look asks again
        elif message.preview is not None:
            self._will_check()
        self._changed()

    def _will_check(self) -> None:
        """Ask the job's nodes whether they are fit, as soon as the job has been the same for a while."""
        wish = self.wish
        if wish is None or wish.launcher == "slurm" or wish == self._to_check:
            return
        self._to_check = wish
        self.known = replace(self.known, fitness=Asking())
        self._later(QUIET, lambda: self._check(wish))

    def _check(self, wish: PreflightWish) -> None:
        if wish != self._to_check or self.known.fitness.since is not None:
            return
        self._checks += 1
        self.known = replace(self.known, fitness=Asking(wish.nodes, since=self._now()))
        self._tell(AskNodes(wish, self._checks))
        self._changed()

    def checked(self, message: PreflightEnded) -> None:
        """Take in what the nodes said."""
        if message.number != self._checks:
            return
        names = self.known.fitness.names
        ended = Asking(names, None, self._now(), message.report, message.problem)
        self.known = replace(self.known, fitness=ended)
        self._changed()

    def resume(self) -> None:
        """Ask the nodes again; those that were well answer from memory."""
        self._to_check = None
        if self.known.preview is not None and not self.known.problem:
            self._will_check()

    def stop(self) -> None:
        """Wait for no node any longer, and ask none."""
        self._to_check = None
        if self.known.fitness.since is not None:
            self._tell(StopAsking())
