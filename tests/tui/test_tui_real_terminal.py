"""The real program in a real terminal: it comes up, suspends, shrinks, and gives the terminal back."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from sciabc_tui.tui.present.glyphs import UNICODE
from sciabc_tui.tui.title import POP, PUSH
from tests.tui.terminal import Terminal

ROOT = Path(__file__).parents[2]

PASTE, CURSOR, ALTERNATE, FOCUS = 2004, 25, 1049, 1004
MOUSE = {1000, 1002, 1003, 1006, 1015, 1016}

_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")


def play(*words: str) -> list[str]:
    """Give the command that shows a scripted cluster."""
    return [sys.executable, "-m", "tests.tui.play", *words]


def opened(words: tuple[str, ...] = ("running",), **environ: str) -> Terminal:
    """Open a scripted cluster in a terminal."""
    return Terminal(play(*words), cwd=ROOT, env=environ)


@pytest.fixture
def terminal() -> Generator[Terminal, None, None]:
    """Give a terminal that shows a running cluster."""
    with opened() as terminal:
        terminal.until("nbody", within=30)
        yield terminal


def assert_given_back(terminal: Terminal) -> None:
    """Everything that was switched on is off, and the terminal's own title is back."""
    assert not terminal.modes & {PASTE, ALTERNATE, FOCUS}
    assert CURSOR in terminal.modes
    assert terminal.raw.count(PUSH.encode()) == terminal.raw.count(POP.encode())
    assert terminal.raw.rstrip().endswith(b"sciabc-tui") or b"\x1b[<u" in terminal.raw
    assert b"Traceback" not in terminal.raw


def until(condition: Callable[[], object], within: float = 10.0) -> None:
    """Wait for what no screen shows."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, condition
        os.sched_yield()


def until_read(terminal: Terminal) -> None:
    """Wait in a terminal that is too small until the program has read what was pressed.

    Of two frames the second waits for the answer to the first, which the program reads after the keys.
    """
    for width in (49, 50):
        terminal.resize(width, 10)
        terminal.until(f"this is {width}x10")


def process_state(pid: int) -> str:
    """Give the letter of a process's state (proc_pid_stat(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def test_it_comes_up(terminal: Terminal) -> None:
    """It has the alternate screen, no mouse, and its health in the title."""
    assert {ALTERNATE, PASTE} <= terminal.modes
    assert not terminal.modes & MOUSE
    until(lambda: terminal.title == "sciabc briefcase: 4/4 up, job 42 nbody")
    assert PUSH.encode() in terminal.raw


@pytest.mark.parametrize("how", ["q", "ctrl+c", "SIGTERM", "SIGHUP"])
def test_it_ends(terminal: Terminal, how: str) -> None:
    """However it is left the terminal is as it was, the status is 0, and one line says what goes on."""
    keys = {"q": b"q", "ctrl+c": b"\x03"}
    if how in keys:
        terminal.press(keys[how])
    else:
        terminal.signal(signal.Signals[how])
    assert terminal.wait(20) == 0
    assert_given_back(terminal)
    if how in keys:
        assert "job 42 nbody goes on" in terminal.text


def test_terminal_that_is_closed(terminal: Terminal) -> None:
    """A connection that drops (SIGHUP, and nobody reads any longer) ends the program within seconds."""
    terminal.hang_up()
    assert terminal.wait(20) in {0, 1, -signal.SIGHUP}


def test_shrinks_and_grows(terminal: Terminal) -> None:
    """Too small a terminal says in one line what it needs; when it grows everything is there again."""
    for size, wanted in (
        ((50, 10), "needs 60x20, this is 50x10; q leaves"),
        ((20, 3), "60x20"),
        ((3, 1), "60x"),
    ):
        terminal.resize(*size)
        terminal.until(wanted)
        terminal.until(lambda text: len([line for line in text.splitlines() if line.strip()]) == 1)
    terminal.press(b"c")  # a key that can't be seen does nothing
    until_read(terminal)
    terminal.resize(60, 20)
    terminal.until("nbody")
    terminal.until("q leave")
    terminal.resize(140, 40)
    terminal.until("Front panel")
    assert "needs" not in terminal.text


