"""What stands between the head service and the outside: the real thing, or the simulation."""

import getpass
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.errors import SpecError
from jobs.hostfile import Host
from jobs.launchers import nodes_python
from jobs.prepare import Site
from jobs.slurm import check_options
from jobs.standby import Standby
from sciabc_tui.cli.devices import glass_size, panel_devices
from sciabc_tui.cli.works import WorkMeans, provisioning_kit, real_works, simulated_works
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.powering_drivers import parse_drivers
from sciabc_tui.config import ClusterSettings, JobsSettings, PanelSettings, Settings
from sciabc_tui.errors import ConfigError
from sciabc_tui.head.added import AddedNodes
from sciabc_tui.head.contacts import Contacts
from sciabc_tui.head.demo import DemoAdapter
from sciabc_tui.head.demo_runs import DemoRuns
from sciabc_tui.head.discovery import Discovery
from sciabc_tui.head.dispatcher import Dispatcher
from sciabc_tui.head.first_use import FirstUse
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.local import LocalNode
from sciabc_tui.head.netlink import NetlinkWatch
from sciabc_tui.head.ports import Clock, Runs
from sciabc_tui.head.preflight import DemoPreflight, Preflight
from sciabc_tui.head.runs import MpiRuns, find_launchers
from sciabc_tui.head.service import Part, Preflights
from sciabc_tui.head.sessions import Sessions
from sciabc_tui.head.slurm_runs import RunsByLauncher, SlurmRuns, find_slurm
from sciabc_tui.head.spare import SpareRunner
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.ssh_config import SshConfigFile
from sciabc_tui.head.staging import Stager
from sciabc_tui.head.staging_wire import Wires
from sciabc_tui.head.statics import StaticNodes, parse_nodes
from sciabc_tui.head.trust import TrustStore
from sciabc_tui.head.uplink import UplinkFollower, cluster_networks
from sciabc_tui.head.users import Users, parse_users
from sciabc_tui.head.works import Works
from sciabc_tui.panel.followers import PanelDevices, PanelFollower
from sciabc_tui.panel.scene import parse_night


class World(Protocol):
    """Everything outside the service."""

    @property
    def runs(self) -> Runs:
        """What launches attempts."""
        ...

    @property
    def preflight(self) -> Preflights:
        """What asks nodes whether they are fit for a job."""
        ...

    def works(self, hub: StateHub, dispatcher: Dispatcher, added: AddedNodes, /) -> Works:
        """Give what can be done on nodes."""
        ...

    def parts(self, dispatcher: Dispatcher, /) -> Sequence[Part]:
        """Give the adapters."""
        ...


@dataclass(frozen=True, slots=True)
class Threads:
    """Who does what blocks.

    Attributes:
        worker: What takes a fraction of a second.
        sweeper: What takes seconds, because a node may be silent.
        askers: What is done with many nodes at once; `sciabc_tui.head.preflight.AT_ONCE` threads.
        switchers: What waits for boards that halt or blink; `sciabc_tui.cli.works.SWITCHERS` threads.
    """

    worker: Executor
    sweeper: Executor
    askers: Executor
    switchers: Executor


