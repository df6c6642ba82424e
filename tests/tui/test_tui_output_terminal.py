"""The output layer under the whole screen, in a terminal: slow, stuck, resized, suspended, silent."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.tui.terminal import Line, Terminal

ROOT = Path(__file__).parents[2]
PLAY = (sys.executable, "-m", "tests.tui.play", "running")
ASK = b"\x1b[6n"
_TRIES = 3
"""Questions without an answer that a terminal gets."""


def spent(pid: int) -> float:
    """Give the seconds of CPU of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_slow_link_builds_no_backlog() -> None:
    """On 4 kB/s with a round trip of 400 ms a key is answered, and what is under way stays small."""
    with Terminal(PLAY, size=(140, 40), cwd=ROOT, line=Line(rate=4000, delay=0.2)) as terminal:
        terminal.until("node03", within=60)
        held = 0
        for mark, key in (("▸ node01", b"j"), ("▸ node02", b"j"), ("▸ node01", b"k")):
            assert terminal.until(lambda _: terminal.held < 1500, within=10) >= 0
            terminal.press(key)
            terminal.until(mark, within=10)
            held = max(held, terminal.held)
    assert held < 3000  # two frames; what nobody holds back comes to ten times that


def test_stuck_terminal_stops_nothing() -> None:
    """While the terminal does not read, nothing piles up; then it shows the newest, and no key is lost."""
    with Terminal(PLAY, cwd=ROOT) as terminal:
        terminal.until("▸ headnode", within=30)
        terminal.stop_reading()
        begin = time.monotonic()
        terminal.press(b"jj")
        while time.monotonic() - begin < 4:  # four states come meanwhile
            time.sleep(0.05)
        before = terminal.written
        terminal.read_on()
        terminal.until("▸ node02")
        assert terminal.written - before < 4000


def test_stuck_terminal_holds_up_no_end() -> None:
    """A terminal that does not read, its buffers full, does not keep the program from ending."""
    with Terminal(PLAY, cwd=ROOT) as terminal:
        terminal.until("▸ headnode", within=30)
        terminal.stop_reading()
        for number in range(40):  # each paints everything: more than the kernel keeps for a pty
            terminal.resize(80 + number % 2, 24)
            time.sleep(0.03)
        terminal.signal(signal.SIGTERM)
        assert terminal.exits(within=30)  # it waits for 2 s; the rest is what a busy machine takes


@pytest.mark.parametrize("answers", [True, False])
def test_terminal_without_answers(answers: bool) -> None:
    """A terminal that never says where its cursor is shows the same, within the same seconds."""
    with Terminal(PLAY, cwd=ROOT, answers=answers) as terminal:
        terminal.until("node03", within=30)
        for mark, key in (("▸ node01", b"j"), ("▸ node02", b"j"), ("▸ node03", b"j"), ("▸ node02", b"k")):
            terminal.press(key)
            terminal.until(mark, within=15)
        asked = terminal.raw.count(ASK)
    assert asked > _TRIES if answers else asked == _TRIES


def test_resize_shows_everything() -> None:
    """At each size the whole screen is there, also after it was narrow, and back to the first."""
    with Terminal(PLAY, cwd=ROOT) as terminal:
        terminal.until("node03", within=30)
        terminal.press(b"j")
        terminal.until("▸ node01")
        terminal.until_frames()
        first = shape(terminal.text)
        for size in ((120, 30), (70, 20), (80, 24)):
            terminal.resize(*size)
            terminal.until(
                lambda text, size=size: (
                    "q leave" in text.split("\n")[size[1] - 1] or "? help" in text.split("\n")[-1]
                )
            )
        terminal.until(lambda text: shape(text) == first)


def shape(text: str) -> list[str]:
    """Give the screen without its numbers."""
    return ["".join(c for c in line if c.isalpha()) for line in text.split("\n")]


def test_no_late_answer_is_typed_into_the_shell() -> None:
    """A frame, and its question, goes half a second before the end; the answer takes a whole one."""
    script = '"$@"; echo over; read line; echo "got ${#line} bytes"'
    with Terminal(["sh", "-c", script, "sh", *PLAY], cwd=ROOT, line=Line(delay=0.5)) as terminal:
        terminal.until("node03", within=60)
        asked = terminal.raw.count(ASK)
        terminal.press(b"j")
        while terminal.raw.count(ASK) == asked:  # the screen shows it half a second later
            os.sched_yield()
        terminal.press(b"q")
        terminal.until("over")
        terminal.press(b"\r")
        terminal.until("bytes")
        assert "got 0 bytes" in terminal.text


def test_suspended_screen_comes_back() -> None:
    """After SIGTSTP the terminal is the shell's; after SIGCONT everything is painted again."""
    with Terminal(PLAY, cwd=ROOT) as terminal:
        terminal.until("node03", within=30)
        terminal.signal(signal.SIGTSTP)
        terminal.until(lambda _: 1049 not in terminal.modes and 25 in terminal.modes)
        os.waitid(os.P_PID, terminal.pid, os.WSTOPPED | os.WNOWAIT)  # it gives the terminal back, then stops
        terminal.signal(signal.SIGCONT)
        terminal.until("q leave")
        terminal.until("▸ headnode")
        assert 1049 in terminal.modes
        terminal.press(b"j")
        terminal.until("▸ node01")
        terminal.press(b"q")
        assert terminal.wait() == 0


def test_going_on_without_a_stop_changes_nothing() -> None:
    """SIGCONT comes at a hang-up and from timeout(1), too: the screen begins anew, once."""
    with Terminal(PLAY, cwd=ROOT) as terminal:
        terminal.until("node03", within=30)
        terminal.signal(signal.SIGCONT)
        terminal.until(lambda _: terminal.raw.count(b"\x1b[?1049h") == 2)  # it begins anew
        for key, row in ((b"\x1b[B", "▸ node01"), (b"\x1b[B", "▸ node02"), (b"\x1b[A", "▸ node01")):
            terminal.press(key)
            terminal.until(row)
        assert 1049 in terminal.modes
        terminal.press(b"q")
        assert terminal.wait() == 0
        assert 1049 not in terminal.modes


@pytest.mark.parametrize("number", range(3))
def test_a_terminal_that_goes_away_ends_it(number: int) -> None:
    """Whatever comes with the hang-up, and in whatever order: nothing goes on, and nothing spins."""
    with Terminal(PLAY, cwd=ROOT) as terminal:
        terminal.until("node03", within=30)
        terminal.hang_up()
        for _ in range(number):
            terminal.signal(signal.SIGCONT)
        terminal.wait()


def test_idle_screen_costs_little() -> None:
    """What does not change is not sent: a help screen costs the clock's digits and a question."""
    with Terminal(PLAY, cwd=ROOT) as terminal:
        terminal.until("node03", within=30)
        terminal.press(b"?")
        terminal.until("esc back")
        terminal.until_frames()
        before, begin, cpu = terminal.written, time.monotonic(), spent(terminal.pid)
        while time.monotonic() - begin < 4:
            time.sleep(0.05)
        wrote, used, took = terminal.written - before, spent(terminal.pid) - cpu, time.monotonic() - begin
        assert wrote / took < 100
        assert used / took < 0.25
