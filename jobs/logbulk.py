"""Recognise output in which nothing is to be sorted out, and format it as a whole.

Nearly all that a launcher prints is whole lines, each behind one tag. To look at each of a million of them
costs 2 us a line here; to find out for 64 KiB at once that all are so, and to put the records' beginnings in
place of the tags, costs a tenth of that.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from jobs.logstore import PIECE_BYTES, Speaker, Stream, head_of

# How many different tags are replaced by passes over the whole; with more, one pass asks a table each time.
_FEW = 12


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
        begins: list[bytes] = self._begin.findall(b"\n" + data)
        if len(begins) < lines:
            return None
        different = (self._tag.match(begin, 1) for begin in set(begins))
        return Tagged(data, {match[0]: self._speaker(match) for match in different if match})

    def _speaker(self, match: re.Match[bytes]) -> Speaker:
        stream = match[2]
        return int(match[1]), self._own if not stream else Stream.OUT if stream == b"out" else Stream.ERR
