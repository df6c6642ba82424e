"""Whether nodes are fit for a job: a real ssh to real sshds on loopback, which play the nodes."""

import asyncio
import getpass
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jobs.errors import JobsError, LauncherMissing
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher
from jobs.prepare import Site
from sciabc_tui.api.messages import PreflightCheck, PreflightReport, PreflightWish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Drain, Facts, Liveness, Node, Origin, Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.ports import Clock
from sciabc_tui.head.preflight import AT_ONCE, HOLDS, DemoPreflight, Preflight
from sciabc_tui.head.users import Users
from tests.head.fakes import FakeClock
from tests.head.servers import Sshd, running_sshd

ME = getpass.getuser()
HEAD_NODE = Node(HEAD, "head", Origin.LOCAL, ("127.0.0.1",), facts=Facts(2), trust=Trust.TRUSTED)


class Quiet:
    """No node said what MPI it has."""

    def networks(self) -> tuple[str, ...]:
        """Give none."""
        return ()

    def flavours(self, hosts: Sequence[Host]) -> tuple[str, ...]:
        """Know nothing."""
        return tuple("" for _ in hosts)


def node(name: str, server: Sshd | None = None, *, address: str = "127.0.0.1", port: int = 0) -> Node:
    """Make a trusted node where this server is, or where nobody is."""
    return Node(
        NodeId(f"id-{name}"),
        name,
        Origin.MDNS,
        (address,) if address else (),
        port=port or (server.port if server else 9),
        user=ME,
        trust=Trust.TRUSTED,
        facts=Facts(1),
    )


def state(*nodes: Node) -> State:
    """Make a state of these nodes."""
    return State(nodes={each.id: each for each in nodes})


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A node that lets us in."""
    folder = tmp_path / "node"
    folder.mkdir()
    with running_sshd(folder) as server:
        yield server


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    """An Open MPI at a path that head and nodes share."""
    path = tmp_path / "mpirun"
    executable(path, "echo 'mpirun (Open MPI) 5.0.11'")
    return Launcher(Flavour.OPENMPI, (5, 0, 11), str(path))


def executable(path: Path, text: str) -> None:
    """Write a shell script."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def put_on_path(server: Sshd, name: str, text: str) -> None:
    """Give the node a program of its own before all others."""
    executable(server.folder / "bin" / name, text)
    (server.folder / ".bashrc").write_text(f"export PATH={server.folder}/bin:$PATH\n")


@contextmanager
def preflight(
    tmp_path: Path,
    launchers: Launcher | JobsError,
    *known: tuple[str, Sshd],
    clock: Clock | None = None,
    patience: float = 60.0,
) -> Generator[Preflight]:
    """Make one that trusts these nodes' keys; it has more patience than a user, for a loaded machine."""
    hosts = tmp_path / "known_hosts"
    hosts.write_text("".join(f"id-{name} {server.keys.public}\n" for name, server in known))
    identity = known[0][1].folder / "id_ed25519" if known else None
    with ThreadPoolExecutor(AT_ONCE) as worker:
        yield Preflight(
            launchers if isinstance(launchers, JobsError) else (launchers,),
            Site(known_hosts=hosts, uid=os.geteuid(), identity=identity, python="/no where/python"),
            surroundings=Quiet(),
            users=Users("nobody"),
            clock=clock or SystemClock(),
            worker=worker,
            patience=patience,
        )


def cells(report: PreflightReport, name: str) -> dict[str, PreflightCheck]:
    """Give a node's checks."""
    row = next(row for row in report.rows if row.node == name)
    return {check.subject: check for check in row.checks}


async def test_the_flavour_that_is_asked_is_checked(tmp_path: Path, launcher: Launcher) -> None:
    """Nodes must fit the head's own of that flavour; one that it lacks, or that is none, is refused."""
    with preflight(tmp_path, launcher) as asking:
        report = await asking.run(state(HEAD_NODE), PreflightWish(launcher="openmpi"))
        assert (report.launcher, cells(report, "head")["mpi"].verdict) == ("Open MPI 5.0.11", "ok")
        with pytest.raises(CommandRefused, match="MPICH is asked, the head has Open MPI"):
            await asking.run(state(HEAD_NODE), PreflightWish(launcher="mpich"))
        for strange in ("slurm", "x\x1b[2J", "openmpi "):
            with pytest.raises(
                CommandRefused, match=r"is no MPI\. Next: give one of openmpi, mpich"
            ) as refused:
                await asking.run(state(HEAD_NODE), PreflightWish(launcher=strange))
            assert str(refused.value).isprintable()


