"""What the log says when much happens at once."""

from sciabc_tui.cluster.changes import HeadDescribed
from sciabc_tui.cluster.events import NodeLost, NodeReadied, NodeReturned
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.narrator import Narrator
from sciabc_tui.cluster.node import Node, Origin
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Head, Severity
from sciabc_tui.cluster.wording import Names

IDS = [NodeId(f"n{number}") for number in range(750)]
NAMES = Names({node: Node(node, f"node{number:03d}", Origin.MDNS) for number, node in enumerate(IDS)})


def test_two_losses_are_two_lines() -> None:
    """Two boards may well fail for two reasons."""
    lines = Narrator().tell([NodeLost(node, 1.0, "no route") for node in IDS[:2]], NAMES, 1.0)
    assert [text for _, text in lines] == ["node000 down: silent, no route", "node001 down: silent, no route"]


def test_many_losses_are_one_alarm_and_one_closing_line() -> None:
    """750 boards behind a dead switch: the question for the switch, and in the end how many there were."""
    narrator = Narrator()
    first = narrator.tell([NodeLost(node, 1.0, "x") for node in IDS[:400]], NAMES, 1.0)
    assert len(first) == 3
    assert first[2] == (Severity.ERROR, "3 nodes lost together: switch or power? (node[000-002])")
    assert narrator.tell([NodeLost(node, 4.0, "x") for node in IDS[400:]], NAMES, 4.0) == []
    assert narrator.due(8.0) == []
    (last,) = narrator.due(9.5)
    assert last == (Severity.ERROR, "750 nodes lost together: switch or power? within 3.0 s (node[000-749])")
    assert narrator.due(20.0) == []


def test_losses_with_time_between_them_do_not_belong_together() -> None:
    """A board a minute is no common cause."""
    narrator = Narrator()
    for number, node in enumerate(IDS[:6]):
        (line,) = narrator.tell([NodeLost(node, number * 60.0, "x")], NAMES, number * 60.0)
        assert line[1].startswith(f"node00{number} down")


def test_kinds_are_counted_apart() -> None:
    """A board that returns is not lost."""
    narrator = Narrator()
    narrator.tell([NodeLost(node, 1.0, "x") for node in IDS[:2]], NAMES, 1.0)
    (line,) = narrator.tell([NodeReturned(IDS[5], 2.0, "reading")], NAMES, 2.0)
    assert line[1] == "node005 is back: reading"


def test_the_head_is_not_one_of_the_nodes_that_came_together() -> None:
    """The head at its start and two boards are no common cause, and each has its line."""
    lines = Narrator().tell([NodeReadied(HEAD), *(NodeReadied(node) for node in IDS[:2])], NAMES, 1.0)
    assert [text for _, text in lines] == ["head ready", "node000 ready", "node001 ready"]


def test_the_start_of_the_service_is_told() -> None:
    """Whoever reads the events later sees where one run of the service ends and the next begins."""
    assert Narrator().tell([HeadDescribed(Head(version="1.2.3"))], NAMES, 1.0) == [
        (Severity.INFO, "head service 1.2.3 started")
    ]
