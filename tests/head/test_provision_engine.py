"""Provisioning over the engine: parts in order, many boards at once, and what is left when it is stopped."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sciabc_tui.api.provisioning import BoardWish, LookWish, ProvisionWish, ScanWish
from sciabc_tui.api.works import Begun, Board, Ended, Over, Part
from sciabc_tui.api.works import Step as StepPart
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Origin, Readiness, Trust
from sciabc_tui.cluster.observations import ForgetNode
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ports import Hub
from sciabc_tui.head.provisioning.engine import Provisioner
from sciabc_tui.head.provisioning.headkey import head_key, make_head_key
from sciabc_tui.head.provisioning.look import Looker
from sciabc_tui.head.provisioning.plan import Kit
from sciabc_tui.head.provisioning.ports import Board as Worked
from sciabc_tui.head.provisioning.ports import Step, StepFailed
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.users import Users
from tests.head.board_server import PASSWORD, BoardServer, board_server
from tests.head.fakes import FakeClock
from tests.head.servers import impostor, wait_for
from tests.lab.keys import new_key


@dataclass(slots=True)
class FakeAdded:
    """Keeps what was added."""

    entries: list[str] = field(default_factory=list[str])

    def add(self, entry: str, *, by: str) -> None:
        """Add it."""
        self.entries.append(f"{entry} by {by}")

    def let_go(self, hub: Hub, command: ForgetNode) -> bool:
        """Know none."""
        return False


@dataclass(frozen=True, slots=True)
class Sleeping:
    """A step that takes long."""

    mark: Path
    title: str = "MPI"

    def look(self, board: Worked) -> Sequence[str]:
        """Find something to do."""
        return ("sleep",)

    def do(self, board: Worked) -> str:
        """Take long."""
        board.run(f"echo $$ >{self.mark}; sleep 300", within=400.0)
        return "slept"


@pytest.fixture
def board(tmp_path: Path) -> Generator[BoardServer]:
    """Give a board where pi may do nothing as root, and its clock is right."""
    with _board(tmp_path / "board") as server:
        yield server


@contextmanager
def _board(folder: Path) -> Generator[BoardServer]:
    (folder / "keys").mkdir(parents=True)
    with board_server(folder) as server:
        server.tool("id", "case $1 in -un) echo pi ;; *) echo 1000 ;; esac\n")
        server.tool("sudo", "echo 'pi is not in the sudoers file.' >&2; exit 1\n")
        server.tool("date", f"echo {round(FakeClock().wall())}\n")
        yield server


def engine(
    board: BoardServer, steps: Sequence[Step] = (), state: State | None = None
) -> tuple[Provisioner, StateHub, FakeAdded]:
    """Give an engine whose key the board takes once it was told."""
    hub = StateHub(FakeClock(), state)
    added = FakeAdded()
    kit = Kit(mpi=lambda _: steps, verify=lambda _: (), install=_not_there)
    credentials = Credentials(None, board.folder / "keys")
    return Provisioner(hub, FakeClock(), Users("pi"), credentials, added, kit), hub, added


def _not_there(board: Worked, package: str) -> None:
    raise StepFailed(f"{package} can't be had", "Next: give it internet")


def wanted(board: BoardServer, fingerprint: str = "") -> BoardWish:
    """Ask for a board."""
    shown = board.host_key.fingerprint if board.host_key else ""
    return BoardWish(f"pi@127.0.0.1:{board.port}", fingerprint or shown)


def keyed(board: BoardServer) -> None:
    """Give the head a key that the board's sshd will take."""
    pair = new_key()
    file = board.folder / "keys" / "id_ed25519"
    file.write_text(pair.private)
    file.chmod(0o600)
    board.admitted.add(pair.public.split()[1])


async def all_of(parts: AsyncGenerator[Part, None]) -> list[Part]:
    """Hear a work to its end."""
    async with aclosing(parts):
        return [part async for part in parts]


def outcomes(parts: Sequence[Part]) -> list[tuple[str, str]]:
    """Give how each step went."""
    steps = [part for part in parts if isinstance(part, StepPart)]
    return [(part.step, part.outcome) for part in steps if part.outcome != "running"]


def files(board: BoardServer) -> set[str]:
    """Name the files in its home directory that are not the test's."""
    own = {"bin", "keys", "host_key"}
    found = (path.relative_to(board.folder) for path in board.folder.rglob("*"))
    return {str(path) for path in found if path.parts[0] not in own}


