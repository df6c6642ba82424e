"""Recognise output in which nothing is to be sorted out, and format it as a whole.

Nearly all that a launcher prints is whole lines, each behind one tag. To look at each of a million of them
costs 2 us a line here; to find out for 64 KiB at once that all are so, and to put the records' beginnings in
place of the tags, costs a tenth of that.

What Open MPI 4.1 and MPICH leave in the middle of a line, every 4 KiB, is put together first.
"""

import re
from collections.abc import Mapping
from itertools import islice, pairwise
from typing import NamedTuple

from jobs.logstore import PIECE_BYTES, Speaker, Stream, head_of

# How many different tags are replaced by passes over the whole; with more, one pass asks a table each time.
_FEW = 12

MOST_BREAKS = 128
"""How many lines that break off are put together at once.

A launcher that reads on every few KiB breaks off fewer. A program that prints tags of its own could have any
number, and each is searched for from each break on.
"""


class Tagged(NamedTuple):
    """Whole lines, each of which begins with one of these tags and goes on in that speaker's words only.

    Attributes:
        data: The lines as the launcher printed them.
        speakers: For each tag the rank and stream; the tag is empty if only one speaks, without any.
        again: Whether the only tag stands within lines too, where the launcher read on.
    """

    data: bytes
    speakers: Mapping[bytes, Speaker]
    again: bool = False

    def records(self, at: bytes) -> memoryview:
        """Write the lines as records; ``at`` comes from ``stamp``."""
        heads = {tag: head_of(at, who) for tag, who in self.speakers.items()}
        data = b"\n" + self.data
        if len(heads) <= _FEW:
            for tag, head in heads.items():
                data = data.replace(b"\n" + tag, b"\n" + head)
        else:
            any_tag = b"|".join(map(re.escape, sorted(heads, key=len, reverse=True)))
            data = re.sub(b"\n(" + any_tag + b")", lambda found: b"\n" + heads[found[1]], data)
        if self.again:
            data = data.replace(next(iter(heads)), b"")
        # without a tag, one head too many stands behind the last newline
        return memoryview(data)[1 : len(data) - len(heads.get(b"", b""))]

    def errors(self, limit: int) -> list[bytes]:
        """Give the texts on standard error among the last lines, of which there are ``limit`` at most."""
        tags = tuple(tag for tag, (_, stream) in self.speakers.items() if stream is Stream.ERR)
        if not tags:
            return []
        lines = self.data.split(b"\n")[-limit - 1 : -1]
        texts = ((line.removeprefix(tag), tag) for line in lines for tag in tags if line.startswith(tag))
        return [text.replace(tag, b"") if self.again else text for text, tag in texts]


class Untagged:
    """One speaker's words, which no launcher has marked."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def whole(self, data: bytes) -> Tagged | None:
        """Return the lines, if none of them can be too long for a record.

        Args:
            data: Whole lines.
        """
        return Tagged(data, {b"": self._speaker}) if data and len(data) <= PIECE_BYTES else None


class TagPattern:
    """What the tags of a launcher look like."""

    def __init__(self, tag: re.Pattern[bytes], mark: bytes, own: Stream) -> None:
        """Take how a tag is read: two groups, the rank and the stream.

        Args:
            tag: Matches a tag. What is neither ``out`` nor nothing in the second group means standard error.
            mark: What each tag holds, and hardly any text.
            own: Where the launcher printed it; holds for tags that don't name the stream.
        """
        self._own = own
        self._tag = tag
        self._mark = mark
        self._begin = re.compile(rb"\n" + tag.pattern.replace(b"(", b"(?:"))
        self._known: dict[bytes, Speaker] = {}

    def whole(self, data: bytes) -> Tagged | None:
        """Return the lines if each is of the one who is named at its begin; None if one may not be.

        Args:
            data: Whole lines.
        """
        if len(data) > PIECE_BYTES or (first := self._tag.match(data)) is None:
            return None
        lines, tags = data.count(b"\n"), data.count(self._mark)
        if tags < lines:
            return None
        tag = first[0]
        if data.count(b"\n" + tag) == lines - 1 and (tags == lines or data.count(tag) == tags):
            return Tagged(data, {tag: self._speaker(first)}, again=tags > lines)
        if tags > lines:
            return None
        speakers = self._named(b"\n" + data, lines)
        return Tagged(data, speakers) if speakers else None

    def _named(self, data: bytes, lines: int) -> dict[bytes, Speaker]:
        """Give the tags of so many lines, each behind a newline; nothing if one has none."""
        if len(self._known) <= _FEW:  # to count each is faster than to look at each line
            counts = {tag: data.count(b"\n" + tag) for tag in self._known}
            if sum(counts.values()) == lines:
                return {tag: self._known[tag] for tag, count in counts.items() if count}
        begins: list[bytes] = self._begin.findall(data)
        if len(begins) < lines:
            return {}
        different = (self._tag.match(begin, 1) for begin in set(begins))
        speakers = {match[0]: self._speaker(match) for match in different if match}
        if len(self._known) <= _FEW:
            self._known |= speakers
        return speakers

    def joined(self, data: bytes, begun: Mapping[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes]] | None:
        """Put together the lines that the launcher left in the middle, to go on with another's.

        Args:
            data: Whole lines, as the launcher ended them.
            begun: What was begun before, by its tag; not many.

        Returns:
            Lines that each end where they ended, and what is begun by now, by its tag; the tag is empty for
            words that have none. None if too many break off.
        """
        left = dict(begun)
        whole: list[bytes] = []
        # tags that begin a line are made unreadable: nearly all do
        within = self._tag.finditer(data.replace(b"\n[", b"\n\0"), 1)
        breaks = [tag.start() for tag in islice(within, MOST_BREAKS + 1)]
        if len(breaks) > MOST_BREAKS:
            return None
        for start, end in pairwise((0, *breaks, len(data))):
            words = data[start:end]
            for tag in [tag for tag in left if tag]:
                at = 0 if words.startswith(tag) else words.find(b"\n" + tag)
                if at >= 0:
                    at = words.index(tag, at) + len(tag)
                    words = b"".join((words[:at], left.pop(tag), words[at:]))
            end_of_lines = words.rfind(b"\n") + 1
            whole.append(words[:end_of_lines])
            if rest := words[end_of_lines:]:
                match = self._tag.match(rest)
                tag = match[0] if match else b""
                left[tag] = left.get(tag, b"") + rest[len(tag) :]
        return b"".join(whole), left

    def _speaker(self, match: re.Match[bytes]) -> Speaker:
        return speaker_of(match, self._own)


def speaker_of(tag: re.Match[bytes], own: Stream) -> Speaker:
    """Read a tag, matched with two groups, the rank and the stream; one without a stream means our own."""
    stream = tag[2]
    return int(tag[1]), own if not stream else Stream.OUT if stream == b"out" else Stream.ERR
