"""What a job that survives losses keeps in its attempt's folder."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.attempt import AttemptFiles
from jobs.hostfile import Host, openmpi_hostfile
from jobs.launchers import Launcher
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec, OnNodeLoss, validated
from jobs.states import JobState
from jobs.survivors import lost_all, note_host, note_rank, ranks_on, tell_losses
from tests.jobs.conftest import EndOf, StartPython


@pytest.fixture
def hosts(tmp_path: Path, head: Host, node: Host) -> list[Host]:
    """Ranks 0 to 2 on the head, 3 to 6 and 7 to 10 on two nodes, whose addresses begin alike."""
    other = replace(node, name="node09", address="10.77.0.119")
    found = [head, node, other]
    AttemptFiles(tmp_path).hostfile.write_text(openmpi_hostfile(found))
    return found


def test_ranks_follow_the_hosts_in_order(tmp_path: Path, hosts: list[Host]) -> None:
    """Each address has its own; one that is not there has none."""
    text = AttemptFiles(tmp_path).hostfile.read_text()
    assert ranks_on(text, hosts[1].address) == (3, 4, 5, 6)
    assert ranks_on(text, hosts[2].address) == (7, 8, 9, 10)
    assert ranks_on(text, "10.77.0.1") == ()


def test_losses_are_told_by_name(tmp_path: Path, hosts: list[Host]) -> None:
    """Nodes first, then the ranks that were killed elsewhere; nothing where nothing was lost."""
    assert not tell_losses(tmp_path, hosts)
    note_rank(tmp_path, 10)
    note_rank(tmp_path, 2)
    note_rank(tmp_path, 4)
    assert tell_losses(tmp_path, hosts) == "without rank 2, rank 4, rank 10, whose loss it survived"
    note_host(tmp_path, hosts[1].address)
    note_host(tmp_path, hosts[1].address)
    assert tell_losses(tmp_path, hosts) == "without node01, rank 2, rank 10, whose loss it survived"


def test_nobody_left_is_no_success(tmp_path: Path, hosts: list[Host]) -> None:
    """All ranks are lost when each was killed or on a lost node, and not before."""
    assert not lost_all(tmp_path, hosts)
    note_host(tmp_path, hosts[1].address)
    note_host(tmp_path, hosts[2].address)
    assert not lost_all(tmp_path, hosts)
    for rank in (0, 1, 2):
        note_rank(tmp_path, rank)
    assert lost_all(tmp_path, hosts)


def test_a_full_disk_ends_nobody(tmp_path: Path) -> None:
    """A loss that can't be written down is survived all the same."""
    note_host(tmp_path / "gone", "10.77.0.11")
    note_rank(tmp_path / "gone", 1)


def test_a_job_that_survives_gets_an_ssh_of_its_own(
    tmp_path: Path, new: Launcher, head: Host, node: Host, site: Site
) -> None:
    """Open MPI calls our program, which only the owner may change, and connects all ranks at the start."""
    spec = validated(JobSpec("hello", on_node_loss=OnNodeLoss.SURVIVE), total_slots=None)
    user = replace(site, uid=1000)
    folder = tmp_path / "1"
    plan = prepare(folder, new, spec, [head, node], job=1, attempt=1, token="t", site=user)
    words = set(pairwise(plan.argv))
    assert ("plm_ssh_agent", f"/bin/sh {folder}/ssh") in words
    assert {("--with-ft", "ulfm"), ("mpi_preconnect_mpi", "1"), ("async_mpi_finalize", "1")} <= words
    agent = folder / "ssh"
    assert agent.stat().st_mode & 0o777 == 0o700
    assert agent.read_text().endswith(f' -m jobs.survival {folder} "$@"\n')

    usual = replace(spec, on_node_loss=OnNodeLoss.FAIL)
    folder = tmp_path / "2"
    plan = prepare(folder, new, usual, [head, node], job=2, attempt=1, token="t", site=user)
    assert ("plm_ssh_agent", f"ssh -F {folder}/ssh_config") in set(pairwise(plan.argv))
    assert not (folder / "ssh").exists()


@pytest.mark.parametrize(
    ("lost", "state", "reason"),
    [
        ((1,), JobState.COMPLETED, "without rank 1, whose loss it survived"),
        ((0, 1), JobState.FAILED, "every rank was killed or lost. Next: sciabc-tui logs "),
        ((), JobState.COMPLETED, ""),
    ],
)
def test_the_end_says_without_whom_it_came(
    tmp_path: Path,
    start_python: StartPython,
    end_of: EndOf,
    head: Host,
    lost: tuple[int, ...],
    state: JobState,
    reason: str,
) -> None:
    """Mpirun's 0 is believed as long as a rank is left, and the reason names those that are not."""
    go = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
    pid, folder = start_python(wait, hosts=(replace(head, slots=2),))
    AttemptFiles(folder).hostfile.write_text("127.0.0.1 slots=2\n")
    for rank in lost:
        note_rank(folder, rank)
    go.touch()
    status = end_of(pid, folder)
    assert status.state is state
    assert status.error.startswith(reason)
    assert bool(status.error) == bool(reason)
