"""Which works the real head does on nodes, and which the simulation plays."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import JobsError
from jobs.launchers import Launcher
from sciabc_tui.api.powering import IdentifyWish, PackWish, PowerWish, UnpackWish
from sciabc_tui.api.provisioning import LookWish, ProvisionWish, ScanWish
from sciabc_tui.api.remote import ExecWish, PullWish, PushWish
from sciabc_tui.cluster.powering_drivers import Driver
from sciabc_tui.head.added import AddedNodes
from sciabc_tui.head.exec import Exec
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.identify import DemoIdentify, Identify
from sciabc_tui.head.pack import Direct, Pack
from sciabc_tui.head.ports import Clock
from sciabc_tui.head.power import Power
from sciabc_tui.head.power_board import Boards
from sciabc_tui.head.power_drivers import Drivers
from sciabc_tui.head.power_starts import Starts
from sciabc_tui.head.power_talk import Talks
from sciabc_tui.head.provisioning.apt_packages import install_packages
from sciabc_tui.head.provisioning.engine import Provisioner
from sciabc_tui.head.provisioning.look import Looker
from sciabc_tui.head.provisioning.mpi_head import head_mpi
from sciabc_tui.head.provisioning.mpi_steps import Way, mpi_steps, verify_steps
from sciabc_tui.head.provisioning.plan import Kit
from sciabc_tui.head.provisioning.steps_user import Account
from sciabc_tui.head.pull import Pull
from sciabc_tui.head.push import Push
from sciabc_tui.head.remote_talk import Pinned
from sciabc_tui.head.sessions import Sessions
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.trust import TrustStore
from sciabc_tui.head.unpack import Unpack
from sciabc_tui.head.users import Users
from sciabc_tui.head.wheels import Shelf
from sciabc_tui.head.works import Works


@dataclass(frozen=True, slots=True)
class WorkMeans:
    """What works are made of.

    Attributes:
        hub: The state, and where what was done is told.
        sessions: The SSH sessions that are open.
        users: Whom to log in as.
        credentials: What the head proves itself with.
        trust: The host keys that a person approved.
        direct: Does with a job what an operator asked.
        starts: Whether jobs may start.
        drivers: What switches the power of which node.
        switchers: Threads that wait for boards: `SWITCHERS`.
        added: The nodes that can't announce themselves.
        networks: Gives the cluster's own networks, as they are now.
        kit: How MPI gets to boards.
    """

    hub: StateHub
    clock: Clock
    sessions: Sessions
    users: Users
    credentials: Credentials
    trust: TrustStore
    direct: Direct
    starts: Starts
    drivers: Mapping[str, Driver]
    switchers: Executor
    added: AddedNodes
    networks: Callable[[], Sequence[str]]
    kit: Kit


SWITCHERS = 128
"""Boards that can blink, halt or be switched at the same time."""


def provisioning_kit(launchers: Sequence[Launcher] | JobsError, python: str, wheels: Path) -> Kit:
    """Say how MPI gets to boards.

    Args:
        launchers: The head's own.
        python: The interpreter of ranks on nodes.
        wheels: Where the head keeps wheels for boards.
    """
    head = head_mpi(launchers, python, Shelf(wheels))
    return Kit(
        mpi=lambda wish: mpi_steps(Way(wish.mpi), head),
        verify=lambda wish: verify_steps(Way(wish.mpi), head, Account(wish.user)),
        install=install_packages,
    )


def real_works(means: WorkMeans) -> Works:
    """Give what can be done on real nodes."""
    pinned = Pinned(means.trust.known_hosts, means.credentials.identity)
    talks = Talks(means.sessions, means.switchers)
    boards = Boards(means.hub, means.clock, talks, Drivers(means.drivers, means.switchers))
    looker = Looker(means.hub, means.users, means.networks)
    provisioner = Provisioner(means.hub, means.clock, means.users, means.credentials, means.added, means.kit)
    return Works(
        {
            LookWish: looker.look,
            ScanWish: looker.scan,
            ProvisionWish: provisioner.provision,
            ExecWish: Exec(means.hub, means.clock, means.sessions).run,
            PushWish: Push(means.hub, means.clock, means.users, pinned).run,
            PullWish: Pull(means.hub, means.clock, means.users, pinned).run,
            IdentifyWish: Identify(means.hub, talks).work,
            PowerWish: Power(means.hub, means.clock, boards, means.starts).work,
            PackWish: Pack(means.hub, means.clock, boards, means.direct, means.starts).work,
            UnpackWish: Unpack(means.hub, means.clock).work,
        }
    )


def simulated_works(hub: StateHub) -> Works:
    """Give what a simulation plays; what is not among it is refused."""
    return Works({IdentifyWish: DemoIdentify(hub).work})
