"""Membership, by machine: hypothesis drives observations in any order and looks for a broken invariant."""

import os
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sciabc_tui.cluster.changes import apply, logged
from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.membership import advance, obey, step
from sciabc_tui.cluster.node import (
    Drain,
    Facts,
    Liveness,
    Node,
    Origin,
    Readiness,
    Reading,
    RowWord,
    Trust,
    row_word,
)
from sciabc_tui.cluster.observations import (
    ApproveHostKey,
    DrainNode,
    FactsRead,
    ForgetNode,
    Goodbye,
    HeadSighted,
    Heard,
    HostKeyRead,
    LoginRefused,
    NodeCommand,
    Observation,
    Probed,
    ReadingTaken,
    Remembered,
    ResumeNode,
    Sighted,
    StreamClosed,
    StreamOpened,
    Ticked,
    TwinSeen,
)
from sciabc_tui.cluster.provision_events import ProvisioningBegan, ProvisioningEnded, ProvisioningFailed
from sciabc_tui.cluster.roster import HEAD, node_id
from sciabc_tui.cluster.schedule import capacity
from sciabc_tui.cluster.state import LOG_LENGTH, LogEntry, Severity, State
from sciabc_tui.errors import CommandRefused
from tests.cluster.builders import key

NAMES = ("node01", "node02", "node03")
KEYS = tuple(key(name) for name in "abc")
ADDRESSES = ("10.77.0.11", "10.77.0.12", "10.77.0.13")
# `SCIABC_EXAMPLES=10000 pytest ...` for the long run
EXAMPLES = int(os.environ.get("SCIABC_EXAMPLES", "150"))

nodes = st.sampled_from([node_id(f"mdns:{name}") for name in NAMES] + [HEAD])
addresses = st.sampled_from(ADDRESSES)
keys = st.sampled_from(KEYS)


def announced(name: str, address: str, slots: int | None) -> Sighted:
    """Make an announcement."""
    return Sighted(f"mdns:{name}", Origin.MDNS, name, (address,), slots=slots)


sightings = st.builds(announced, st.sampled_from(NAMES), addresses, st.sampled_from([None, 0, 4]))
facts = st.builds(
    Facts,
    cores=st.integers(1, 8),
    host_name=st.sampled_from(["", "raspberrypi", "node01"]),
    boot_id=st.sampled_from(["", "a", "b"]),
)
observations: st.SearchStrategy[Observation] = st.one_of(
    sightings,
    st.builds(Goodbye, st.sampled_from([f"mdns:{name}" for name in NAMES])),
    st.just(HeadSighted("headnode", ("10.77.0.1",), 4)),
    st.builds(Remembered, nodes.filter(lambda node: node != HEAD), st.sampled_from(NAMES), keys),
    st.builds(HostKeyRead, nodes, addresses, keys),
    st.builds(StreamOpened, nodes),
    st.builds(StreamClosed, nodes, st.just("reset")),
    st.builds(LoginRefused, nodes, st.just("ssh-copy-id")),
    st.builds(FactsRead, nodes, facts),
    st.builds(Heard, st.sampled_from([f"mdns:{name}" for name in NAMES])),
    st.builds(TwinSeen, nodes, st.sampled_from(["", *ADDRESSES])),
    st.builds(Probed, nodes, answered=st.booleans(), how=st.just("ssh port")),
    st.builds(Ticked, st.sampled_from([0.0, 0.0, 3.0])),
)
commands: st.SearchStrategy[NodeCommand] = st.one_of(
    st.builds(ApproveHostKey, nodes, st.sampled_from([k.fingerprint for k in KEYS]), st.just("ada")),
    st.builds(ForgetNode, nodes, st.just("ada")),
    st.builds(DrainNode, nodes, st.just("fan"), st.just("ada")),
    st.builds(ResumeNode, nodes, st.just("ada")),
)


