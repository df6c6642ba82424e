"""Turns what a terminal shows into what it should show, with as few bytes as can be.

Sequences (ECMA-48): CUP `H`, CHA `G`, CUF `C`, VPA `d`, SGR `m`, ED `J`, EL `K`, ECH `X`; and CR, LF.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from sciabc_tui.tui.output.grid import Grid
from sciabc_tui.tui.output.ink import PLAIN, Ink, Palette

_GAP = 4
"""Cells that are sooner written again than skipped."""

_ERASABLE = 9
"""Blank cells that are sooner erased (and skipped) than written."""

_TAIL = 3
"""Blank cells up to the end of the line that are sooner erased than written."""

_MANY = 400
"""Runs of a frame for which no second order is tried: time is dearer than bytes there."""


class _Run(Struct, frozen=True):
    """Cells of one ink that are written at once, from column `x` of line `y` on."""

    x: int
    y: int
    ink: Ink
    data: str
    end: int | None
    """The cursor's column then; None where terminals disagree on that."""
    blank: bool
    """Does only the background count?"""


class _Pen:
    """Writes runs in some order, and knows where the cursor is and what colours are set."""

    def __init__(self, palette: Palette, ink: Ink | None, x: int | None, y: int | None) -> None:
        self._palette = palette
        self._out: list[str] = []
        self.ink, self.x, self.y = ink, x, y

    @property
    def text(self) -> str:
        return "".join(self._out)

    def write(self, run: _Run) -> None:
        self.go(run.x, run.y)
        self.dip(run.ink, blank=run.blank)
        self._out.append(run.data)
        self.x = run.end

    def say(self, data: str) -> None:
        self._out.append(data)

    def go(self, x: int, y: int) -> None:
        if (self.x, self.y) != (x, y):
            self._out.append(_move(self.x, self.y, x, y))
            self.x, self.y = x, y

    def dip(self, ink: Ink, *, blank: bool = False) -> None:
        if blank and self.ink and not (ink.seen_on_blank or self.ink.seen_on_blank):
            ink = Ink(self.ink.attributes, self.ink.color, ink.ground)
        self._out.append(self._palette.change(self.ink, ink))
        self.ink = ink


