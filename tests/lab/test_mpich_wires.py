"""MPICH on boards that have another network beside the cluster's, by which they do not reach each other."""

from collections.abc import Callable

import pytest

from tests.lab.conftest import LabFactory
from tests.lab.flight import Flight
from tests.lab.launchers import Launcher
from tests.lab.losing import environment
from tests.lab.machine import Machine
from tests.lab.switch import ip_in

pytestmark = [pytest.mark.lab, pytest.mark.mpi]

_TALK = """
from mpi4py import MPI
world = MPI.COMM_WORLD
print("sum", world.allreduce(1), flush=True)
"""


def test_ranks_keep_to_the_clusters_network(
    lab: LabFactory, need_launcher: Callable[[Launcher], None]
) -> None:
    """All ranks talk, though by itself MPICH would take the other interface, and end: "No route to host"."""
    need_launcher(Launcher.MPICH)
    flight = Flight(lab(nodes=2, shown=Launcher.MPICH.shown), environment(Launcher.MPICH))
    flight.up()
    for number, board in enumerate(flight.lab.nodes, start=1):
        _trap(board, f"10.99.0.{number}")
    flight.file("/home/pi/talk.py").write_text(_TALK, encoding="utf-8")
    said = flight.run("run", "--mpi", "mpich", "--per-node", "1", "/home/pi/talk.py", check=False)
    assert said.count("sum 3") == 3, said
    alone = ("-localhost", flight.lab.head.address, "-launcher", "ssh", "-hosts", "node01,node02", "-n", "2")
    program = (str(Launcher.MPICH.python), "-m", "mpi4py", "-c", _TALK)
    trapped = flight.lab.head.run([str(Launcher.MPICH.mpirun), *alone, *program], check=False)
    assert "No route to host" in trapped.stdout + trapped.stderr


def _trap(board: Machine, address: str) -> None:
    """Give a board an interface with a route into a network where nobody answers."""
    for command in (
        "link add lab0 type veth peer name lab1",
        "link set lab1 up",
        f"address add {address}/24 dev lab0",
        "link set lab0 up",
    ):
        ip_in(board.pid, command)
