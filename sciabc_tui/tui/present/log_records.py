"""The records of a job's log, and which of them are wanted.

A record is `2026-11-21T14:03:11.123Z   0 out text`; `-` stands for the launcher, `err` for standard error,
`+` behind the stream for a piece that goes on with the record before. What is no record is shown as it is.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sciabc_tui.api.messages import LogFilter
from sciabc_tui.tui.present.ansi import without_escapes

_RECORD = re.compile(rb"(?:(\S{24}) +(\d{1,9}|-) (out|err)(\+?) )?([^\n]*)\n")
_NUMBERS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_STREAMS = {"out": "stdout", "err": "stderr"}


class Record(NamedTuple):
    """One line of the log.

    Attributes:
        offset: Where it begins.
        end: The offset behind it.
        page: Where the page begins that it was read with.
        number: How many lines stand before it on that page.
        at: When it was written, as the log has it; empty if this is no record.
        rank: Who wrote it; None is the launcher.
        error: Whether it was written to standard error.
        joined: Whether it goes on with the line before of the same rank and stream.
        text: What was written.
    """

    offset: int
    end: int
    page: int
    number: int
    at: bytes
    rank: int | None
    error: bool
    joined: bool
    text: bytes

    @property
    def wall(self) -> float | None:
        """When it was written, in seconds since 1970."""
        try:
            return datetime.fromisoformat(self.at.decode()).timestamp()
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which lines are shown.

    Attributes:
        ranks: Only what these wrote; empty means everybody, the launcher too.
        stream: `out`, `err`, or empty for both.
        grep: Only texts in which this is found.
        ranks_text: How the ranks were typed.
    """

    ranks: frozenset[int] = frozenset()
    stream: str = ""
    grep: re.Pattern[bytes] | None = None
    ranks_text: str = ""

    @property
    def by_service(self) -> bool:
        """Can the service leave out whole blocks for this?"""
        return bool(self.ranks or self.stream)

    def told(self) -> str:
        """Say it in a few words; nothing if every line is shown."""
        words = [self.ranks_text, _STREAMS.get(self.stream, "")]
        if self.grep is not None:
            words.append(f"&{self.grep.pattern.decode(errors='replace')}")
        return "  ".join(word for word in words if word)

    def filter(self, attempt: int | None) -> LogFilter:
        """Ask the service for it, as far as it can do that."""
        streams = LogFilter.of({"streams": self.stream}).streams
        ranks = tuple(sorted(self.ranks)) if len(self.ranks) <= _ASKED_RANKS else ()
        return LogFilter(ranks, streams, attempt=attempt)

    def takes(self, record: Record) -> bool:
        """Is this line wanted?"""
        if self.ranks and record.rank not in self.ranks:
            return False
        if self.stream and record.error is not (self.stream == "err"):
            return False
        return self.grep is None or self.grep.search(without_escapes(record.text)) is not None


EVERYTHING = Chosen()


def read_page(data: bytes, start: int, chosen: Chosen) -> list[Record]:
    """Give the wanted records among whole lines.

    Args:
        data: As the service gives it.
        start: The offset of its first byte.
        chosen: What is wanted.
    """
    records: list[Record] = []
    everything = chosen == EVERYTHING
    for number, found in enumerate(_RECORD.finditer(data)):
        at, rank, stream, joined, text = found.groups()
        record = Record(
            start + found.start(),
            start + found.end(),
            start,
            number,
            at or b"",
            None if rank is None or rank == b"-" else int(rank),
            stream == b"err",
            bool(joined),
            text,
        )
        if everything or chosen.takes(record):
            records.append(record)
    return records


def read_ranks(text: str, hosts: dict[str, tuple[int, ...]]) -> frozenset[int]:
    """Read `0,3-5`, and names of nodes for the ranks there.

    Args:
        text: As it was typed.
        hosts: The ranks of each node, by its name.

    Raises:
        ValueError: It is no such thing; one line that names the next step.
    """
    found: set[int] = set()
    for part in text.replace(",", " ").split():
        numbers = _NUMBERS.fullmatch(part)
        if part in hosts:
            if not hosts[part]:
                raise ValueError(f"which ranks are on {part} is not known. Next: type their numbers")
            found.update(hosts[part])
        elif numbers is not None and int(numbers[1]) <= int(numbers[2] or numbers[1]):
            found.update(range(int(numbers[1]), int(numbers[2] or numbers[1]) + 1))
        else:
            raise ValueError(f"{part} is no rank and no node of the job. Next: such as 0,3-5 or node01")
    return frozenset(found)


_ASKED_RANKS = 1000
"""Ranks that are named in a request: a path has 8 KB. Of more the service gives all lines."""

_TWICE = re.compile(r"\((?:[^()\\]|\\.)*(?<!\\)[*+}](?:[^()\\]|\\.)*\)(?:[*+]|\{\d*,\})")
"""A repeat within a repeat: `re` may take for ever then, and nothing can end it meanwhile."""


def read_pattern(text: str) -> re.Pattern[bytes]:
    """Compile what is looked for: a regular expression; small letters find large ones too.

    Raises:
        ValueError: It is none; one line that names the next step.
    """
    if _TWICE.search(text):
        raise ValueError(f"{text} repeats what repeats: it may take for ever. Next: without the outer + or *")
    ignore = 0 if re.search(r"(?<!\\)[A-Z]", text) else re.IGNORECASE
    try:
        return re.compile(text.encode(errors="replace"), ignore)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text} is no regular expression: {error}. Next: mend it") from error
