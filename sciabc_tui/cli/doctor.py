"""`sciabc-tui doctor`: everything a head needs, looked at all at once; one line each, with the fix."""

import functools
import os
import sys
import textwrap
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import typer

from sciabc_tui.cli.checks.findings import Finding, Verdict, look_at_all
from sciabc_tui.cli.checks.machine import end_what_hangs
from sciabc_tui.cli.failures import FAILED
from sciabc_tui.cli.harmless import harmless
from sciabc_tui.cli.output import emit, say
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson
from sciabc_tui.config import Loaded
from sciabc_tui.errors import CommandRefused, ConfigError

COLUMNS = 80

_WORDS = {Verdict.OK: "ok", Verdict.WARN: "warn", Verdict.FAIL: "FAIL", Verdict.ABSENT: "--"}
_SUBJECT = 13
_INDENT = " " * (4 + 2 + _SUBJECT + 2)
_LONGEST = 400
"""Characters of a text that may be foreign."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `doctor --json` prints.

    Attributes:
        healthy: Nothing failed; the exit code says the same.
        version: Of this command.
        checks: In the order of the lines.
    """

    healthy: bool
    version: str
    checks: tuple[Finding, ...]


def doctor(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Check in seconds what a head needs; exit with 1 if something failed. Nothing is changed.

    It works with and without a running head service, and for any user. What this machine does not have, or
    does not tell, is shown as --.
    """
    options = session(context)
    if options.demo:
        raise CommandRefused("doctor looks at this machine, not at a simulation. Next: sciabc-tui doctor")
    try:
        loaded: Loaded | ConfigError = options.load()
    except ConfigError as error:
        loaded = error
    ours = version("sciabc-tui")
    findings: list[Finding] = []
    with _waiting() as waiting:
        waiting.show("everything")
        from sciabc_tui.cli.checks.every import every_look  # noqa: PLC0415 - half a second: that is told first

        for some in look_at_all(every_look(loaded, ours, os.environ), waiting.show):
            waiting.hide()
            findings.extend(some)
            for finding in () if as_json else some:
                _say(finding)
    healthy = all(finding.verdict is not Verdict.FAIL for finding in findings)
    if as_json:
        emit(Diagnosis(healthy, ours, tuple(map(_clean, findings))))
    else:
        say(summary(findings))
    if not healthy:
        raise typer.Exit(FAILED)


def lines(finding: Finding) -> list[str]:
    """Lay a finding out: a line, and what to do under it; a command is not broken within a word."""
    first = f"{_WORDS[finding.verdict]:<4}  {finding.subject:<{_SUBJECT}}  "
    fill = functools.partial(
        textwrap.wrap,
        width=COLUMNS,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    told = fill(harmless(finding.value)[:_LONGEST], initial_indent=first) or [first.rstrip()]
    return [*told, *fill(harmless(finding.fix)[:_LONGEST], initial_indent=_INDENT)]


def summary(findings: Sequence[Finding]) -> str:
    """Count the verdicts."""
    verdicts = [finding.verdict for finding in findings]
    counts = ", ".join(f"{verdicts.count(verdict)} {word}" for verdict, word in _WORDS.items())
    return f"{len(verdicts)} checks: {counts}"


def _say(finding: Finding) -> None:
    for line in lines(finding):
        say(line)


def _clean(finding: Finding) -> Finding:
    value, fix = harmless(finding.value)[:_LONGEST], harmless(finding.fix)[:_LONGEST]
    return Finding(finding.subject, finding.verdict, value, fix)


class _Waiting:
    """A line on the terminal that says what is waited for; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, subject: str) -> None:
        """Say it, until the next line comes."""
        if sys.stderr.isatty():
            typer.echo(f"\rlooking at {subject} ...", err=True, nl=False)
            self._shown = True

    def hide(self) -> None:
        """Take it away again."""
        if self._shown:
            typer.echo("\r\x1b[K", err=True, nl=False)  # ECMA-48: erase to the end of the line
            self._shown = False


@contextmanager
def _waiting() -> Generator[_Waiting]:
    waiting = _Waiting()
    try:
        yield waiting
    finally:
        waiting.hide()
        end_what_hangs()
