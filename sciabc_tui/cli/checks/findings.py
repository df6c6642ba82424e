"""What comes of a check, and how checks are run: all at once, each with a deadline of its own."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from hw.errors import HwError
from jobs.errors import JobsError
from sciabc_tui.cli.harmless import one_line
from sciabc_tui.errors import SciabcError

WITHIN = 3.0
"""Seconds that a check may take, counted from the start of all: they run at once."""

SHOWN_AFTER = 0.3
"""Seconds of silence after which somebody who waits is told what for."""

_T = TypeVar("_T")


class Verdict(StrEnum):
    """What came of a check. `absent`: this machine has no such thing, or it could not be looked at."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`.

    Attributes:
        subject: What was checked.
        verdict: What came of it.
        value: What was found, in a few words; may hold foreign text.
        fix: `Next: ...`; empty if there is nothing to do.
    """

    subject: str
    verdict: Verdict
    value: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """A check, or a few that need the same facts.

    Attributes:
        subjects: What it judges, in order.
        run: Gathers the facts and judges them: one finding a subject. May block, and raise what it meets.
        within: Seconds that it may take.
        unanswered: What to do if it takes longer.
    """

    subjects: tuple[str, ...]
    run: Callable[[], Sequence[Finding]]
    within: float = WITHIN
    unanswered: str = "sciabc-tui doctor, once more"


def ok(subject: str, value: str) -> Finding:
    """Nothing to do."""
    return Finding(subject, Verdict.OK, value)


def warn(subject: str, value: str, fix: str) -> Finding:
    """The head works, but not as it could."""
    return Finding(subject, Verdict.WARN, value, f"Next: {fix}")


def fail(subject: str, value: str, fix: str) -> Finding:
    """Something that a head needs does not work."""
    return Finding(subject, Verdict.FAIL, value, f"Next: {fix}")


def absent(subject: str, value: str, fix: str = "") -> Finding:
    """There is no such thing here; perhaps nobody wants it."""
    return Finding(subject, Verdict.ABSENT, value, f"Next: {fix}" if fix else "")


def split(text: str) -> tuple[str, str]:
    """Take an error's text apart: what is wrong, and what to do about it."""
    problem, _, fix = text.partition("Next: ")
    return problem.rstrip(" .;:"), fix or "sciabc-tui events, for what went before"


def failed(subject: str, error: BaseException | str) -> Finding:
    """Tell an error of ours, whose text names the next step."""
    return fail(subject, *split(error if isinstance(error, str) else one_line(error)))


def begin(work: Callable[[], _T], name: str) -> "Future[_T]":
    """Do something in a thread that nobody has to wait for: a device may hang for good."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever takes the result gets it
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def look_at_all(
    looks: Sequence[Look], waiting: Callable[[str], object]
) -> Generator[tuple[Finding, ...], None, None]:
    """Look at everything at once, and give what was found in the order of `looks`, as soon as it is known.

    Args:
        looks: What to look at.
        waiting: Told the subject that is waited for, when that takes a while.
    """
    begun = time.monotonic()
    under_way = [(look, begin(look.run, look.subjects[0])) for look in looks]
    for look, future in under_way:
        yield _taken(look, future, begun + look.within, waiting)


def _taken(
    look: Look, future: "Future[Sequence[Finding]]", until: float, waiting: Callable[[str], object]
) -> tuple[Finding, ...]:
    patience = max(0.0, until - time.monotonic())
    if not wait([future], min(patience, SHOWN_AFTER)).done:
        waiting(look.subjects[0])
        wait([future], max(0.0, until - time.monotonic()))
    if not future.done():
        silent = f"no answer within {look.within:g} s"
        return tuple(warn(subject, silent, look.unanswered) for subject in look.subjects)
    match future.exception():
        case None:
            return tuple(future.result())
        case SciabcError() | HwError() | JobsError() as error:
            return tuple(failed(subject, error) for subject in look.subjects)
        case error:  # one check that stumbles must not hide the others
            text = f"can't be looked at: {type(error).__name__}: {one_line(error)}"
            return tuple(warn(subject, text, "report it") for subject in look.subjects)
