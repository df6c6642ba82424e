"""The steps that bring MPI to boards, and the one that proves it: how, is chosen by what is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, assert_never

from sciabc_tui.head.provisioning.apt_packages import PackagesWay
from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.provisioning.mpi_hello import HelloStep
from sciabc_tui.head.provisioning.mpi_look import see
from sciabc_tui.head.provisioning.mpi_shared import SharedWay, is_shared
from sciabc_tui.head.provisioning.mpi_wheels import MARK, WheelsWay
from sciabc_tui.head.provisioning.ports import Board, Step, StepFailed
from sciabc_tui.head.provisioning.steps import asked
from sciabc_tui.head.provisioning.steps_user import Account


class Way(StrEnum):
    """How MPI gets to a board; the words of `ProvisionWish.mpi`."""

    AUTO = "auto"
    """As the head has it: by what is shared, by wheels or by packages."""
    PACKAGES = "packages"
    WHEELS = "wheels"
    SHARED = "shared"
    NONE = "none"


class _Does(Protocol):
    """One way."""

    def look(self, board: Board) -> Sequence[str]: ...

    def do(self, board: Board) -> str: ...


@dataclass(frozen=True, slots=True)
class MpiStep:
    """Brings MPI to a board, unless it has what fits the head's."""

    way: Way
    head: HeadMpi
    title: str = "MPI"

    def look(self, board: Board) -> Sequence[str]:
        """Say what would be installed; nothing where all fits."""
        return () if self._is_done(board) else self._chosen(board).look(board)

    def do(self, board: Board) -> str:
        """Install what does not fit."""
        return self._chosen(board).do(board)

    def _is_done(self, board: Board) -> bool:
        return not _unfinished(board, self.head) and see(board, self.head).fits

    def _chosen(self, board: Board) -> _Does:
        match self.way:
            case Way.AUTO | Way.NONE:
                return self._as_on_the_head(board)
            case Way.PACKAGES:
                return PackagesWay(self.head)
            case Way.SHARED:
                return SharedWay(self.head)
            case Way.WHEELS if not self.head.needs:
                launcher = self.head.installed
                raise StepFailed(
                    f"the head's {launcher.title} ({launcher.path}) did not come by wheels",
                    "Next: --mpi packages; or pip install 'sciabc-tui[mpi]' on the head",
                )
            case Way.WHEELS:
                return WheelsWay(self.head)
            case _:
                assert_never(self.way)

    def _as_on_the_head(self, board: Board) -> _Does:
        launcher = self.head.installed
        if is_shared(board, self.head):
            return SharedWay(self.head)
        if self.head.needs:
            return WheelsWay(self.head)
        if self.head.from_distribution:
            return PackagesWay(self.head)
        raise StepFailed(
            f"the head's {launcher.title} ({launcher.path}) came neither by wheels nor by packages",
            "Next: install it at the same path there, then do it again; or --mpi none",
        )


def mpi_steps(way: Way, head: HeadMpi) -> tuple[Step, ...]:
    """Give the steps that bring MPI to a board; none if nobody wants it."""
    return () if way is Way.NONE else (MpiStep(way, head),)


def verify_steps(way: Way, head: HeadMpi, account: Account) -> tuple[Step, ...]:
    """Give the steps that prove, in the end, that a board computes; none if nobody wants MPI there.

    Args:
        way: How MPI got there.
        head: What MPI that has.
        account: Whom jobs run as there.
    """
    return () if way is Way.NONE else (HelloStep(head, account),)


def _unfinished(board: Board, head: HeadMpi) -> bool:
    """Was an environment begun there and not finished? What is in it may fit, and not be whole."""
    mark = f"{head.prefix}/{MARK}"
    said = asked(board, f"head -n 1 '{mark}' 2>/dev/null || :") if head.prefix.isprintable() else ""
    return said.strip() not in {"", "made"}
