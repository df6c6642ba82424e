"""The folder of an attempt."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.attempt import AttemptFiles, AttemptStatus, read_plan, read_runner, read_status, write_status
from jobs.errors import LauncherRefused, SpecError, StoreError
from jobs.hostfile import Host
from jobs.launchers import Launcher
from jobs.logstore import Stream
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec, Kind, OnNodeLoss, validated
from jobs.states import JobState
from jobs.tags import Splitter
from tests.jobs.pieces import unfolded


def test_everything_is_there_and_private(
    tmp_path: Path, new: Launcher, head: Host, node: Host, site: Site
) -> None:
    """The plan that was made is the plan that the runner reads; what holds secrets is the owner's alone."""
    folder = tmp_path / "jobs" / "7" / "1"
    spec = validated(JobSpec("hello", env={"A": "b"}), total_slots=None)
    user = replace(site, uid=1000)
    plan = prepare(folder, new, spec, [head, node], job=7, attempt=1, token="t", site=user)
    files = AttemptFiles(folder)
    assert read_plan(folder) == plan
    assert plan.env["SCIABC_JOB_TOKEN"] == "t"
    assert "OMPI_ALLOW_RUN_AS_ROOT" not in plan.env
    assert str(files.hostfile) in plan.argv
    assert files.hostfile.read_text() == "127.0.0.1 slots=3\n10.77.0.11 slots=4\n"
    assert "HostKeyAlias node01.local" in files.ssh_config.read_text()
    assert [path.stat().st_mode & 0o777 for path in (folder, files.plan, files.ssh_config)] == [
        0o700,
        0o600,
        0o600,
    ]


