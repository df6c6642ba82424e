"""A job's files are brought to the nodes that lack them, and only there; else the job says why not."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from jobs.attempt import AttemptPlan, read_unswept
from jobs.errors import SpecError
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher
from jobs.spec import JobSpec, OnNodeLoss
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.job_events import JobStarted
from sciabc_tui.head import staging
from sciabc_tui.head.errors import ContactFailed, StagingFailed
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ports import Attempt
from sciabc_tui.head.staging import Stager
from sciabc_tui.head.staging_wire import FileRefused
from tests.head.fakes import FakeClock, until
from tests.head.staging_node import FakeNode, FakeWays

ONE = JobId(1)
TOKEN = "0123456789abcdef" * 2
LAUNCHER = Launcher(Flavour.OPENMPI, (5, 0, 11), "/opt/new/bin/mpirun")


@dataclass(slots=True)
class Table:
    """A head with one job, and nodes."""

    spec: JobSpec
    nodes: dict[str, FakeNode]
    folder: Path
    hub: StateHub = field(default_factory=lambda: StateHub(FakeClock()))

    @property
    def attempt(self) -> Attempt:
        """The job's attempt, on the head and each node."""
        head = Host("head", "127.0.0.1", 1, local=True)
        others = [Host(name, "10.77.0.11", 1, host_key_alias=name) for name in self.nodes]
        return Attempt(ONE, 1, self.spec, (head, *others), self.folder)

    @property
    def plan(self) -> AttemptPlan:
        """What the runner will do."""
        keeps = self.spec.on_node_loss is OnNodeLoss.REQUEUE
        checkpoint = str(self.folder.parent / "checkpoint") if keeps else ""
        if checkpoint:
            Path(checkpoint).mkdir(exist_ok=True)
        hosts = self.attempt.hosts
        return AttemptPlan(
            1, 1, LAUNCHER, ("mpirun",), {}, self.spec.cwd, TOKEN, hosts=hosts, checkpoint=checkpoint
        )

    @asynccontextmanager
    async def stager(self) -> AsyncGenerator[Stager]:
        """Give a stager, with the job in the state."""
        self.folder.mkdir(parents=True, exist_ok=True)
        job = Job(ONE, "x", "x", (), None, JobState.RUNNING, 0.0, attempt=1)
        self.hub.publish([JobStarted(job)])
        with ThreadPoolExecutor(4) as threads:
            yield Stager(self.hub, FakeWays(self.nodes), threads)

    async def stage(self) -> None:
        """Stage it once."""
        async with self.stager() as stager:
            await stager.stage(self.attempt, self.plan)


@pytest.fixture
async def table(tmp_path: Path) -> Table:
    """Give a job with a program and data, and two nodes that have nothing."""
    head = tmp_path / "head"
    (head / "project" / "data").mkdir(parents=True)
    (head / "project" / "data" / "a.txt").write_text("abc")
    program = head / "project" / "simulate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    spec = JobSpec(str(program), cwd=str(head / "project"), files=(str(head / "project" / "data"),))
    nodes = {name: FakeNode(tmp_path / name, head) for name in ("node01", "node02")}
    return Table(spec, nodes, head / "state" / "1" / "attempt-1")


def found(node: FakeNode) -> dict[str, str]:
    """Give the files of the copy."""
    (folder,) = node.copies
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def link_out(table: Table) -> None:
    """Put a link into the data that leads out of them."""
    Path(table.spec.cwd, "data", "link").symlink_to("/etc/hostname")


def marks(table: Table) -> list[Path]:
    """Give marks that were left."""
    return list(Path(table.spec.cwd).glob(".sciabc*"))


async def test_nodes_that_lack_the_files_get_them_all(table: Table) -> None:
    """In the folder of the token, written down before the first byte; the mark is gone."""
    await table.stage()
    for node in table.nodes.values():
        assert found(node) == {"work/simulate": "#!/bin/sh\n", "work/data/a.txt": "abc"}
        assert [path.name for path in node.copies] == [TOKEN]
        assert node.ended.is_set()  # its channels are closed
    assert read_unswept(table.folder) == ("node01", "node02")
    assert not marks(table)
    assert table.hub.state.jobs[ONE].reason == ""


