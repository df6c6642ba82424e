"""`exec` as a user sees it: equal outputs folded, live lines in a pipe, the worst exit code; node sets."""

import json
import re
import shlex
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from sciabc_tui.api.remote import ExecWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Said
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Drain, Node, Origin
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.works import NOT_SIMULATED
from tests.api.scripted import Serving, ready_node
from tests.cli.shell import Shell

NAMES = ("node01", "node02", "node03", "node04")
DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("commands-on-nodes.md", "files.md")
COMMANDS = [
    line
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(autouse=True)
def four_nodes(service: Serving) -> None:
    """Let the cluster have a head, four nodes of which one is drained, and one that nobody approved."""

    def settle() -> None:
        state = service.backend.state
        nodes = [ready_node("head", Origin.LOCAL), *map(ready_node, NAMES)]
        nodes[4] = replace(nodes[4], drained=Drain("fan", "ada", 0.0))
        nodes.append(Node(NodeId("id-new"), "new", Origin.MDNS))
        service.backend.publish(replace(state, nodes={node.id: node for node in nodes}))

    service.do(settle)


def tell(service: Serving, *parts: Part) -> None:
    """Lay ready what is told of the next work."""
    service.do(lambda: setattr(service.backend, "parts", (Begun(NAMES), *parts, Over())))


def asked(service: Serving) -> ExecWish:
    """Give the only wish."""
    ((wish, _),) = service.backend.works
    assert isinstance(wish, ExecWish)
    return wish


SAME = [part for name in NAMES for part in (Said(name, b"Debian\n"), Ended(name, ok=True, code=0))]


@pytest.mark.parametrize(
    ("args", "nodes"),
    [
        ((), ("head", *NAMES)),
        (("-w", "@up!@drained"), ("head", "new", *NAMES[:3])),
        (("-w", "@schedulable", "-x", "@head,node02"), ("node01", "node03")),
        (("-w", "node[02-03]"), ("node02", "node03")),
        (("-x", "node[01-04]"), ("head",)),
        (("--nodes", "@all&node01", "--exclude", "@down"), ("node01",)),
    ],
)
def test_node_sets(shell: Shell, service: Serving, args: tuple[str, ...], nodes: tuple[str, ...]) -> None:
    """Without one: all that are up and trusted, a drained one too. Groups mean what they are now."""
    tell(service)
    assert shell.run("exec", *args, "--", "uptime").returncode == 0
    assert set(asked(service).nodes) == set(nodes)


def test_the_command_is_the_rest_of_the_line(shell: Shell, service: Serving) -> None:
    """Its options are its own, also without `--`; words are joined as by ssh."""
    tell(service)
    shell.run("exec", "--within", "1m30s", "ls", "-w", "--json", "'a b'", "|", "wc")
    assert asked(service) == ExecWish(("head", *NAMES), "ls -w --json 'a b' | wc", 90.0)


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("-w", "node07", "x"), 1, "There is no node node07. Next: sciabc-tui nodes"),
        (("-w", "@rack", "x"), 2, "there is no group @rack. Next: one of @all"),
        (("-w", "node[3-1]", "x"), 2, "goes backwards"),
        (("-w", "@down", "x"), 1, "No node is left to do it on. Next: sciabc-tui nodes"),
        (("--within", "soon", "x"), 2, "soon"),
        ((), 2, "COMMAND"),
    ],
)
@pytest.mark.usefixtures("service")
def test_what_is_wrong_is_one_line(shell: Shell, args: tuple[str, ...], status: int, words: str) -> None:
    """With the next step, and before anything is run."""
    done = shell.run("exec", *args)
    assert done.returncode == status
    assert words in " ".join(re.sub("[│╭╮╰╯─]", " ", done.stderr).split())
    assert done.stdout == ""


