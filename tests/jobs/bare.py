"""Open MPI 5 started by hand, where a test is about a program and not about how we run it."""

from pathlib import Path


def sure(room: Path) -> tuple[str, ...]:
    """Give the options without which it may miss an end and hang, or stumble over what others left.

    They are our own: see ``jobs.openmpi`` and ``jobs.sessions``.

    Args:
        room: Where its directory goes.
    """
    return (
        *("--prtemca", "odls_base_max_threads", "0"),
        *("--prtemca", "prte_tmpdir_base", str(room / ".mpi")),
    )
