"""Makes foreign text safe for a terminal."""

import re

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_HARMFUL = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Categories of characters that steer a terminal or hide what is really there."""


def harmless(text: str) -> str:
    """Make foreign text safe for a terminal: colours go, other control characters are spelt out."""
    if text.isprintable():
        return text
    from unicodedata import category  # noqa: PLC0415 - most texts are printable, and the table is large

    plain = _SGR.sub("", text)
    return "".join(char if char == "\t" or category(char) not in _HARMFUL else _spelt(char) for char in plain)


def one_line(error: BaseException) -> str:
    """Give what an error says as one harmless line; its kind where it says nothing."""
    return harmless(" ".join(str(error).split())) or type(error).__name__


def _spelt(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
