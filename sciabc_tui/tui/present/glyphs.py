"""Three sets of glyphs: for terminals that know Unicode, for the Linux console, and for plain ASCII."""

from collections.abc import Mapping
from dataclasses import dataclass

from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.node import RowWord
from sciabc_tui.cluster.state import Severity


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Every sign that is no letter, digit or punctuation of ASCII."""

    cursor: str
    rule: str
    bar: str
    cut: str
    """Stands where text was cut off."""
    levels: str
    """From the lowest to the highest, for trends."""
    silent: str
    """Stands in a trend where nothing was measured."""
    well: str
    alarm: str
    unknown: str
    failed: str
    frame: str
    """Corners and sides of the LCD: top left, top right, bottom left, bottom right, line, side."""
    degree: str
    heart: str
    nodes: Mapping[RowWord, str]
    jobs: Mapping[JobState, str]
    events: Mapping[Severity, str]


def _jobs(run: str, done: str, bad: str, wait: str) -> Mapping[JobState, str]:
    return {
        JobState.PENDING: wait,
        JobState.RUNNING: run,
        JobState.COMPLETED: done,
        JobState.FAILED: bad,
        JobState.CANCELLED: "-",
        JobState.TIMEOUT: bad,
        JobState.NODE_FAIL: bad,
    }


def _nodes(ready: str, busy: str, suspect: str, down: str) -> Mapping[RowWord, str]:
    return {
        RowWord.READY: ready,
        RowWord.BUSY: busy,
        RowWord.NEW: "+",
        RowWord.SUSPECT: suspect,
        RowWord.DOWN: down,
        RowWord.LEFT: "-",
        RowWord.DRAINED: "=",
        RowWord.REFUSED: "!",
    }


UNICODE = Glyphs(
    cursor="▸",
    rule="─",
    bar="│",
    cut="…",
    levels="▁▂▃▄▅▆▇█",
    silent="·",
    well="●",
    alarm="▲",
    unknown="○",
    failed="\N{MULTIPLICATION SIGN}",
    frame="┌┐└┘─│",
    degree="°",
    heart="♥",
    nodes=_nodes("●", "■", "▲", "\N{MULTIPLICATION SIGN}"),
    jobs=_jobs("■", "●", "\N{MULTIPLICATION SIGN}", "○"),
    events={Severity.INFO: "·", Severity.WARN: "▲", Severity.ERROR: "\N{MULTIPLICATION SIGN}"},
)

LINUX = Glyphs(
    cursor=">",
    rule="─",
    bar="│",
    cut="~",
    levels=".░▒█",
    silent="·",
    well="•",
    alarm="▲",
    unknown="o",
    failed="x",
    frame="┌┐└┘─│",
    degree="°",
    heart="*",
    nodes=_nodes("•", "■", "▲", "x"),
    jobs=_jobs("■", "•", "x", "o"),
    events={Severity.INFO: "·", Severity.WARN: "▲", Severity.ERROR: "x"},
)

ASCII = Glyphs(
    cursor=">",
    rule="-",
    bar="|",
    cut="~",
    levels=".-=+*#@",
    silent=" ",
    well="*",
    alarm="!",
    unknown="o",
    failed="x",
    frame="++++-|",
    degree="C",
    heart="*",
    nodes=_nodes("*", "#", "?", "x"),
    jobs=_jobs("#", "*", "x", "o"),
    events={Severity.INFO: " ", Severity.WARN: "!", Severity.ERROR: "x"},
)


def choose(term: str, encoding: str) -> Glyphs:
    """Choose the set that this terminal can show.

    Args:
        term: The value of `TERM`.
        encoding: The terminal's character set, as Python names it.
    """
    if encoding.lower().replace("-", "").replace("_", "") != "utf8":
        return ASCII
    return LINUX if term == "linux" else UNICODE


def trend(values: tuple[int, ...], length: int, glyphs: Glyphs) -> str:
    """Draw the last `length` values of 0 to 100, newest at the right; what is missing shows as silent."""
    shown = values[-length:] if length > 0 else ()
    top = len(glyphs.levels) - 1
    drawn = "".join(glyphs.levels[min(top, max(0, value * (top + 1) // 100))] for value in shown)
    return drawn.rjust(length, glyphs.silent)


def plot(values: tuple[int, ...], height: int, length: int, glyphs: Glyphs) -> tuple[str, ...]:
    """Draw values of 0 to 100 as columns of `height` lines, newest at the right."""
    full, steps = glyphs.levels[-1], len(glyphs.levels)
    shown = values[-length:]
    lines: list[str] = []
    for level in range(height - 1, -1, -1):
        filled = [value * height * steps / 100 - level * steps for value in shown]
        lines.append("".join(_column(amount, steps, full, glyphs) for amount in filled).rjust(length))
    return tuple(lines)


def _column(amount: float, steps: int, full: str, glyphs: Glyphs) -> str:
    if amount >= steps:
        return full
    return glyphs.levels[int(amount)] if amount > 0 else " "
