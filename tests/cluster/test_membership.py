"""Membership, case by case: what a briefcase does to its boards, and what the head makes of it."""

import pytest

from sciabc_tui.cluster.changes import HANDLES_KEPT, SightingRefused
from sciabc_tui.cluster.events import NodeRebooted
from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.joining import UNAPPROVED_LIMIT
from sciabc_tui.cluster.membership import advance, obey
from sciabc_tui.cluster.node import Facts, Liveness, Origin, Readiness, RowWord, Trust, row_word
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
    Observation,
    Probed,
    Remembered,
    ResumeNode,
    Sighted,
    StreamClosed,
    StreamOpened,
    Ticked,
    TwinSeen,
)
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from tests.cluster.builders import id_of, key, ordered, reading, ready, run, sighted

ONE = id_of("node01")
TWO = id_of("node02")


def word(state: State) -> RowWord:
    """Give the word that node01's row shows."""
    return row_word(state.nodes[ONE], busy=False)


def test_a_new_node_is_seen_approved_and_used_in_that_order() -> None:
    """Discovered is not trusted: only approval, login and a reading make a node schedulable."""
    state = run(State(), [sighted("node01")], 0.0)
    assert word(state) is RowWord.NEW
    state = run(state, [HostKeyRead(ONE, "10.77.0.11", key("a"))], 0.1)
    assert evidence(state.nodes[ONE], 0.2) == "key SHA256:a"
    state = ordered(state, ApproveHostKey(ONE, "SHA256:a", "ada"), 1.0)
    assert not state.nodes[ONE].schedulable
    state = run(state, [StreamOpened(ONE)], 1.5)
    assert not state.nodes[ONE].schedulable
    state = run(state, [reading(ONE, 1.6)], 1.6)
    assert state.nodes[ONE].schedulable
    assert word(state) is RowWord.READY


def test_a_silent_node_is_suspect_after_three_readings_and_dead_after_five() -> None:
    """The measured deadlines: suspect at 3 missed readings, dead at 5 when no probe is answered."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [Ticked()], 2.5)
    assert word(state) is RowWord.READY
    state = run(state, [Ticked()], 2.7)
    assert word(state) is RowWord.SUSPECT
    state = run(state, [Probed(ONE, answered=False, how="no route to host"), Ticked()], 4.5)
    assert word(state) is RowWord.SUSPECT
    state = run(state, [Ticked()], 4.7)
    assert word(state) is RowWord.DOWN
    assert evidence(state.nodes[ONE], 12.0) == "silent 12 s, no route to host"


def test_a_silent_node_whose_kernel_answers_is_stalled_not_dead() -> None:
    """A swap storm silences the stream, but ARP and TCP still answer: the node stays suspect and says so."""
    state = run(ready(State(), "node01", 0.0), [Ticked()], 3.1)
    for second in range(4, 60):
        found = Probed(ONE, answered=True, how="ssh port answers")
        state = run(state, [found, Ticked()], float(second))
    assert word(state) is RowWord.SUSPECT
    assert evidence(state.nodes[ONE], 59.0) == "stalled: silent 59 s, ssh port answers"
    state = run(state, [Ticked()], 62.0)
    assert word(state) is RowWord.DOWN


def test_a_reading_brings_a_dead_node_back_at_once() -> None:
    """A plugged cable: the first reading makes the node schedulable again, with no approval."""
    state = run(run(ready(State(), "node01", 0.0), [Ticked()], 3.1), [Ticked()], 5.1)
    assert state.nodes[ONE].liveness is Liveness.DEAD
    state = run(state, [StreamOpened(ONE), reading(ONE, 20.0)], 20.0)
    assert state.nodes[ONE].schedulable


def test_the_heads_own_stall_blames_nobody() -> None:
    """A head that was frozen for 10 s declares nobody suspect or dead."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [Ticked(late=10.0)], 11.0)
    assert word(state) is RowWord.READY
    state = run(state, [Ticked()], 14.2)
    assert word(state) is RowWord.SUSPECT