def test_dialog_in_a_small_terminal(terminal: Terminal) -> None:
    """A dialog fits the least size, is covered below it, and can be answered afterwards."""
    terminal.resize(60, 20)
    terminal.press(b"jd")
    terminal.until("leave it")
    terminal.resize(40, 10)
    terminal.until("needs 60x20")
    terminal.press(b"y")
    until_read(terminal)
    terminal.resize(60, 20)
    terminal.until("leave it")
    terminal.press(b"n")
    terminal.until(lambda text: "leave it" not in text)


def test_suspend_and_resume(terminal: Terminal) -> None:
    """SIGTSTP gives the terminal back and stops the process; SIGCONT, as of fg, shows everything again."""
    terminal.signal(signal.SIGTSTP)
    until(lambda: process_state(terminal.pid) == "T")
    until(lambda: not terminal.modes & {ALTERNATE, PASTE, FOCUS} and CURSOR in terminal.modes)
    terminal.signal(signal.SIGCONT)
    terminal.until("nbody")
    assert ALTERNATE in terminal.modes
    terminal.press(b"?")
    terminal.until("Keys")
    terminal.press(b"\x1bq")
    terminal.signal(signal.SIGTERM)
    assert terminal.wait(20) == 0
    assert_given_back(terminal)


def test_ctrl_z_without_a_shell_says_so(terminal: Terminal) -> None:
    """Nobody is above it who could continue it: `ssh -t head sciabc-tui`, `tmux new sciabc-tui`."""
    terminal.press(b"\x1a")
    terminal.until("nothing here would bring it back")
    terminal.press(b"q")
    assert terminal.wait(20) == 0


def test_dumb_terminal() -> None:
    """A terminal that can't show a screen gets one line and not one control sequence."""
    with Terminal(
        [sys.executable, "-m", "sciabc_tui"], size=(140, 24), cwd=ROOT, env={"TERM": "dumb"}
    ) as terminal:
        assert terminal.wait(20) == 1
        assert b"\x1b" not in terminal.raw
        assert terminal.text.strip().endswith("Next: sciabc-tui status")
        assert len(terminal.text.split("\n")[0]) == len(terminal.text.strip())


def test_linux_console() -> None:
    """The Linux console gets its sixteen colours, its own glyphs, and no title that it would print."""
    with opened(("lost",), TERM="linux") as terminal:
        terminal.until(lambda text: "▲ suspect" in text and "x down" in text, within=30)
        assert not set(terminal.text) & set("▁▂▃▄▅▆▇●▸…")
        assert b"\x1b]2;" not in terminal.raw
        for sequence in _SGR.findall(terminal.raw):
            assert not {b"38", b"48"} & set(sequence.split(b";")), sequence


def test_no_color() -> None:
    """NO_COLOR: bold and reverse video only, and every state's word."""
    with opened(("lost",), NO_COLOR="1") as terminal:
        terminal.until("suspect", within=30)
        terminal.press(b"j")
        terminal.until(lambda text: "▸ node01" in text and f"{UNICODE.failed} down" in text)
        for sequence in _SGR.findall(terminal.raw):
            codes = [int(code or 0) for code in sequence.split(b";")]
            assert not [code for code in codes if 30 <= code <= 38 or 40 <= code <= 48 or code >= 90], codes


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_locale_without_unicode(locale: str) -> None:
    """A locale that promises ASCII gets nothing else."""
    with opened(("lost",), LC_ALL=locale) as terminal:
        terminal.until(lambda text: "suspect" in text and "x down" in text, within=30)
        assert terminal.raw.isascii()


@pytest.mark.parametrize("term", ["xterm-256color", "xterm", "screen", "tmux-256color", "vt220"])
def test_lesser_colours(term: str) -> None:
    """A terminal gets no more colours than its name promises."""
    with opened(TERM=term, COLORTERM="") as terminal:
        terminal.until("nbody", within=30)
        assert b"38;2;" not in terminal.raw
        assert (b"38;5;" in terminal.raw) == term.endswith("256color")
