"""The folder of an attempt."""

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.attempt import AttemptFiles, AttemptStatus, read_plan, read_runner, read_status, write_status
from jobs.errors import LauncherRefused, StoreError
from jobs.hostfile import Host
from jobs.launchers import Launcher
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec, validated
from jobs.states import JobState


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