async def test_a_dry_run_says_all_and_changes_nothing(board: BoardServer) -> None:
    """Each step is looked at; neither the board nor the head has a file more."""
    provisioner, hub, _ = engine(board)
    wish = ProvisionWish((wanted(board),), PASSWORD, dry_run=True)
    parts = await all_of(provisioner.provision(wish, "pi"))
    assert isinstance(parts[0], Begun)
    assert parts[0].steps == ("login", "check", "head's key", "sshd", "announcement")
    assert outcomes(parts) == [
        ("login", "unchanged"),
        ("check", "unchanged"),
        ("head's key", "would"),
        ("sshd", "unchanged"),
        ("announcement", "would"),
    ]
    ended, over = parts[-2:]
    assert isinstance(ended, Ended)
    assert ended.ok
    assert over == Over("The head has no SSH key yet: ~/.ssh/id_ed25519 would be made")
    assert files(board) == set()
    assert not (board.folder / "keys" / "id_ed25519").exists()
    assert hub.state.log == ()


async def test_what_fails_is_told_with_the_step_and_what_was_done_can_be_undone(board: BoardServer) -> None:
    """Without sudo the key is authorised and the announcement is not written; undoing takes the key away."""
    keyed(board)
    provisioner, hub, _ = engine(board)
    parts = await all_of(provisioner.provision(ProvisionWish((wanted(board),), PASSWORD), "teacher"))
    assert outcomes(parts)[-1] == ("announcement", "failed")
    ended = parts[-2]
    assert isinstance(ended, Ended)
    assert (ended.ok, ended.changes) == (False, 1)
    assert ended.text == "announcement: pi may not use sudo there"
    assert ended.fix.startswith("Next: ")
    assert ".ssh/authorized_keys" in files(board)
    (line,) = hub.state.log
    assert "failed at announcement: pi may not use sudo there" in line.text
    assert PASSWORD not in line.text

    undone = await all_of(
        provisioner.provision(ProvisionWish((wanted(board),), PASSWORD, undo=True), "teacher")
    )
    assert outcomes(undone) == [("login", "unchanged"), ("undo", "done")]
    assert files(board) == set()
    assert "unprovisioned by teacher" in hub.state.log[-1].text


async def test_one_board_that_fails_does_not_hold_up_the_others(board: BoardServer, tmp_path: Path) -> None:
    """One shows another host key, one is no SSH server; each has an end of its own."""
    with _board(tmp_path / "other") as other, impostor(b"HTTP/1.1 400\r\n") as port:
        other.password = "another"
        provisioner, _, _ = engine(board)
        boards = (
            wanted(board),
            wanted(other),
            BoardWish(f"pi@127.0.0.1:{port}", "SHA256:" + "x" * 43),
        )
        parts = await all_of(provisioner.provision(ProvisionWish(boards, PASSWORD, dry_run=True), "pi"))
    ends = {part.node: part for part in parts if isinstance(part, Ended)}
    assert [ends[target.target].ok for target in boards] == [True, False, False]
    assert ends[boards[1].target].text == "login: wrong password for pi"
    assert "no SSH handshake" in ends[boards[2].target].text


async def test_hanging_up_ends_what_runs_on_the_board(board: BoardServer, tmp_path: Path) -> None:
    """Within seconds; it is told as stopped, and the board is free for the next one."""
    keyed(board)
    mark = tmp_path / "mark"
    provisioner, hub, _ = engine(board, [Sleeping(mark)])
    wish = ProvisionWish((wanted(board),), PASSWORD)
    parts = provisioner.provision(wish, "pi")
    async with aclosing(parts):
        async for part in parts:
            if isinstance(part, StepPart) and (part.step, part.outcome) == ("MPI", "running"):
                break
        await _until(lambda: mark.exists() and mark.read_text() != "")
        with pytest.raises(CommandRefused, match="being worked on already"):
            await anext(provisioner.provision(wish, "pi"))
    pid = int(mark.read_text())
    await _until(lambda: not _runs(pid))
    assert "failed at MPI: stopped" in hub.state.log[-1].text
    await all_of(provisioner.provision(ProvisionWish((wanted(board),), PASSWORD, dry_run=True), "pi"))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (ProvisionWish(()), "No board is named"),
        (ProvisionWish((BoardWish("10.0.0.9", ""),)), "no host key was approved"),
        (ProvisionWish((BoardWish("10.0.0.9", "SHA256:x"),)), "no host key was approved"),
        (ProvisionWish((BoardWish("10.0.0.9; x", "SHA256:" + "a" * 43),)), "is no host name"),
        (ProvisionWish((BoardWish("10.0.0.9", "SHA256:" + "a" * 43, "-x"),)), "is no host name"),
        (ProvisionWish((BoardWish("10.0.0.9", "SHA256:" + "a" * 43),), user="a b"), "is no user name"),
        (ProvisionWish((BoardWish("10.0.0.9", "SHA256:" + "a" * 43),), password="a\nb"), "has one line"),
        (ProvisionWish((BoardWish("10.0.0.9", "SHA256:" + "a" * 43),) * 2), "are one board"),
        (ProvisionWish((BoardWish("head", "SHA256:" + "a" * 43),)), "is the head itself"),
    ],
)
async def test_what_makes_no_sense_is_refused_before_anything_is_begun(
    board: BoardServer, wish: ProvisionWish, said: str
) -> None:
    """With the next step."""
    head = Node(NodeId("head"), "head", Origin.LOCAL, ("127.0.0.1",))
    provisioner, _, _ = engine(board, state=State(nodes={head.id: head}))
    with pytest.raises(CommandRefused, match=said) as refusal:
        await anext(provisioner.provision(wish, "pi"))
    assert "Next: " in str(refusal.value)
    assert board.tries == []


