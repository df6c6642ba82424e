"""The single writer: every change is published once, and the newest state wins."""

import asyncio

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.observations import DrainNode, Ticked
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.hub import StateHub
from tests.cluster.builders import id_of, sighted
from tests.head.fakes import FakeClock, head_with


async def test_a_change_is_published_with_its_time_and_its_line() -> None:
    """A state says when it was published, and the log says what happened."""
    hub = StateHub(FakeClock())
    hub.observe([sighted("node01")])
    assert hub.state.revision == 1
    assert hub.state.at == 100.0
    assert hub.state.wall == 1_800_000_100.0
    assert [entry.text for entry in hub.state.log] == ["node01 announced at 10.77.0.11"]


async def test_nothing_new_is_no_revision() -> None:
    """An idle head wakes nobody."""
    hub = StateHub(FakeClock())
    hub.observe([Ticked()])
    hub.publish([])
    assert hub.state.revision == 0


async def test_a_slow_watcher_gets_the_newest_state_only() -> None:
    """Watchers skip states; there is no queue that could grow."""
    hub = StateHub(FakeClock())
    for number in range(5):
        hub.observe([sighted(f"node{number}")])
    async with asyncio.timeout(10.0):
        state = await hub.changed(0)
    assert len(state.nodes) == 5
    assert state is hub.state


async def test_all_watchers_wake_on_one_change() -> None:
    """The TUI, the LCD and the queue all see the same state."""
    hub = StateHub(FakeClock())
    async with asyncio.timeout(10.0), asyncio.TaskGroup() as group:
        watchers = [group.create_task(hub.changed(0)) for _ in range(20)]
        await asyncio.sleep(0)
        hub.observe([sighted("node01")])
    assert {watcher.result().revision for watcher in watchers} == {1}


async def test_what_a_thread_saw_arrives_in_the_loop() -> None:
    """Adapters with threads of their own hand their batches over."""
    hub = StateHub(FakeClock())
    await asyncio.to_thread(hub.from_thread, [sighted("node01")])
    async with asyncio.timeout(10.0):
        await hub.changed(0)
    assert id_of("node01") in hub.state.nodes


async def test_a_refused_command_changes_nothing() -> None:
    """An operator's mistake is told to the operator, not written to the log."""
    hub = StateHub(FakeClock())
    hub.observe(head_with(4))
    before = hub.state
    with pytest.raises(CommandRefused):
        hub.obey(DrainNode(NodeId("n-nobody"), "", "ada"))
    assert hub.state is before
