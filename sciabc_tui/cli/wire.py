"""Runs the head service: puts its parts together, tells when it stands, and stops it in order."""

import asyncio
import contextlib
import getpass
import logging
import resource
import signal
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from jobs.errors import StoreError
from jobs.retention import parse_keep
from jobs.standby import Standby
from jobs.store import JobStore
from sciabc_tui.api.server import ApiServer
from sciabc_tui.cli.herald import Herald
from sciabc_tui.cli.works import SWITCHERS
from sciabc_tui.cli.worlds import Reality, Simulation, Threads, World, known_users, panel
from sciabc_tui.cluster.changes import HeadDescribed
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Head, State
from sciabc_tui.config import Loaded, Settings
from sciabc_tui.head.added import AddedNodes
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.dispatcher import Dispatcher
from sciabc_tui.head.eventlog import EventLog
from sciabc_tui.head.history import Historian
from sciabc_tui.head.housekeeper import Housekeeper
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.lock import single_instance
from sciabc_tui.head.nodes_txt import NodesTxt
from sciabc_tui.head.ports import Clock, Runs
from sciabc_tui.head.preflight import AT_ONCE
from sciabc_tui.head.service import HeadService, Part, Ticker, run_parts, until_nobody_needs_it
from sciabc_tui.head.statics import parse_nodes
from sciabc_tui.head.sweeper import Sweeper
from sciabc_tui.head.trust import TrustStore
from sciabc_tui.head.watchdog import Disk, Vital, Watchdog, api, membership

log = logging.getLogger(__name__)

DESCRIPTORS = 8192
"""Files and sockets that the service may have open; a node takes two or three."""

FIRST_LOOK = 5.0
"""Seconds that a starting service may take to see itself before clients are let in all the same."""


def run_head(loaded: Loaded, *, linger: bool, demo: bool, ready_fd: int | None) -> None:
    """Run the head service until SIGTERM, SIGINT, or, with `linger`, until nobody needs it.

    Args:
        loaded: The settings.
        linger: End when no client is connected and no job is left.
        demo: Simulated nodes instead of real ones.
        ready_fd: A pipe to tell that it stands, by the line `READY`.

    Raises:
        SciabcError: It can't start; the text names the next step.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # its texts come from the network
    _allow_descriptors()
    herald = Herald(ready_fd)
    state_dir = loaded.settings.paths.state_dir
    if demo:
        state_dir /= "simulation"  # invented nodes and jobs must never be taken for real ones
    try:
        with single_instance(state_dir):
            asyncio.run(_serve(loaded.settings, state_dir, herald, linger=linger, demo=demo))
    finally:
        herald.close()


def _allow_descriptors() -> None:
    """Take as many descriptors as 750 streams need, where the soft limit is the usual 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(settings: Settings, state_dir: Path, herald: Herald, *, linger: bool, demo: bool) -> None:
    clock = SystemClock()
    keep = parse_keep(settings.jobs.keep)
    nodes_txt = state_dir / "nodes.txt" if demo else settings.paths.hostfile
    with (
        # first in, last out: the disk's thread may still be reading it when the service stops
        JobStore(state_dir / "jobs.sqlite") as store,
        ThreadPoolExecutor(1, thread_name_prefix="disk") as disk,
        ThreadPoolExecutor(4, thread_name_prefix="runs") as worker,
        ThreadPoolExecutor(3, thread_name_prefix="sweep") as sweeper,
        ThreadPoolExecutor(AT_ONCE, thread_name_prefix="preflight") as askers,
        ThreadPoolExecutor(SWITCHERS, thread_name_prefix="boards") as switchers,
        contextlib.closing(Standby()) as standby,
    ):
        events = EventLog(state_dir, disk)
        hub = StateHub(clock, State(log=events.load()))
        added = AddedNodes(state_dir, disk, parse_nodes(settings.cluster.nodes))
        added.load()
        historian = Historian(clock)
        users = known_users(settings.cluster)
        trust = TrustStore(state_dir, disk)
        hub.observe(trust.load())
        threads = Threads(worker, sweeper, askers, switchers)
        world: World = (
            Simulation(clock, disk) if demo else Reality(settings, hub, clock, users, trust, threads, standby)
        )
        folder = state_dir / "jobs"
        ledger = Ledger(hub, store, disk)
        dispatcher = Dispatcher(
            hub,
            world.runs,
            ledger,
            folder=folder,
            users=users,
            clock=clock,
        )
        hub.publish([HeadDescribed(_describe(world.runs, clock, simulated=demo))])
        parts = (
            Part("the clock", Ticker(clock)),
            Part("the queue", dispatcher),
            Part("the trust store", trust),
            Part("the event log", events),
            Part("the added nodes", added),
            Part("the history", historian),
            Part("nodes.txt", NodesTxt(nodes_txt, disk)),
            Part("the sweeping", Sweeper(folder, clock, sweeper)),
            Part("the old logs", Housekeeper(ledger, folder, keep, clock=clock, worker=sweeper)),
            *world.parts(dispatcher),
            Part("the front panel", panel(settings.panel, clock, simulated=demo)),
        )
        works = world.works(hub, dispatcher, added)
        head = HeadService(hub, dispatcher, events, added, historian, world.preflight, works)
        with contextlib.suppress(StoreError):  # the queue tells of it, when it tries again
            await dispatcher.load()  # whoever was connected must not find all jobs gone for a moment
        async with ApiServer(head, settings.paths.socket) as server:
            vitals = (membership(hub), api(settings.paths.socket), Disk(disk, clock).vital)
            await _until_told(parts, hub, server, herald, vitals, clock=clock, linger=linger)


async def _until_told(
    parts: Sequence[Part],
    hub: StateHub,
    server: ApiServer,
    herald: Herald,
    vitals: Sequence[Vital],
    *,
    clock: Clock,
    linger: bool,
) -> None:
    """Run the parts until a signal comes or nobody needs them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run_parts(parts, hub))]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await _sees_itself(hub)
        herald.ready()
        log.info("serving; nodes: %d", len(hub.state.nodes))
        if herald.patience is not None:
            tasks.append(group.create_task(Watchdog(herald.alive, vitals, patience=herald.patience).run()))
        if linger:
            tasks.append(group.create_task(_unneeded(hub, server, clock, stop)))
        await stop.wait()
        herald.stopping()
        log.info("stopping; jobs go on")
        for task in tasks:
            task.cancel()


async def _unneeded(hub: StateHub, server: ApiServer, clock: Clock, stop: asyncio.Event) -> None:
    def idle() -> float:
        return 0.0 if server.idle_since is None else clock.monotonic() - server.idle_since

    await until_nobody_needs_it(hub, idle)
    stop.set()


async def _sees_itself(hub: StateHub) -> State:
    state = hub.state
    while HEAD not in state.nodes or state.nodes[HEAD].reading is None:
        state = await hub.changed(state.revision)
    return state


def _describe(runs: Runs, clock: Clock, *, simulated: bool) -> Head:
    launcher, problem = runs.describe()
    return Head(
        host_name=socket.gethostname(),
        user=getpass.getuser(),
        version=version("sciabc-tui"),
        started=clock.wall(),
        simulated=simulated,
        launcher=launcher,
        launcher_problem=problem,
    )
