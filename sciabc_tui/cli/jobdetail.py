"""One job in full, for `sciabc-tui jobs JOB`: pure, lines of text."""

from collections.abc import Iterator
from datetime import UTC, datetime

from sciabc_tui.api.messages import AttemptHost, JobAttempt, JobDetail
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.job import Job
from sciabc_tui.cluster.job_progress import told_metric
from sciabc_tui.cluster.job_wording import on_loss, ranks_wanted
from sciabc_tui.cluster.losses import tell_ranks

_LABEL = 11


def detail_lines(detail: JobDetail) -> Iterator[str]:
    """Tell of the job, what it was asked to do, and each attempt, the oldest first."""
    job = detail.job
    yield f"job {job.id} {job.name}: {job.state.value}"
    yield from _told(job)
    yield from _asked(detail)
    for attempt in detail.attempts:
        yield from _attempt(attempt, job)


def _asked(detail: JobDetail) -> Iterator[str]:
    job = detail.job
    yield _field("program", " ".join((job.program, *job.args)))
    yield _field("directory", job.cwd)
    yield _field("ranks", ranks_wanted(job))
    yield from _given("nodes", " ".join(job.nodes))
    yield from _given("not on", " ".join(job.exclude))
    yield from _given("launcher", job.launcher)
    yield from _given("time limit", "" if job.time_limit is None else span(job.time_limit))
    yield from _given("priority", str(job.priority) if job.priority else "")
    yield _field("node loss", on_loss(job))
    for variable in detail.env:
        yield _field("env", variable)
    yield from _given("with", " ".join(detail.files))
    yield from _given("collects", " ".join(detail.outputs))
    yield _field("submitted", _moment(job.submitted_at))
    yield from _given("held by", job.held_by)
    yield from _given("reason", job.reason)


def _told(job: Job) -> Iterator[str]:
    """Say how far it says that it is, and what it measures."""
    if job.progress is not None and not job.state.ended:
        yield _field("progress", f"{job.progress.done} of {job.progress.total} ({job.progress.percent}%)")
    for metric in job.metrics:
        yield _field(metric.name, told_metric(metric))


def _attempt(attempt: JobAttempt, job: Job) -> Iterator[str]:
    state = attempt.state.value if attempt.state else "not begun, or its files were removed"
    code = "" if attempt.exit_code is None else f", exit {attempt.exit_code}"
    lasted = ""
    if attempt.started_at is not None and attempt.ended_at is not None:
        lasted = f", {span(attempt.ended_at - attempt.started_at)}"
    yield ""
    yield f"attempt {attempt.number}: {state}{code}{lasted}"
    if attempt.started_at is not None:
        yield _field("began", _moment(attempt.started_at))
    yield from _given("reason", attempt.reason if attempt.reason != job.reason else "")
    yield from _given("command", attempt.command)
    for host in attempt.hosts:
        yield _field("", _host(host))


def _host(host: AttemptHost) -> str:
    return f"{host.name:<16} {host.address:<15} {tell_ranks(host.ranks) if host.ranks else '--'}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _given(label: str, text: str) -> Iterator[str]:
    if text:
        yield _field(label, text)


def _field(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}} {text or '--'}"
