"""Notice that Open MPI 4.1 left out words of a rank: it does so without saying anything.

Measured with 4.1.4, and so it stands in its source: it reads 4 KiB at most, puts a tag before each line of
that, and has 8 KiB for the result. What has no place there is lost: 30 % of what ``seq 1000000`` prints, and
nothing of lines of 16 bytes and more.

What was cut is exactly 8 KiB long, begins with a tag, holds less than 4 KiB of words, and nearly always ends
in the middle of a line. Between two places where a block surely begins or ends that does not come by chance.
A single cut may stay unseen (it ended with a line); a burst of several does not.
"""

import re

_BLOCK = 8192
_READ = 4096
_TAG = re.compile(rb"\[1,\d{1,9}\]<std(?:out|err|diag)>:")
_BEGIN = b"[1,"
_MARK = b"]<std"
_TAG_LENGTH = 22
# With fewer tags than that a block of 8 KiB holds all of 4 KiB of words, however long its tags are.
_LEAST = (_BLOCK - _READ) // _TAG_LENGTH


class Cuts:
    """Look at one output stream of the launcher.

    Attributes:
        found: Whether words were left out.
    """

    def __init__(self) -> None:
        self.found = False
        self._last = b""
        self._starts: tuple[int, ...] = ()

    def feed(self, chunk: bytes) -> None:
        """Look at what was just read, as much as there was: a launcher writes a block at once.

        Args:
            chunk: At least one byte.
        """
        if self.found:
            return
        data = self._last + chunk
        known = {*self._starts, len(self._last)}
        if data.count(_MARK) >= _LEAST:
            self.found = any(_is_cut(data, end, known) for end in (*_middles(data), len(data)))
        kept = max(0, len(data) - _BLOCK)
        self._last = data[kept:]
        self._starts = tuple(start - kept for start in known if start >= kept)


def _middles(data: bytes) -> list[int]:
    """Say where, in the middle of a line, a tag may begin."""
    # All others are made unreadable first, since nearly all begin a line: to look at each would take long.
    rest = data.replace(b"\n" + _BEGIN, b"\n" + bytes(len(_BEGIN)))
    places: list[int] = []
    at = rest.find(_BEGIN, _BLOCK)
    while at >= 0:
        places.append(at)
        at = rest.find(_BEGIN, at + 1)
    return places


def _is_cut(data: bytes, end: int, known: set[int]) -> bool:
    start = end - _BLOCK
    if start < 0 or data[end - 1 : end] == b"\n" or (tag := _TAG.match(data, start)) is None:
        return False
    if start not in known and data[start - 1 : start] in {b"", b"\n"}:
        return False
    if end < len(data) and not _TAG.match(data, end):
        return False
    return data.count(_MARK, start, end) * len(tag[0]) > _BLOCK - _READ