def test_a_goodbye_is_believed_only_without_a_live_stream() -> None:
    """Goodbyes are not authenticated: one for a node whose stream is alive changes nothing."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [Goodbye("mdns:node01")], 1.0)
    assert word(state) is RowWord.READY
    state = run(state, [StreamClosed(ONE, "connection reset")], 2.0)
    assert word(state) is RowWord.LEFT
    assert evidence(state.nodes[ONE], 4.0) == "said goodbye 2.0 s ago"


def test_a_goodbye_that_overtakes_readings_is_not_forgotten_with_them() -> None:
    """A head that was held up hears of the goodbye first, then of late readings, then of the stream's end."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [Goodbye("mdns:node01"), reading(ONE, 4.0)], 4.0)
    assert word(state) is RowWord.READY
    state = run(state, [StreamClosed(ONE, "connection reset")], 4.1)
    assert word(state) is RowWord.LEFT
    # and so does a login that was under way
    state = run(state, [StreamOpened(ONE, 1.0), StreamClosed(ONE, "connection reset")], 4.2)
    assert word(state) is RowWord.LEFT


@pytest.mark.parametrize("late", [False, True], ids=["silent at once", "a late reading"])
def test_a_node_that_goes_silent_after_its_goodbye_has_left(*, late: bool) -> None:
    """Its power went before its stream was closed; nobody has to look for it."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [Goodbye("mdns:node01")], 1.0)
    if late:
        state = run(state, [Ticked()], 3.1)
        assert word(state) is RowWord.SUSPECT
        state = run(state, [reading(ONE, 3.2)], 3.2)
        assert word(state) is RowWord.READY
    for now in (6.3, 8.3):
        state = run(state, [Ticked()], now)
    assert word(state) is RowWord.LEFT


@pytest.mark.parametrize("withdrawn", [sighted("node01"), FactsRead(ONE, Facts(boot_id="b"))])
def test_a_withdrawn_goodbye_explains_no_silence(withdrawn: Observation) -> None:
    """Avahi was restarted there, or the board; later the cable is pulled."""
    state = run(ready(State(), "node01", 0.0), [FactsRead(ONE, Facts(boot_id="a"))], 0.1)
    state = run(state, [Goodbye("mdns:node01"), withdrawn, reading(ONE, 1.0)], 1.0)
    for now in (4.1, 6.1):
        state = run(state, [Ticked()], now)
    assert word(state) is RowWord.DOWN


def test_a_closed_stream_makes_a_node_suspect_at_once() -> None:
    """A stream that ends without a goodbye is evidence, not yet death."""
    state = run(ready(State(), "node01", 0.0), [StreamClosed(ONE, "reset by peer")], 0.5)
    assert word(state) is RowWord.SUSPECT
    assert "stream closed: reset by peer" in evidence(state.nodes[ONE], 0.6)


def test_a_changed_host_key_stops_everything_until_it_is_forgotten() -> None:
    """A trusted node's address with another key is refused, explained, and never silently accepted."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [StreamClosed(ONE, "reset"), HostKeyRead(ONE, "10.77.0.11", key("evil"))], 1.0)
    assert state.nodes[ONE].trust is Trust.CHANGED
    assert word(state) is RowWord.REFUSED
    assert evidence(state.nodes[ONE], 1.0).startswith("host key changed (was SHA256:node01, is SHA256:evil)")
    with pytest.raises(CommandRefused, match="nodes forget node01"):
        obey(state, ApproveHostKey(ONE, "SHA256:evil", "ada"), 2.0)
    state = ordered(state, ForgetNode(ONE, "ada"), 3.0)
    state = run(state, [HostKeyRead(ONE, "10.77.0.11", key("evil"))], 3.5)
    state = ordered(state, ApproveHostKey(ONE, "SHA256:evil", "ada"), 4.0)
    assert state.nodes[ONE].trust is Trust.TRUSTED


def test_the_approved_key_returning_restores_the_trust() -> None:
    """An impostor that goes away again leaves no harm behind."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [StreamClosed(ONE, "reset"), HostKeyRead(ONE, "10.77.0.11", key("evil"))], 1.0)
    state = run(state, [HostKeyRead(ONE, "10.77.0.11", key("node01"))], 2.0)
    assert state.nodes[ONE].trust is Trust.TRUSTED


def test_an_impostors_key_does_not_disturb_a_live_stream() -> None:
    """Somebody at an announced address with another key changes nothing while the node itself is heard."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [HostKeyRead(ONE, "10.77.0.99", key("evil"))], 1.0)
    assert state.nodes[ONE].schedulable


