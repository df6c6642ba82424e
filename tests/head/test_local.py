"""The head as a node: who it is, and a reading a second, with nothing that was not measured."""

import asyncio
import os
import platform
import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from sciabc_tui.cluster.node import Liveness, Node
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from sciabc_tui.head import local
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ingress import host_label
from sciabc_tui.head.local import LocalLoad, LocalNode, head_addresses, read_facts, usable_cores
from sciabc_tui.head.network import Network
from tests.head.fakes import until
from tests.head.nets import ETH0, ETH1, LO, LO_IP, FakeWatch, fixed, lease, net, running, via

LAN, ROUTE = lease("192.168.1.5", "eth0"), via("eth0", 100)
CLUSTER = fixed("10.77.0.1", "eth1")
TWO = net(LO, LO_IP, ETH0, ETH1, LAN, CLUSTER, ROUTE)


@pytest.fixture(autouse=True)
def nobody_looks() -> None:
    """Wait for the look that a test before left under way: it would read what this one puts in its place."""
    for thread in threading.enumerate():
        if thread.name.startswith("psutil"):
            thread.join(10.0)


def head_of(state: State) -> Node | None:
    """Give the head's node."""
    return state.nodes.get(HEAD)


async def test_the_head_is_a_live_node_that_takes_ranks() -> None:
    """It is there at once, with its facts; with its first reading it is schedulable."""
    clock = SystemClock()
    hub = StateHub(clock)
    started = clock.monotonic()
    async with running(LocalNode(clock, FakeWatch(TWO), (), -1), hub):
        state = await until(hub, lambda state: head_of(state) is not None)
        node = state.nodes[HEAD]
        assert host_label(node.name) == node.name
        assert node.addresses == ("10.77.0.1",)
        assert node.slots == len(os.sched_getaffinity(0))
        state = await until(hub, lambda state: len(state.nodes[HEAD].trend) >= 2)
    node = state.nodes[HEAD]
    assert node.schedulable
    assert node.liveness is Liveness.ALIVE
    assert node.facts is not None
    assert node.facts.cores == usable_cores()
    reading = node.reading
    assert reading is not None
    assert started < reading.at <= clock.monotonic()
    assert reading.cpu_percent is not None
    assert 0.0 <= reading.cpu_percent <= 100.0
    assert reading.memory_percent is not None
    assert 0.0 < reading.memory_percent < 100.0
    assert reading.uptime is not None
    assert reading.uptime > 0.0


@pytest.mark.parametrize(("setting", "slots"), [(0, 0), (3, 3), (-1, len(os.sched_getaffinity(0)))])
async def test_the_slots_of_the_head(setting: int, slots: int) -> None:
    """As many as the configuration says; 0 takes no rank; -1 is one a core that may be used."""
    clock = SystemClock()
    hub = StateHub(clock)
    async with running(LocalNode(clock, FakeWatch(TWO), (), setting), hub):
        state = await until(hub, lambda state: head_of(state) is not None)
    assert state.nodes[HEAD].slots == slots


async def test_a_new_address_is_told() -> None:
    """The hostfile needs the address that the head has now."""
    clock = SystemClock()
    hub = StateHub(clock)
    watch = FakeWatch(net(LO, LO_IP))
    async with running(LocalNode(clock, watch, (), 1), hub):
        state = await until(hub, lambda state: head_of(state) is not None)
        assert state.nodes[HEAD].addresses == ("127.0.0.1",)
        watch.show(TWO)
        await until(hub, lambda state: state.nodes[HEAD].addresses == ("10.77.0.1",))


async def test_the_head_is_a_node_without_the_kernels_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where netlink is forbidden, a job on the head still runs."""
    monkeypatch.setattr(local, "FIRST_LOOK", 0.01)
    clock = SystemClock()
    hub = StateHub(clock)
    async with running(LocalNode(clock, FakeWatch(), (), 1), hub):
        state = await until(hub, lambda state: head_of(state) is not None)
    assert state.nodes[HEAD].addresses == ("127.0.0.1",)


@pytest.mark.parametrize(
    ("network", "configured", "addresses"),
    [
        (TWO, (), ("10.77.0.1",)),
        (TWO, ("eth0", "eth1"), ("192.168.1.5", "10.77.0.1")),
        (net(ETH0, LAN, ROUTE), (), ("192.168.1.5",)),
        (net(LO, LO_IP), (), ("127.0.0.1",)),
        (Network(), ("eth1",), ("127.0.0.1",)),
    ],
)
def test_where_the_head_is(network: Network, configured: tuple[str, ...], addresses: tuple[str, ...]) -> None:
    """Its addresses in the cluster; without any network, loopback."""
    assert head_addresses(network, configured) == addresses


@pytest.mark.parametrize(
    ("sensors", "temperature"),
    [
        ({}, None),
        ({"nvme": [SimpleNamespace(current=30.0)]}, None),
        ({"cpu_thermal": [SimpleNamespace(current=48.3)], "nvme": [SimpleNamespace(current=30.0)]}, 48.3),
        ({"coretemp": [SimpleNamespace(current=61.0), SimpleNamespace(current=59.0)]}, 61.0),
        ({"cpu_thermal": []}, None),
    ],
)
def test_the_temperature(
    sensors: dict[str, list[SimpleNamespace]], temperature: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processor's sensor, or nothing; never that of a disk."""
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: sensors)
    assert LocalLoad().read(5.0).temperature == temperature