async def test_a_look_tells_who_answers_and_sends_nothing(board: BoardServer) -> None:
    """Neither a user name nor a key; one that does not answer has its problem."""
    hub = StateHub(FakeClock())
    looker = Looker(hub, Users("pi"), lambda: ())
    wish = LookWish((f"pi@127.0.0.1:{board.port}", "127.0.0.2:1"))
    parts = await all_of(looker.look(wish, "pi"))
    found = {part.target: part for part in parts if isinstance(part, Board)}
    shown = found[f"pi@127.0.0.1:{board.port}"]
    assert board.host_key is not None
    assert (shown.fingerprint, shown.kind) == (board.host_key.fingerprint, "ssh-ed25519")
    assert (shown.trust, shown.ready, shown.problem) == ("unknown", False, "")
    assert "paramiko" in shown.about
    assert "refused" in found["127.0.0.2:1"].problem
    assert found["127.0.0.2:1"].fix.startswith("Next: ")
    assert board.tries == []


@pytest.mark.parametrize(
    ("same", "trust", "shown", "ready"),
    [(True, Trust.TRUSTED, "trusted", True), (False, Trust.TRUSTED, "changed", False)],
)
async def test_a_look_knows_the_nodes(
    board: BoardServer, same: bool, trust: Trust, shown: str, ready: bool
) -> None:
    """By host key, else by address; a key that nobody approved for that node is a changed one."""
    other = new_key().public.split()
    assert board.host_key is not None
    key = board.host_key if same else type(board.host_key)(other[0], other[1], "SHA256:other")
    node = Node(
        NodeId("n-1"),
        "node01",
        Origin.MDNS,
        ("127.0.0.1",),
        port=board.port,
        trust=trust,
        host_key=key,
        readiness=Readiness.READY,
    )
    looker = Looker(StateHub(FakeClock(), State(nodes={node.id: node})), Users("pi"), lambda: ())
    parts = await all_of(looker.look(LookWish(("node01",)), "pi"))
    (found,) = (part for part in parts if isinstance(part, Board))
    assert (found.node, found.trust, found.ready) == ("node01", shown, ready)


@pytest.mark.parametrize(
    ("networks", "network", "said"),
    [
        ((), "", "no address in the cluster"),
        (("10.77.0.0/24",), "10.78.0.0/24", "not in the cluster's own network"),
        (("10.77.0.0/24",), "0.0.0.0/0", "not in the cluster's own network"),
        (("10.77.0.0/24",), "fd00::/64", "is no network"),
        (("10.0.0.0/8",), "", "1024 are asked at most"),
    ],
)
async def test_a_scan_keeps_to_the_clusters_own_network(
    networks: Sequence[str], network: str, said: str
) -> None:
    """And to as many addresses as a kernel can keep."""
    looker = Looker(StateHub(FakeClock()), Users("pi"), lambda: networks)
    with pytest.raises(CommandRefused, match=said) as refusal:
        await anext(looker.scan(ScanWish(network), "pi"))
    assert "Next: " in str(refusal.value)


async def test_a_scan_of_silent_addresses_ends_soon() -> None:
    """Nobody answers on loopback's port 22 but perhaps this machine; it is counted to the last address."""
    looker = Looker(StateHub(FakeClock()), Users("pi"), lambda: ("127.9.9.0/28",))
    parts = await all_of(looker.scan(ScanWish(), "pi"))
    over = parts[-1]
    assert isinstance(over, Over)
    assert over.text.startswith("14 addresses asked: ")


def test_the_head_makes_a_key_as_ssh_keygen_does(tmp_path: Path) -> None:
    """Readable by its owner alone, and found the next time."""
    folder = tmp_path / ".ssh"
    credentials = Credentials(None, folder)
    assert head_key(credentials) == ""
    made = make_head_key(folder)
    assert head_key(credentials) == made
    assert (folder / "id_ed25519").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert made.startswith("ssh-ed25519 ")
    with pytest.raises(CommandRefused, match="does not exist"):
        head_key(Credentials(tmp_path / "none", folder))


async def _until(holds: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_for, holds, "it came so", 15.0)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
