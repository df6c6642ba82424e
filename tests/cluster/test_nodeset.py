"""Node sets fold and unfold, and what is none is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.nodeset import fold, unfold

NAMES = st.from_regex(r"[a-z]{1,3}[0-9]{0,3}(-[a-z]{1,2})?", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("node01", "node01"),
        ("head,node[01-03,07]", "head node01 node02 node03 node07"),
        ("pi[9-11]", "pi9 pi10 pi11"),
        ("r[1-2]-a, b", "r1-a r2-a b"),
        ("a,a,a", "a"),
    ],
)
def test_sets_are_read(text: str, names: str) -> None:
    """ClusterShell's notation, with the width of the first number."""
    assert list(unfold(text)) == names.split()


@pytest.mark.parametrize("text", ["", "a,,b", "a b", "n[", "n]", "n[]", "n[1-]", "n[3-1]", "n[x]", "[[1]]"])
def test_what_is_no_set_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"node set|range|backwards"):
        unfold(text)


def test_a_slip_of_the_finger_fills_no_memory() -> None:
    """A range of a billion is refused before it is written out."""
    for text in ("n[0-999999999]", ",".join(f"{letter}[0-9999]" for letter in "ab")):
        with pytest.raises(ValueError, match="more than 10000"):
            unfold(text)


@given(st.sets(NAMES, min_size=1, max_size=30))
def test_folding_and_unfolding_is_the_same_set(names: set[str]) -> None:
    """Whatever the names are."""
    assert set(unfold(fold(names))) == names
