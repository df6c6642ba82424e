"""Whatever the cluster's texts are, the terminal gets nothing but plain cells and our own sequences."""

import re
import signal
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.tui.hostile import CORPUS
from tests.tui.terminal import Terminal

ROOT = Path(__file__).parents[2]

_FRAME = r"\[\d*(?:;\d+)?H|\[\d+G|\[\d*C|\[\d+d|\[\d+(?:;\d+)*m|\[m|\[2J|\[K|\[\d+X|\[6n|\[\?2026[hl]"
_DRIVER = r"\[\?(?:1049|25|1004|2004|7)[hl]|\[>\d+u|\[<u|\[\?2026\$p|\[\?2048\$p|\]22;[a-z]+\x07"
_TITLE = r"\[2[23];[02](?:;0)?t|\][02];[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\)"
OURS = re.compile(rf"\x1b(?:{_FRAME}|{_DRIVER}|{_TITLE})|\x07|\r\n*|\n")
"""All that we send but cells: what paints a frame, what the driver sends, the title, the bell, line ends."""

KEYS = {
    "dashboard": b"jjjk\t\tj",
    "node": b"\r",
    "details": b"\t\ri",
    "log": b"\tlgGk",
    "events": b"ejG",
    "palette": b":nbody",
    "filter": b"/nod",
    "preflight": b"p",
    "form": b"n",
    "help": b"?",
    "confirm": b"d",
    "approve": b"a",
}


def strange(raw: bytes) -> list[str]:
    """Give what is neither a sequence of ours nor a plain cell."""
    cells = OURS.sub("", raw.decode())  # strict: what is no UTF-8 is an error
    hidden = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
    return sorted({f"{cell!a}" for cell in cells if unicodedata.category(cell) in hidden})


def seat(*words: str, size: tuple[int, int] = (80, 24)) -> Terminal:
    """Show the hostile cluster."""
    return Terminal([sys.executable, "-m", "tests.tui.hostile", *words], size=size, cwd=ROOT)


def press(terminal: Terminal, keys: bytes) -> None:
    """Press them one by one, each after the last one's answer."""
    for key in keys:
        before = terminal.written
        terminal.press(bytes([key]))
        terminal.until(lambda _, before=before: terminal.written > before)


def check(terminal: Terminal) -> None:
    """Let everything be painted once more, end it, and look at every byte."""
    columns, lines = terminal.size
    paints = terminal.raw.count(b"\x1b[2J")
    terminal.resize(columns - 1, lines)
    terminal.until(lambda _: terminal.raw.count(b"\x1b[2J") > paints)
    terminal.signal(signal.SIGTERM)
    assert terminal.wait(within=20) == 0
    raw = terminal.raw
    assert strange(raw) == []
    assert b"owned" not in b"".join(re.findall(rb"\x1b\][^\x07\x1b]*", raw))
    assert b"Traceback" not in raw


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=str)
@pytest.mark.parametrize("place", KEYS)
def test_only_plain_cells(place: str, size: tuple[int, int]) -> None:
    """On each screen every byte is one of ours or a printable cell, and the screen goes on after it."""
    with seat(size=size) as terminal:
        terminal.until("node01", within=30)
        press(terminal, KEYS[place])
        check(terminal)


def test_refusals_are_plain() -> None:
    """A toast with the service's hostile words is plain."""
    with seat("refuse") as terminal:
        terminal.until("node01", within=30)
        press(terminal, b"jdy")
        terminal.until("no ")
        check(terminal)


def test_banner_is_plain() -> None:
    """A service that goes away with hostile words is told of in plain ones."""
    with seat("gone") as terminal:
        terminal.until("gone", within=30)
        check(terminal)


def test_farewell_is_plain() -> None:
    """The line that stays on the terminal after leaving names a hostile job, plainly."""
    with seat() as terminal:
        terminal.until("node01", within=30)
        terminal.press(b"q")
        assert terminal.wait() == 0
        assert "goes on" in terminal.text
        assert strange(terminal.raw) == []


def test_pastes_are_plain() -> None:
    """What is pasted into a field, and what a paste pretends to be, comes out as plain cells."""
    with seat() as terminal:
        terminal.until("node01", within=30)
        press(terminal, b"/")
        for text in CORPUS:
            terminal.press(b"\x1b[200~<" + text.encode(errors="replace")[:60] + b">\x1b[201~")
            terminal.until("<")
            terminal.press(b"\x15")  # ctrl+u: the field is empty again
            terminal.until(lambda text: "<" not in text)
        check(terminal)


def test_answers_of_the_terminal_are_no_keys() -> None:
    """What a terminal answers, also when nobody asked and however large, reaches neither field nor screen."""
    with seat() as terminal:
        terminal.until("node01", within=30)
        press(terminal, b"/")
        for answer in (
            b"[24;80R",
            b"[1;1R" * 3,
            b"[999999999999999;1R",
            b"[0;0R",
            b"[?2026;2$y",
            b"[?1;2c",
            b"[0n",
        ):
            terminal.press(b"\x1b" + answer.replace(b"R[", b"R\x1b["))
        press(terminal, b"nodezz")
        terminal.until("nodezz")
        check(terminal)


def test_input_that_is_no_utf8_does_no_harm() -> None:
    """Bytes that are no text, typed or pasted, are left out; the keys after them count."""
    with seat() as terminal:
        terminal.until("node01", within=30)
        for bytes_ in (b"\xff\xfe\xc3(", b"\x1b[200~\xe9t\xe9\x1b[201~", b"\xed\xa0\x80"):
            terminal.press(bytes_)
            terminal.until_frames()  # keys in the same read would be lost with it
        press(terminal, b"/")
        press(terminal, b"nodezz")
        terminal.until("nodezz")
        check(terminal)
