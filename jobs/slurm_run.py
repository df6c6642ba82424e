"""Run one attempt on Slurm's cluster, from ``sbatch`` to the final status.

The job is Slurm's: it outlives this runner, the head service and the head itself. So a runner that finds the
status of an earlier one does not submit again. It finds the job, by its number or by its token, and goes on.
"""

import contextlib
import os
import select
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jobs.attempt import AttemptFiles, AttemptStatus, Order, read_status, write_status
from jobs.errors import LauncherRefused
from jobs.logwriter import LogWriter
from jobs.slurm_attempt import (
    SlurmFiles,
    SlurmNote,
    SlurmPlan,
    read_begun,
    read_done,
    read_note,
    write_note,
)
from jobs.slurm_calls import Question, find, shares, submit
from jobs.slurm_output import Output, resume
from jobs.slurm_states import End, Evidence, Phase, Seen, judge_slurm, judge_unknown, waiting_words
from jobs.states import JobState
from jobs.supervise import obeyed, order_of

_LOOK = 0.2
"""Seconds between two looks at the output."""

_SOONEST, _LATEST, _SLOWER = 0.5, 5.0, 1.5
"""Seconds between two questions to Slurm: soon after something happened, then ever more seldom."""

_AGAIN = 5.0
"""Seconds after which Slurm is asked once more to end a job, or to answer at all."""

_IN_FLIGHT = 2.0
"""Seconds for which what a killed ``sbatch`` had sent may be on its way: Slurm takes it all the same."""

_CANCELLED = Order(JobState.CANCELLED)


def attend(folder: Path, plan: SlurmPlan, *, cancel: int, wall: Callable[[], float]) -> AttemptStatus:
    """Run an attempt to its end, or go on where a killed runner was.

    Args:
        folder: The attempt's folder.
        plan: What to submit.
        cancel: A descriptor that becomes readable when the attempt is to be ended; its order says why.
        wall: Says what time it is, in seconds since 1970.

    Returns:
        The final status; it stands on disk by then.

    Raises:
        StoreError: The folder is damaged or can't be written.
    """
    before = read_status(folder)
    if before is not None and before.state.final:
        return before
    begun = before or AttemptStatus(JobState.RUNNING, wall())
    # written before anything is submitted: no status means that Slurm never heard of the job
    write_status(folder, begun)
    files = SlurmFiles(folder)
    log = AttemptFiles(folder).log
    read_before = (0, 0) if before is None else resume(log, files.read)
    wishes = _Wishes(folder, cancel)
    with LogWriter(log, wall, limit=plan.log_limit) as writer:
        output = Output(writer, files.papers, files.read, read_before)
        try:
            number = _number(folder, plan, wishes, adopted=before is not None)
        except LauncherRefused as error:
            ended = replace(begun, state=JobState.FAILED, error=str(error))
        else:
            if number is None:
                ended = obeyed(begun, wishes.order or _CANCELLED)
            else:
                ended = _Stay(folder, plan, number, output, wishes, wall).until_the_end(begun)
        problem = writer.problem
    status = replace(ended, ended_at=wall(), error="; ".join(filter(None, (ended.error, problem))))
    write_status(folder, status)
    output.forget()  # not before: another runner would begin the log anew
    return status


class _Wishes:
    """What was ordered, by a signal to this runner or to the one before."""

    def __init__(self, folder: Path, cancel: int) -> None:
        self._folder = folder
        self._cancel = cancel
        self.order = order_of(folder)

    def wait(self, seconds: float) -> bool:
        """Wait so long for a wish; return whether one came that was not there before."""
        if not select.select([self._cancel], [], [], seconds)[0]:
            return False
        os.read(self._cancel, 1024)
        if self.order is not None:
            return False
        self.order = order_of(self._folder) or _CANCELLED
        return True


def _number(folder: Path, plan: SlurmPlan, wishes: _Wishes, *, adopted: bool) -> int | None:
    """Find the job in Slurm, or submit it; None if it was not and must not be.

    Raises:
        LauncherRefused: Slurm did not take it.
    """
    if (number := read_note(folder).number) is not None:
        return number
    if adopted:
        number = _found(folder, plan, wishes)
    if number is None:
        wishes.wait(0.0)
        if wishes.order is not None:
            return None
        number = _submitted(plan)
    write_note(folder, SlurmNote(number, words=f"in Slurm's queue as {number}"))
    return number


def _submitted(plan: SlurmPlan) -> int:
    """Submit the job; where sbatch failed, Slurm may have taken it all the same: its answer came too late.

    Raises:
        LauncherRefused: Slurm did not take it.
    """
    try:
        return submit(plan.options, plan.cwd)
    except LauncherRefused:
        with contextlib.suppress(LauncherRefused):
            if (number := find(plan.token)) is not None:
                return number
        raise


