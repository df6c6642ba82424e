"""Running the checks: all at once, each with its deadline, and none in the way of another."""

import threading
import time
from collections.abc import Callable

from hw.errors import BusError, BusFault
from sciabc_tui.cli.checks.findings import Finding, Look, Verdict, begin, look_at_all, ok, split
from sciabc_tui.errors import ConfigError


def _nobody(subject: str) -> None:
    del subject


def _hanging(until: threading.Event) -> Callable[[], tuple[Finding, ...]]:
    def run() -> tuple[Finding, ...]:
        until.wait(60)
        return ()

    return run


def _raising(error: Exception) -> Look:
    def run() -> tuple[Finding, ...]:
        raise error

    return Look(("one", "two"), run)


def test_findings_come_in_order_whoever_is_quick() -> None:
    """A slow check first does not change places with a quick one."""
    begun = threading.Event()

    def slow() -> tuple[Finding, ...]:
        assert begun.wait(10)
        return (ok("slow", ""),)

    def quick() -> tuple[Finding, ...]:
        begun.set()
        return (ok("quick", ""),)

    told = [
        found.subject
        for some in look_at_all([Look(("slow",), slow), Look(("quick",), quick)], _nobody)
        for found in some
    ]
    assert told == ["slow", "quick"]


def test_a_check_that_hangs_is_given_up_at_its_deadline() -> None:
    """Its subjects are told as unanswered, the next ones are not late; who waits is told for what."""
    hang = threading.Event()
    waited: list[str] = []
    looks = [
        Look(("stuck", "stuck too"), _hanging(hang), 0.5, "look why"),
        Look(("well",), lambda: (ok("well", "here"),)),
    ]
    begun = time.monotonic()
    found = list(look_at_all(looks, waited.append))
    assert time.monotonic() - begun < 30  # it hangs for a minute
    hang.set()
    assert [some.verdict for some in found[0]] == [Verdict.WARN, Verdict.WARN]
    assert {(some.value, some.fix) for some in found[0]} == {("no answer within 0.5 s", "Next: look why")}
    assert found[1] == (ok("well", "here"),)
    assert waited == ["stuck"]


def test_deadlines_run_at_the_same_time() -> None:
    """Ten hanging checks cost what one does."""
    hang = threading.Event()
    looks = [Look((str(number),), _hanging(hang), 1.0) for number in range(10)]
    begun = time.monotonic()
    assert len(list(look_at_all(looks, _nobody))) == 10
    assert time.monotonic() - begun < 9  # one after the other: ten
    hang.set()


def test_an_error_of_ours_is_a_failure_with_its_fix() -> None:
    """Its text names the next step, in the manner of its package."""
    ((one, two),) = look_at_all([_raising(ConfigError("paths.state is bad. Next: set it"))], _nobody)
    assert one == Finding("one", Verdict.FAIL, "paths.state is bad", "Next: set it")
    assert two.subject == "two"
    stuck = BusError(BusFault.STUCK, "/dev/i2c-1: the bus is stuck. Next: switch it off")
    ((one, _),) = look_at_all([_raising(stuck)], _nobody)
    assert (one.value, one.fix) == ("/dev/i2c-1: the bus is stuck", "Next: switch it off")


def test_a_check_that_stumbles_hides_no_other() -> None:
    """What nobody foresaw is told in one line, and is no false ok."""
    looks = [_raising(ZeroDivisionError("by\nzero")), Look(("well",), lambda: (ok("well", ""),))]
    found = list(look_at_all(looks, _nobody))
    assert [some.verdict for some in found[0]] == [Verdict.WARN, Verdict.WARN]
    assert found[0][0].value == "can't be looked at: ZeroDivisionError: by zero"
    assert found[1][0].verdict is Verdict.OK


def test_a_text_that_names_no_step_is_kept_whole() -> None:
    """It still gets a next step."""
    assert split("it broke") == ("it broke", "sciabc-tui events, for what went before")


def test_a_thread_gives_what_was_raised_to_whoever_takes_the_result() -> None:
    """Nothing is lost in a thread."""

    def work() -> int:
        raise KeyError("x")

    assert isinstance(begin(work, "test").exception(10), KeyError)
    assert begin(lambda: 7, "test").result(10) == 7
