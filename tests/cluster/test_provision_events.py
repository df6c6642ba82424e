"""Provisioning on a node's row: it computes when that is over, and not before; what was ready stays so."""

from sciabc_tui.cluster.changes import Event, apply
from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.membership import advance
from sciabc_tui.cluster.node import HostKey, Node, Origin, Readiness, Reading, RowWord, Trust, row_word
from sciabc_tui.cluster.observations import LoginRefused, ReadingTaken
from sciabc_tui.cluster.provision_events import (
    BoardProvisioned,
    BoardUnprovisioned,
    HostKeyReplaced,
    ProvisioningBegan,
    ProvisioningEnded,
    ProvisioningFailed,
)
from sciabc_tui.cluster.state import Severity, State
from sciabc_tui.cluster.wording import Names, describe

ID = NodeId("n-1")
KEY = HostKey("ssh-ed25519", "AAAA", "SHA256:old")
NEW = HostKey("ssh-ed25519", "BBBB", "SHA256:new")


def cluster(readiness: Readiness = Readiness.UNPROVISIONED, trust: Trust = Trust.TRUSTED) -> State:
    """Give a state with one node."""
    node = Node(ID, "node01", Origin.MDNS, ("10.77.0.11",), trust=trust, host_key=KEY, readiness=readiness)
    return State(nodes={ID: node})


def after(state: State, *events: Event) -> Node:
    """Give the node after events."""
    for event in events:
        state = apply(state, event)
    return state.nodes[ID]


def read(state: State, *events: Event) -> Node:
    """Give the node after events and a reading."""
    for event in events:
        state = apply(state, event)
    return advance(state, [ReadingTaken(ID, Reading(1.0))], 1.0)[0].nodes[ID]


def test_a_board_under_work_does_not_compute_yet() -> None:
    """Its key may be there long before its MPI: readings alone don't make it ready, nor refusals refused."""
    began = ProvisioningBegan(ID)
    assert read(cluster(), began).readiness is Readiness.PROVISIONING
    state = apply(cluster(), began)
    refused = advance(state, [LoginRefused(ID, "no key")], 1.0)[0].nodes[ID]
    assert refused.readiness is Readiness.PROVISIONING
    assert row_word(refused, busy=False) is RowWord.NEW
    assert evidence(refused, 1.0) == "being provisioned"


def test_when_it_is_over_the_next_reading_makes_it_ready() -> None:
    """Also after a time that failed."""
    failed = ProvisioningFailed(ID, "node01", "MPI", "its disk is full")
    assert read(cluster(), ProvisioningBegan(ID), ProvisioningEnded(ID)).readiness is Readiness.READY
    assert read(cluster(), failed, ProvisioningBegan(ID), ProvisioningEnded(ID)).readiness is Readiness.READY


def test_a_failure_stands_on_the_row() -> None:
    """With the step and the reason; readings don't wipe it off."""
    node = read(cluster(), ProvisioningFailed(ID, "node01", "MPI", "its disk is full"))
    assert node.readiness is Readiness.FAILED
    assert row_word(node, busy=False) is RowWord.REFUSED
    assert evidence(node, 1.0) == "provisioning failed at MPI: its disk is full"
    assert not node.schedulable


def test_a_node_that_is_ready_goes_on_computing() -> None:
    """A second run changes nothing on it, and must not cost it its jobs."""
    ready = cluster(Readiness.READY)
    for event in (ProvisioningBegan(ID), ProvisioningEnded(ID), ProvisioningFailed(ID, "n", "MPI", "x")):
        assert after(ready, event).readiness is Readiness.READY


def test_a_replaced_host_key_is_trusted_at_once() -> None:
    """Whether the head knew the old one as trusted or saw the new one as changed."""
    for trust in (Trust.TRUSTED, Trust.CHANGED):
        node = after(cluster(trust=trust), HostKeyReplaced(ID, NEW, "pi"))
        assert (node.trust, node.host_key, node.offered_key) == (Trust.TRUSTED, NEW, None)


def test_each_has_its_words() -> None:
    """One line, with who did it and how much."""
    names = Names(cluster().nodes)
    said = {
        BoardProvisioned(ID, "node01", "pi", 9): (Severity.INFO, "node01 provisioned by pi: 9 changes"),
        BoardProvisioned(ID, "node01", "pi", 1): (Severity.INFO, "node01 provisioned by pi: 1 change"),
        BoardUnprovisioned(ID, "node01", "pi", 2): (
            Severity.INFO,
            "node01 unprovisioned by pi: 2 changes undone",
        ),
        ProvisioningFailed(NodeId(""), "10.77.0.9", "MPI", "disk full"): (
            Severity.ERROR,
            "provisioning of 10.77.0.9 failed at MPI: disk full",
        ),
        HostKeyReplaced(ID, NEW, "pi"): (
            Severity.WARN,
            "node01 has a new host key SHA256:new, trusted by pi",
        ),
    }
    assert {event: describe(event, names) for event in said} == said
    assert describe(ProvisioningBegan(ID), names) is None
    assert after(cluster(), BoardProvisioned(ID, "node01", "pi", 9)) == cluster().nodes[ID]
    assert after(cluster(), BoardUnprovisioned(ID, "node01", "pi", 9)) == cluster().nodes[ID]
