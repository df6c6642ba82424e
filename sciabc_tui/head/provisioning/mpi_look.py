"""What MPI a board has already: asked as before a job (`jobs.preflight`), judged alike (`jobs.fitness`)."""

from dataclasses import dataclass

from jobs.fitness import Check, Subject, Verdict, judge
from jobs.hostfile import Host
from jobs.preflight import Wanted, script
from jobs.preflight_facts import Facts, parse
from sciabc_tui.head.ingress import printable
from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.provisioning.ports import Board, StepFailed
from sciabc_tui.head.provisioning.steps import asked


@dataclass(frozen=True, slots=True)
class Seen:
    """MPI on a board, as far as jobs of this head are concerned.

    Attributes:
        mpi: Whether its launcher fits.
        mpi4py: Whether its Python can be a rank.
    """

    mpi: Check
    mpi4py: Check

    @property
    def fits(self) -> bool:
        """Is there nothing to do?"""
        return self.mpi.verdict is Verdict.OK and self.mpi4py.verdict is Verdict.OK

    @property
    def titles(self) -> str:
        """What there is, such as `Open MPI 5.0.11, mpi4py 4.1.2 with Open MPI 5.0.11`."""
        return f"{self.mpi.value}, mpi4py {self.mpi4py.value}"


def see(board: Board, head: HeadMpi) -> Seen:
    """Ask a board what MPI it has, as the user that jobs run as; nothing is changed.

    Raises:
        StepFailed: The head has no MPI, or the board does not say.
    """
    wanted = Wanted(head.installed, head.python)
    host = Host(printable(board.told.host_name) or "it", "", 1)
    checks = judge(_facts(board, wanted), wanted, host, None)
    found = {check.subject: check for check in checks}
    return Seen(found[Subject.MPI], found[Subject.MPI4PY])


def plain(text: str, limit: int = 100) -> str:
    """Give what a board says as at most `limit` printable characters: no control, bidi or zero-width one."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def unfit(seen: Seen) -> StepFailed:
    """Say what does not fit, and what to do."""
    check = seen.mpi if seen.mpi.verdict is not Verdict.OK else seen.mpi4py
    return StepFailed(check.value, check.fix)


def _facts(board: Board, wanted: Wanted) -> Facts:
    return parse(asked(board, script(wanted)).encode())