def test_the_wrong_fingerprint_is_not_approved() -> None:
    """Approval names the very key that the person saw."""
    state = run(State(), [sighted("node01"), HostKeyRead(ONE, "10.77.0.11", key("a"))], 0.0)
    with pytest.raises(CommandRefused, match="shows SHA256:a, not SHA256:b"):
        obey(state, ApproveHostKey(ONE, "SHA256:b", "ada"), 1.0)


def test_a_node_back_with_another_address_and_name_is_the_same_node() -> None:
    """The host key is the identity: a second row dissolves into the node that holds the key."""
    state = ready(State(), "node01", 0.0)
    state = run(state, [StreamClosed(ONE, "reset"), Ticked()], 6.0)
    again = [sighted("node01-2", "10.77.0.55"), HostKeyRead(id_of("node01-2"), "10.77.0.55", key("node01"))]
    state = run(state, again, 10.0)
    assert set(state.nodes) == {ONE}
    assert state.nodes[ONE].address == "10.77.0.55"
    assert state.owners["mdns:node01-2"] == ONE


def test_swapped_cards_get_their_addresses_swapped() -> None:
    """After a common power cut two clones may come back with each other's name and address."""
    state = ready(ready(State(), "node01", 0.0, address="10.77.0.11"), "node02", 0.0, address="10.77.0.12")
    state = run(state, [StreamClosed(ONE, "reset"), StreamClosed(TWO, "reset")], 1.0)
    state = run(state, [HostKeyRead(ONE, "10.77.0.11", key("node02"))], 2.0)
    state = run(state, [HostKeyRead(TWO, "10.77.0.12", key("node01"))], 2.1)
    assert state.nodes[ONE].address == "10.77.0.12"
    assert state.nodes[TWO].address == "10.77.0.11"
    assert {node.trust for node in state.nodes.values()} == {Trust.TRUSTED}


def test_a_refused_login_names_its_reason_and_is_not_death() -> None:
    """A node that answers but does not let the head in is there, and its row says what to do."""
    state = run(State(), [sighted("node01"), HostKeyRead(ONE, "10.77.0.11", key("a"))], 0.0)
    state = ordered(state, ApproveHostKey(ONE, "SHA256:a", "ada"), 1.0)
    for second in range(2, 60, 4):
        state = run(state, [LoginRefused(ONE, "login refused: ssh-copy-id pi@10.77.0.11")], float(second))
        state = run(state, [Ticked()], float(second) + 3.0)
    assert word(state) is RowWord.REFUSED
    assert evidence(state.nodes[ONE], 60.0) == "login refused: ssh-copy-id pi@10.77.0.11"


def test_drain_and_resume_are_an_axis_of_their_own() -> None:
    """A drained node stays alive and trusted, only takes no jobs."""
    state = ordered(ready(State(), "node01", 0.0), DrainNode(ONE, "fan broken", "pi"), 1.0)
    assert word(state) is RowWord.DRAINED
    assert not state.nodes[ONE].schedulable
    assert evidence(state.nodes[ONE], 1.0) == '"fan broken" by pi'
    assert ordered(state, ResumeNode(ONE, "pi"), 2.0).nodes[ONE].schedulable


def test_the_head_is_a_node_that_needs_no_approval_and_can_not_be_forgotten() -> None:
    """The head computes too; it is trusted by itself and never declared silent."""
    state = run(State(), [HeadSighted("headnode", ("10.77.0.1",), 4), reading(HEAD, 0.0)], 0.0)
    assert state.nodes[HEAD].schedulable
    state = run(state, [Ticked()], 1000.0)
    assert state.nodes[HEAD].schedulable
    with pytest.raises(CommandRefused, match="can't be forgotten"):
        obey(state, ForgetNode(HEAD, "ada"), 1.0)


def test_a_remembered_node_is_not_alive_until_it_is_heard() -> None:
    """What was approved yesterday is trusted today, but nobody claims that it is there."""
    state = run(State(), [Remembered(ONE, "node01", key("a"), ("10.77.0.11",))], 0.0)
    assert word(state) is RowWord.SUSPECT
    assert evidence(state.nodes[ONE], 1.0) == "not seen since the head service started"
    state = run(state, [Ticked()], 26.0)
    assert word(state) is RowWord.DOWN
    state = run(state, [sighted("node01"), StreamOpened(ONE), reading(ONE, 30.0)], 30.0)
    assert state.nodes[ONE].schedulable
    assert set(state.nodes) == {ONE}


