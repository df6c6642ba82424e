"""How the dashboard's height is shared."""

from msgspec import Struct

WIDE = 120
"""From this many columns on there is a column at the right."""

SIDE = 46
"""Columns that it takes."""


class Heights(Struct, frozen=True):
    """Lines for each section."""

    nodes: int
    jobs: int
    events: int


def share(height: int, *, nodes: int, jobs: int, events: int, nodes_first: bool = False) -> Heights:
    """Share `height` lines among sections that would need so many; the events take what is left.

    With `nodes_first` the others keep no more than a title and a line or two.
    """
    floor = min(events, 2 if nodes_first else max(3, height // 4))
    for_jobs = min(jobs, 3 if nodes_first else max(4, height // 4))
    for_nodes = max(0, min(nodes, height - for_jobs - floor))
    for_jobs = max(0, min(jobs, height - for_nodes - floor))
    return Heights(for_nodes, for_jobs, max(0, height - for_nodes - for_jobs))
