"""How the cluster's load was: the mean of what its nodes measured."""

from sciabc_tui.tui.present.cells import Cell, Line, Tone, dimmed_line, fit
from sciabc_tui.tui.present.glyphs import plot
from sciabc_tui.tui.present.view import UNKNOWN, View

_HEIGHT = 4
"""Lines of the plot."""


def cluster_load(view: View, width: int) -> tuple[Line, ...]:
    """Plot the mean CPU load of the nodes that are there, a column a reading, and say of how many it is."""
    values = view.digest.load
    measured, known = view.digest.measured
    now = f"cpu {values[-1]}%" if values else f"cpu {UNKNOWN}"
    of = f"mean of {measured} of {known} nodes" if measured < known else f"mean of {known} nodes"
    head = (Cell(now, Tone.ACCENT), Cell(f"  {of}", Tone.DIM))
    if not values:
        return ((Cell("no node has measured anything yet", Tone.DIM),),)
    drawn = plot(values, _HEIGHT, min(len(values), width), view.glyphs)
    lines: tuple[Line, ...] = (head, *((Cell(fit(line, width), Tone.BUSY),) for line in drawn))
    return tuple(dimmed_line(line) for line in lines) if view.stale else lines
