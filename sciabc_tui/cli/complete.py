"""What the shell completes: bundled programs; node names and job numbers, if a head service answers."""

from sciabc_tui.api.client import Client
from sciabc_tui.cli.session import Session
from sciabc_tui.errors import SciabcError


def program_names(incomplete: str) -> list[str]:
    """Give the bundled programs that begin so; where none does, the shell completes paths."""
    from jobs.spec import bundled  # noqa: PLC0415 - only commands that name programs need it

    return [program.name for program in bundled() if program.name.startswith(incomplete)]


def node_names(incomplete: str) -> list[str]:
    """Give the names of nodes that begin so."""
    try:
        nodes = Client(Session().load().settings.paths.socket).state().nodes.values()
    except SciabcError:
        return []
    return sorted(node.name for node in nodes if node.name.startswith(incomplete))


def job_numbers(incomplete: str) -> list[str]:
    """Give the numbers of the newest jobs that begin so."""
    try:
        jobs = Client(Session().load().settings.paths.socket).jobs(50)
    except SciabcError:
        return []
    return [str(job.id) for job in jobs if str(job.id).startswith(incomplete)]