def test_equal_outputs_are_folded(shell: Shell, service: Serving) -> None:
    """The header names and counts the nodes; the largest group is the first."""
    tell(service, *SAME[:6], Said("node04", b"Raspbian\nold\n"), Ended("node04", ok=True, code=0))
    done = shell.run("exec", "--fold", "x")
    rule = "---------------"
    assert done.stdout.splitlines() == [
        *(rule, "node[01-03] (3)", rule, "Debian"),
        *(rule, "node04 (1)", rule, "Raspbian", "old"),
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_in_a_pipe_lines_come_as_they_are(shell: Shell, service: Serving) -> None:
    """Each whole and with its node before it; standard error is marked, and goes there."""
    tell(
        service,
        Said("node02", b"be"),
        Said("node01", b"one\n\ntwo\r\n"),
        Said("node02", b"gun\nno end"),
        Said("node02", b"oh\n", err=True),
        Ended("node02", ok=True, code=0),
    )
    done = shell.run("exec", "x")
    assert done.stdout.splitlines() == [
        "node01: one",
        "node01: ",
        "node01: two",
        "node02: begun",
        "node02: no end",
    ]
    assert done.stderr.splitlines() == ["node02: stderr: oh"]


@pytest.mark.parametrize("fold", ["--fold", "--no-fold"])
def test_the_worst_exit_code_is_ours(shell: Shell, service: Serving, fold: str) -> None:
    """Who failed is named with why and what to do; a node that ran nothing counts as 1."""
    tell(
        service,
        Ended("node01", ok=True, code=0),
        Ended("node02", ok=False, text="exit status 3", code=3),
        Ended("node03", ok=False, text="exit status 3", code=3),
        Ended("node04", ok=False, text="no ssh session now", fix="Next: sciabc-tui nodes, then again"),
    )
    done = shell.run("exec", fold, "x")
    assert (done.returncode, done.stdout) == (3, "")
    lines = done.stderr.splitlines()
    assert "sciabc-tui: node04: no ssh session now" in lines
    assert "  Next: sciabc-tui nodes, then again" in lines
    if fold == "--fold":
        assert lines[0] == "sciabc-tui: node[02-03]: exit status 3"
    tell(service, Ended("node01", ok=False, text="no ssh session now"))
    assert shell.run("exec", fold, "x").returncode == 1


@pytest.mark.parametrize("fold", ["--fold", "--no-fold"])
def test_what_nodes_print_steers_no_terminal(shell: Shell, service: Serving, fold: str) -> None:
    """Control characters are spelt out; bytes that are no text too."""
    tell(service, Said("node01", b"\x1b]0;evil\x07\xff\x9b\n", err=True), Ended("node01", ok=True, code=0))
    done = shell.run("exec", fold, "x")
    shown = done.stdout + done.stderr
    assert "\\x1b]0;evil\\x07\\xff" in shown
    assert "\x1b" not in shown


def test_on_a_terminal_it_says_how_far_it_is(shell: Shell, service: Serving) -> None:
    """Then the groups come; with Ctrl-C those that are there, and what was begun is cancelled."""
    service.do(service.backend.go_on.clear)
    tell(service, *SAME)
    with shell.terminal("exec", "x") as terminal:
        terminal.until("0/4 done, waiting for node[01-04]")
        service.do(service.backend.go_on.set)
        assert terminal.ended() == 0
        assert "node[01-04] (4)" in terminal.text


def test_ctrl_c_cancels(shell: Shell, service: Serving) -> None:
    """It ends at once with 130, and the head hears of it."""
    service.do(service.backend.go_on.clear)
    tell(service, *SAME)
    with shell.start("exec", "x") as process:
        service.until(lambda: bool(service.backend.works))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Cancelled" in err
    service.until(service.backend.closed.is_set)


def test_json_is_the_parts(shell: Shell, service: Serving) -> None:
    """A line for each, as in the API."""
    tell(service, *SAME[:2])
    lines = [json.loads(line) for line in shell.run("exec", "--json", "x").stdout.splitlines()]
    assert [line["type"] for line in lines] == ["begun", "said", "ended", "over"]


def test_a_refusal_is_one_line(shell: Shell, service: Serving) -> None:
    """As of a simulation, which has no shells."""
    refusal = CommandRefused(NOT_SIMULATED)
    service.do(lambda: setattr(service.backend, "parts", refusal))
    done = shell.run("exec", "x")
    assert (done.returncode, done.stderr) == (1, f"sciabc-tui: {refusal}\n")


@pytest.mark.parametrize(
    "command",
    [
        "exec -- uptime",
        "push f",
        "pull f",
        "power off node03",
        "pack",
        "unpack",
        "nodes provision pi@10.0.0.9",
    ],
)
def test_a_simulation_says_that_it_has_no_boards(shell: Shell, command: str) -> None:
    """Plainly, with what to do instead; not that there is no such node, which just has not come yet."""
    done = shell.run("--demo", *command.split())
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"sciabc-tui: {NOT_SIMULATED}\n")


@pytest.mark.parametrize("line", COMMANDS)
def test_the_guides_tell_the_truth(shell: Shell, service: Serving, line: str) -> None:
    """Every command in them reaches the head."""
    tell(service, *SAME)
    assert line.startswith("sciabc-tui ")
    (shell.home / "bin").mkdir()
    for name in ("input.dat", "simulate", "bin/tool"):
        (shell.home / name).touch()
    done = shell.run(*shlex.split(line)[1:])
    assert done.returncode == 0, done.stderr
    assert service.backend.works or service.backend.submitted or service.backend.wishes
