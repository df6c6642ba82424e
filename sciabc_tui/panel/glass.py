"""Text for a glass of exact width, pure.

A character that the glass can't show becomes `?` here and not only in the driver, so that every mirror
shows the same and a wide or combining character can't break a column.
"""

from collections.abc import Sequence

from hw.glyphs import UNKNOWN, code

CUT = ">"


def exact(text: str, width: int) -> str:
    """Cut or fill a text to exactly `width` characters that the glass can show.

    A cut is marked by `>`: what is left of a number or an address must not pass for a whole one.

    >>> exact("2001:db8::1234:5678", 16)
    '2001:db8::1234:>'
    """
    whole = text if len(text) <= width else f"{text[: width - 1]}{CUT}"
    return "".join(map(_shown, whole)).ljust(width)


def squeeze(text: str, width: int) -> str:
    """Shorten a text at its begin: what tells boards apart, and what became of them, stands at the end.

    >>> squeeze("supercomputer-node03 DOWN", 14)
    '..-node03 DOWN'
    """
    return text if len(text) <= width else f"..{text[len(text) - max(0, width - 2) :]}"[: max(0, width)]


def spread(width: int, *parts: str) -> str:
    """Set parts over the whole width, the last one at the right edge; what does not fit is left off.

    The parts stand in the order of their importance; empty ones are no parts.

    >>> spread(16, "7/8up", "63°C", "14:07")
    '7/8up 63°C 14:07'
    >>> spread(12, "7/8up", "63°C", "14:07")
    '7/8up   63°C'
    """
    kept = [part for part in parts if part]
    while len(kept) > 1 and sum(map(len, kept)) + len(kept) - 1 > width:
        kept.pop()
    if len(kept) < 2:
        return "".join(kept)
    blanks, gaps = width - sum(map(len, kept)), len(kept) - 1
    text = kept[0]
    for number, part in enumerate(kept[1:]):
        # blanks that can't be shared evenly go to the gaps at the right
        text += " " * (blanks // gaps + (number >= gaps - blanks % gaps)) + part
    return text


def broken(text: str, *widths: int) -> tuple[str, ...]:
    """Break an address over lines of these widths, behind a colon where that makes it fit.

    Returns:
        A text for each width; what does not fit at all is left in the last one.

    >>> broken("2001:db8:1111:2222:3333:4444:5555:6666", 15, 16, 15)
    ('2001:db8:1111:', '2222:3333:4444:', '5555:6666')
    >>> broken("203.0.113.254", 15, 16)
    ('203.0.113.254', '')
    """
    at_colons = _broken(text, widths, ":")
    return at_colons if len(at_colons[-1]) <= widths[-1] else _broken(text, widths, "")


def _broken(text: str, widths: Sequence[int], mark: str) -> tuple[str, ...]:
    """Fill each line up to the last mark that it has room for; the last line takes all the rest."""
    lines: list[str] = []
    for width in widths[:-1]:
        end = len(text) if len(text) <= width else text.rfind(mark, 0, width) + len(mark)
        lines.append(text[:end])
        text = text[end:]
    return (*lines, text)


def choose(width: int, *texts: str) -> str:
    """Give the first text that fits, else the last one."""
    return next((text for text in texts if len(text) <= width), texts[-1])


def _shown(character: str) -> str:
    return UNKNOWN if code(character) == code(UNKNOWN) else character
