"""Each MPI launcher runs jobs on the lab's machines, and boards can be taken away in the middle of one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.conftest import LabFactory
from tests.lab.launchers import Launcher
from tests.lab.procs import hold, is_still, members

pytestmark = pytest.mark.lab

_SUM = """
import os
from mpi4py import MPI
total, library = MPI.COMM_WORLD.allreduce(1), " ".join(MPI.Get_library_version().split())
print(total, MPI.Get_processor_name(), os.environ["TOKEN"], library[:60], flush=True)
"""

_FOR_EVER = """
import time
from mpi4py import MPI
MPI.COMM_WORLD.barrier()
print("up", flush=True)
while True:
    MPI.COMM_WORLD.allreduce(1)
    time.sleep(0.05)
"""


@pytest.mark.mpi
@pytest.mark.parametrize("launcher", Launcher)
def test_each_launcher_computes_on_all_machines(
    lab: LabFactory, need_launcher: Callable[[Launcher], None], launcher: Launcher
) -> None:
    """As pi on the head: four ranks on four machines find each other, by their own launcher's library."""
    need_launcher(launcher)
    cluster = lab(nodes=3, shown=launcher.shown)
    agent = cluster.head.path("/home/pi/agent")
    agent.write_text('#!/bin/sh\necho used >> /home/pi/used\nexec ssh "$@"\n', encoding="utf-8")
    agent.chmod(0o755)
    program = [str(launcher.python), "-m", "mpi4py", "-c", _SUM]
    command = launcher.argv(
        (cluster.head, *cluster.nodes), program, env={"TOKEN": "a1b2"}, agent=Path("/home/pi/agent")
    )
    cluster.head.path("/home/pi/used").touch()
    cluster.head.path("/home/pi/used").chmod(0o666)
    done = cluster.head.run(command, timeout=60)
    words = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    assert sorted(word[:3] for word in words) == [
        ["4", name, "a1b2"] for name in ("head", "node01", "node02", "node03")
    ]
    library = {Launcher.OPEN_MPI_5: "Open MPI v5.0", Launcher.OPEN_MPI_4: "Open MPI v4.1"}
    assert all(library.get(launcher, "MPICH") in word[3] for word in words), words
    assert cluster.head.path("/home/pi/used").read_text(encoding="utf-8").count("used") == 3


@pytest.mark.mpi
@pytest.mark.parametrize("launcher", Launcher)
def test_boards_are_lost_silently_in_the_middle_of_an_mpi_job(
    lab: LabFactory, need_launcher: Callable[[Launcher], None], launcher: Launcher
) -> None:
    """A cut cable leaves the rank on its board, a cut power leaves nothing; the launcher hears of neither."""
    need_launcher(launcher)
    cluster = lab(nodes=3, shown=launcher.shown)
    program = [str(launcher.python), "-m", "mpi4py", "-c", _FOR_EVER]
    job = cluster.head.popen(launcher.argv(cluster.nodes, program, env={"TOKEN": "c3d4"}))
    heard: list[str] = []
    while heard.count("up\n") < 3:
        heard.append(job.stdout.readline())
        assert heard[-1], heard
    carriers = cluster.carrying("TOKEN=c3d4")
    assert {name for name in carriers if name != "head"} == {"node01", "node02", "node03"}

    off, out, frozen = cluster.nodes
    with hold(off.pid, kinds=["pid"]) as spaces:
        off.power_off()
        assert [members(identity) for _, identity in spaces] == [()]
    out.unplug()
    frozen.freeze()
    after = cluster.carrying("TOKEN=c3d4")
    assert "node01" not in after
    assert after["node02"] == carriers["node02"]
    assert after["node03"] == carriers["node03"]
    assert all(is_still(pid) for pid in frozen.processes())
    assert not any(is_still(process.pid) for process in out.carrying("TOKEN=c3d4"))
    assert job.poll() is None
