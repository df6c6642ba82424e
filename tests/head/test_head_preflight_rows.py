"""A preflight tells of each node as soon as it has answered."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import pytest

from jobs.fitness import Check, Subject, Verdict
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher
from jobs.preflight import Wanted
from jobs.prepare import Site
from sciabc_tui.api.messages import PreflightBegun, PreflightReport, PreflightRow, PreflightWish
from sciabc_tui.errors import NotFound
from sciabc_tui.head.preflight import DemoPreflight, Preflight
from sciabc_tui.head.users import Users
from tests.head.fakes import FakeClock
from tests.head.test_preflight import HEAD_NODE, Quiet, node, state

NODES = state(HEAD_NODE, node("node01"), node("node02"))
OPEN_MPI = Launcher(Flavour.OPENMPI, (5, 0, 11), "/opt/mpirun")


async def test_a_slow_node_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answers only when the others were heard; asked again, what was well comes at once."""
    heard = threading.Event()
    asked: list[str] = []

    def ask(_: Preflight, host: Host, wanted: Wanted, until: float) -> tuple[Check, ...]:
        del wanted, until
        asked.append(host.name)
        verdict = Verdict.OK if host.name != "head" or heard.wait(20) else Verdict.FAIL
        return (Check(Subject.SSH, verdict, host.name),)

    monkeypatch.setattr(Preflight, "_ask", ask)
    with ThreadPoolExecutor(4) as worker:
        site = Site(tmp_path / "known_hosts", uid=1000)
        one = Preflight(
            (OPEN_MPI,), site, surroundings=Quiet(), users=Users("pi"), clock=FakeClock(), worker=worker
        )
        told: list[str] = []
        async with aclosing(one.follow(NODES, PreflightWish())) as parts:
            assert await anext(parts) == PreflightBegun("Open MPI 5.0.11", ("head", "node01", "node02"))
            async for part in parts:
                assert isinstance(part, PreflightRow)
                told.append(part.node)
                if len(told) == 2:
                    heard.set()
        assert set(told[:2]) == {"node01", "node02"}
        assert told[2:] == ["head"]
        asked.clear()
        report = await one.run(NODES, PreflightWish())
        assert [row.node for row in report.rows] == ["head", "node01", "node02"]
        assert {check.verdict for row in report.rows for check in row.checks} == {"ok"}
        assert asked == []


async def test_a_simulation_tells_the_same_row_by_row() -> None:
    """And refuses what the real one refuses, before anything is told."""
    demo = DemoPreflight()
    async with aclosing(demo.follow(NODES, PreflightWish(nodes=("node01",)))) as parts:
        told = [part async for part in parts]
    assert told[0] == PreflightBegun("SIMULATED, no MPI", ("node01",))
    report = await demo.run(NODES, PreflightWish(nodes=("node01",)))
    assert report == PreflightReport(
        "SIMULATED, no MPI", tuple(r for r in told if isinstance(r, PreflightRow))
    )
    with pytest.raises(NotFound):
        await anext(demo.follow(NODES, PreflightWish(nodes=("nobody",))))
