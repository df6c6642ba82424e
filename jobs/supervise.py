"""Run one attempt from its order to its final status: launch, attend, clean the nodes, say how it ended."""

import errno
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from jobs import leftovers, procs, sessions
from jobs.attempt import (
    AttemptFiles,
    AttemptPlan,
    AttemptStatus,
    Order,
    read_order,
    write_ended,
    write_status,
)
from jobs.attendance import Attendance
from jobs.collect import clean_up
from jobs.errors import StoreError
from jobs.intake import Intake
from jobs.launchers import INSTALL
from jobs.logwriter import LogWriter
from jobs.losses import Losses
from jobs.oom import examined
from jobs.outcome import judge
from jobs.sorter import Sorter
from jobs.states import JobState
from jobs.survivors import lost_all, tell_losses
from jobs.sweep import WITHIN

_CANCELLED = Order(JobState.CANCELLED)
# When a node is lost, the end or the next attempt must stand 3 s after the word. The head waits 0.5 s before
# it orders (watchman.BLIP), tells the end up to 0.25 s later, and needs as long again to launch. So much is
# left from the order until nodes that hold files have begun to send them, and until all are clean.
_SENDING_SECONDS = 2.0
_CLEAN_SECONDS = 1.25  # the service cleans again whom this was too short for, while the next attempt runs
_LEAST_SECONDS = 1.0  # for an ssh to a healthy node, however late it has become


def supervise(folder: Path, plan: AttemptPlan, *, cancel: int, wall: Callable[[], float]) -> AttemptStatus:
    """Run an attempt to its end, and leave nothing of it behind on any node that can be reached.

    Args:
        folder: The attempt's folder.
        plan: What to run.
        cancel: A descriptor that becomes readable when the attempt is to be ended; its order says why.
        wall: Says what time it is, in seconds since 1970.

    Returns:
        The final status; it stands on disk by then.
    """
    begun = AttemptStatus(JobState.RUNNING, wall())
    # written before anything is launched: no status means that nothing of the job ever ran
    write_status(folder, begun)
    with LogWriter(AttemptFiles(folder).log, wall, limit=plan.log_limit) as log:
        end = _run(folder, plan, log, begun, cancel)
    # to sort what was taken in, and to force it onto the card, is not the job's time
    ours = 0.0 if end.taken_in is None else time.monotonic() - end.taken_in
    sessions.remove(plan.argv, plan.token)
    if end.status.state is not JobState.COMPLETED:  # ranks that end well remove theirs
        leftovers.remove_unused()
    problems = "; ".join(filter(None, (end.status.error, end.problem, log.problem)))
    status = replace(end.status, ended_at=wall() - ours, error=problems)
    if not all(host.local for host in plan.hosts):
        write_ended(folder, status)
        missing = clean_up(
            folder,
            plan,
            since=begun.started_at,
            wall=wall,
            sending_within=end.within(_SENDING_SECONDS),
            clean_within=end.within(_CLEAN_SECONDS),
            losses=Losses(folder, cancel),
            tell=lambda missing: write_ended(folder, lacking(status, missing)),
        )
        status = replace(lacking(explained(folder, status), missing), ended_at=wall() - ours)
    write_status(folder, status)
    return status


def explained(folder: Path, status: AttemptStatus) -> AttemptStatus:
    """Say why an attempt failed, if the head knows by now: it may see a lost node later than the launcher."""
    order = order_of(folder)
    if status.state is JobState.FAILED and order is not None and order.state is JobState.NODE_FAIL:
        return obeyed(status, order)
    return status


def lacking(status: AttemptStatus, missing: str) -> AttemptStatus:
    """Say beside how an attempt ended which of its files could not be brought home."""
    known = not missing or missing in status.error
    return status if known else replace(status, error="; ".join(filter(None, (status.error, missing))))


def obeyed(status: AttemptStatus, order: Order) -> AttemptStatus:
    """Say how an attempt ended that was ordered to."""
    return replace(status, state=order.state, error=order.reason or order.state.value, again=order.again)


