"""What a terminal gets is harmless; what a pipe gets is what the rank wrote."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from jobs.logstore import PIECE_BYTES, LogLine, Stream, format_line
from sciabc_tui.cli.harmless import harmless
from sciabc_tui.cli.joblog import JsonPrinter, LogPrinter, records
from sciabc_tui.cluster.job import JobId, JobState
from tests.api.scripted import Serving
from tests.cli.shell import Shell

NASTY = b"\x1b]0;owned\x07\x1b[2Jred \x1b[31mtext\x1b[0m \xc2\x9b31m \xe2\x80\xaeback \xff\ttab\r"


class Captured(io.BytesIO):
    """Stands in for a standard stream and for the buffer below it."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.buffer = self
        self.terminal = terminal

    @override
    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        return self.terminal


def capture(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> tuple[Captured, Captured]:
    """Put captured streams in the place of standard output and standard error."""
    captured = Captured(terminal=terminal), Captured(terminal=terminal)
    monkeypatch.setattr(sys, "stdout", captured[0])
    monkeypatch.setattr(sys, "stderr", captured[1])
    return captured


def record(text: bytes, rank: int | None = 0, stream: Stream = Stream.OUT, *, joined: bool = False) -> bytes:
    """Write a record as the log has it."""
    return format_line(LogLine(1_795_269_791.0, rank, stream, text, joined))


@given(st.text())
def test_harmless_text_has_no_control_characters(text: str) -> None:
    """Whatever comes in, nothing that steers a terminal comes out, but for the tab."""
    out = harmless(text)
    assert not any(char != "\t" and (ord(char) < 32 or 127 <= ord(char) < 160) for char in out)
    assert "\u202e" not in out
    assert "\u2028" not in out


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])))
def test_harmless_text_is_left_as_it_is(text: str) -> None:
    """What is harmless already is not changed."""
    assert harmless(text) == text


def test_a_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours go, other control characters are spelt out."""
    streams = capture(monkeypatch, terminal=True)
    LogPrinter().show(record(NASTY))
    shown = streams[0].getvalue().decode()
    assert shown == "[0] \\x1b]0;owned\\x07\\x1b[2Jred text \\x9b31m \\u202eback \\xff\ttab\n"


def test_a_pipe_gets_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a byte is changed, and standard error is kept apart."""
    streams = capture(monkeypatch, terminal=False)
    printer = LogPrinter()
    printer.show(record(NASTY))
    printer.show(record(b"oops", 12, Stream.ERR))
    printer.show(record(b"mpirun says", None, Stream.ERR))
    assert streams[0].getvalue() == b"[0] " + NASTY + b"\n"
    assert streams[1].getvalue() == b"[12] oops\nmpirun says\n"


@pytest.mark.parametrize(
    ("terminal", "left"), [(True, b"[0] half\n"), (False, b"[0] @sciabc progress 1 of 2\n[0] half\n")]
)
def test_what_is_told_to_the_screen_is_for_a_screen(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, left: bytes
) -> None:
    """A terminal does not get the lines by which a program draws; a pipe gets all that it wrote."""
    streams = capture(monkeypatch, terminal=terminal)
    printer = LogPrinter()
    printer.show(record(b"@sciabc progress 1 of 2"))
    printer.show(record(b"half"))
    assert streams[0].getvalue() == left


def test_what_was_looked_for_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever searches for what a program tells the screen gets it on a terminal too."""
    streams = capture(monkeypatch, terminal=True)
    LogPrinter(searched=True).show(record(b"@sciabc progress 1 of 2"))
    assert streams[0].getvalue() == b"[0] @sciabc progress 1 of 2\n"


def test_pieces_of_a_long_line_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that was kept in pieces comes out as one, and another rank's line in between starts anew."""
    streams = capture(monkeypatch, terminal=False)
    long = b"x" * PIECE_BYTES
    printer = LogPrinter()
    printer.show(record(long))
    printer.show(record(b"end", joined=True))
    printer.show(record(long))
    printer.show(record(b"other", 1))
    printer.show(record(b"late", joined=True))
    expected = b"[0] " + long + b"end\n[0] " + long + b"\n[1] other\n[0] late\n"
    assert streams[0].getvalue() == expected


def test_json_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record is one line of JSON, whatever its bytes are."""
    streams = capture(monkeypatch, terminal=False)
    JsonPrinter().show(record(NASTY, 3))
    [line] = streams[0].getvalue().splitlines()
    assert json.loads(line) == {
        "at": 1_795_269_791.0,
        "rank": 3,
        "stream": "out",
        "text": NASTY.decode(errors="backslashreplace"),
        "joined": False,
    }


@given(st.lists(st.binary().map(lambda text: text.replace(b"\n", b"") + b"\n")), st.binary())
def test_only_newlines_end_records(lines: list[bytes], rest: bytes) -> None:
    """Other line ends that a rank may write do not split its record."""
    rest = rest.replace(b"\n", b"")
    assert records(b"".join(lines) + rest) == lines + ([rest] if rest else [])


def test_a_job_can_t_steer_the_user_s_terminal(shell: Shell, service: Serving) -> None:
    """End to end on a real terminal: no escape sequence of the job comes through."""

    def nasty() -> None:
        service.backend.logs[JobId(3)] = record(NASTY)
        service.backend.end_job(JobId(3), JobState.COMPLETED, 0)

    service.do(nasty)
    with shell.terminal("logs", "3") as terminal:
        assert terminal.ended() == 0
    assert "red text" in terminal.text
    assert "\x1b" not in terminal.text
    assert "\x07" not in terminal.text


@pytest.mark.usefixtures("service")
def test_any_locale_will_do(shell: Shell) -> None:
    """A terminal without UTF-8 gets escapes, not a traceback."""
    done = shell.run("panel", "--preview", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0


@pytest.mark.usefixtures("service")
def test_a_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    """`sciabc-tui logs 1 | head -n 0` prints no traceback."""
    with shell.start("logs", "1") as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        command.wait(20)
        assert "Traceback" not in command.stderr.read()