Provisioning = ProvisioningBegan | ProvisioningEnded | ProvisioningFailed
provisionings: st.SearchStrategy[Provisioning] = st.one_of(
    st.builds(ProvisioningBegan, nodes),
    st.builds(ProvisioningEnded, nodes),
    st.builds(ProvisioningFailed, nodes, st.just("node01"), st.just("MPI"), st.just("disk full")),
)


class Membership(RuleBasedStateMachine):
    """Any order of observations and commands."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.now = 0.0
        self.approved: set[str] = set()

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.0, 4.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(observation=observations)
    def see(self, observation: Observation) -> None:
        """See anything; what is remembered was approved once."""
        if isinstance(observation, Remembered) and observation.node not in self.state.nodes:
            if any(node.host_key == observation.host_key for node in self.state.nodes.values()):
                return  # the trust store is read once, before anything else is seen
            self.approved.add(observation.host_key.fingerprint)
        self.state, _ = advance(self.state, [observation], self.now)

    @rule(node=nodes)
    def read(self, node: NodeId) -> None:
        """Take a reading, whoever asked for it."""
        taken = ReadingTaken(node, Reading(self.now, cpu_percent=50.0))
        self.state, _ = advance(self.state, [taken], self.now)

    @rule(command=commands)
    def ask(self, command: NodeCommand) -> None:
        """Obey an operator, who may be refused."""
        try:
            events = obey(self.state, command, self.now)
        except CommandRefused:
            return
        if isinstance(command, ApproveHostKey):
            self.approved.add(command.fingerprint)
        for event in events:
            self.state = apply(self.state, event)

    @rule(event=provisionings)
    def provision(self, event: Provisioning) -> None:
        """Provision any node, approved or not."""
        self.state = apply(self.state, event)

    @invariant()
    def never_approved_is_never_schedulable(self) -> None:
        """Nothing runs on a node whose key nobody approved."""
        for node in self.state.nodes.values():
            if node.schedulable and node.origin is not Origin.LOCAL:
                assert node.host_key is not None
                assert node.host_key.fingerprint in self.approved

    @invariant()
    def gone_nodes_hold_no_slots(self) -> None:
        """Nobody waits for slots on a node that is not there."""
        for node in self.state.nodes.values():
            if node.liveness in {Liveness.DEAD, Liveness.LEFT}:
                assert capacity(node) == 0
                assert not node.streaming

    @invariant()
    def every_state_shows_its_evidence(self) -> None:
        """No row without a why."""
        for node in self.state.nodes.values():
            assert evidence(node, self.now)

    @invariant()
    def handles_names_and_keys_stand_for_one_node(self) -> None:
        """The indexes agree with the nodes."""
        assert set(self.state.owners.values()) <= set(self.state.nodes)
        found = list(self.state.nodes.values())
        assert len({node.name for node in found}) == len(found)
        held = [node.host_key for node in found if node.host_key]
        assert len(set(held)) == len(held)


Membership.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
TestMembership = Membership.TestCase


def drive(name: str, number: int) -> st.SearchStrategy[list[Observation]]:
    """Make observations that are about one node only."""
    node, own, address = node_id(f"mdns:{name}"), KEYS[number], ADDRESSES[number]
    return st.lists(
        st.sampled_from(
            [
                Sighted(f"mdns:{name}", Origin.MDNS, name, (address,)),
                Remembered(node, name, own),
                HostKeyRead(node, address, own),
                StreamOpened(node),
                ReadingTaken(node, Reading(10.0, cpu_percent=1.0)),
                StreamClosed(node, "reset"),
                LoginRefused(node, "ssh-copy-id"),
                Probed(node, answered=False, how="no route"),
                Goodbye(f"mdns:{name}"),
            ]
        ),
        max_size=8,
    )


@given(drive("node01", 0), drive("node02", 1), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_order_of_unrelated_observations_does_not_matter(
    one: list[Observation],
    two: list[Observation],
    random: Random,
    tick: bool,
) -> None:
    """What is seen of one node does not depend on when something is seen of another."""
    left, right = list(one), list(two)
    mixed: list[Observation] = []
    while left or right:
        mixed.append((left if left and (not right or random.random() < 0.5) else right).pop(0))
    last: list[Observation] = [Ticked()] if tick else []
    together, _ = advance(State(), [*one, *two, *last], 10.0)
    interleaved, _ = advance(State(), [*mixed, *last], 10.0)
    assert interleaved.nodes == together.nodes
    assert interleaved.owners == together.owners


@given(st.lists(st.one_of(observations), max_size=12))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_batch_is_the_same_as_one_by_one(batch: list[Observation]) -> None:
    """Batches are for speed only."""
    at_once, _ = advance(State(), batch, 5.0)
    one_by_one = State()
    for observation in batch:
        for event in step(one_by_one, observation, 5.0):
            one_by_one = apply(one_by_one, event)
    assert at_once == one_by_one


def reached() -> set[Node]:
    """Walk breadth-first through what one node can become, with a clock that jumps."""
    node = node_id("mdns:node01")
    moves: tuple[Observation | NodeCommand | Provisioning, ...] = (
        Sighted("mdns:node01", Origin.MDNS, "node01", ("10.77.0.11",)),
        Goodbye("mdns:node01"),
        HostKeyRead(node, "10.77.0.11", KEYS[0]),
        HostKeyRead(node, "10.77.0.11", KEYS[1]),
        StreamOpened(node),
        StreamClosed(node, "reset"),
        LoginRefused(node, "ssh-copy-id"),
        ReadingTaken(node, Reading(0.0)),
        ApproveHostKey(node, KEYS[0].fingerprint, "ada"),
        DrainNode(node, "fan", "ada"),
        ProvisioningBegan(node),
        ProvisioningFailed(node, "node01", "MPI", "disk full"),
        Ticked(),
    )
    seen: set[Node] = set()
    frontier = [State()]
    for depth in range(7):
        following: dict[Node, State] = {}
        for state in frontier:
            for move in moves:
                after = _moved(state, move, now=6.0 * depth)
                for found in after.nodes.values():
                    shape = _shape(found)
                    if shape not in seen and shape not in following:
                        following[shape] = after
        seen |= set(following)
        frontier = list(following.values())
    return seen


def _moved(state: State, move: Observation | NodeCommand | Provisioning, now: float) -> State:
    if isinstance(move, Provisioning):
        return apply(state, move)
    if isinstance(move, ApproveHostKey | DrainNode | ForgetNode | ResumeNode):
        try:
            events = obey(state, move, now)
        except CommandRefused:
            return state
        for event in events:
            state = apply(state, event)
        return state
    return advance(state, [move], now)[0]


def _shape(node: Node) -> Node:
    """Leave only the axes, so that the walk ends."""
    return Node(
        node.id,
        node.name,
        node.origin,
        liveness=node.liveness,
        trust=node.trust,
        readiness=node.readiness,
        readiness_reason=node.readiness_reason,
        streaming=node.streaming,
        host_key=node.host_key,
        offered_key=node.offered_key,
        drained=None if node.drained is None else Drain("fan", "ada", 0.0),
    )


def test_every_state_is_reachable() -> None:
    """No word of any axis is there in vain."""
    shapes = reached()
    assert {shape.liveness for shape in shapes} == set(Liveness)
    assert {shape.trust for shape in shapes} == set(Trust)
    assert {shape.readiness for shape in shapes} == set(Readiness)
    words = {row_word(shape, busy=busy) for shape in shapes for busy in (False, True)}
    assert words == set(RowWord)


def test_sequence_numbers_of_the_log_never_jump() -> None:
    """The log is append-only: clients tell by the number what is new."""
    log: tuple[LogEntry, ...] = ()
    for _ in range(3 * LOG_LENGTH):
        log = logged(log, [(Severity.INFO, "x"), (Severity.WARN, "y")], 0.0)
    assert len(log) == LOG_LENGTH
    assert all(b.seq == a.seq + 1 for a, b in pairwise(log))