def order_of(folder: Path) -> Order | None:
    """Read the order to end an attempt; one that is damaged means the end all the same."""
    try:
        return read_order(folder)
    except StoreError:
        return _CANCELLED


@dataclass(frozen=True, slots=True)
class _End:
    """How the launcher's part ended.

    Attributes:
        status: Final, but for the time.
        ordered_at: When a lost node was told, by the monotonic clock.
        problem: Why what the launcher printed is not complete; empty if it is.
        taken_in: When the launcher was gone and all its words were in files, by the monotonic clock.
    """

    status: AttemptStatus
    ordered_at: float | None = None
    problem: str = ""
    taken_in: float | None = None

    def within(self, seconds: float) -> Callable[[], float]:
        """Say how long is left of so many seconds after the order, if a node was lost; else there is time."""
        ordered_at = self.ordered_at
        if ordered_at is None or self.status.state is not JobState.NODE_FAIL:
            return lambda: WITHIN
        return lambda: max(_LEAST_SECONDS, ordered_at + seconds - time.monotonic())


def _run(folder: Path, plan: AttemptPlan, log: LogWriter, begun: AttemptStatus, cancel: int) -> _End:
    order = order_of(folder)
    if order is None and select.select([cancel], [], [], 0.0)[0]:
        order = order_of(folder) or _CANCELLED
    if order is not None:
        return _End(obeyed(begun, order), time.monotonic())
    began = time.monotonic()
    try:
        process = _started(plan)
    except OSError as error:
        return _End(replace(begun, state=JobState.FAILED, error=_no_start(plan, error)))
    running = replace(begun, launcher_pid=process.pid)
    sorter = Sorter(plan, log)
    intake = Intake(sorter, log)
    with Attendance(process, plan, intake, sorter, why=lambda: order_of(folder) or _CANCELLED) as attendance:
        write_status(folder, running)
        attendance.until_the_end(cancel)
        taken_in = time.monotonic()
        intake.finish()
        ending = attendance.ending()
    told = partial(_End, problem=sorter.problem, taken_in=taken_in)
    status = replace(running, exit_code=ending.exit_code, signal=ending.signal)
    if attendance.order is not None:
        return told(obeyed(status, attendance.order), attendance.ordered_at)
    passed = time.monotonic() - began
    losses = Losses(folder, cancel)
    ending = examined(ending, plan, AttemptFiles(folder).ssh_config, seconds=passed, losses=losses)
    verdict = judge(ending)
    if verdict.state is JobState.COMPLETED and lost_all(folder, plan.hosts):
        return told(replace(status, state=JobState.FAILED, error=_nobody_left(plan)))
    reason = verdict.reason or tell_losses(folder, plan.hosts)
    return told(replace(status, state=verdict.state, error=reason))


def _nobody_left(plan: AttemptPlan) -> str:
    return f"every rank was killed or lost. Next: sciabc-tui logs {plan.job}"


def _started(plan: AttemptPlan) -> subprocess.Popen[bytes]:
    # Should the runner be killed, the launcher gets SIGTERM and ends its ranks on all nodes.
    bind = procs.dying_with_us(signal.SIGTERM)

    def begin() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the runner ignores it
        bind()

    return subprocess.Popen(
        plan.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=plan.cwd or None,
        env={**os.environ, **plan.env},
        start_new_session=True,
        preexec_fn=begin,  # noqa: PLW1509 - the runner has one thread
        bufsize=0,
    )


def _no_start(plan: AttemptPlan, error: OSError) -> str:
    # Popen says in `filename` whether it was the program or the directory.
    if error.filename == plan.cwd and plan.cwd:
        return f"cwd {plan.cwd}: {error.strerror}. Next: make it, or choose another"
    step = "Next: pass fewer arguments" if error.errno == errno.E2BIG else INSTALL
    return f"{plan.launcher.path} did not start: {error.strerror}. {step}"
