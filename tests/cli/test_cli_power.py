"""`power`, `pack`, `unpack`, `identify`, and drains of many, as a user types them."""

import json
from dataclasses import replace

import pytest

from sciabc_tui.api.powering import IdentifyWish, PackWish, PowerWish, UnpackWish
from sciabc_tui.api.works import Begun, Ended, Over, Step
from sciabc_tui.cluster.observations import DrainNode, ResumeNode
from sciabc_tui.errors import CommandRefused
from tests.api.scripted import Serving, ready_node
from tests.cli.shell import Shell

PARTS = (
    Begun(("node01",)),
    Step("node01", "reboot", "running", "asked"),
    Ended("node01", ok=True, text="back after 41 s", changes=1),
    Over(),
)


def wish(service: Serving) -> object:
    """Give what the service was asked, once."""
    ((asked, _),) = service.backend.works
    return asked


def test_a_restart_is_told(shell: Shell, service: Serving) -> None:
    """What runs there is named first; the result is on standard output; no force goes along unasked."""
    service.backend.parts = PARTS
    done = shell.run("power", "reboot", "node01", "--yes")
    assert (done.returncode, done.stdout) == (0, "node01: back after 41 s\n")
    assert "job 3 nbody runs on node01" in done.stderr
    assert wish(service) == PowerWish(("node01",), "reboot")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["off", "node01", "-y"], PowerWish(("node01",), "off")),
        (["off", "node01", "-y", "--force"], PowerWish(("node01",), "off", force=True)),
        (["on", "node[01,05]"], PowerWish(("node01", "node05"), "on")),
        (["cycle", "node05", "-y"], PowerWish(("node05",), "cycle")),
        (["cut", "@all!head!node[05-06]", "-y"], PowerWish(("node01",), "cut")),
    ],
)
def test_each_action_asks_for_what_it_says(
    shell: Shell, service: Serving, words: list[str], asked: PowerWish
) -> None:
    """Node sets and groups are meant as everywhere."""
    done = shell.run("power", *words)
    assert done.returncode == 0, done.stderr
    assert wish(service) == asked


def test_without_a_yes_nothing_is_done(shell: Shell, service: Serving) -> None:
    """Where nobody can be asked, --yes must say so."""
    done = shell.run("power", "off", "node01")
    assert done.returncode == 1
    assert done.stderr.endswith("sciabc-tui: Nobody is there to say yes. Next: add --yes if you mean it\n")
    assert service.backend.works == []


def test_a_person_is_asked(shell: Shell, service: Serving) -> None:
    """Who has seen what is lost, and says yes, means it; anything else is a no."""
    with shell.terminal("power", "off", "node01") as terminal:
        terminal.until("Halt node01? What runs there is lost. [y/N]")
        terminal.type(b"n\r")
        assert terminal.ended() == 1
    assert service.backend.works == []
    with shell.terminal("power", "off", "node01") as terminal:
        terminal.until("[y/N]")
        terminal.type(b"y\r")
        assert terminal.ended() == 0
    assert wish(service) == PowerWish(("node01",), "off", force=True)


def test_a_password_comes_by_standard_input(shell: Shell, service: Serving) -> None:
    """Its first line, and it is shown nowhere."""
    done = shell.run("power", "off", "node05", "--yes", "--password", typed="hunter2\nmore\n")
    assert done.returncode == 0
    assert wish(service) == PowerWish(("node05",), "off", "hunter2")
    assert "hunter2" not in done.stdout + done.stderr


def test_on_a_terminal_the_password_is_not_shown(shell: Shell, service: Serving) -> None:
    """It is asked for, and not echoed."""
    with shell.terminal("power", "off", "node05", "--yes", "--password") as terminal:
        terminal.until("sudo's password on the boards: ")
        terminal.type(b"hunter2\r")
        assert terminal.ended() == 0
        assert "hunter2" not in terminal.text
    assert wish(service) == PowerWish(("node05",), "off", "hunter2")


