"""Fold and unfold node names as ClusterShell and Slurm write them: `node[01-03,07]`."""

import re
from collections.abc import Iterable

LARGEST = 10_000
"""How many names a set may unfold to: a slip of the finger must not fill the memory."""

_DIGITS = re.compile(r"([0-9]+)")
_NUMBERED = re.compile(r"^(.*?)(\d+)$")
_PART = re.compile(r"([^\[\],\s]*)(?:\[([0-9,-]+)\])?([^\[\],\s]*)")
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_COMMA = re.compile(r",(?![^\[]*\])")


def fold(names: Iterable[str]) -> str:
    """Fold names into the shortest node set, in the order of their prefixes.

    >>> fold(["node01", "node02", "node07", "head"])
    'head,node[01-02,07]'
    """
    plain: list[str] = []
    numbered: dict[tuple[str, int], list[int]] = {}
    for name in sorted(set(names)):
        match = _NUMBERED.match(name)
        if match is None:
            plain.append(name)
        else:
            prefix, digits = match.groups()
            numbered.setdefault((prefix, len(digits)), []).append(int(digits))
    folded = [_fold_numbers(prefix, width, numbers) for (prefix, width), numbers in numbered.items()]
    return ",".join(sorted(plain + folded))


def unfold(text: str) -> tuple[str, ...]:
    """Unfold a node set into names, each once, in the order written.

    >>> unfold("head,node[01-02,07]")
    ('head', 'node01', 'node02', 'node07')

    Raises:
        ValueError: It is no node set; the text says what is wrong with it.
    """
    names: dict[str, None] = {}
    for part in _COMMA.split(text.strip()):
        match = _PART.fullmatch(part.strip())
        if match is None or not match[0]:
            raise ValueError(f"{part.strip()!r} is no node set like node[01-03,07]")
        head, numbers, tail = match.groups()
        for number in ("",) if numbers is None else _numbers(numbers):
            names[f"{head}{number}{tail}"] = None
        if len(names) > LARGEST:
            raise ValueError(f"more than {LARGEST} nodes")
    return tuple(names)


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Give what to sort names by so that node2 comes before node10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in _DIGITS.split(name))


def _numbers(text: str) -> list[str]:
    found: list[str] = []
    for span in text.split(","):
        match = _RANGE.fullmatch(span)
        if match is None:
            raise ValueError(f"{span!r} is no range like 01-03")
        first, last = match[1], match[2] or match[1]
        if int(last) < int(first):
            raise ValueError(f"{span} goes backwards")
        if int(last) - int(first) >= LARGEST:
            raise ValueError(f"more than {LARGEST} nodes")
        found += [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
    return found


def _fold_numbers(prefix: str, width: int, numbers: list[int]) -> str:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    parts = [f"{a:0{width}d}" if a == b else f"{a:0{width}d}-{b:0{width}d}" for a, b in ranges]
    return f"{prefix}{parts[0]}" if parts == [f"{numbers[0]:0{width}d}"] else f"{prefix}[{','.join(parts)}]"
