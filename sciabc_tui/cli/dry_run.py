"""What would become of a job, for `sciabc-tui run --dry-run`: pure, lines of text."""

from collections.abc import Iterator

from sciabc_tui.api.messages import JobPreview
from sciabc_tui.cluster.losses import tell_ranks

_LABEL = 9


def preview_lines(preview: JobPreview) -> Iterator[str]:
    """Tell what would run and where each rank would go, or what it would wait for."""
    yield _field("program", preview.program)
    yield from _given("with", preview.launcher)
    if preview.waits:
        behind = f", behind {preview.ahead} in the queue" if preview.ahead else ""
        yield _field("now", f"{preview.waits}{behind}")
    width = max((len(host.name) for host in preview.hosts), default=0)
    for number, host in enumerate(preview.hosts):
        yield _field(
            "on" if not number else "",
            f"{host.name:<{width}}  {host.address:<15}  {tell_ranks(host.ranks)}",
        )
    yield from _given("command", preview.command)
    yield from _given("fails", preview.problem)


def _given(label: str, text: str) -> Iterator[str]:
    if text:
        yield _field(label, text)


def _field(label: str, text: str) -> str:
    return f"{label:<{_LABEL}} {text}"
