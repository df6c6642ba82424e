"""Membership of real boards: they leave, move, swap, freeze, are cloned, re-flashed and lost together."""

import dataclasses
import json
import threading
import time
from itertools import pairwise

import pytest

from tests.lab.conftest import LabFactory
from tests.lab.flight import KEYS_READ, Flight, Watch
from tests.lab.keys import KeyPair, new_key
from tests.lab.machine import Machine
from tests.lab.watcher import Change

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

ENV = {"SCIABC_CLUSTER_HEAD_SLOTS": "1"}
GONE = {"dead", "left"}


def reflash(node: Machine, key: KeyPair) -> None:
    """Put another host key on a board's card; its sshd shows it from the next power-on."""
    node.plan = dataclasses.replace(node.plan, host_key=key)
    node.path("/etc/ssh/ssh_host_ed25519_key").write_text(key.private, encoding="utf-8")
    node.path("/etc/ssh/ssh_host_ed25519_key.pub").write_text(f"{key.public}\n", encoding="utf-8")


def rename(node: Machine, name: str) -> None:
    """Call a board so in mDNS from the next power-on."""
    conf = node.path("/etc/avahi/avahi-daemon.conf")
    conf.write_text(conf.read_text(encoding="utf-8").replace("[server]\n", f"[server]\nhost-name={name}\n"))


def pass_by(seconds: float) -> None:
    """Let time pass: what is proven is that nothing happens in it."""
    threading.Event().wait(seconds)


def alarms(flight: Flight) -> list[str]:
    """Give the alarms as `status --json` prints them."""
    found: list[str] = json.loads(flight.run("status", "--json"))["alarms"]
    return found


def ready(watch: Watch, key: str, address: str = "", *, since: float = 0.0) -> Change:
    """Wait until the board with that host key takes jobs, at that address if one is given."""
    return watch.change(
        lambda change: change.fingerprint == key and change.schedulable and address in {"", change.address},
        since=since,
    )


def reboots(flight: Flight) -> list[str]:
    """Give the names of the boards of whose reboot the events tell."""
    words = (line.split() for line in flight.run("events").splitlines())
    return [before for line in words for before, word in pairwise(line) if word == "rebooted"]


def told_reboots(flight: Flight, count: int) -> None:
    """Wait until so many are told: a board takes jobs once it is heard, and tells its boot after that."""
    flight.until(f"sum(line.text.endswith(' rebooted') for line in state.log) >= {count}")


def lost(watch: Watch, since: float) -> list[str]:
    """Give the changes of nodes that were declared dead or left."""
    return [str(change) for change in watch.changes if change.at >= since and change.liveness in GONE]


def test_who_says_goodbye_has_left(lab: LabFactory) -> None:
    """A shutdown is told from a failure, of a node that computes and of one that nobody approved."""
    flight = Flight(lab(nodes=2), ENV)
    flight.up("node01", "node02")
    flight.run("nodes", "forget", "node02")
    flight.until("words.get('node02') == 'new' and " + KEYS_READ)
    with flight.watch() as watch:
        for name in ("node01", "node02"):
            began = time.monotonic()
            flight.lab.node(name).goodbye()
            watch.change(lambda change, name=name: (change.name, change.word) == (name, "left"), since=began)
        assert not [change for change in watch.changes if change.liveness == "dead"]
    assert alarms(flight) == []


def test_a_power_cycle_is_told_from_a_cable_and_keeps_its_node(lab: LabFactory) -> None:
    """A reboot at a new address: same id, still trusted, takes jobs, and told as one; a cable out is none."""
    flight = Flight(lab(nodes=2), ENV)
    flight.up()
    node, cable = flight.lab.nodes
    with flight.watch() as watch:
        cable.unplug()
        before = watch.change(lambda change: change.name == "node01" and change.schedulable)
        cut = time.monotonic()
        node.power_off()
        node.power_on("10.77.0.77")
        after = watch.change(lambda change: change.schedulable and change.address == "10.77.0.77", since=cut)
    assert (after.id, after.name) == (before.id, "node01")
    assert (after.fingerprint, after.trust) == (node.host_key_fingerprint, "trusted")
    flight.until("words['node02'] == 'down'")
    cable.plug()
    flight.until("words == {'head': 'ready', 'node01': 'ready', 'node02': 'ready'}")
    told_reboots(flight, 1)
    assert reboots(flight) == ["node01"]


def test_clones_that_swap_names_and_addresses_keep_their_identities(lab: LabFactory) -> None:
    """Two boards named raspberrypi lose power together and come back as each other: keys tell them apart."""
    flight = Flight(lab(nodes=2), ENV)
    one, two = flight.lab.nodes
    for board in (one, two):
        rename(board, "raspberrypi")
        board.power_off()
    flight.start()
    with flight.watch() as watch:
        ids: dict[str, str] = {}
        one.power_on()
        two.power_on()
        for board in (one, two):
            key = board.host_key_fingerprint
            watch.change(lambda change, key=key: change.fingerprint == key)
        flight.run("nodes", "approve", "--all", "--yes")
        for board in (one, two):
            key = board.host_key_fingerprint
            ids[key] = ready(watch, key).id
        assert len(set(ids.values())) == 2
        for board in (one, two):
            board.power_off()
        cut = time.monotonic()
        addresses = {one.name: two.address, two.name: one.address}
        for board in (one, two):
            board.power_on(addresses[board.name])
        for board in (one, two):
            ready(watch, board.host_key_fingerprint, board.address, since=cut)
        ended = {change.id: change for change in watch.changes}
    assert {ended[id_].fingerprint: id_ for id_ in ids.values()} == ids
    for board in (one, two):
        assert ended[ids[board.host_key_fingerprint]].address == board.address
    assert all(change.trust != "changed" for change in ended.values())
    told_reboots(flight, 2)
    assert len(reboots(flight)) == 2


