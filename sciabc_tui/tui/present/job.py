"""One job in full: what it was asked to do, and each of its attempts."""

from sciabc_tui.api.messages import JobAttempt, JobDetail
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.job_wording import on_loss, ranks_wanted
from sciabc_tui.cluster.losses import tell_ranks
from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, plain
from sciabc_tui.tui.present.fields import LABEL, field
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.jobs import TONES
from sciabc_tui.tui.present.view import UNKNOWN, clock_time


def details(detail: JobDetail, width: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """Tell of a job, in lines of at most `width` cells; the newest attempt first."""
    lines = _asked(detail, width)
    for attempt in reversed(detail.attempts):
        lines += _attempt(attempt, width, glyphs)
    return tuple(lines)


def _asked(detail: JobDetail, width: int) -> list[Line]:
    job = detail.job
    given = (
        ("directory", job.cwd),
        ("ranks", ranks_wanted(job)),
        ("nodes", " ".join(job.nodes)),
        ("not on", " ".join(job.exclude)),
        ("limit", "" if job.time_limit is None else span(job.time_limit)),
        ("on loss", on_loss(job)),
        ("env", " ".join(detail.env)),
        ("with", " ".join(detail.files)),
        ("collects", " ".join(detail.outputs)),
    )
    lines = _field("program", " ".join((job.program, *job.args)), width)
    for label, text in given:
        if text:
            lines += _field(label, text, width)
    return lines


def _attempt(attempt: JobAttempt, width: int, glyphs: Glyphs) -> list[Line]:
    state = attempt.state
    began = "" if attempt.started_at is None else f"  {clock_time(attempt.started_at)}"
    lasted = ""
    if attempt.started_at is not None and attempt.ended_at is not None:
        lasted = f"  {span(attempt.ended_at - attempt.started_at)}"
    code = "" if attempt.exit_code is None else f"  exit {attempt.exit_code}"
    word = f"{glyphs.jobs[state]} {state.value}" if state else f"{UNKNOWN} not begun, or removed"
    first: Line = (
        Cell(fit(f"attempt {attempt.number}", LABEL + 2), Tone.ACCENT),
        Cell(word, TONES[state] if state else Tone.DIM),
        Cell(f"{code}{began}{lasted}", Tone.DIM),
    )
    lines = [first]
    if attempt.reason:
        lines += _field("reason", attempt.reason, width)
    if attempt.command:
        lines += _field("command", attempt.command, width)
    for host in attempt.hosts:
        ranks = tell_ranks(host.ranks) if host.ranks else UNKNOWN
        lines += _field("", f"{host.name}  {host.address}  {ranks}", width)
    return lines


def _field(label: str, text: str, width: int) -> list[Line]:
    return [(Cell(" ", Tone.DIM), *line) for line in field(label, plain(text), width - 1)]
