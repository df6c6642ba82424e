"""Three sets of glyphs: for terminals that know Unicode, for the Linux console, and for plain ASCII.

Those of nodes, jobs and events are found by the words of the domain, which need not be loaded for that: the
first frame, which shows none, does not wait for it.
"""

from collections.abc import Mapping

from msgspec import Struct


class Glyphs(Struct, frozen=True):
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
    rising: str
    """Beside the heading of the column by which rows are sorted; `falling`: the greatest first."""
    falling: str
    nodes: Mapping[str, str]
    """Of each `RowWord`; `jobs`: of each `JobState`; `events`: of each `Severity`."""
    jobs: Mapping[str, str]
    events: Mapping[str, str]


def _jobs(run: str, done: str, bad: str, wait: str) -> Mapping[str, str]:
    return {
        "pending": wait,
        "running": run,
        "completed": done,
        "failed": bad,
        "cancelled": "-",
        "timeout": bad,
        "node_fail": bad,
    }


def _nodes(ready: str, busy: str, suspect: str, down: str) -> Mapping[str, str]:
    return {
        "ready": ready,
        "busy": busy,
        "new": "+",
        "suspect": suspect,
        "down": down,
        "left": "-",
        "drained": "=",
        "refused": "!",
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
    rising="▲",
    falling="▼",
    nodes=_nodes("●", "■", "▲", "\N{MULTIPLICATION SIGN}"),
    jobs=_jobs("■", "●", "\N{MULTIPLICATION SIGN}", "○"),
    events={"info": "·", "warn": "▲", "error": "\N{MULTIPLICATION SIGN}"},
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
    rising="▲",
    falling="▼",
    nodes=_nodes("•", "■", "▲", "x"),
    jobs=_jobs("■", "•", "x", "o"),
    events={"info": "·", "warn": "▲", "error": "x"},
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
    rising="^",
    falling="v",
    nodes=_nodes("*", "#", "?", "x"),
    jobs=_jobs("#", "*", "x", "o"),
    events={"info": " ", "warn": "!", "error": "x"},
)


SETS = {"unicode": UNICODE, "linux": LINUX, "ascii": ASCII}


def choose(term: str, encoding: str, wanted: str = "auto") -> Glyphs:
    """Choose the set that this terminal can show.

    Args:
        term: The value of `TERM`.
        encoding: The terminal's character set, as Python names it.
        wanted: The set of this name, whatever the terminal; `auto`: one that it can show.
    """
    if wanted in SETS:
        return SETS[wanted]
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