async def test_nodes_that_share_the_directory_get_nothing(table: Table) -> None:
    """One question each, and nothing to clean later."""
    for node in table.nodes.values():
        node.shares = True
    await table.stage()
    for node in table.nodes.values():
        assert (len(node.scripts), node.copies, node.written) == (1, [], [])
    assert read_unswept(table.folder) == ()
    assert not marks(table)


async def test_a_node_that_has_the_same_files_gets_nothing(table: Table) -> None:
    """The others do; another version of a file is none."""
    same, other = table.nodes.values()
    for node, text in ((same, "abc"), (other, "abd")):
        node.put(Path(table.spec.program), "#!/bin/sh\n")
        node.here(Path(table.spec.program)).chmod(0o755)
        node.put(Path(table.spec.cwd) / "data" / "a.txt", text)
    await table.stage()
    assert same.copies == []
    assert found(other)["work/data/a.txt"] == "abc"
    assert read_unswept(table.folder) == ("node02",)


async def test_a_checkpoint_goes_to_the_next_attempt(table: Table) -> None:
    """What is in the head's directory, beside the rest."""
    table.spec = replace(table.spec, on_node_loss=OnNodeLoss.REQUEUE)
    (table.folder.parent / "checkpoint" / "deep").mkdir(parents=True)
    (table.folder.parent / "checkpoint" / "deep" / "1.ckpt").write_text("step 1")
    _, other = table.nodes.values()
    await table.stage()
    assert found(other)["checkpoint/deep/1.ckpt"] == "step 1"
    assert not list((table.folder.parent / "checkpoint").glob(".sciabc*"))


async def test_two_nodes_with_one_home_get_one_copy(table: Table) -> None:
    """Both would write the same files at the same time."""
    one, two = table.nodes.values()
    two.root = one.root
    await table.stage()
    assert len(one.written) + len(two.written) == 2
    assert found(one) == {"work/simulate": "#!/bin/sh\n", "work/data/a.txt": "abc"}


async def test_a_node_without_ranks_is_left_alone(table: Table) -> None:
    """It holds slots of the job, and no rank comes there."""
    table.spec = replace(table.spec, ranks=2)
    await table.stage()
    assert [len(node.copies) for node in table.nodes.values()] == [1, 0]


def break_home(node: FakeNode, _: pytest.MonkeyPatch) -> None:
    """Let no folder be made there."""
    node.home.mkdir(parents=True)
    (node.home / ".cache").write_text("")


def fill_disk(node: FakeNode, patch: pytest.MonkeyPatch) -> None:
    """Let its disk be full when the copy has begun."""
    patch.setattr("sciabc_tui.head.staging_visit.MARGIN", 5 * 2**20)
    node.full_after = 2
    asking = FakeNode.ask

    def asked(self: FakeNode, script: str) -> bytes:
        said = asking(self, script)
        if self is node and self.copies:
            self.free = 4096
        return said

    patch.setattr(FakeNode, "ask", asked)


def silence(_: FakeNode, patch: pytest.MonkeyPatch) -> None:
    """Let nodes say nothing that makes sense."""

    def asked(_self: FakeNode, _script: str) -> bytes:
        return b"hm\n"

    patch.setattr(FakeNode, "ask", asked)


