"""Attend to a running launcher: its output, its end, orders to end it, and the deadlines between them."""

import contextlib
import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Self

from jobs import procs
from jobs.attempt import AttemptPlan, Order
from jobs.intake import Intake, widened
from jobs.launchers import Flavour
from jobs.logstore import Stream
from jobs.mpich import untold
from jobs.outcome import Ending
from jobs.sorter import Sorter
from jobs.states import JobState

_WISHES = 4096
# How long the launcher's output is read on after its end, should a process that can't be killed hold it open.
_DRAIN_SECONDS = 1.0
# How long a launcher may take that lost a node, whose end must stand in 3 s. MPICH's is gone within 20 ms.
# Open MPI's never is, it waits for the lost daemon: this is what the other ranks have for their last words.
_SHORT_GRACE = 0.3


class Attendance:
    """Own a launcher from its start to its end; a context, so that nothing of the job stays behind.

    Attributes:
        order: Why the launcher was ended; None as long as nobody wanted it.
        ordered_at: When that was, by the monotonic clock.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        plan: AttemptPlan,
        intake: Intake,
        sorter: Sorter,
        *,
        why: Callable[[], Order],
    ) -> None:
        """Take over a launcher that was just started.

        Args:
            process: The launcher, with pipes for its output, the leader of a session.
            plan: What it was started for.
            intake: Takes in what it prints.
            sorter: Sorts that.
            why: Says, when somebody asks for the end, why.
        """
        self._process = process
        self._plan = plan
        self._intake = intake
        self._sorter = sorter
        self._why = why
        self._selector = selectors.DefaultSelector()
        self._pipes: dict[int, Stream] = {}
        self._hung = False
        self._pidfd = os.pidfd_open(process.pid)
        limit = plan.time_limit
        self._limit_at = None if limit is None else time.monotonic() + limit
        self._kill_at: float | None = None
        self._leave_at: float | None = None
        self.order: Order | None = None
        self.ordered_at: float | None = None
        self._aborted = False
        for pipe, stream in ((process.stdout, Stream.OUT), (process.stderr, Stream.ERR)):
            if pipe is not None:
                descriptor = widened(pipe)
                self._pipes[descriptor] = stream
                self._selector.register(descriptor, selectors.EVENT_READ, self._read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # After a failure of ours too, nothing of the job stays behind.
        procs.end_all(self._plan.token, self._process.pid)
        self._process.wait()
        self._selector.close()
        os.close(self._pidfd)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def until_the_end(self, cancel: int) -> None:
        """Return when the launcher is gone, its words are taken in, and no process of the job is left here.

        Args:
            cancel: A descriptor that becomes readable when somebody wants the end.
        """
        self._selector.register(cancel, selectors.EVENT_READ, self._asked)
        self._selector.register(self._pidfd, selectors.EVENT_READ, self._exited)
        while not self._over():
            for key, _ in self._selector.select(self._patience()):
                react: Callable[[int], None] = key.data
                react(key.fd)
            gathers = self._intake.turn()
            self._keep_deadlines()
            if gathers:
                select.select([cancel, self._pidfd], [], [], gathers)
        for descriptor in self._pipes:
            if descriptor in self._selector.get_map():  # held open by what can't be killed
                self._read(descriptor)

    def ending(self) -> Ending:
        """Say what is known of the end."""
        code = self._process.wait()
        return Ending(
            job=self._plan.job,
            exit_code=code if code >= 0 else 128 - code,
            signal=-code if code < 0 and not self._hung else None,  # ours says nothing of why it failed
            tail=tuple(self._sorter.tail),
            untold=self._untold(),
        )

    def _untold(self) -> int:
        mpich = self._plan.launcher.flavour is Flavour.MPICH
        return untold(self._sorter.last_words, self._plan.ranks) if mpich else 0

    def _over(self) -> bool:
        if self._leave_at is None:
            return False
        silent = not any(descriptor in self._selector.get_map() for descriptor in self._pipes)
        return silent or time.monotonic() >= self._leave_at

    def _patience(self) -> float | None:
        now = time.monotonic()
        deadlines = (self._limit_at, self._kill_at, self._leave_at)
        waits = [at - now for at in deadlines if at is not None]
        if (due := self._intake.due_in()) is not None:
            waits.append(due)
        return max(0.0, min(waits)) if waits else None

    def _keep_deadlines(self) -> None:
        now = time.monotonic()
        if self._limit_at is not None and now >= self._limit_at:
            limit = f"time limit of {_duration(self._plan.time_limit or 0.0)} reached"
            self._end(Order(JobState.TIMEOUT, f"{limit}. Next: give --time more"))
        if self._sorter.aborted and not self._aborted:
            self._aborted = True
            if self._kill_at is None:
                self._kill_at = now + self._plan.grace
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._hung = self.order is None
            procs.end_all(self._plan.token, self._process.pid)

    def _read(self, descriptor: int) -> None:
        if not self._intake.read(descriptor, self._pipes[descriptor]):
            self._selector.unregister(descriptor)

    def _asked(self, descriptor: int) -> None:
        os.read(descriptor, _WISHES)
        if self.order is None and self._leave_at is None:
            self._end(self._why())

    def _end(self, order: Order) -> None:
        """End the launcher, by force after a grace; it need not be there any more."""
        now = time.monotonic()
        patient = order.state in {JobState.CANCELLED, JobState.TIMEOUT}
        self.order = order
        self.ordered_at = now
        self._limit_at = None
        self._kill_at = now + (self._plan.grace if patient else min(self._plan.grace, _SHORT_GRACE))
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)

    def _exited(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        self._limit_at = None
        self._kill_at = None
        self._leave_at = time.monotonic() + _DRAIN_SECONDS
        # A rank's child that ignored the launcher's signals would compute on, and hold the output open.
        procs.end_all(self._plan.token, self._process.pid)


def _duration(seconds: float) -> str:
    """Write a duration as people say it, such as ``1 h 30 min``."""
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = ((hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{count:g} {unit}" for count, unit in parts if count) or "0 s"