def test_only_what_outlives_a_power_cut_waits_for_the_card(
    tmp_path: Path, mpich: Launcher, node: Host, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan, and how to reach the nodes that are to be cleaned: a file and its name, each."""
    synced: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synced.append(name.removeprefix(".").rpartition(".")[0] or "folder")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    spec = validated(JobSpec("hello"), total_slots=None)
    user = replace(site, uid=1000)
    prepare(tmp_path / "7", mpich, spec, [node], job=7, attempt=1, token="t", site=user)
    assert synced == ["ssh_config", "folder", "plan.json", "folder"]


def test_root_is_refused_before_anything_is_made(
    tmp_path: Path, new: Launcher, head: Host, node: Host, site: Site
) -> None:
    """Root runs jobs here; on other nodes only where that was allowed."""
    spec = validated(JobSpec("hello"), total_slots=None)
    root = replace(site, uid=0)
    with pytest.raises(LauncherRefused, match="allow_root"):
        prepare(tmp_path / "1", new, spec, [head, node], job=1, attempt=1, token="t", site=root)
    assert not (tmp_path / "1").exists()
    plan = prepare(tmp_path / "1", new, spec, [head], job=1, attempt=1, token="t", site=root)
    assert plan.env["OMPI_ALLOW_RUN_AS_ROOT"] == "1"
    allowed = replace(root, allow_root=True)
    prepare(tmp_path / "2", new, spec, [head, node], job=1, attempt=2, token="t", site=allowed)


def test_mpich_gets_its_own_hostfile_and_agent(
    tmp_path: Path, mpich: Launcher, head: Host, node: Host, site: Site
) -> None:
    """Its hosts in its form, and a program for its ssh, which only the owner may run."""
    folder = tmp_path / "it's 1"
    spec = validated(JobSpec("hello"), total_slots=None)
    user = replace(site, uid=1000)
    plan = prepare(folder, mpich, spec, [head, node], job=7, attempt=1, token="t", site=user)
    assert AttemptFiles(folder).hostfile.read_text() == "127.0.0.1:3\n10.77.0.11:4\n"
    agent = folder / "ssh"
    assert plan.argv[plan.argv.index("-launcher-exec") + 1] == str(agent)
    assert agent.stat().st_mode & 0o777 == 0o700
    assert agent.read_text().startswith("#!/bin/sh\nexec ssh -F '")
    assert plan.argv.count("-localhost") <= 1


@pytest.mark.parametrize(
    ("spec", "hostfile", "count"),
    [
        (JobSpec("hello", ranks=4), "127.0.0.1 slots=3\n10.77.0.11 slots=1\n", "4"),
        (JobSpec("hello", per_node=2), "127.0.0.1 slots=2\n10.77.0.11 slots=2\n", "4"),
        (JobSpec("hello", kind=Kind.EACH), "127.0.0.1 slots=1\n10.77.0.11 slots=1\n", "2"),
        (JobSpec("hello", ranks=2), "127.0.0.1 slots=2\n", "2"),
    ],
)
def test_the_hostfile_leaves_no_choice(
    spec: JobSpec,
    hostfile: str,
    count: str,
    tmp_path: Path,
    new: Launcher,
    head: Host,
    node: Host,
    site: Site,
) -> None:
    """As many slots as ranks, each where ``ranks_of`` says; the plan names all hosts that the job holds."""
    checked = validated(spec, total_slots=None)
    user = replace(site, uid=1000)
    plan = prepare(tmp_path / "1", new, checked, [head, node], job=1, attempt=1, token="t", site=user)
    assert AttemptFiles(tmp_path / "1").hostfile.read_text() == hostfile
    assert plan.argv[plan.argv.index("-n") + 1] == count
    assert plan.hosts == (head, node)


def test_more_ranks_than_slots_are_refused_before_anything_is_made(
    tmp_path: Path, new: Launcher, head: Host, site: Site
) -> None:
    """No launcher is left to oversubscribe."""
    spec = validated(JobSpec("hello", ranks=4), total_slots=None)
    with pytest.raises(SpecError, match="not enough slots"):
        prepare(tmp_path / "1", new, spec, [head], job=1, attempt=1, token="t", site=site)
    assert not (tmp_path / "1").exists()


# Stands for ssh on PATH: `ssh -F CONFIG [options] HOST COMMAND...` runs the command here, as a node's sshd
# would: with none of our variables.
_SSH = """#!/bin/sh
[ "$1" = -F ] && [ -r "$2" ] || exit 99
shift 2
while [ "${1#-}" != "$1" ]; do shift; done
shift
exec env -i HOME=/ PATH=/usr/bin:/bin TMPDIR="$TMPDIR" sh -c "$*"
"""


@pytest.mark.mpi
def test_other_nodes_get_the_variables_and_nothing_else_of_ours(
    tmp_path: Path, real: Launcher, node: Host, site: Site
) -> None:
    """What marks the job's processes reaches ranks beyond ssh, and the arguments arrive as they are."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    ssh = bin_folder / "ssh"
    ssh.write_text(_SSH)
    ssh.chmod(0o755)
    shell = 'echo "$A|$SCIABC_JOB_TOKEN|$SCIABC_JOB_ID|$SCIABC_ATTEMPT|$OURS|$1"'
    spec = validated(
        JobSpec("/bin/sh", ("-c", shell, "-", 'a  "b"'), env={"A": "b  c", "TMPDIR": str(tmp_path)}, cwd="/"),
        total_slots=None,
    )
    folder = tmp_path / "a1"
    far = replace(node, slots=2, user="")
    ready = replace(site, allow_root=True, cluster_networks=())
    plan = prepare(folder, real, spec, [far], job=7, attempt=2, token="t0ken", site=ready)
    path = f"{bin_folder}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "OURS": "secret", **plan.env}
    done = subprocess.run(
        plan.argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    splitter = Splitter(real, Stream.OUT)
    lines = [(piece.rank, piece.text) for piece in unfolded((*splitter.feed(done.stdout), *splitter.close()))]
    ours = [line for line in lines if line[0] is not None]
    assert sorted(ours) == [(rank, b'b  c|t0ken|7|2||a  "b"') for rank in (0, 1)], done.stderr


def test_an_attempt_is_prepared_once(tmp_path: Path, new: Launcher, head: Host, site: Site) -> None:
    """A folder that is there already holds another attempt's truth."""
    spec = validated(JobSpec("hello"), total_slots=None)
    with pytest.raises(StoreError, match=r"File exists\. Next: "):
        prepare(tmp_path, new, spec, [head], job=1, attempt=1, token="t", site=site)


def test_what_is_not_there_is_none_or_told(tmp_path: Path) -> None:
    """No status and no runner yet is no error; no plan is."""
    assert read_status(tmp_path) is None
    assert read_runner(tmp_path) is None
    with pytest.raises(StoreError, match=r"plan\.json is not there. Next: submit the job again"):
        read_plan(tmp_path)


def test_a_status_comes_back_and_damage_is_told(tmp_path: Path) -> None:
    """Every field survives; half a file is an error of one line."""
    status = AttemptStatus(JobState.FAILED, 1.5, 139, 11, 2.5, 99, "segmentation fault")
    write_status(tmp_path, status)
    assert read_status(tmp_path) == status
    path = AttemptFiles(tmp_path).status
    path.write_text(path.read_text()[:20])
    with pytest.raises(StoreError, match=r"status\.json is damaged"):
        read_status(tmp_path)


def test_what_comes_back_is_in_the_plan(
    tmp_path: Path, new: Launcher, mpich: Launcher, head: Host, node: Host, site: Site
) -> None:
    """Outputs as asked; for a job that is launched again one checkpoint directory for all its attempts."""
    user = replace(site, uid=1000)
    asked = JobSpec("hello", outputs=("*.csv",), on_node_loss=OnNodeLoss.REQUEUE)
    spec = validated(asked, total_slots=None)
    for attempt, launcher in ((1, new), (2, mpich)):
        folder = tmp_path / "7" / f"attempt-{attempt}"
        plan = prepare(folder, launcher, spec, [head, node], job=7, attempt=attempt, token="t", site=user)
        assert plan.collect == ("*.csv",)
        assert plan.checkpoint == plan.env["SCIABC_CHECKPOINT"] == str(tmp_path / "7" / "checkpoint")
        assert any("SCIABC_CHECKPOINT" in word for word in plan.argv)
    assert list(plan.env)[-1] == "SCIABC_LAST"  # hydra overlooks the last one
    assert (tmp_path / "7" / "checkpoint").stat().st_mode & 0o777 == 0o700
    other = validated(JobSpec("hello"), total_slots=None)
    plan = prepare(tmp_path / "8" / "1", new, other, [head, node], job=8, attempt=1, token="t", site=user)
    assert (plan.collect, plan.checkpoint, "SCIABC_CHECKPOINT" in plan.env) == ((), "", False)
    assert not (tmp_path / "8" / "checkpoint").exists()
