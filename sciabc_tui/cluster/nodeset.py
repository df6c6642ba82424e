"""Fold node names as ClusterShell and Slurm write them: `node[01-03,07]`."""

import re
from collections.abc import Iterable

_NUMBERED = re.compile(r"^(.*?)(\d+)$")


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


def _fold_numbers(prefix: str, width: int, numbers: list[int]) -> str:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    parts = [f"{a:0{width}d}" if a == b else f"{a:0{width}d}-{b:0{width}d}" for a, b in ranges]
    return f"{prefix}{parts[0]}" if parts == [f"{numbers[0]:0{width}d}"] else f"{prefix}[{','.join(parts)}]"
