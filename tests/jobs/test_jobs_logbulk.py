"""Output that is recognised as a whole."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.logbulk import Tagged, TagPattern, Untagged
from jobs.logstore import PIECE_BYTES, Speaker, Stream, parse_line

AT = b"2026-11-21T14:03:11.123Z"
TAG = re.compile(rb"\[\d{1,10},(\d{1,9})\]<std(out|err|diag)>: ")
PATTERN = TagPattern(TAG, b"]<std", Stream.OUT)
OLD_TAG = re.compile(rb"\[\d{1,10},(\d{1,9})\]<std(out|err|diag)>:")
OLD = TagPattern(OLD_TAG, b"]<std", Stream.OUT)

_TEXTS = st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"").replace(b"]<std", b""))
_RANKS = st.integers(0, 30)
_STREAMS = st.sampled_from(["out", "err"])


def _tag(rank: int, stream: str) -> bytes:
    return f"[1,{rank}]<std{stream}>: ".encode()


def _records(tagged: Tagged) -> list[tuple[Speaker, bytes]]:
    lines = [parse_line(record) for record in bytes(tagged.records(AT)).split(b"\n")[:-1]]
    assert not any(line.joined for line in lines)
    return [((line.rank, line.stream), line.text) for line in lines]


@given(st.lists(st.tuples(_RANKS, _STREAMS, _TEXTS), min_size=1, max_size=60))
def test_every_line_keeps_its_rank_stream_and_text(lines: list[tuple[int, str, bytes]]) -> None:
    """However many ranks speak: the records are the lines, in their order, byte for byte."""
    tagged = PATTERN.whole(b"".join(_tag(rank, stream) + text + b"\n" for rank, stream, text in lines))
    assert tagged is not None
    assert _records(tagged) == [((rank, Stream(stream)), text) for rank, stream, text in lines]


@given(st.lists(st.lists(_TEXTS, min_size=1, max_size=4), min_size=1, max_size=20))
def test_a_tag_within_its_own_line_is_no_text(lines: list[list[bytes]]) -> None:
    """Open MPI 4.1 tags what it happens to read: words of one rank behind each other are one line."""
    tag = b"[1,3]<stdout>:"
    tagged = OLD.whole(b"".join(b"".join(tag + text for text in texts) + b"\n" for texts in lines))
    assert tagged is not None
    assert _records(tagged) == [((3, Stream.OUT), b"".join(texts)) for texts in lines]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"mpirun's own words\n",
        b"[1,0]<stdout>: a\nmpirun's own words\n",
        b"[1,0]<stdout>: a\n[1,1]<stdout>: b[1,0]<stdout>: c\n",
        b"[1,0]<stdout>: a[1,1]<stdout>: b\n[1,0]<stdout>: c\n",
        b"[1,0]<stdout>: a]<std\n",
        b"x[1,0]<stdout>: a\n",
        b"[1,0]<stdout>: a\n x[1,0]<stdout>: b\n",
        b"[1,0][1,0]<stdout>: a\n[1,0]<stdout>: b\n",
        b"[1,0]<stdout>: " + b"x" * PIECE_BYTES + b"\n",
    ],
)
def test_what_may_be_another_s_words_is_left_to_be_sorted_out(data: bytes) -> None:
    """Nothing is guessed: one line that is not plain, or too long for a record, and there is no answer."""
    assert PATTERN.whole(data) is None


def test_a_tag_without_a_stream_means_the_launcher_s_own() -> None:
    """MPICH keeps standard output and error apart as its own."""
    pattern = TagPattern(re.compile(rb"\[1,(\d{1,9})\]<std()>:"), b"]<std", Stream.ERR)
    tagged = pattern.whole(b"[1,2]<std>:a\n[1,10]<std>:b\n")
    assert tagged is not None
    assert _records(tagged) == [((2, Stream.ERR), b"a"), ((10, Stream.ERR), b"b")]


def test_the_last_words_on_standard_error_can_be_told() -> None:
    """They may say why a job failed; there are never more than asked for."""
    data = b"".join(_tag(n % 3, "err" if n % 3 else "out") + b"%d\n" % n for n in range(9))
    tagged = PATTERN.whole(data)
    assert tagged is not None
    assert tagged.errors(5) == [b"4", b"5", b"7", b"8"]
    quiet = PATTERN.whole(b"[1,0]<stdout>: a\n")
    assert quiet is not None
    assert quiet.errors(5) == []


@given(st.lists(st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"")), min_size=1))
def test_words_without_tags_are_one_speaker_s(lines: list[bytes]) -> None:
    """Byte for byte, whatever they look like."""
    tagged = Untagged((0, Stream.OUT)).whole(b"".join(text + b"\n" for text in lines))
    assert tagged is not None
    assert _records(tagged) == [((0, Stream.OUT), text) for text in lines]


def test_words_without_tags_may_be_too_long() -> None:
    """For a record, or to say anything of nothing."""
    untagged = Untagged((0, Stream.OUT))
    assert untagged.whole(b"") is None
    assert untagged.whole(b"x" * PIECE_BYTES + b"\n") is None


def test_an_error_that_was_tagged_in_pieces_is_read_whole() -> None:
    """Why a rank failed must be found also when the launcher read its last words in two."""
    tag = b"[1,1]<stderr>:"
    tagged = TagPattern(OLD_TAG, b"]<std", Stream.ERR).whole(
        tag + b"Value" + tag + b"Error: boo\n" + tag + b"end\n"
    )
    assert isinstance(tagged, Tagged)
    assert tagged.errors(10) == [b"ValueError: boo", b"end"]


@pytest.mark.parametrize(
    ("printed", "begun", "whole", "left"),
    [
        (b"{0}a\n{1}b\n", {}, b"{0}a\n{1}b\n", {}),
        (b"{0}a{1}b\n{0}c\n", {}, b"{1}b\n{0}ac\n", {}),
        (b"{0}a{1}b{0}c\n{1}d\n", {}, b"{0}ac\n{1}bd\n", {}),
        (b"{0}a{0}b{0}c\n", {}, b"{0}abc\n", {}),
        (b"{1}b\n{0}c\n{0}d\n", {0: b"a"}, b"{1}b\n{0}ac\n{0}d\n", {}),
        (b"{1}b\n{1}c{2}d\n", {0: b"a"}, b"{1}b\n{2}d\n", {0: b"a", 1: b"c"}),
        (b"own\n{0}a{1}b\n", {}, b"own\n{1}b\n", {0: b"a"}),
        (b"[1,0]<st{1}b\n", {}, b"{1}b\n", {None: b"[1,0]<st"}),
    ],
)
def test_lines_that_break_off_are_put_together(
    printed: bytes, begun: dict[int, bytes], whole: bytes, left: dict[int | None, bytes]
) -> None:
    """Each ends where its rank ended it; what nobody has ended is left for later."""

    def tag(rank: int | None) -> bytes:
        return b"" if rank is None else b"[1,%d]<stdout>:" % rank

    def tagged(text: bytes) -> bytes:
        return re.sub(rb"\{(\d)\}", lambda found: tag(int(found[1])), text)

    found = OLD.joined(tagged(printed), {tag(rank): words for rank, words in begun.items()})
    assert found == (tagged(whole), {tag(rank): words for rank, words in left.items()})


def test_tags_without_number_are_not_searched_for() -> None:
    """A program may print any number of them: to look for each from each on would take for ever."""
    tags = [b"[1,%d]<stdout>:x" % rank for rank in range(5000)]
    assert OLD.joined(b"".join(tags) + b"\n", {}) is None
