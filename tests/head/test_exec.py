"""A command on nodes through real sshd: all it says, how it ends, and nothing of it left."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sciabc_tui.api.remote import ExecWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Said
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Liveness, Node, Origin, Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.exec import Exec
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.sessions import Sessions
from sciabc_tui.head.ssh import Stream, open_stream
from tests.head.servers import Sshd, running_sshd, wait_for

ONE, TWO = NodeId("n-1"), NodeId("n-2")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Generator[Sshd]:
    """Give a running sshd that admits us."""
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def streams(sshd: Sshd) -> Generator[tuple[Stream, Stream]]:
    """Give the streams of readings of two nodes, as the head has them open."""
    opened = [
        open_stream(socket.create_connection((sshd.address, sshd.port), 5), sshd.login, sshd.credentials)
        for _ in range(2)
    ]
    yield opened[0], opened[1]
    for stream in opened:
        stream.end()


class Place:
    """A head with two nodes."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        nodes = (
            Node(HEAD, "head", Origin.LOCAL, trust=Trust.TRUSTED),
            Node(ONE, "one", Origin.MDNS, trust=Trust.TRUSTED),
            Node(TWO, "two", Origin.MDNS, trust=Trust.TRUSTED),
            Node(NodeId("n-3"), "new", Origin.MDNS),
            Node(NodeId("n-4"), "dead", Origin.MDNS, trust=Trust.TRUSTED, liveness=Liveness.DEAD),
            Node(NodeId("n-5"), "mute", Origin.MDNS, trust=Trust.TRUSTED),
        )
        clock = SystemClock()
        self.hub = StateHub(clock, State(nodes={node.id: node for node in nodes}))
        sessions = Sessions()
        for node, stream in zip((ONE, TWO), streams, strict=True):
            sessions.opened(node, stream)
        self.exec = Exec(self.hub, clock, sessions)

    def parts(self, command: str, *nodes: str, within: float | None = None) -> AsyncGenerator[Part, None]:
        """Run a command."""
        return self.exec.run(ExecWish(nodes or ("one",), command, within), "ada")

    async def all(self, command: str, *nodes: str, within: float | None = None) -> list[Part]:
        """Run a command to its end."""
        found = [part async for part in self.parts(command, *nodes, within=within)]
        assert isinstance(found[0], Begun)
        assert isinstance(found[-1], Over)
        return found[1:-1]


@pytest.fixture
async def place(streams: tuple[Stream, Stream]) -> Place:
    """Give a head with two nodes."""
    return Place(streams)


def said(parts: Sequence[Part], node: str, *, err: bool = False) -> bytes:
    """Give what a node wrote."""
    return b"".join(p.data for p in parts if isinstance(p, Said) and (p.node, p.err) == (node, err))


def ended(parts: Sequence[Part]) -> dict[str, Ended]:
    """Give how it ended on each node, once."""
    found = [part for part in parts if isinstance(part, Ended)]
    assert len({part.node for part in found}) == len(found)
    return {part.node: part for part in found}


@pytest.mark.parametrize("node", ["one", "head"])
async def test_all_that_is_said_arrives_whole_and_apart(place: Place, node: str) -> None:
    """Megabytes of both outputs, then the status; input is empty, and words are read by the shell."""
    command = (
        "head -c 3000000 /dev/zero | tr '\\0' x; head -c 500000 /dev/zero | tr '\\0' y >&2; cat; "
        'echo "it\'s $((1 + 1))"; exit 3'
    )
    parts = await place.all(command, node)
    assert said(parts, node) == b"x" * 3_000_000 + b"it's 2\n"
    assert said(parts, node, err=True) == b"y" * 500_000
    assert ended(parts) == {node: Ended(node, ok=False, text="exit status 3", code=3)}
    assert isinstance(parts[-1], Ended)


async def test_it_runs_on_all_at_once(place: Place, tmp_path: Path) -> None:
    """Each of three waits for the two others, and ends; each is told when it ends."""
    all_there = f'[ "$(ls {tmp_path} | wc -l)" = 3 ]'
    command = f": >{tmp_path}/$$; until {all_there}; do sleep 0.1; done; echo $SSH_CONNECTION | wc -w"
    parts = await place.all(command, "one", "two", "head", within=60.0)
    assert [said(parts, node) for node in ("one", "two", "head")] == [b"4\n", b"4\n", b"0\n"]
    assert all(end.ok and end.code == 0 for end in ended(parts).values())


@pytest.mark.parametrize("node", ["one", "head"])
async def test_a_signal_is_told(place: Place, node: str) -> None:
    """By the shell's convention and in words; the shell's own remark with a process id in it is not there."""
    parts = await place.all("kill -9 $$", node)
    assert ended(parts)[node] == Ended(node, ok=False, text="exit status 137 (SIGKILL)", code=137)
    assert said(parts, node, err=True) == b""