def test_a_frozen_node_is_stalled_and_not_dead(lab: LabFactory) -> None:
    """Its programs stand still, but its kernel answers: suspect with that evidence, and ready again after."""
    flight = Flight(lab(nodes=1), ENV)
    flight.up()
    node = flight.lab.node("node01")
    with flight.watch() as watch:
        began = time.monotonic()
        node.freeze()
        watch.change(lambda change: change.probe == "ssh port answers", since=began)
        flight.until("state.at - next(n.heard_at for n in state.nodes.values() if n.name == 'node01') > 5.5")
        assert "stalled: silent" in flight.run("nodes")
        assert "ssh port answers" in flight.run("nodes")
        thawed = time.monotonic()
        node.thaw()
        watch.change(lambda change: change.name == "node01" and change.schedulable, since=thawed)
        assert lost(watch, began) == []


def test_boards_with_one_host_key_are_shown_as_duplicates(lab: LabFactory) -> None:
    """Two cards with one host key: no jobs there, and the line says where the other is and what mends it."""
    flight = Flight(lab(nodes=2), ENV)
    one, two = flight.lab.nodes
    reflash(two, one.plan.host_key)
    two.power_off()
    flight.up("node01")
    two.power_on()
    flight.until("[node.twin for node in state.nodes.values() if node.twin]")
    flight.until("'refused' in words.values()")
    shown = flight.run("nodes")
    assert "ssh-keygen -A" in shown
    assert one.address in shown
    assert two.address in shown


def test_a_reflashed_board_is_refused_and_comes_back_by_hand(lab: LabFactory) -> None:
    """Another host key under a known name: refused with both fingerprints; forget and approve mend it."""
    flight = Flight(lab(nodes=1), ENV)
    flight.up()
    node = flight.lab.node("node01")
    old, new = node.host_key_fingerprint, new_key()
    reflash(node, new)
    node.power_off()
    node.power_on()
    flight.until("words['node01'] == 'refused'")
    shown = flight.run("nodes")
    assert f"was {old}, is {new.fingerprint}" in shown
    flight.run("nodes", "forget", "node01")
    flight.until("words.get('node01') == 'new' and " + KEYS_READ)
    assert flight.fingerprint("node01") == new.fingerprint
    flight.run("nodes", "approve", "node01", "--yes")
    flight.until("words['node01'] == 'ready'")


def test_boards_lost_together_are_one_alarm(lab: LabFactory) -> None:
    """The switch loses power: one alarm says how many and what to look at, not one a node."""
    flight = Flight(lab(nodes=3), ENV)
    flight.up()
    for node in flight.lab.nodes:
        node.unplug()
    flight.until("list(words.values()).count('down') == 3")
    found = alarms(flight)
    assert len(found) == 1, found
    assert found[0].startswith("3 nodes down"), found
    flight.until("any('nodes lost together: switch or power?' in line.text for line in state.log)")


def test_first_use_on_a_named_interface_approves_by_itself(lab: LabFactory) -> None:
    """With trust = first-use on eth0 new boards take jobs without a hand."""
    first_use = {"SCIABC_CLUSTER_TRUST": "first-use", "SCIABC_CLUSTER_TRUST_INTERFACES": "eth0"}
    flight = Flight(lab(nodes=2), ENV | first_use)
    flight.start()
    flight.until("words.get('node01') == words.get('node02') == 'ready'")
    for node in flight.lab.nodes:
        assert flight.fingerprint(node.name) == node.host_key_fingerprint


def test_first_use_elsewhere_approves_nobody(lab: LabFactory) -> None:
    """With trust = first-use on another interface a board on eth0 still waits for a person."""
    first_use = {"SCIABC_CLUSTER_TRUST": "first-use", "SCIABC_CLUSTER_TRUST_INTERFACES": "eth1"}
    flight = Flight(lab(nodes=1), ENV | first_use)
    flight.start()
    flight.until("words.get('node01') == 'new' and " + KEYS_READ)
    with flight.watch() as watch:
        watch.change(lambda change: change.name == "node01")
        pass_by(1.0)
        assert {change.trust for change in watch.changes if change.name == "node01"} == {"unknown"}


def test_a_frozen_head_blames_nobody(lab: LabFactory) -> None:
    """The service stands still for longer than makes a node dead: nobody is dead or suspect for that."""
    flight = Flight(lab(nodes=2), ENV)
    flight.up()
    with flight.watch() as watch:
        frozen = time.monotonic()
        flight.freeze()
        pass_by(10.0)
        flight.thaw()
        flight.until("all(n.reading and state.at - n.reading.at < 2 for n in state.nodes.values())")
        pass_by(1.0)
        assert lost(watch, frozen) == []
        assert "suspect" not in {change.liveness for change in watch.changes if change.at >= frozen}
