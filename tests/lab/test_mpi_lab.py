"""MPI reaches bare boards that have no internet: by wheels of the head, and by packages through the head."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.bare import Bare, Sudo
from tests.lab.errors import CommandFailed
from tests.lab.flight import PROGRAM, SERVICE_LOG, Flight
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.mirror import lacks, mirror
from tests.lab.trouble import hold_apt_lock
from tests.lab.wheelhouse import stock

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a lab with a bare board, driven by its commands."""

    flight: Flight

    @property
    def board(self) -> Machine:
        """The bare board."""
        return self.flight.lab.node(1)

    def provision(self, *options: str, what: str = "provision") -> str:
        """Provision the board; give what was told."""
        command = self.command(what, *options, "--password-stdin")
        text = f"{self.flight.lab.password}\n"
        try:
            return self.flight.lab.head.run(command, env=self.flight.env, text=text, timeout=200).stdout
        except CommandFailed as failed:
            for log in (self.flight.file(SERVICE_LOG), self.board.path("/var/log/sshd.log")):
                failed.add_note(log.read_text(encoding="utf-8")[-2000:])
            raise

    def command(self, what: str, *options: str) -> list[str]:
        """Write a command for the board."""
        host = [f"pi@{self.board.address}", "--fingerprint", self.board.host_key_fingerprint]
        return [*PROGRAM, "nodes", what, *host, *options]


def test_wheels_of_the_head_make_a_bare_board_compute(lab_possible: None) -> None:
    """With no network but the cluster's: provisioned, it runs a rank beside the head; undone, it is bare."""
    with Lab(nodes=1, bare=Bare(sudo=Sudo.PASSWORD)) as lab:
        stock(lab)
        head = Head(Flight(lab, {"SCIABC_CLUSTER_HEAD_SLOTS": "1"}))
        head.flight.start()
        assert "install mpi4py" in head.provision("--mpi", "wheels", "--dry-run")
        assert not head.board.path(sys.prefix).exists()
        told = head.provision("--slots", "1", "--json")
        assert "one rank says hello, by Open MPI 5." in told
        head.flight.until("words.get('node01') == 'ready' and slots == 2")
        ran = head.flight.run("run", "-n", "2", "hello")
        assert "rank 0 of 2" in ran
        assert "node01" in ran
        assert "MPI: done" not in head.provision("--slots", "1")
        head.provision(what="unprovision")
        assert not head.board.path(sys.prefix).exists()


def test_packages_reach_a_bare_board_through_the_head(lab_possible: None, tmp_path: Path) -> None:
    """The head has internet, the board has not: once its lock is free, apt fetches through the head."""
    if lacking := lacks():
        pytest.skip(lacking)
    env = {
        "SCIABC_CLUSTER_HEAD_SLOTS": "1",
        "SCIABC_JOBS_LAUNCHER": "/usr/bin/mpirun.openmpi",
        "SCIABC_JOBS_PYTHON": "/usr/bin/python3",
    }
    with Lab(nodes=1, bare=Bare()) as lab, mirror(lab, tmp_path) as log:
        head = Head(Flight(lab, env))
        head.flight.start()
        holder = hold_apt_lock(head.board)
        command = head.command("provision", "--slots", "1", "--json", "--password-stdin")
        going = lab.head.popen(command, env=env)
        assert going.outer.stdin is not None
        going.outer.stdin.write(f"{lab.password}\n")
        going.outer.stdin.flush()
        text = ""
        for line in going.stdout:
            text += line
            if "waits until apt is free: unattended-upgr (process " in line:
                holder.kill()
        assert going.wait(10) == 0, text
        assert "waits until apt is free" in text
        assert "fetching 4 packages through the head" in text
        assert "one rank says hello, by Open MPI 4." in text
        assert "GET /debian/pool/openmpi-bin" in log.read_text(encoding="utf-8")
        head.flight.until("words.get('node01') == 'ready'")
        assert "rank 0 of 1" in head.flight.run("run", "-w", "node01", "-n", "1", "hello")
        head.provision(what="unprovision")
        asked = ["dpkg-query", "-W", "-f", "${Status}", "openmpi-bin", "libopenmpi3", "python3-mpi4py"]
        assert "ok installed" not in head.board.run(asked, check=False).stdout
        assert not head.board.path("/usr/bin/mpirun").exists()