def _found(folder: Path, plan: SlurmPlan, wishes: _Wishes) -> int | None:
    """Look for a job that the runner before may have submitted: however long Slurm does not answer."""
    looks = 0
    while True:
        try:
            number = find(plan.token)
        except LauncherRefused as error:
            write_note(folder, SlurmNote(words=str(error)))
            wishes.wait(_AGAIN)
            continue
        looks += 1
        if number is not None or looks > 1:
            return number
        wishes.wait(_IN_FLIGHT)


class _Stay:
    """Stays with a job of Slurm's until it is over."""

    def __init__(
        self,
        folder: Path,
        plan: SlurmPlan,
        number: int,
        output: Output,
        wishes: _Wishes,
        wall: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._number = number
        self._output = output
        self._papers = SlurmFiles(folder).papers
        self._wishes = wishes
        self._wall = wall
        self._note = read_note(folder)
        self._question: Question | None = None
        self._accounting = False
        self._cancelling: Question | None = None
        self._pause = _SOONEST
        self._ask_at = self._cancel_at = time.monotonic()
        self._told = (False, False)

    def until_the_end(self, begun: AttemptStatus) -> AttemptStatus:
        """Follow the job's output and its state; give its end, but for the time."""
        try:
            while (end := self._step()) is None:
                if self._wishes.wait(_LOOK):
                    self._soon()
        finally:
            for question in (self._question, self._cancelling):
                if question is not None:
                    question.drop()
        order = self._wishes.order
        status = replace(begun, exit_code=end.exit_code)
        # what had ended well before scancel came there was not cancelled
        if order is not None and end.state is not JobState.COMPLETED:
            return obeyed(status, order)
        return replace(status, state=end.state, error=end.reason)

    def _step(self) -> End | None:
        """Do what is due now; give the end when Slurm has told it."""
        now = time.monotonic()
        self._output.look()
        self._output.log.flush_if_due()
        self._output.mark(now)
        self._look_at_marks()
        if self._wishes.order is not None:
            self._cancel(now)
        if self._question is None:
            if now >= self._ask_at:
                ask = Question.account if self._accounting else Question.state
                self._question = ask(self._number)
            return None
        return self._hear(now, self._question)

    def _hear(self, now: float, question: Question) -> End | None:
        answer = question.answer()
        if answer is None:
            return None
        self._question = None
        self._ask_at = now + self._pause
        self._pause = min(_LATEST, self._pause * _SLOWER)
        seen = answer.seen(self._number)
        if seen is not None and seen.phase is not Phase.OVER:
            self._accounting = False
            self._tell(self._noted(seen))
        elif seen is not None:
            return self._over(seen)
        elif self._accounting:
            return self._over(None)
        elif answer.well or answer.forgotten:
            self._accounting = True
            self._soon()
        elif not self._note.running:
            last = f"last seen in its queue as {self._number}"
            self._tell(replace(self._note, words=f"Slurm does not answer; {last}"))
        return None

    def _over(self, seen: Seen | None) -> End:
        self._output.finish()
        if not self._note.running:  # it was so short that it was never seen to run
            self._tell(self._begun() or self._note)
        known = Evidence(self._plan.job, self._plan.time_limit, tuple(self._output.tail))
        if seen is None:
            return judge_unknown(self._number, read_done(self._papers), known)
        return judge_slurm(seen, known)

    def _noted(self, seen: Seen) -> SlurmNote:
        if seen.phase is Phase.QUEUED:
            return SlurmNote(self._number, words=waiting_words(seen))
        if self._note.running:
            return replace(self._note, words="suspended in Slurm" if seen.state == "SUSPENDED" else "")
        if (begun := self._begun()) is not None:
            return begun
        self._soon()
        return SlurmNote(self._number, words=f"starts as {self._number} of Slurm on {seen.nodes}")

    def _begun(self) -> SlurmNote | None:
        """Say where the script runs, or ran, if it began."""
        where = read_begun(self._papers)
        if where is None:
            return None
        since = round(self._wall(), 3)
        return SlurmNote(self._number, running=True, shares=shares(*where), running_since=since)

    def _tell(self, note: SlurmNote) -> None:
        if note != self._note:
            self._note = note
            write_note(self._folder, note)

    def _cancel(self, now: float) -> None:
        if self._cancelling is not None:
            if self._cancelling.answer() is None:
                return
            self._cancelling = None
            self._cancel_at = now + _AGAIN
            self._soon()
        elif now >= self._cancel_at:
            self._cancelling = Question.cancelling(self._number)

    def _look_at_marks(self) -> None:
        """Ask Slurm at once when the script says that it begins or ends."""
        told = (self._note.running or _is_there(self._papers.begun), _is_there(self._papers.done))
        if told != self._told:
            self._told = told
            self._soon()

    def _soon(self) -> None:
        self._pause = _SOONEST
        self._ask_at = min(self._ask_at, time.monotonic() + _LOOK)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True
