"""Node sets with groups and operators mean what ClusterShell says they mean."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.groups import GROUPS, check, has_group, plain, select
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Drain, Liveness, Node, Origin, Readiness, Trust
from sciabc_tui.errors import NotFound


def node(name: str, **more: object) -> Node:
    """Make a schedulable node, but for what is said."""
    fine = Node(
        NodeId(f"n-{name}"), name, Origin.MDNS, trust=Trust.TRUSTED, readiness=Readiness.READY, streaming=True
    )
    return replace(fine, **more)


NODES = (
    node("head", origin=Origin.LOCAL, id=NodeId("head")),
    node("node1"),
    node("node2", drained=Drain("fan", "ada", 0.0)),
    node("node3", liveness=Liveness.DEAD),
    node("node4", trust=Trust.UNKNOWN, readiness=Readiness.UNPROVISIONED),
    node("node10", liveness=Liveness.SUSPECT),
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@all", "head node1 node2 node3 node4 node10"),
        ("@up", "head node1 node2 node4 node10"),
        ("@schedulable", "head node1"),
        ("@drained", "node2"),
        ("@new", "node4"),
        ("@down", "node3"),
        ("@head", "head"),
        ("@up!@drained", "head node1 node4 node10"),
        ("@up & node[1-3]", "node1 node2"),
        ("@down,@new", "node3 node4"),
        ("@all!node[1-4]!head", "node10"),
        ("node[1-3]^node[2-4]", "node1 node4"),
        ("node1!node1,node2", "node2"),
        ("node[1,3-4]", "node1 node3 node4"),
        ("n-node2,node1", "node2 node1"),
        ("@drained&@down", ""),
    ],
)
def test_what_is_meant(text: str, names: str) -> None:
    """Operators are worked off from left to right; an id is as good as a name."""
    assert list(select(text, NODES)) == names.split()


@pytest.mark.parametrize(
    "text", ["", "@all!", "!node1", "@all,,node1", "node1 & ", "node[3-1]", "@all node1"]
)
def test_what_is_no_node_set_is_refused(text: str) -> None:
    """Before anybody is asked, and likewise when it is worked off."""
    with pytest.raises(ValueError, match=r"node set|backwards|group"):
        check(text)
    with pytest.raises(ValueError, match=r"node set|backwards|group"):
        select(text, NODES)


def test_an_unknown_group_names_the_known_ones() -> None:
    """One line, with the next step."""
    with pytest.raises(ValueError, match=r"no group @rack1\. Next: one of @all @up .* @head$"):
        check("node1,@rack1")


def test_an_unknown_node_is_named() -> None:
    """Also where it would only be taken away: a slip of the finger there leaves a node in."""
    with pytest.raises(NotFound, match=r"There is no node node7\. Next: "):
        select("@up!node7", NODES)


def test_two_nodes_of_one_name_are_told_apart() -> None:
    """A group gives their ids; a name alone stays as it was written."""
    twins = (node("pi", id=NodeId("n-1")), node("pi", id=NodeId("n-2")), node("pj"))
    assert select("@all", twins) == ("n-1", "n-2", "pj")
    assert select("pi", twins) == ("pi",)


NAMES = [f"n{i}" for i in range(1, 7)]
SETS = st.sets(st.sampled_from(NAMES), min_size=1)


@given(SETS, st.lists(st.tuples(st.sampled_from(",!&^"), SETS), max_size=5))
def test_operators_are_those_of_sets(first: set[str], rest: list[tuple[str, set[str]]]) -> None:
    """Without groups no state is needed, and both ways give the same."""
    text, expected = ",".join(sorted(first)), set(first)
    # a comma inside a set would be an operator of its own: single names there, or a range
    for operator, names in rest:
        for name in sorted(names) if operator != "&" else sorted(names)[:1]:
            text += f"{operator}{name}"
            match operator:
                case ",":
                    expected |= {name}
                case "!":
                    expected -= {name}
                case "&":
                    expected &= {name}
                case _:
                    expected ^= {name}
    assert not has_group(text)
    assert set(plain(text)) == expected
    assert set(select(text, [node(name) for name in NAMES])) == expected


def test_every_group_holds_for_some_node_and_not_for_another() -> None:
    """None is empty by mistake."""
    for name, holds in GROUPS.items():
        found = [holds(each) for each in NODES]
        assert any(found)
        assert name == "all" or not all(found)
