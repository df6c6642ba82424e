"""`sciabc-tui logs`: what of a log is shown, and how."""

import json
import subprocess

import pytest

from jobs.logstore import LogLine, Stream, format_line
from sciabc_tui.api.messages import LogFilter
from sciabc_tui.cluster.job import JobId
from tests.api.scripted import HELLO, WALL, Serving
from tests.cli.shell import COMMAND, Shell

NASTY = b"\x1b]0;owned\x07\x1b[2J\x00\xff\x9b31m"


def _record(
    text: bytes, rank: int | None = 0, stream: Stream = Stream.OUT, *, ago: float = 0.0, joined: bool = False
) -> bytes:
    return format_line(LogLine(WALL - ago, rank, stream, text, joined))


def _put(service: Serving, data: bytes) -> None:
    service.do(lambda: service.backend.logs.update({JobId(1): data}))


def _bytes(shell: Shell, *options: str) -> bytes:
    command = [*COMMAND, "logs", "1", *options]
    done = subprocess.run(
        command, capture_output=True, check=True, cwd=shell.home, env=shell.environ, timeout=60
    )
    return done.stdout


def test_what_is_wanted_is_asked_of_the_head(shell: Shell, service: Serving) -> None:
    """So that it reads what it must, by its index, and nothing else comes over."""
    done = shell.run("logs", "1", "--rank", "0,3-4", "--stream", "err", "--since", "10m", "--attempt", "2")
    assert done.returncode == 0, done.stderr
    assert service.backend.wanted == LogFilter((0, 3, 4), ("err",), WALL - 600, 2)


def test_filters_hold_together(shell: Shell, service: Serving) -> None:
    """Rank, stream, time and text: a line is shown if all fit."""
    _put(
        service,
        _record(b"error: early", 3, ago=900)
        + _record(b"error: now", 3)
        + _record(b"error: of another", 4)
        + _record(b"fine", 3)
        + _record(b"error: aside", 3, Stream.ERR),
    )
    done = shell.run("logs", "1", "--rank", "3", "--since", "5m", "--grep", "^err.r", "--stream", "out")
    assert (done.stdout, done.stderr) == ("error: now\n", "")
    assert shell.run("logs", "1", "--grep", "nowhere").stdout == ""
    assert shell.run("logs", "1", "--rank", "3,4", "--grep", "another").stdout == "[4] error: of another\n"


def test_raw_gives_the_log_itself(shell: Shell, service: Serving) -> None:
    """Byte for byte what the file has, of what is wanted."""
    assert shell.run("logs", "1", "--raw").stdout.encode() == HELLO
    lines = shell.run("logs", "1", "--raw", "--rank", "1").stdout
    assert lines == HELLO.decode().split("\n", 1)[1]
    _put(service, _record(NASTY) + b"no record\n")
    assert _bytes(shell, "--raw") == _record(NASTY) + b"no record\n"


@pytest.mark.parametrize("option", [[], ["--raw"], ["--json"], ["--rank", "0"], ["--grep", "."]])
def test_nothing_of_a_job_steers_the_terminal(shell: Shell, service: Serving, option: list[str]) -> None:
    """However it is shown: no control character of the job comes through."""
    _put(service, _record(NASTY))
    with shell.terminal("logs", "1", *option) as terminal:
        assert terminal.ended() == 0
    assert "owned" in terminal.text
    assert not set(terminal.text) & {"\x1b", "\x07", "\x00", "\x9b"}


@pytest.mark.parametrize(("options", "seen"), [((), False), (("--raw",), True), (("--json",), True)])
def test_what_is_told_to_the_screen_can_be_seen(
    shell: Shell, service: Serving, options: tuple[str, ...], *, seen: bool
) -> None:
    """A terminal is spared a program's marked lines, unless all lines are wanted."""
    _put(service, _record(b"@sciabc progress 1 of 2") + _record(b"half"))
    with shell.terminal("logs", "1", *options) as terminal:
        assert terminal.ended() == 0
    assert "half" in terminal.text
    assert ("@sciabc progress 1 of 2" in terminal.text) is seen


def test_a_line_of_ten_megabytes_comes_through(shell: Shell, service: Serving) -> None:
    """In a pipe as one line, without a byte more or less."""
    piece = b"\xe2\x82\xac\x00\xff" * 13107 + b"x"  # as long as a record's text may be
    _put(
        service,
        b"".join(_record(piece, joined=number > 0) for number in range(160)) + _record(b"!", joined=True),
    )
    assert _bytes(shell) == b"[0] " + piece * 160 + b"!\n"


def test_both_streams_keep_their_order_on_a_terminal(shell: Shell, service: Serving) -> None:
    """What was written later is shown later, whatever it was written to."""
    _put(
        service, b"".join(_record(b"%03d" % n, None, Stream.ERR if n % 3 else Stream.OUT) for n in range(200))
    )
    with shell.terminal("logs", "1") as terminal:
        assert terminal.ended() == 0
    assert terminal.text.split() == [f"{n:03}" for n in range(200)]


def test_json_is_filtered_too(shell: Shell, service: Serving) -> None:
    """One object a line, of what is wanted."""
    lines = shell.run("logs", "1", "--json", "--stream", "err").stdout.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["a warning"]


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    "option",
    [
        ["--rank", "x"],
        ["--rank", "3-1"],
        ["--rank", "99999"],
        ["--rank", ""],
        ["--grep", "("],
        ["--since", "yesterday"],
        ["--since", "25:00"],
        ["--stream", "both"],
        ["--attempt", "0"],
        ["--raw", "--json"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(shell: Shell, option: list[str]) -> None:
    """Before anything is read, with the value named."""
    done = shell.run("logs", "1", *option)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
