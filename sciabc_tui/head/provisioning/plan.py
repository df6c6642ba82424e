"""Which steps a board goes through, in which order."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sciabc_tui.api.provisioning import ProvisionWish
from sciabc_tui.cluster.node import HostKey
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.ingress import host_label, printable
from sciabc_tui.head.provisioning.ports import Step
from sciabc_tui.head.provisioning.steps_announce import AnnounceStep, Install
from sciabc_tui.head.provisioning.steps_between import BetweenStep, NodeKeyStep, Peer, Ring
from sciabc_tui.head.provisioning.steps_check import CheckStep
from sciabc_tui.head.provisioning.steps_system import HostKeysStep, NameStep, SshdStep
from sciabc_tui.head.provisioning.steps_undo import UndoStep
from sciabc_tui.head.provisioning.steps_user import Account, KeyStep, UserStep
from sciabc_tui.head.provisioning.visit import LOGIN, Visit

_NEW_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")


@dataclass(frozen=True, slots=True)
class Kit:
    """What steps are made of that others know how to do.

    Attributes:
        mpi: Gives the steps that bring MPI to a board that way: `ProvisionWish.mpi`.
        verify: Gives the steps that show, at the end, that it computes.
        install: Installs a package of the distribution.
    """

    mpi: Callable[[ProvisionWish], Sequence[Step]]
    verify: Callable[[ProvisionWish], Sequence[Step]]
    install: Install


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps for the boards of one wish.

    Attributes:
        public: The head's key.
        renewed: Told a board's new host key.
        undoing: Told that a board is about to be undone.
    """

    wish: ProvisionWish
    kit: Kit
    public: str
    renewed: Callable[[Visit, HostKey], None]
    undoing: Callable[[Visit], None]
    ring: Ring = field(default_factory=Ring)

    def titles(self) -> tuple[str, ...]:
        """Name all steps that any board goes through, in order."""
        wish = self.wish
        if wish.undo:
            return (LOGIN, "undo")
        chosen = (
            ("check", True),
            ("user", bool(wish.user)),
            ("head's key", True),
            ("host name", any(board.host_name for board in wish.boards)),
            ("host keys", wish.new_host_keys),
            ("sshd", True),
            *((step.title, True) for step in self.kit.mpi(wish)),
            ("node's key", wish.between),
            ("between nodes", wish.between),
            *((step.title, True) for step in self.kit.verify(wish)),
            ("announcement", True),
        )
        return (LOGIN, *(title for title, wanted in chosen if wanted))

    def first(self, visit: Visit) -> Sequence[Step]:
        """Give the steps that a board takes alone."""
        wish = self.wish
        if wish.undo:
            return (UndoStep(lambda: self.undoing(visit)),)
        account, key = self._account, visit.key
        if key is None:
            return ()
        name = visit.wanted.host_name.lower()
        peer = Peer(name, visit.place.address, visit.place.port, "", key, "")
        return (
            CheckStep(),
            *((UserStep(account),) if wish.user else ()),
            KeyStep(account, self.public, visit.key_works),
            *((NameStep(name),) if name else ()),
            *((HostKeysStep(key.kind, lambda new: self.renewed(visit, new)),) if wish.new_host_keys else ()),
            SshdStep(),
            *self.kit.mpi(wish),
            *((NodeKeyStep(account, self.ring, peer, lambda: visit.key),) if wish.between else ()),
        )

    def second(self, visit: Visit) -> Sequence[Step]:
        """Give those that it takes when all others have taken the first."""
        wish = self.wish
        if wish.undo:
            return ()
        place = visit.place
        return (
            *((BetweenStep(self._account, self.ring, place.address),) if wish.between else ()),
            *self.kit.verify(wish),
            AnnounceStep(self._account, wish.slots, place.port, self.kit.install, visit.set_mute),
        )

    @property
    def _account(self) -> Account:
        return Account(self.wish.user)


def valid(wish: ProvisionWish) -> None:
    """Look whether a wish can be carried out at all.

    Raises:
        CommandRefused: A name in it is none, or a board has no approved host key.
    """
    if wish.user and not _NEW_USER.fullmatch(wish.user):
        raise CommandRefused(
            f"'{printable(wish.user)}' is no user name. Next: use a-z, 0-9, - and _, such as sciabc"
        )
    for board in wish.boards:
        if board.host_name and not host_label(board.host_name):
            raise CommandRefused(
                f"'{printable(board.host_name)}' is no host name. Next: use a-z, 0-9 and -, such as node07"
            )
        if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", board.fingerprint):
            raise CommandRefused(
                f"{printable(board.target)}: no host key was approved. "
                "Next: sciabc-tui nodes provision shows it"
            )
    if any("\n" in text or "\r" in text or "\0" in text for text in (wish.password,)):
        raise CommandRefused("A password has one line. Next: give it again")
    names = [board.host_name.lower() for board in wish.boards if board.host_name]
    if len(set(names)) != len(names):
        raise CommandRefused("Two boards can't have one host name. Next: give each its own")