async def test_a_command_for_each_node_needs_no_mpi4py(tmp_path: Path, launcher: Launcher) -> None:
    """Nor need a Python program of that kind be executable; all the rest is checked as for a job."""
    program = tmp_path / "look.py"
    program.touch()
    with preflight(tmp_path, launcher) as asking:
        job, each = [
            await asking.run(state(HEAD_NODE), PreflightWish(str(program), str(tmp_path), each=each))
            for each in (False, True)
        ]
    assert cells(each, "head").keys() == cells(job, "head").keys() - {"mpi4py"}
    assert cells(each, "head")["program"].verdict == "ok"


async def test_fit_nodes_are_ok_throughout(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """Head and nodes, each check ok, the head first; every row has the same checks."""
    program = tmp_path / "simulate"
    executable(program, "exit 0")
    wish = PreflightWish(str(program), str(tmp_path))
    nodes = [HEAD_NODE, *(node(f"node{number:02}", sshd) for number in range(1, 5))]
    with preflight(tmp_path, launcher, *((each.name, sshd) for each in nodes[:0:-1])) as asking:
        report = await asking.run(state(*reversed(nodes)), wish)
    assert report.launcher == "Open MPI 5.0.11"
    assert [row.node for row in report.rows] == ["head", "node01", "node02", "node03", "node04"]
    bad = [(row.node, check) for row in report.rows for check in row.checks if check.verdict != "ok"]
    assert bad == []
    subjects = ["ssh", "mpi", "program", "directory", "memory", "disk", "clock"]
    assert [[check.subject for check in row.checks] for row in report.rows] == [subjects] * 5


async def test_each_way_not_to_be_reached_has_its_fix(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """Nobody listens, another key, no address, an address that is none; the good one is still asked."""
    nodes = (
        node("good", sshd),
        node("gone", address="127.0.0.9"),
        node("stranger", sshd),
        node("nowhere", address=""),
        node("option", address="-oProxyCommand=touch x"),
    )
    with preflight(tmp_path, launcher, ("good", sshd)) as asking:
        report = await asking.run(state(*nodes), PreflightWish(nodes=tuple(each.name for each in nodes)))
    found = {row.node: cells(report, row.node)["ssh"] for row in report.rows}
    assert found["good"].verdict == "ok"
    assert found["gone"].value == "no ssh server answers"
    assert found["stranger"].value == "shows a host key that nobody approved"
    assert "is no IPv4 address" in found["nowhere"].value
    assert "is no IPv4 address" in found["option"].value
    for name in ("gone", "stranger", "nowhere", "option"):
        assert (found[name].verdict, found[name].fix.startswith("Next: ")) == ("fail", True)
        rest = [check for check in cells(report, name).values() if check.subject != "ssh"]
        assert {(check.verdict, check.fix) for check in rest} == {("unknown", "")}


async def test_a_node_that_refuses_the_key(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """The fix names whom to log in as, and where."""
    sshd.refuse()
    with preflight(tmp_path, launcher, ("node01", sshd)) as asking:
        report = await asking.run(state(node("node01", sshd)), PreflightWish())
    check = cells(report, "node01")["ssh"]
    assert (check.verdict, check.value) == ("fail", "refuses our key")
    assert check.fix == f"Next: ssh-copy-id -p {sshd.port} {ME}@127.0.0.1"


async def test_silent_nodes_are_waited_for_all_at_once(
    tmp_path: Path, sshd: Sshd, launcher: Launcher
) -> None:
    """Eight nodes that stand still cost the patience once: no visit is over before all have begun."""
    names = [f"node{number}" for number in range(8)]
    begun = threading.Barrier(len(names), timeout=30.0)
    sshd.freeze()
    try:
        with preflight(tmp_path, launcher, *((name, sshd) for name in names), patience=1.0) as asking:
            asking_as_ever = asking._ask

            def side_by_side(host: Host, *rest: object) -> object:
                begun.wait()
                return asking_as_ever(host, *rest)  # pyright: ignore[reportArgumentType]

            asking._ask = side_by_side  # pyright: ignore[reportAttributeAccessIssue]
            report = await asking.run(state(*(node(name, sshd) for name in names)), PreflightWish())
    finally:
        sshd.freeze(thaw=True)
    assert {cells(report, name)["ssh"].value for name in names} == {"silent for 1 s"}


async def test_more_nodes_than_there_is_time_for(
    tmp_path: Path, sshd: Sshd, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was not asked is not called unfit, and the fix is to ask fewer."""
    monkeypatch.setattr("sciabc_tui.head.preflight.WHOLE", -1.0)
    with preflight(tmp_path, launcher, ("node01", sshd)) as asking:
        report = await asking.run(state(node("node01", sshd)), PreflightWish())
    check = cells(report, "node01")["ssh"]
    assert (check.verdict, check.fix) == ("unknown", "Next: ask fewer nodes at once: -w")
    assert {check.verdict for check in report.rows[0].checks} == {"unknown"}


async def test_what_a_node_has_is_what_is_judged(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """Another MPI, no interpreter, no program, no directory, a clock that is wrong: each cell says so."""
    put_on_path(sshd, "date", "echo $(($(/bin/date +%s) - 90)).5")
    put_on_path(sshd, "mpirun", "echo 'mpirun (Open MPI) 4.1.4'")
    program = tmp_path / "here" / "simulate.py"
    program.parent.mkdir()
    program.write_text("print()")
    # they share the head's files: what a node lacks is taken away once the head has read it
    with preflight(tmp_path, launcher, ("node01", sshd)) as asking:
        asking_as_ever = asking._ask

        def without_files(host: Host, *rest: object) -> object:
            program.unlink()
            program.parent.rmdir()
            Path(launcher.path).unlink()
            return asking_as_ever(host, *rest)  # pyright: ignore[reportArgumentType]

        asking._ask = without_files  # pyright: ignore[reportAttributeAccessIssue]
        report = await asking.run(
            state(node("node01", sshd)), PreflightWish(str(program), str(program.parent))
        )
    found = cells(report, "node01")
    verdicts = {subject: check.verdict for subject, check in found.items()}
    expected = {"ssh": "ok", "mpi": "fail", "mpi4py": "fail", "program": "ok", "directory": "ok"}
    assert verdicts == expected | {"memory": "ok", "disk": "ok", "clock": "warn"}
    assert found["mpi"].value == "Open MPI 4.1.4; the head has Open MPI 5.0.11"
    assert found["mpi4py"].value == "there is no /no where/python"
    assert found["clock"].value.endswith("s behind the head")
    assert (found["program"].value, found["directory"].value) == ("copied at the start", "made at the start")


async def test_another_version_of_the_program_is_found(
    tmp_path: Path, sshd: Sshd, launcher: Launcher
) -> None:
    """The checksum is the node's own; one that came by PATH need only be there."""
    put_on_path(sshd, "sha256sum", f"echo {'0' * 64} -")
    program = tmp_path / "simulate"
    executable(program, "exit 0")
    with preflight(tmp_path, launcher, ("node01", sshd)) as asking:
        mine = await asking.run(state(node("node01", sshd)), PreflightWish(str(program), str(tmp_path)))
        uname = await asking.run(state(node("node01", sshd)), PreflightWish("uname", str(tmp_path)))
    assert cells(mine, "node01")["program"].value == "another one there; copied at the start"
    assert cells(uname, "node01")["program"].value == "there"


async def test_what_is_well_holds_for_a_minute(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """Within it the node is not asked, unless that is wanted; what was not well is asked at once."""
    clock = FakeClock()
    put_on_path(sshd, "date", f"echo {clock.wall():.1f}")
    seen = state(node("node01", sshd))
    with preflight(tmp_path, launcher, ("node01", sshd), clock=clock) as asking:
        first = await asking.run(seen, PreflightWish())
        assert {check.verdict for check in first.rows[0].checks} == {"ok"}
        sshd.refuse()
        clock.now += HOLDS - 1
        held = await asking.run(seen, PreflightWish())
        assert (held.rows[0].checks, held.rows[0].age) == (first.rows[0].checks, HOLDS - 1)
        fresh = await asking.run(seen, PreflightWish(fresh=True))
        assert cells(fresh, "node01")["ssh"].verdict == "fail"
        sshd.admit()
        put_on_path(sshd, "date", f"echo {clock.wall():.1f}")
        mended = await asking.run(seen, PreflightWish())
        assert (cells(mended, "node01")["ssh"].verdict, mended.rows[0].age) == ("ok", 0.0)
        sshd.refuse()
        clock.now += HOLDS
        late = await asking.run(seen, PreflightWish())
    assert cells(late, "node01")["ssh"].verdict == "fail"


async def test_a_hostile_node_does_no_harm(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """A flood before the greeting and lies behind it: texts that can be printed, in time."""
    lies = "printf 'sciabc-preflight\\thello\\n'; head -c 300000 /dev/urandom; "
    lies += "printf '\\nsciabc-preflight\\tmpi\\t/x\\t\\033[31m(Open MPI) 5.1\\n'; cat >/dev/null"
    put_on_path(sshd, "sh", lies)
    with (sshd.folder / ".bashrc").open("a") as profile:
        profile.write("head -c 300000 /dev/urandom; echo\n")
    began = time.monotonic()
    with preflight(tmp_path, launcher, ("node01", sshd), patience=20.0) as asking:
        report = await asking.run(state(node("node01", sshd)), PreflightWish())
    assert time.monotonic() - began < 15.0
    found = cells(report, "node01")
    assert found["ssh"].verdict == "ok"
    assert all((check.value + check.fix).isprintable() for check in found.values())
    assert found["memory"].verdict == "unknown"


async def test_a_login_without_a_shell_is_told(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """Ssh gets in, and nothing answers."""
    put_on_path(sshd, "sh", "exit 0")
    with preflight(tmp_path, launcher, ("node01", sshd)) as asking:
        report = await asking.run(state(node("node01", sshd)), PreflightWish())
    assert cells(report, "node01")["ssh"].value == "lets us in, but runs no sh"


async def test_nothing_stays(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """The head asks for years: no descriptor, child or file of a visit stays, whatever it came to."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    nodes = state(HEAD_NODE, node("node01", sshd), node("gone", address="127.0.0.9"))
    with pytest.MonkeyPatch.context() as patch, preflight(tmp_path, launcher, ("node01", sshd)) as asking:
        patch.setattr("tempfile.tempdir", str(folder))
        await asking.run(nodes, PreflightWish(fresh=True))
        before, children = _open_files(), _children()
        await asking.run(nodes, PreflightWish(fresh=True))
        assert _open_files() <= before  # others' may have been closed meanwhile, and their threads have ended
        assert _children() <= children
        assert list(folder.iterdir()) == []


def _open_files() -> set[str]:
    found: set[str] = set()
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(f"{each.name} {each.readlink()}")
    return found


def _children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found.update((task / "children").read_text().split())
    return found


async def test_who_is_asked(tmp_path: Path, launcher: Launcher) -> None:
    """By itself whoever may take jobs; by name anybody, each once, less those that are left out."""
    drained = Drain("", "ada", 0.0)
    seen = state(
        HEAD_NODE,
        node("node01"),
        Node(NodeId("n"), "new", Origin.MDNS),
        Node(NodeId("d"), "dead", Origin.MDNS, trust=Trust.TRUSTED, liveness=Liveness.DEAD),
        Node(NodeId("r"), "drained", Origin.MDNS, trust=Trust.TRUSTED, drained=drained),
        Node(NodeId("t1"), "raspberrypi", Origin.MDNS),
        Node(NodeId("t2"), "raspberrypi", Origin.MDNS),
    )

    async def asked(nodes: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
        report = await DemoPreflight().run(seen, PreflightWish(nodes=nodes, exclude=exclude))
        return [row.node for row in report.rows]

    assert await asked() == ["head", "node01"]
    assert await asked(exclude=("head",)) == ["node01"]
    assert await asked(nodes=("new", "dead", "new", "head"), exclude=("dead",)) == ["head", "new"]
    with pytest.raises(NotFound, match=r"no node nobody\?. Next: "):
        await asked(nodes=("nobody\x1b",))
    with pytest.raises(CommandRefused, match=r"no node to check. Next: "):
        await asked(nodes=("new",), exclude=("new",))
    with pytest.raises(CommandRefused, match=r"2 nodes raspberrypi. Next: say which, t1 or t2"):
        await asked(nodes=("raspberrypi",))
    assert await asked(nodes=("t2",)) == ["raspberrypi"]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (PreflightWish("/no such program"), "program: .*not found"),
        (PreflightWish(cwd="relative"), "cwd: it is no absolute path"),
        (PreflightWish("true", "/no such directory"), "cwd: "),
    ],
)
async def test_what_can_not_run_here_is_refused(
    tmp_path: Path, launcher: Launcher, wish: PreflightWish, words: str
) -> None:
    """The field is named before any node is asked."""
    refused = pytest.raises(CommandRefused, match=rf"^{words}.*Next: ")
    with preflight(tmp_path, launcher) as asking, refused:
        await asking.run(state(HEAD_NODE), wish)


async def test_without_a_launcher_there_is_nothing_to_fit(tmp_path: Path) -> None:
    """The reason is the launcher's own."""
    refused = pytest.raises(CommandRefused, match="No mpirun found")
    with preflight(tmp_path, LauncherMissing("No mpirun found. Next: get one")) as asking, refused:
        await asking.run(state(HEAD_NODE), PreflightWish())


async def test_the_loop_is_free_meanwhile(tmp_path: Path, sshd: Sshd, launcher: Launcher) -> None:
    """While nodes are silent the service does its other work."""
    sshd.freeze()
    turns = 0
    try:
        with preflight(tmp_path, launcher, ("node01", sshd)) as asking:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(asking.run(state(node("node01", sshd)), PreflightWish()))
                while turns <= 20 and not running.done():
                    turns += 1
                    await asyncio.sleep(0.01)
                sshd.freeze(thaw=True)
    finally:
        sshd.freeze(thaw=True)
    assert turns > 20


async def test_a_simulation_knows_nothing() -> None:
    """No invented node is called fit."""
    report = await DemoPreflight().run(state(HEAD_NODE), PreflightWish())
    assert {(check.verdict, check.value) for check in report.rows[0].checks} == {("unknown", "SIMULATED")}