def test_a_forgotten_node_that_is_gone_disappears() -> None:
    """Forgetting a board that nothing announces removes its row."""
    state = run(State(), [Remembered(ONE, "node01", key("a"))], 0.0)
    state = ordered(state, ForgetNode(ONE, "ada"), 1.0)
    assert not state.nodes


def test_a_forgotten_node_that_is_present_starts_anew() -> None:
    """Its stream no longer counts, and it is not schedulable until it is approved again."""
    state = ordered(ready(State(), "node01", 0.0), ForgetNode(ONE, "ada"), 1.0)
    state = run(state, [reading(ONE, 1.5)], 1.5)
    assert word(state) is RowWord.NEW
    assert not state.nodes[ONE].schedulable


def test_announcements_update_a_node_but_never_its_liveness() -> None:
    """An announcement is believed for joining, never for staying alive: records live for 75 minutes."""
    state = run(run(ready(State(), "node01", 0.0), [Ticked()], 3.1), [Ticked()], 5.1)
    state = run(state, [Sighted("mdns:node01", Origin.MDNS, "node01", ("10.77.0.77",), slots=2)], 6.0)
    node = state.nodes[ONE]
    assert node.liveness is Liveness.DEAD
    assert (node.address, node.slots) == ("10.77.0.77", 2)


def test_two_nodes_of_one_name_are_told_apart() -> None:
    """A name on the screen stands for one node."""
    first = Sighted("mdns:a", Origin.MDNS, "raspberrypi", ("10.77.0.11",))
    second = Sighted("mdns:b", Origin.MDNS, "raspberrypi", ("10.77.0.12",))
    state = run(State(), [first, second], 0.0)
    assert {node.name for node in state.nodes.values()} == {"raspberrypi", "raspberrypi-2"}


def test_a_flood_of_announcements_is_bounded() -> None:
    """Ten thousand fakes do not fill the memory, and the log says what was refused."""
    fakes: list[Observation] = [sighted(f"fake{number}") for number in range(10_000)]
    state, events = advance(State(), fakes, 0.0)
    assert len(state.nodes) == UNAPPROVED_LIMIT
    assert any(isinstance(event, SightingRefused) for event in events)


def test_readiness_is_unprovisioned_until_the_first_reading() -> None:
    """Nothing is claimed about a node before it was measured."""
    state = run(State(), [sighted("node01")], 0.0)
    assert state.nodes[ONE].readiness is Readiness.UNPROVISIONED
    assert state.nodes[ONE].slots == 0


def test_a_board_that_comes_and_goes_takes_no_jobs_until_it_stays() -> None:
    """Flapping is damped: three returns in two minutes, then half a minute of calm."""
    state = ready(State(), "node01", 0.0)
    for number in range(3):
        at = 10.0 * (number + 1)
        state = run(state, [StreamClosed(ONE, "reset")], at)
        state = run(state, [StreamOpened(ONE), reading(ONE, at + 1.0)], at + 1.0)
    assert state.nodes[ONE].damped
    assert not state.nodes[ONE].schedulable
    assert word(state) is RowWord.SUSPECT
    assert "came and went 3 times" in evidence(state.nodes[ONE], 32.0)
    for second in range(32, 62):
        state = run(state, [reading(ONE, float(second)), Ticked()], float(second))
    assert state.nodes[ONE].schedulable


def test_a_head_that_starts_makes_no_board_flap() -> None:
    """That it hears a board it remembers is not one of the three returns."""
    state = run(State(), [Remembered(ONE, "node01", key("node01"), ("10.77.0.11",))], 0.0)
    for number in range(3):
        at = 10.0 * (number + 1)
        contact = HostKeyRead(ONE, "10.77.0.11", key("node01"))
        state = run(state, [contact, StreamOpened(ONE), reading(ONE, at)], at)
        assert state.nodes[ONE].schedulable
        state = run(state, [StreamClosed(ONE, "reset")], at + 5.0)
    assert not state.nodes[ONE].damped