def test_facts_are_plain_text() -> None:
    """What the firmware says of the board is shown, so it holds no control characters."""
    facts = read_facts()
    assert facts.kernel == os.uname().release
    assert all(text.isprintable() for text in (facts.machine, facts.model, facts.host_name, facts.boot_id))
    assert all(text.isprintable() for text in (facts.serial, facts.os, facts.python, facts.mpi4py))
    assert len(facts.boot_id) == 36
    assert facts.python == platform.python_version()


def counters(received: int, sent: int) -> SimpleNamespace:
    """Make the counters of an interface."""
    return SimpleNamespace(bytes_recv=received, bytes_sent=sent)


def test_what_is_measured_between_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look has no CPU and no rates; loopback does not count; a vanished interface gives no rate."""
    seen = iter([(1000, 50), (3000, 150), (10, 200)])

    def look(*, pernic: bool, nowrap: bool) -> dict[str, SimpleNamespace]:
        assert pernic
        return {"lo": counters(9, 9**9), "eth0": counters(*next(seen))}

    monkeypatch.setattr(psutil, "net_io_counters", look)
    load = LocalLoad()
    first, second, third = load.read(5.0), load.read(7.0), load.read(9.0)
    assert (first.cpu_percent, first.cores, first.received, first.sent) == (None, (), None, None)
    assert second.cpu_percent is not None
    assert len(second.cores) == os.cpu_count()
    assert all(0 <= share <= 100 for share in second.cores)
    assert (second.received, second.sent) == (1000.0, 50.0)
    assert (third.received, third.sent) == (None, None)


def test_the_disk_is_looked_at_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every half minute, and each reading has it: what is used, and what of the disk a user can have."""
    seen = iter([SimpleNamespace(used=1, free=3), SimpleNamespace(used=2, free=2)])

    def look(path: str) -> SimpleNamespace:
        return next(seen)

    monkeypatch.setattr(psutil, "disk_usage", look)
    load = LocalLoad()
    taken = [load.read(at) for at in (5.0, 6.0, 34.0, 36.0)]
    assert [(reading.disk_used, reading.disk_total) for reading in taken] == [(1, 4), (1, 4), (1, 4), (2, 4)]


def test_the_flags_of_the_firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the kernel's file at each look; else by the command, seldom, and never again where it fails."""
    monkeypatch.setattr(local, "_FIRMWARE", tmp_path)
    tool, count = tmp_path / "vcgencmd", tmp_path / "count"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    tool.write_text(f"#!/bin/sh\necho >>{count}\necho throttled=0x50000\n")
    tool.chmod(0o755)
    load = LocalLoad()
    assert [load.read(at).throttle for at in (1.0, 2.0, 6.5)] == [0x50000] * 3
    assert count.read_text() == "\n\n"
    tool.write_text(f"#!/bin/sh\necho >>{count}\necho no access\n")
    assert [load.read(at).throttle for at in (12.0, 20.0)] == [None, None]
    assert count.read_text() == "\n\n\n"
    file = tmp_path / "soc" / "soc:firmware" / "get_throttled"
    file.parent.mkdir(parents=True)
    file.write_text("50005\n")
    load = LocalLoad()
    assert load.read(1.0).throttle == 0x50005
    file.write_text("0\n")
    assert load.read(1.5).throttle == 0x50000
    assert count.read_text() == "\n\n\n"


async def test_a_sensor_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on, the end is orderly, and no thread is left once the sensor answers."""
    loop, asked, released = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def hang() -> dict[str, list[SimpleNamespace]]:
        loop.call_soon_threadsafe(asked.set)
        released.wait(20.0)
        return {}

    monkeypatch.setattr(psutil, "sensors_temperatures", hang)
    clock = SystemClock()
    async with asyncio.timeout(10.0):
        async with running(LocalNode(clock, FakeWatch(TWO), (), 1), StateHub(clock)):
            await asked.wait()
    released.set()
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("psutil")]:
        thread.join(10.0)
        assert not thread.is_alive()