class Reality:
    """The network, the nodes, and mpirun."""

    def __init__(
        self,
        settings: Settings,
        hub: StateHub,
        clock: Clock,
        users: Users,
        trust: TrustStore,
        threads: Threads,
        standby: Standby,
    ) -> None:
        """Touch nothing yet.

        Raises:
            ConfigError: `cluster.nodes` names something that is no node, or an option for sbatch is none.
        """
        self._cluster = settings.cluster
        self._users = users
        self._hub = hub
        self._clock = clock
        self._nodes = parse_nodes(settings.cluster.nodes)
        self._network = NetlinkWatch()
        self._sessions = Sessions()
        identity = Path(settings.cluster.identity).expanduser() if settings.cluster.identity else None
        self._credentials = Credentials(identity, Path.home() / ".ssh")
        launchers = find_launchers(settings.jobs.launcher)
        site = Site(
            known_hosts=trust.known_hosts,
            uid=os.geteuid(),
            identity=identity,
            python=settings.jobs.python or nodes_python(launchers),
            allow_root=settings.jobs.allow_root,
            log_limit=settings.jobs.log_limit * 2**20,
        )
        mpi = MpiRuns(
            launchers,
            site,
            surroundings=self,
            stager=Stager(hub, Wires(self._sessions), threads.askers),
            launch=standby.launch,
            clock=clock,
            worker=threads.worker,
            sweeper=threads.sweeper,
        )
        slurm = SlurmRuns(
            find_slurm(),
            site,
            _slurm_options(settings.jobs),
            hub=hub,
            clock=clock,
            worker=threads.worker,
            sweeper=threads.sweeper,
        )
        self.runs = RunsByLauncher(mpi, slurm)
        self._spare = SpareRunner(standby, threads.worker)
        self.preflight = Preflight(
            launchers, site, surroundings=self, users=users, clock=clock, worker=threads.askers
        )
        self._trust = trust
        self._switchers = threads.switchers
        self._drivers = parse_drivers(settings.power.drivers)
        self._kit = provisioning_kit(launchers, site.python, settings.paths.wheels)

    def works(self, hub: StateHub, dispatcher: Dispatcher, added: AddedNodes, /) -> Works:
        """Give what can be done on real nodes."""
        return real_works(
            WorkMeans(
                hub,
                self._clock,
                self._sessions,
                self._users,
                self._credentials,
                self._trust,
                dispatcher.direct,
                dispatcher.starts,
                self._drivers,
                self._switchers,
                added,
                self.networks,
                self._kit,
            )
        )

    def parts(self, _dispatcher: Dispatcher, /) -> Sequence[Part]:
        """Give the adapters."""
        interfaces, network, clock = self._cluster.interfaces, self._network, self._clock
        contacts = Contacts(
            users=self._users,
            credentials=self._credentials,
            clock=clock,
            post=self._hub.from_thread,
            sessions=self._sessions,
        )
        return (
            Part("netlink", network),
            Part("the uplink", UplinkFollower(clock, network, interfaces)),
            Part("discovery", Discovery(clock, network, interfaces)),
            Part("the configured nodes", StaticNodes(self._nodes)),
            Part("the head's own load", LocalNode(clock, network, interfaces, self._cluster.head_slots)),
            Part("ssh", contacts),
            Part("the next job's runner", self._spare),
            Part("first use", FirstUse(self._first_use_on(), self._hub.obey)),
        )

    def _first_use_on(self) -> tuple[str, ...]:
        return self._cluster.trust_interfaces if self._cluster.trust == "first-use" else ()

    def flavours(self, hosts: Sequence[Host]) -> tuple[str, ...]:
        """Give what MPI each host has, as it said itself; empty where that is not known."""
        nodes = (self._hub.state.nodes.get(NodeId(host.host_key_alias)) for host in hosts)
        return tuple(node.facts.mpi if node and node.facts else "" for node in nodes)

    def networks(self) -> tuple[str, ...]:
        """Give the cluster's networks as they are now."""
        snapshot = self._network.snapshot
        return () if snapshot is None else cluster_networks(snapshot, self._cluster.interfaces)


def _slurm_options(settings: JobsSettings) -> tuple[str, ...]:
    try:
        return check_options(settings.slurm_options)
    except SpecError as error:
        raise ConfigError(str(error)) from error


def known_users(cluster: ClusterSettings) -> Users:
    """Give whom to log in as on which node.

    Raises:
        ConfigError: An entry of `cluster.users` is none.
    """
    return Users(
        own=getpass.getuser(),
        everywhere=cluster.user,
        rules=parse_users(cluster.users),
        ssh_config=SshConfigFile(Path.home() / ".ssh" / "config"),
    )


class Simulation:
    """Eight scripted nodes, and jobs that only pretend."""

    def __init__(self, clock: Clock, disk: Executor) -> None:
        self._clock = clock
        self.runs = DemoRuns(clock, disk)
        self.preflight = DemoPreflight()

    def works(self, hub: StateHub, _dispatcher: Dispatcher, _added: AddedNodes, /) -> Works:
        """Give what is played."""
        return simulated_works(hub)

    def parts(self, dispatcher: Dispatcher, /) -> Sequence[Part]:
        """Give the script."""
        demo = DemoAdapter(self._clock, submit=lambda job: dispatcher.submit(job, by="the simulation"))
        return (Part("the simulation", demo),)


def panel(settings: PanelSettings, clock: Clock, *, simulated: bool) -> PanelFollower:
    """Build the front panel; a simulation has only mirrors: real glass must not show invented nodes."""
    devices = PanelDevices() if simulated else panel_devices(settings)
    night = parse_night(settings.night)
    return PanelFollower(devices, size=glass_size(settings), clock=clock, night=night)