def test_a_reboot_is_told_apart_from_a_pulled_cable() -> None:
    """Another boot id says that the kernel started anew: what ran there is gone."""
    state = run(ready(State(), "node01", 0.0), [FactsRead(ONE, Facts(cores=4, boot_id="a"))], 1.0)
    state, events = advance(state, [FactsRead(ONE, Facts(cores=4, boot_id="a", mpi="Open MPI 5"))], 2.0)
    assert not any(isinstance(event, NodeRebooted) for event in events)
    state, events = advance(state, [FactsRead(ONE, Facts(cores=4, boot_id="b"))], 3.0)
    assert any(isinstance(event, NodeRebooted) for event in events)
    assert state.nodes[ONE].trend == ()


def test_a_cloned_card_is_shown_and_takes_no_jobs() -> None:
    """Two boards with one host key: nobody knows which one would get the job."""
    state = run(ready(State(), "node01", 0.0), [TwinSeen(ONE, "10.77.0.99")], 1.0)
    assert word(state) is RowWord.REFUSED
    assert not state.nodes[ONE].schedulable
    assert "same host key also at 10.77.0.99" in evidence(state.nodes[ONE], 1.0)
    assert "ssh-keygen -A" in evidence(state.nodes[ONE], 1.0)
    state = run(state, [TwinSeen(ONE, "")], 2.0)
    assert state.nodes[ONE].schedulable


def test_namesakes_are_told_apart_and_named() -> None:
    """Two boards with one host name work, but their rows say so."""
    state = ready(ready(State(), "node01", 0.0), "node02", 0.0, address="10.77.0.12")
    facts = Facts(cores=4, host_name="raspberrypi")
    state = run(state, [FactsRead(ONE, facts), FactsRead(TWO, facts)], 1.0)
    assert state.nodes[TWO].namesake == "node01"
    assert evidence(state.nodes[TWO], 1.0).endswith("; calls itself as node01 does")


def test_being_spoken_of_wakes_only_who_is_not_there() -> None:
    """An announcement without news is worth a new try for a dead node, and nothing for a live one."""
    state = ready(State(), "node01", 0.0)
    assert advance(state, [Heard("mdns:node01")], 1.0)[1] == ()
    state = run(run(state, [Ticked()], 3.1), [Ticked()], 5.1)
    state = run(state, [Heard("mdns:node01")], 6.0)
    assert state.nodes[ONE].announced_at == 6.0
    assert word(state) is RowWord.DOWN


def test_a_stranger_that_went_away_is_let_go() -> None:
    """What nobody approved and nobody hears holds no place for long; a trusted node is kept."""
    state = run(ready(State(), "node01", 0.0), [sighted("fake", "10.77.0.66")], 0.0)
    for second in range(10, 120, 5):
        state = run(state, [Ticked()], float(second))
    assert set(state.nodes) == {ONE}
    assert "mdns:fake" not in state.owners


def test_one_board_under_ever_new_names_fills_no_memory() -> None:
    """Each name dissolves into the board that holds the key, and only the newest are remembered."""
    state = ready(State(), "node01", 0.0)
    for number in range(100):
        name = f"alias{number}"
        state = run(
            state, [sighted(name), HostKeyRead(id_of(name), "10.77.0.11", key("node01"))], 1.0 + number
        )
    assert list(state.nodes) == [id_of("node01")]
    assert len(state.owners) == HANDLES_KEPT
    assert "mdns:alias99" in state.owners


def test_when_a_key_changed_is_known() -> None:
    """The row says since when the key is another; the approved key takes that back."""
    state = ready(State(), "node01", 0.0)
    node = id_of("node01")
    state = run(state, [StreamClosed(node, "gone"), HostKeyRead(node, "10.77.0.11", key("other"))], 20.0)
    assert (state.nodes[node].trust, state.nodes[node].offered_at) == (Trust.CHANGED, 20.0)
    state = run(state, [HostKeyRead(node, "10.77.0.11", key("other"))], 30.0)
    assert state.nodes[node].offered_at == 20.0
    state = run(state, [HostKeyRead(node, "10.77.0.11", key("node01"))], 40.0)
    assert state.nodes[node].offered_at is None
