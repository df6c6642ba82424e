"""`sciabc-tui events`, as a user runs it."""

import json

import pytest

from sciabc_tui.cluster.state import Severity
from tests.api.scripted import WALL, Serving
from tests.cli.shell import Shell


@pytest.fixture
def happened(service: Serving) -> Serving:
    """Let three things happen: yesterday, ten minutes ago, now."""
    service.do(lambda: service.backend.happen("node01 ready", ago=86400))
    service.do(lambda: service.backend.happen("node01 suspect: \x1b[31mx\u202e", Severity.WARN, ago=600))
    service.do(lambda: service.backend.happen("node01 down: silent", Severity.ERROR))
    return service


@pytest.mark.usefixtures("happened")
def test_events_are_lines_with_the_newest_last(shell: Shell) -> None:
    """Day, time, severity and text; nothing in the text steers a terminal."""
    assert shell.run("events").stdout.splitlines() == [
        "2026-11-20 14:03:11  info   node01 ready",
        "2026-11-21 13:53:11  warn   node01 suspect: x\\u202e",
        "2026-11-21 14:03:11  error  node01 down: silent",
    ]


@pytest.mark.usefixtures("happened")
@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["-n", "1"], ["node01 down: silent"]),
        (["--severity", "error"], ["node01 down: silent"]),
        (["--severity", "warn", "-n", "1"], ["node01 down: silent"]),
        (["--since", "5m"], ["node01 down: silent"]),
        (["--since", "14:03"], ["node01 down: silent"]),
        (["--since", "2026-11-21T14:00"], ["node01 down: silent"]),
        (["--since", "2d", "-n", "1", "--severity", "info"], ["node01 down: silent"]),
        (["--since", "1s", "--severity", "error"], ["node01 down: silent"]),
    ],
    ids=" ".join,
)
def test_filters(shell: Shell, options: list[str], shown: list[str]) -> None:
    """`-n` counts what the other filters leave."""
    lines = shell.run("events", "--json", *options).stdout.splitlines()
    assert [json.loads(line)["text"] for line in lines] == shown


@pytest.mark.usefixtures("happened")
def test_json_is_an_event_a_line(shell: Shell) -> None:
    """The shape is that of the API."""
    first = json.loads(shell.run("events", "--json").stdout.splitlines()[0])
    assert first == {"seq": 1, "wall": WALL - 86400, "severity": "info", "text": "node01 ready"}


def test_follow_goes_on(shell: Shell, happened: Serving) -> None:
    """New events appear as they happen, filtered as the others; the service's end is one line and exit 3."""
    with shell.start("events", "-f", "-n", "1", "--severity", "warn") as following:
        assert following.stdout is not None
        assert following.stderr is not None
        assert following.stdout.readline().endswith("node01 down: silent\n")
        happened.do(lambda: happened.backend.happen("node01 is back"))
        happened.do(lambda: happened.backend.happen("node02 suspect", Severity.WARN))
        assert following.stdout.readline().endswith("node02 suspect\n")
        happened.do(happened.stop.set)
        assert following.wait(20) == 3
        assert following.stderr.read() == "sciabc-tui: The head service went away. Next: sciabc-tui status\n"


@pytest.mark.usefixtures("service")
def test_nothing_happened(shell: Shell) -> None:
    """No events are no error and no output."""
    done = shell.run("events")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.usefixtures("service")
def test_what_can_t_be_read_is_wrong_usage(shell: Shell) -> None:
    """A `--since` that is no age and no time, or a severity that is none, is exit code 2."""
    done = shell.run("events", "--since", "yesterday")
    assert done.returncode == 2
    assert "such as 10m, 14:05 or" in done.stderr
    assert shell.run("events", "--severity", "bad").returncode == 2