class Canvas:
    """Knows what the terminal shows.

    Args:
        palette: The terminal's colours.
        erases_in_colour: Whether erased cells have the background that is set (terminfo: bce).
    """

    def __init__(self, palette: Palette, *, erases_in_colour: bool) -> None:
        self._palette = palette
        self._erases_in_colour = erases_in_colour
        self._shown: Grid | None = None
        self._pen = _Pen(palette, None, None, None)

    def forget(self) -> None:
        """Know nothing any more: the next frame paints everything."""
        self._shown = None
        self._pen = _Pen(self._palette, None, None, None)

    def frame(self, wanted: Grid, cursor: tuple[int, int] | None = None) -> str:
        """Give what makes the terminal show `wanted`, empty if it does already.

        Args:
            wanted: What is to be seen.
            cursor: Where the (hidden) cursor stands then, for an input method shows its choices there; None:
                anywhere.
        """
        head, shown = "", self._shown
        if shown is None or (shown.width, shown.height) != (wanted.width, wanted.height):
            head, shown = self._begin(wanted)
        runs: list[_Run] = []
        wide = False
        for y in range(wanted.height):
            if shown.marks[y] != wanted.marks[y] or shown.inks[y] != wanted.inks[y]:
                wide = wide or "" in shown.marks[y] or "" in wanted.marks[y]
                runs += self._line(y, shown, wanted)
                shown.copy_line(y, wanted)
        # a terminal that breaks wide characters in halves does that best from left to right
        pens = [self._written(runs, cursor)]
        if not wide and len(runs) < _MANY:
            pens.append(self._written(self._by_ink(runs), cursor))
        self._pen = min(pens, key=lambda pen: len(pen.text))
        return head + self._pen.text

    def _written(self, runs: Iterable[_Run], cursor: tuple[int, int] | None) -> _Pen:
        pen = _Pen(self._palette, self._pen.ink, self._pen.x, self._pen.y)
        for run in runs:
            pen.write(run)
        if cursor:
            pen.go(*cursor)
        return pen

    def _by_ink(self, runs: list[_Run]) -> list[_Run]:
        """Put together what looks alike: ways between lines are shorter than true colours."""
        inks = dict.fromkeys([self._pen.ink, *(run.ink for run in runs)])
        grounds = dict.fromkeys(ink.ground for ink in inks if ink)
        ink_rank = {ink: rank for rank, ink in enumerate(inks)}
        ground_rank = {ground: rank for rank, ground in enumerate(grounds)}
        return sorted(
            runs,
            key=lambda run: (
                ground_rank[run.ink.ground],
                -1 if run.blank else ink_rank[run.ink],
                run.y,
                run.x,
            ),
        )

    def _begin(self, wanted: Grid) -> tuple[str, Grid]:
        """Clear the screen, to what is most of it."""
        grounds = Counter(line[-1].ground for line in wanted.inks if line).most_common(1)
        ground = Ink(ground=grounds[0][0]) if self._erases_in_colour and grounds else PLAIN
        pen = _Pen(self._palette, None, 0, 0)
        pen.dip(ground)
        pen.say("\x1b[H\x1b[2J")
        self._pen, self._shown = pen, Grid(wanted.width, wanted.height, ground)
        return pen.text, self._shown

    def _line(self, y: int, shown: Grid, wanted: Grid) -> Iterator[_Run]:
        marks, inks = wanted.marks[y], wanted.inks[y]
        changed = list(_changed(y, shown, wanted))
        tail = self._tail(marks, inks)
        late = [x for x in changed if x >= tail]
        erase = late[0] if len(late) > _TAIL else wanted.width
        position = 0
        while position < len(changed) and changed[position] < erase:
            start = changed[position]
            start -= not marks[start]  # from the left half on
            end = _end(changed, position, erase, inks)
            yield from self._runs(start, end, y, marks, inks)
            while position < len(changed) and changed[position] < end:
                position += 1
        if erase < wanted.width:
            yield _Run(erase, y, inks[erase], "\x1b[K", erase, blank=True)

    def _tail(self, marks: list[str], inks: list[Ink]) -> int:
        """Give where the blanks begin that reach to the end of the line and can be erased."""
        x = len(marks)
        while (
            x > 0 and marks[x - 1] == " " and self._erasable(inks[x - 1]) and inks[x - 1].same_blank(inks[-1])
        ):
            x -= 1
        return x

    def _erasable(self, ink: Ink) -> bool:
        return not ink.seen_on_blank and (self._erases_in_colour or ink.ground == PLAIN.ground)

    def _runs(self, x: int, end: int, y: int, marks: list[str], inks: list[Ink]) -> Iterator[_Run]:
        """Give cells that stand side by side, by their inks."""
        while x < end:
            erased = self._blanks(x, end, marks, inks)
            if erased >= _ERASABLE:
                yield _Run(x, y, inks[x], f"\x1b[{erased}X", x, blank=True)
                x += erased
                continue
            stop = self._alike(x, end, marks, inks)
            text = "".join(marks[x:stop])
            # Where a terminal may think otherwise of a character's width, the next place is told, not
            # reckoned; and at the right edge terminals disagree on where the cursor is.
            sure = text.isascii() and stop < len(marks)
            yield _Run(x, y, inks[x], text, stop if sure else None, blank=not text.strip(" "))
            x = stop

    def _alike(self, x: int, end: int, marks: list[str], inks: list[Ink]) -> int:
        """Give the end of the cells that can be written in one go."""
        ink, stop = inks[x], x
        while stop < end and (inks[stop] == ink or (marks[stop] == " " and inks[stop].same_blank(ink))):
            odd = len(marks[stop]) > 1
            stop += 1
            if stop < len(marks) and not marks[stop]:
                odd, stop = True, stop + 1
            if odd or (stop < end and self._blanks(stop, end, marks, inks) >= _ERASABLE):
                break
        return stop

    def _blanks(self, x: int, end: int, marks: list[str], inks: list[Ink]) -> int:
        """Count the blank cells from here on that can be erased at once."""
        if marks[x] != " " or not self._erasable(inks[x]):
            return 0
        upto = x
        while upto < end and marks[upto] == " " and inks[upto].same_blank(inks[x]):
            upto += 1
        return upto - x


def _changed(y: int, shown: Grid, wanted: Grid) -> Iterator[int]:
    """Give the columns in which a line looks otherwise."""
    cells = zip(shown.marks[y], wanted.marks[y], shown.inks[y], wanted.inks[y], strict=True)
    for x, (old, new, old_ink, new_ink) in enumerate(cells):
        if old != new or not (old_ink.same_blank(new_ink) if new == " " else old_ink == new_ink):
            yield x


def _end(changed: list[int], position: int, limit: int, inks: list[Ink]) -> int:
    """Give the end of what is written at once: changed cells, and short gaps of the same ink."""
    end = changed[position] + 1
    for x in changed[position + 1 :]:
        if x >= limit or x - end > _GAP or any(ink != inks[end - 1] for ink in inks[end : x + (x > end)]):
            break
        end = x + 1
    return end


def _move(x: int | None, y: int | None, to_x: int, to_y: int) -> str:
    """Give the shortest way of the cursor; it is None where it is not known."""
    ways = [f"\x1b[{to_y + 1}{f';{to_x + 1}' if to_x else ''}H"]
    if y == to_y:
        ways.append(f"\x1b[{to_x + 1}G" if to_x else "\r")
        if x is not None and to_x > x:
            ways.append(f"\x1b[{to_x - x if to_x - x > 1 else ''}C")
    elif y is not None and x == to_x:
        ways.append(f"\x1b[{to_y + 1}d")
    if y is not None and to_y > y and not to_x:
        ways.append("\r" + "\n" * (to_y - y))  # what the line discipline makes of LF is the same after CR
    return min(ways, key=len)