def test_a_board_that_fails_is_the_exit_code(shell: Shell, service: Serving) -> None:
    """With its line, its next step, and its name at the end."""
    service.backend.parts = (
        Begun(("node01",)),
        Ended("node01", ok=False, text="sudo there wants a password", fix="Next: add --password"),
        Over(),
    )
    done = shell.run("power", "off", "node01", "--yes")
    assert done.returncode == 1
    assert done.stdout == "node01: FAILED sudo there wants a password\n  Next: add --password\n"
    assert done.stderr.endswith("node01: failed\n")


def test_a_refusal_is_one_line(shell: Shell, service: Serving) -> None:
    """Such as that of a job that began meanwhile."""
    service.backend.parts = CommandRefused("job 7 nbody runs on node01. Next: sciabc-tui cancel 7")
    done = shell.run("power", "reboot", "node01", "--yes")
    assert done.returncode == 1
    assert done.stderr.endswith("sciabc-tui: job 7 nbody runs on node01. Next: sciabc-tui cancel 7\n")


@pytest.mark.usefixtures("service")
def test_no_node_set_is_wrong_usage(shell: Shell) -> None:
    """Before anybody is asked."""
    for words in (["power", "off", "node[1-", "-y"], ["identify", "@nope"], ["unpack", "-w", "a b"]):
        assert shell.run(*words).returncode == 2


def test_pack_says_what_it_ends(shell: Shell, service: Serving) -> None:
    """Jobs with their ranks, and which nodes; then it asks for all."""
    done = shell.run("pack", "--wait", "10m", "--keep-head", "--yes")
    assert done.returncode == 0
    assert done.stderr.splitlines()[:3] == [
        "job 3 nbody runs on node01",
        "Jobs that still run after 10m00s are stopped.",
        "There are node01 to halt.",
    ]
    assert wish(service) == PackWish(600.0, keep_head=True)


def test_pack_asks(shell: Shell, service: Serving) -> None:
    """Where nobody is, --yes must say so."""
    done = shell.run("pack")
    assert done.returncode == 1
    assert "add --yes" in done.stderr
    assert service.backend.works == []
    with shell.terminal("pack") as terminal:
        terminal.until("Running jobs are stopped.")
        terminal.until("Halt all nodes and this head? [y/N]")
        terminal.type(b"y\r")
        assert terminal.ended() == 0
    assert wish(service) == PackWish()


def test_unpack_asks_for_all_or_for_some(shell: Shell, service: Serving) -> None:
    """Two minutes, unless told otherwise."""
    assert shell.run("unpack").returncode == 0
    assert shell.run("unpack", "-w", "node01", "--within", "5m").returncode == 0
    assert [asked for asked, _ in service.backend.works] == [
        UnpackWish(),
        UnpackWish(("node01",), 300.0),
    ]


def test_identify_blinks(shell: Shell, service: Serving) -> None:
    """For as long as is wanted, an hour at most."""
    assert shell.run("identify", "node01", "--for", "2m").returncode == 0
    assert wish(service) == IdentifyWish(("node01",), 120.0)
    assert shell.run("identify", "node01", "--for", "2h").returncode == 2


def test_json_has_every_part(shell: Shell, service: Serving) -> None:
    """A line each, as docs/api.md says."""
    service.backend.parts = PARTS
    lines = shell.run("power", "reboot", "node01", "--yes", "--json").stdout.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["begun", "step", "ended", "over"]


def test_many_are_drained_and_resumed(shell: Shell, service: Serving) -> None:
    """Node sets; what runs there is named first; an unknown name stops all before the first."""
    state = service.backend.state
    two = ready_node("node02")
    service.do(lambda: service.backend.publish(replace(state, nodes={**state.nodes, two.id: two})))
    done = shell.run("nodes", "drain", "node[01-02]", "fan", "broken")
    assert done.stdout == "node01 drained\nnode02 drained\n"
    assert done.stderr == "job 3 nbody runs on node01\n"
    assert shell.run("nodes", "resume", "node[01-02]").stdout == "node01 resumed\nnode02 resumed\n"
    assert [type(command) for command in service.backend.commands] == [
        DrainNode,
        DrainNode,
        ResumeNode,
        ResumeNode,
    ]
    service.backend.commands.clear()
    assert shell.run("nodes", "drain", "node[01,77]").returncode == 1
    assert service.backend.commands == []