@pytest.mark.parametrize("node", ["one", "head"])
@pytest.mark.parametrize("ignores", ["", "trap '' TERM HUP; "])
async def test_who_cancels_leaves_nothing_behind(
    place: Place, tmp_path: Path, node: str, ignores: str
) -> None:
    """Nor of a command with children of its own that ignore what they can."""
    child = f"sh -c 'echo $$ >{tmp_path}/b; sleep 1000; sleep 1000'"
    command = f"{ignores}{child} & echo $$ >{tmp_path}/a; echo go; wait"
    async with contextlib.aclosing(place.parts(command, node)) as parts:
        async for part in parts:
            if isinstance(part, Said):
                break
        wait_for(lambda: (tmp_path / "b").exists() and bool((tmp_path / "b").read_text()), "both run")
    pids = [int((tmp_path / name).read_text()) for name in "ab"]
    await gone(pids)


async def gone(pids: Sequence[int]) -> None:
    """Wait until none of these runs."""
    async with asyncio.timeout(30):
        while any(runs(pid) for pid in pids):  # noqa: ASYNC110 - other processes have no event
            await asyncio.sleep(0.02)


def runs(pid: int) -> bool:
    """Tell whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("node", ["one", "head"])
async def test_a_command_has_so_much_time(place: Place, tmp_path: Path, node: str) -> None:
    """Then it is ended there, with what it started, and told so; what it wrote until then is there."""
    command = f"echo $$ >{tmp_path}/a; echo begun; sleep 1000"
    began = time.monotonic()
    parts = await place.all(command, node, within=2.0)  # enough to begin on a machine that is busy
    assert time.monotonic() - began < 30
    assert said(parts, node) == b"begun\n"
    assert ended(parts)[node].text == "ended after its 2 s"
    await gone([int((tmp_path / "a").read_text())])


@pytest.mark.parametrize("node", ["one", "head"])
async def test_what_is_left_in_the_background_goes_on(place: Place, tmp_path: Path, node: str) -> None:
    """As with ssh; and it is not waited for, though it holds the output open."""
    began = time.monotonic()
    parts = await place.all(f"sleep 1000 & echo $! >{tmp_path}/pid; echo done", node)
    assert time.monotonic() - began < 30
    assert (said(parts, node), ended(parts)[node].ok) == (b"done\n", True)
    pid = int((tmp_path / "pid").read_text())
    assert runs(pid)
    os.kill(pid, signal.SIGKILL)


async def test_a_flood_waits_for_who_is_slow(place: Place, streams: tuple[Stream, Stream]) -> None:
    """A node that prints without end is not read while nobody takes it; the others are read none the less."""
    async with contextlib.aclosing(place.parts('[ -n "$X" ] || yes', "one", "head")) as parts:
        taken = 0
        async for part in parts:
            if isinstance(part, Said):
                taken += len(part.data)
            if taken > 1_000_000:
                break
        # nobody takes anything now: what is held is what the channel's window allows
        await asyncio.sleep(0.5)
        channels = streams[0].session._channels.values()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType] - a look inside
        assert sum(len(channel.in_buffer) for channel in channels) <= 200_000  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType] - likewise


async def test_who_can_not_be_reached_is_told_at_once(place: Place) -> None:
    """With why and what to do; the others run."""
    parts = await place.all("echo hi", "new", "dead", "mute", "one")
    ends = ended(parts)
    assert "not approved" in ends["new"].text
    assert ends["new"].fix == "Next: sciabc-tui nodes approve new"
    assert ends["dead"].text.startswith("dead: ")
    assert ends["mute"].text == "no ssh session now"
    assert ends["one"].ok
    assert all(end.fix.startswith("Next: ") for end in ends.values() if not end.ok)


async def test_a_cut_connection_is_told(place: Place, streams: tuple[Stream, Stream], tmp_path: Path) -> None:
    """The other node goes on to its end."""
    parts: list[Part] = []
    command = f"echo hi; until [ -e {tmp_path}/cut ]; do sleep 0.1; done"
    async for part in place.parts(command, "one", "two", within=60.0):
        parts.append(part)
        if isinstance(part, Said) and part.node == "one":
            streams[0].session.sock.shutdown(socket.SHUT_RDWR)
            (tmp_path / "cut").touch()
    assert ended(parts)["one"].text == "the connection was lost"
    assert ended(parts)["two"].ok


async def test_an_unplugged_node_is_told_as_membership_says(place: Place) -> None:
    """Though the connection does not know it yet."""
    parts: list[Part] = []
    async for part in place.parts("echo hi; sleep 1000", "one"):
        parts.append(part)
        if isinstance(part, Said):
            nodes = place.hub.state.nodes
            dead = replace(nodes[ONE], liveness=Liveness.DEAD)
            place.hub._state = replace(place.hub.state, nodes={**nodes, ONE: dead})
    end = ended(parts)["one"]
    assert (end.ok, end.text[:6]) == (False, "dead: ")


async def test_what_can_not_be_run_is_refused(place: Place) -> None:
    """Before anything is begun."""
    for command, nodes, refusal in (
        ("  ", ("one",), CommandRefused),
        ("a\0b", ("one",), CommandRefused),
        ("ls", ("who",), NotFound),
    ):
        with pytest.raises(refusal, match="Next: "):
            await anext(place.parts(command, *nodes))
