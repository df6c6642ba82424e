"""Finding mpirun and writing its command line."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import LauncherMissing, LauncherRefused
from jobs.hostfile import Host
from jobs.launchers import Launcher, command, detect, environment, root_refusal
from jobs.spec import JobSpec

_SPEC = JobSpec("/srv/prog.py", ("--count", "9 9"), name="prog", cwd="/srv", env={"THREADS": "2"})


def _command(
    launcher: Launcher, hosts: list[Host], spec: JobSpec = _SPEC, networks: tuple[str, ...] = ()
) -> tuple[str, ...]:
    return command(
        launcher,
        spec,
        hosts,
        ssh_config=Path("/a/ssh_config"),
        hostfile=Path("/a/hostfile"),
        python="/usr/bin/python3",
        cluster_networks=networks,
    )


def test_command_of_open_mpi_5(new: Launcher, head: Host, node: Host) -> None:
    """Tagged lines, our ssh, MPI on the cluster's network, values of variables not on the command line."""
    assert " ".join(_command(new, [head, node], networks=("10.77.0.0/24",))) == (
        "/opt/new/bin/mpirun --output tag --bind-to none --map-by slot --mca mpi_yield_when_idle 1"
        " --prtemca plm_ssh_agent ssh -F /a/ssh_config --prtemca plm_ssh_no_tree_spawn 1"
        " --mca btl_tcp_if_include 10.77.0.0/24 --hostfile /a/hostfile -n 7"
        " -x THREADS -x SCIABC_JOB_ID -x SCIABC_ATTEMPT -x SCIABC_JOB_TOKEN -x MPI4PY_LIBMPI"
        " /usr/bin/python3 -m mpi4py /srv/prog.py --count 9 9"
    )


def test_command_of_open_mpi_4(old: Launcher, head: Host, node: Host) -> None:
    """The same in the words of 4.1."""
    assert " ".join(_command(old, [head, node], networks=("10.77.0.0/24",))) == (
        "/usr/bin/mpirun --tag-output --bind-to none --map-by slot --mca mpi_yield_when_idle 1"
        " --mca plm_rsh_agent ssh -F /a/ssh_config --mca plm_rsh_no_tree_spawn 1"
        " --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24"
        " --hostfile /a/hostfile -n 7"
        " -x THREADS -x SCIABC_JOB_ID -x SCIABC_ATTEMPT -x SCIABC_JOB_TOKEN"
        " /usr/bin/python3 -m mpi4py /srv/prog.py --count 9 9"
    )


def test_a_job_of_this_machine_needs_no_ssh(new: Launcher, head: Host) -> None:
    """With local hosts alone there is no remote agent and no limit on networks, and this Python runs it."""
    words = _command(new, [head], networks=("10.77.0.0/24",))
    assert not any("ssh" in word or "10.77" in word for word in words)
    assert words[words.index("-m") - 1] == sys.executable


def test_agent_and_arguments_are_one_word_each(new: Launcher, node: Host) -> None:
    """No shell reads the command line: an argument with a space stays one."""
    words = _command(new, [node])
    assert "ssh -F /a/ssh_config" in words
    assert words[-1] == "9 9"


def test_other_programs_run_as_they_are(new: Launcher, node: Host) -> None:
    """Only a .py gets an interpreter; ranks asked for are ranks started."""
    words = _command(new, [node], replace(_SPEC, program="/bin/date", args=(), ranks=2))
    assert words[-1] == "/bin/date"
    assert "mpi4py" not in words
    assert words[words.index("-n") + 1] == "2"


def test_a_path_with_a_space_is_refused_where_the_launcher_would_split_it(new: Launcher, node: Host) -> None:
    """The launcher splits its remote agent at spaces."""
    with pytest.raises(LauncherRefused, match="holds a space"):
        command(new, _SPEC, [node], ssh_config=Path("/a b/c"), hostfile=Path("/h"), python="python3")


def test_environment_marks_the_job_and_allows_root_only_if_told(new: Launcher) -> None:
    """The token is there, the user's variables are, and root only where it was allowed."""
    ours = environment(new, _SPEC, job=7, attempt=2, token="t", allow_root=False)
    assert ours == {
        "THREADS": "2",
        "SCIABC_JOB_ID": "7",
        "SCIABC_ATTEMPT": "2",
        "SCIABC_JOB_TOKEN": "t",
        "MPI4PY_LIBMPI": "/opt/new/lib/libmpi.so.40",
    }
    root = environment(new, _SPEC, job=7, attempt=2, token="t", allow_root=True)
    assert set(root) - set(ours) == {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"}


@pytest.mark.parametrize(
    ("uid", "remote", "allow", "refused"),
    [
        (1000, True, False, False),
        (0, False, False, False),
        (0, True, False, True),
        (0, True, True, False),
    ],
)
def test_root_is_refused_beyond_this_machine(
    uid: int, remote: bool, allow: bool, refused: bool, head: Host, node: Host
) -> None:
    """Root may try out its own machine; other nodes need to be allowed, and the text says how."""
    text = root_refusal(uid, [head, node] if remote else [head], allow_root=allow)
    assert (text is not None) is refused
    assert text is None or "set jobs.allow_root = true" in text


def _fake(folder: Path, answer: str) -> Path:
    path = folder / "mpirun"
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_detect_reads_the_version(tmp_path: Path) -> None:
    """Whatever follows the number, it is read."""
    path = _fake(tmp_path, "mpirun (Open MPI) 5.0.11rc1")
    assert detect(str(path)).version == (5, 0, 11)
    assert detect(str(path)).title == "Open MPI 5.0.11"


@pytest.mark.parametrize("answer", ["HYDRA build details:", "mpirun (Open MPI) 3.1.3", ""])
def test_detect_refuses_what_it_can_not_drive(answer: str, tmp_path: Path) -> None:
    """Another MPI or an old one is refused by its path, with the next step."""
    path = _fake(tmp_path, answer)
    with pytest.raises(LauncherRefused, match=r"Next: pip install 'sciabc-tui\[mpi\]' or sudo apt install"):
        detect(str(path))


def test_detect_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No MPI installed is one line with the next step."""
    monkeypatch.setattr("jobs.launchers._candidates", lambda: ())
    with pytest.raises(LauncherMissing) as missing:
        detect(None)
    assert str(missing.value) == (
        "No mpirun found. Next: pip install 'sciabc-tui[mpi]' or sudo apt install openmpi-bin"
    )
    with pytest.raises(LauncherMissing, match="is not there"):
        detect(str(tmp_path / "mpirun"))


@pytest.mark.mpi
def test_detect_knows_the_real_ones(real: Launcher) -> None:
    """Each Open MPI of this machine is recognised, and its library is found beside it."""
    assert real.version >= (4, 1)
    assert Path(real.library).exists()