_BREAK: dict[str, Callable[[FakeNode, pytest.MonkeyPatch], object]] = {
    "lost": lambda node, _: node.fails.update(write=ContactFailed("connection lost")),
    "refused": lambda node, _: node.fails.update(write=FileRefused("Permission denied")),
    "home": break_home,
    "full": lambda node, _: setattr(node, "free", 1024),
    "fills": fill_disk,
    "rots": lambda node, _: setattr(node, "full_after", 2),
    "silent": silence,
}


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("lost", "node02: connection lost while files were copied. Next: sciabc-tui nodes"),
        ("refused", "node02 takes no files (permission denied). Next: make ~/.cache writable there"),
        ("home", "node02 takes no files (not a directory). Next: look at the disk of node02"),
        ("full", "node02 has 1 MB free, 0 MB are to be copied. Next: remove something there"),
        ("fills", "node02 has 4 MB free, 0 MB are to be copied. Next: remove something there"),
        ("rots", "node02, or was changed meanwhile. Next: submit it again"),
        ("silent", "did not say what it has. Next: sciabc-tui preflight -w node0"),
    ],
)
async def test_a_node_that_can_not_be_given_them_is_named(
    table: Table, failure: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is wrong there and the next step; the marks are gone, the others are ended."""
    _BREAK[failure](table.nodes["node02"], monkeypatch)
    with pytest.raises(StagingFailed) as failed:
        await table.stage()
    assert words in str(failed.value)
    assert not marks(table)


async def test_a_file_of_the_head_that_can_not_be_copied_is_named(table: Table) -> None:
    """Before any node is asked."""
    link_out(table)
    with pytest.raises(SpecError, match=r"data/link is a link that leads elsewhere. Next: "):
        await table.stage()
    assert not any(node.scripts for node in table.nodes.values())


async def test_where_nothing_knows_checksums_files_are_read_back(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node may have neither sha256sum nor openssl."""
    asking = FakeNode.ask

    def asked(self: FakeNode, script: str) -> bytes:
        return asking(self, "sha256sum() { return 1; }\nopenssl() { return 1; }\n" + script)

    monkeypatch.setattr(FakeNode, "ask", asked)
    await table.stage()
    assert found(table.nodes["node01"])["work/data/a.txt"] == "abc"


async def test_a_file_that_is_read_back_must_be_the_same(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it is told as one that the node could tell."""
    asking = FakeNode.ask

    def asked(self: FakeNode, script: str) -> bytes:
        return asking(self, "sha256sum() { return 1; }\nopenssl() { return 1; }\n" + script)

    monkeypatch.setattr(FakeNode, "ask", asked)
    table.nodes["node01"].full_after = 1
    with pytest.raises(StagingFailed, match="arrived damaged on node01"):
        await table.stage()


async def test_a_cancelled_copy_ends_at_once_and_says_how_far_it_was(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job tells its progress meanwhile; afterwards no thread works on, and no mark is left."""
    monkeypatch.setattr(staging, "TELL", 0.02)
    for node in table.nodes.values():
        node.held = True
    async with table.stager() as stager, asyncio.timeout(20):
        task = asyncio.get_running_loop().create_task(stager.stage(table.attempt, table.plan))
        state = await until(table.hub, lambda state: "copying" in state.jobs[ONE].reason)
        assert state.jobs[ONE].reason == "copying to node[01-02]: 0 %"
        assert read_unswept(table.folder) == ("node01", "node02")
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert all(node.ended.is_set() and not node.written for node in table.nodes.values())
    assert table.hub.state.jobs[ONE].reason == ""
    assert not marks(table)


@pytest.mark.parametrize("shared_home", [False, True])
async def test_a_copy_that_is_cut_off_goes_on_over_a_new_session(table: Table, shared_home: bool) -> None:
    """A cable that is out for a moment costs no job; nodes with one home still get one copy."""
    if shared_home:
        table.nodes["node02"].root = table.nodes["node01"].root
    for node in table.nodes.values():
        node.cuts = staging.RENEWALS
    await table.stage()
    assert found(table.nodes["node01"]) == found(table.nodes["node02"])
    assert found(table.nodes["node01"])["work/data/a.txt"] == "abc"


async def test_a_copy_that_is_cut_off_again_and_again_fails(table: Table) -> None:
    """After so many sessions the node is named."""
    table.nodes["node01"].cuts = staging.RENEWALS + 1
    with pytest.raises(StagingFailed, match="node01: the connection was lost while files were copied"):
        await table.stage()


async def test_a_node_without_a_session_is_named(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets a moment to be there again."""
    monkeypatch.setattr(staging, "SESSION_WITHIN", 0.01)

    async def nowhere(_: FakeWays, node: NodeId, _instead_of: object = None) -> FakeNode:
        await asyncio.Event().wait()
        raise AssertionError(node)

    monkeypatch.setattr(FakeWays, "to", nowhere)
    async with table.stager() as stager:
        with pytest.raises(StagingFailed, match=r"node01: no ssh session .*Next: sciabc-tui nodes"):
            await stager.stage(table.attempt, table.plan)
