"""What nodes said is put together: the same once, live, and in bounded memory."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.gather import LONGEST, Gathering, Group

TEXTS = st.sampled_from([b"", b"a\n", b"a\nb\n", b"a\nb", b"b\n", b"a\n\nb\n", b"\xff\n"])


def names(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    """Give the nodes of each group."""
    return [group.nodes for group in groups]


def test_the_same_is_shown_once_and_the_largest_group_first() -> None:
    """Nodes stand in their natural order."""
    gathering = Gathering(())
    for node in ("node10", "node2", "node1"):
        gathering.said(node, b"same\n")
        gathering.ended(node, code=0)
    gathering.said("node3", b"other\n")
    gathering.ended("node3", code=0)
    groups = gathering.groups()
    assert names(groups) == [("node1", "node2", "node10"), ("node3",)]
    assert [group.out() for group in groups] == [("same",), ("other",)]


@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers(0, 1)), min_size=1, max_size=8), st.data())
def test_how_it_was_cut_and_mingled_does_not_matter(
    said: list[tuple[bytes, bytes, int]], data: st.DataObject
) -> None:
    """Two nodes are in one group exactly if lines of both outputs and the status are the same."""
    gathering = Gathering(f"n{i}" for i in range(len(said)))
    for number, (out, err, code) in enumerate(said):
        pieces = [(out[i : i + 1], False) for i in range(len(out))]
        pieces += [(err[i : i + 1], True) for i in range(len(err))]
        if data.draw(st.booleans()):
            pieces = [(out, False), (err, True)]
        elif data.draw(st.booleans()):
            pieces.sort(key=lambda piece: not piece[1])
        for piece, is_err in pieces:
            gathering.said(f"n{number}", piece, err=is_err)
        gathering.ended(f"n{number}", ok=not code, code=code)
    groups = gathering.groups()
    of = {node: group for group in groups for node in group.nodes}

    def lines(text: bytes) -> list[bytes]:
        return text.removesuffix(b"\n").split(b"\n") if text else []

    for i, one in enumerate(said):
        for j, other in enumerate(said):
            same = (lines(one[0]), lines(one[1]), one[2]) == (lines(other[0]), lines(other[1]), other[2])
            assert (of[f"n{i}"] is of[f"n{j}"]) == same


def test_a_node_that_runs_is_apart_from_one_that_is_over() -> None:
    """What it said so far is there, without the line that it has only begun."""
    gathering = Gathering(["a", "b"])
    gathering.said("a", b"x\ny")
    gathering.said("b", b"x\n")
    gathering.ended("b", code=0)
    assert gathering.running == ("a",)
    assert gathering.over == 1
    assert [(g.nodes, g.outcome.running, g.out()) for g in gathering.groups()] == [
        (("a",), True, ("x",)),
        (("b",), False, ("x",)),
    ]


def test_the_last_lines_can_be_had_alone() -> None:
    """A live view of a long output costs what it shows."""
    gathering = Gathering(["a"])
    gathering.said("a", b"".join(b"%d\n" % i for i in range(1000)))
    group = gathering.groups()[0]
    assert (group.count, group.out(2), len(group.out())) == (1000, ("998", "999"), 1000)


def test_a_crowd_that_says_the_same_costs_as_much_as_one() -> None:
    """All of it is kept, although each alone would fill what may be kept."""
    text = b"".join(b"line %d\n" % i for i in range(100))
    gathering = Gathering((), most=60_000)
    for i in range(500):
        gathering.said(f"n{i}", text)
        gathering.ended(f"n{i}", code=0)
    (group,) = gathering.groups()
    assert (len(group.nodes), group.lost, group.count) == (500, 0, 100)


def test_what_is_too_much_is_counted_compared_and_not_kept() -> None:
    """Nodes that differ only in what was not kept are in different groups, as are those that said more."""
    flood = b"0123456789\n" * 10_000
    gathering = Gathering((), most=100_000)
    for node, more in (("a", b"x\n"), ("b", b"x\n"), ("c", b"y\n"), ("d", b"")):
        for i in range(0, len(flood), 7777 if node == "a" else 50_000):
            gathering.said(node, flood[i : i + (7777 if node == "a" else 50_000)])
        gathering.said(node, more)
        gathering.ended(node, code=0)
    groups = gathering.groups()
    assert names(groups) == [("a", "b"), ("c",), ("d",)]
    kept = groups[0].count
    assert 0 < kept < 300
    assert groups[0].lost == len(flood) + 2 - 11 * kept


@given(
    st.binary(max_size=40).map(lambda data: data * 30), st.lists(st.integers(0, 1200)), st.integers(0, 900)
)
def test_what_is_lost_does_not_hang_on_how_it_was_cut(data: bytes, cuts: list[int], most: int) -> None:
    """Wherever the room ends, a node that says the same in other pieces is in the same group."""
    gathering = Gathering(["a", "b", "c"], most=most)
    marks = [0, *sorted(cuts), len(data)]
    for begin, end in pairwise(marks):
        gathering.said("a", data[begin:end])
    gathering.said("b", data)
    for byte in data:
        gathering.said("c", bytes([byte]))
    for node in "abc":
        gathering.ended(node)
    assert names(gathering.groups()) == [("a", "b", "c")]


def test_a_line_without_end_is_broken() -> None:
    """A program that writes no newline can't fill the memory; the pieces are the same however they came."""
    gathering = Gathering(["a", "b"])
    for _ in range(3):
        gathering.said("a", b"x" * LONGEST)
    gathering.said("b", b"x" * LONGEST * 3)
    gathering.ended("a", code=0)
    gathering.ended("b", code=0)
    (group,) = gathering.groups()
    assert [len(line) for line in group.out()] == [LONGEST] * 3


def test_bytes_that_are_no_text_are_spelt() -> None:
    """Two different bytes do not look the same, and the line ends of other systems are none."""
    gathering = Gathering(["a"])
    gathering.said("a", b"\xff\xc3\xa4\r\n")
    assert gathering.groups()[0].out() == ("\\xffä",)


def test_failures_that_are_the_same_are_one_group() -> None:
    """What came of it and the next step are told once."""
    gathering = Gathering(["a", "b", "c"])
    for node in "ab":
        gathering.ended(node, ok=False, text="no answer", fix="Next: plug it in")
    gathering.ended("c", ok=False, text="no key")
    assert names(gathering.groups()) == [("a", "b"), ("c",)]
