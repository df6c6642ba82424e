"""What MPI the head has: boards shall have the same flavour and major version, at the same path."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from jobs.errors import JobsError
from jobs.launchers import INSTALL, Launcher
from sciabc_tui.head.provisioning.ports import StepFailed
from sciabc_tui.head.wheels import Need, Shelf, is_wheels, needs


@dataclass(frozen=True, slots=True)
class HeadMpi:
    """The head's own MPI.

    Attributes:
        launcher: The mpirun that jobs are launched with; None if there is none.
        problem: Why there is none.
        python: The interpreter of ranks on nodes: `jobs.prepare.Site.python`.
        prefix: The environment that the head runs from, where its wheels are.
        needs: What boards need of the head's wheels; empty if its MPI did not come by wheels.
        shelf: The wheels that it holds.
    """

    launcher: Launcher | None
    problem: str
    python: str
    prefix: str
    needs: tuple[Need, ...]
    shelf: Shelf

    @property
    def installed(self) -> Launcher:
        """Its launcher.

        Raises:
            StepFailed: There is none.
        """
        if self.launcher is None:
            problem, _, fix = self.problem.partition(" Next: ")
            raise StepFailed(f"the head: {problem}", f"Next: {fix or INSTALL.removeprefix('Next: ')}")
        return self.launcher

    @property
    def from_distribution(self) -> bool:
        """Did it come by the distribution's packages?"""
        return self.launcher is not None and PurePath(self.launcher.path).is_relative_to("/usr/bin")


def head_mpi(
    launchers: Sequence[Launcher] | JobsError, python: str, shelf: Shelf, prefix: str = sys.prefix
) -> HeadMpi:
    """Say what MPI the head has.

    Args:
        launchers: As `sciabc_tui.head.runs.find_launchers` gives them; the first is what jobs take.
        python: The interpreter of ranks on nodes.
        shelf: The wheels that the head holds.
        prefix: The environment that the head runs from.
    """
    if isinstance(launchers, JobsError):
        return HeadMpi(None, str(launchers), python, prefix, (), shelf)
    launcher = launchers[0]
    wanted = needs(launcher.flavour) if is_wheels(launcher, prefix) else ()
    return HeadMpi(launcher, "", python, prefix, wanted, shelf)
