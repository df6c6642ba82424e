"""The service around its parts: broken parts are fenced in, time passes, and it goes when nobody needs it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from sciabc_tui.cluster.changes import JobsLoaded
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.job_events import JobEnded
from sciabc_tui.cluster.node import Liveness
from sciabc_tui.cluster.observations import Remembered, Ticked
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.errors import AlreadyRunning
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.lock import single_instance
from sciabc_tui.head.nodes_txt import hostfile
from sciabc_tui.head.ports import Hub
from sciabc_tui.head.service import Part, Ticker, run_parts, until_nobody_needs_it
from sciabc_tui.head.trust import remember
from tests.cluster.builders import id_of, key, ready, run, sighted
from tests.head.fakes import FakeClock, head_with, until


@dataclass(slots=True)
class Broken:
    """A part that fails at once."""

    runs: int = 0

    async def run(self, hub: Hub) -> None:
        """Fail."""
        self.runs += 1
        raise RuntimeError("bug")


@dataclass(slots=True)
class Works:
    """A part that sees a node."""

    async def run(self, hub: Hub) -> None:
        """See a node, then wait for ever."""
        hub.observe([sighted("node01")])
        await asyncio.Event().wait()


async def test_a_broken_part_is_told_about_and_the_others_go_on() -> None:
    """A bug in one adapter must not blind the head."""
    hub = StateHub(FakeClock())
    broken = Broken()
    task = asyncio.get_running_loop().create_task(
        run_parts([Part("the lamp", broken), Part("seer", Works())], hub)
    )
    await until(hub, lambda state: id_of("node01") in state.nodes and len(state.log) == 2)
    assert "the lamp failed (RuntimeError), starts again in 5 s" in [entry.text for entry in hub.state.log]
    task.cancel()
    await asyncio.wait([task])
    assert broken.runs == 1


async def test_the_ticker_lets_silence_be_noticed() -> None:
    """Nobody needs to say anything for a node to become suspect."""
    clock = SystemClock()
    hub = StateHub(clock, ready(StateHub(clock).state, "node01", clock.monotonic() - 60.0))
    task = asyncio.get_running_loop().create_task(Ticker(clock).run(hub))
    await until(hub, lambda state: state.nodes[id_of("node01")].liveness is Liveness.DEAD)
    task.cancel()
    await asyncio.wait([task])


async def test_a_service_that_nobody_needs_ends_but_not_under_a_running_job() -> None:
    """A service that a client started for itself ends with it, unless jobs still run."""
    hub = StateHub(SystemClock())
    running = Job(JobId(1), "hello", "hello", (), 1, JobState.RUNNING, 0.0)
    hub.publish([JobsLoaded((running,))])
    loop = asyncio.get_running_loop()
    waiting = loop.create_task(until_nobody_needs_it(hub, lambda: 9.0, linger=0.0))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done
    ended = Job(JobId(1), "hello", "hello", (), 1, JobState.COMPLETED, 0.0)
    hub.publish([JobEnded(ended)])
    async with asyncio.timeout(5.0):
        await waiting


async def test_nodes_txt_holds_exactly_the_schedulable_nodes() -> None:
    """One IPv4 address a line, the head first; nodes that leave are removed."""
    hub = StateHub(FakeClock())
    hub.observe(head_with(4))
    state = ready(hub.state, "node02", 100.0, address="10.77.0.12")
    state = ready(state, "node01", 100.0, address="10.77.0.11")
    assert hostfile(state) == "10.77.0.1\n10.77.0.11\n10.77.0.12\n"
    assert hostfile(run(state, [Ticked()], 104.0)) == "10.77.0.1\n"


async def test_only_approved_nodes_are_remembered() -> None:
    """The trust store holds what a person approved, never the head itself or a new node."""
    hub = StateHub(FakeClock())
    hub.observe([*head_with(4), sighted("node09", "10.77.0.19")])
    state = ready(hub.state, "node01", 100.0)
    assert HEAD in state.nodes
    assert remember(state) == (Remembered(id_of("node01"), "node01", key("node01"), ("10.77.0.11",)),)


def test_a_second_head_service_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    """Two writers of one state directory would tear it apart."""
    with single_instance(tmp_path), pytest.raises(AlreadyRunning, match=r"pid \d+.*sciabc-tui status"):
        single_instance(tmp_path).__enter__()
    with single_instance(tmp_path):
        pass
