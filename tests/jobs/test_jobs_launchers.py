"""Finding mpirun and writing its command line."""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.command import Means, command
from jobs.errors import LauncherMissing, LauncherRefused
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher, choose, detect, detect_all, environment, root_refusal
from jobs.spec import JobSpec, Kind, OnNodeLoss

_SPEC = JobSpec("/srv/prog.py", ("--count", "9 9"), name="prog", cwd="/srv", env={"THREADS": "2"})


def _command(
    launcher: Launcher, hosts: list[Host], spec: JobSpec = _SPEC, networks: tuple[str, ...] = ()
) -> tuple[str, ...]:
    files = (Path("/a/hostfile"), Path("/a/ssh_config"), Path("/a/ssh"))
    words = command(launcher, spec, hosts, Means(*files, "/usr/bin/python3", networks, "10.77.0.1", "t0k"))
    return tuple("LOOK" if before == "-c" else word for before, word in pairwise(("", *words)))


def test_command_of_open_mpi_5(new: Launcher, head: Host, node: Host) -> None:
    """Tagged lines, our ssh, MPI on the cluster's network, values of variables not on the command line."""
    assert " ".join(_command(new, [head, node], networks=("10.77.0.0/24",))) == (
        "/opt/new/bin/mpirun --output tag --prtemca odls_base_max_threads 0"
        " --bind-to none --map-by slot --mca mpi_yield_when_idle 1"
        " --prtemca prte_local_tmpdir_base /tmp/sciabc-t0k"
        " --prtemca prte_remote_tmpdir_base ${TMPDIR:-/tmp}/sciabc-t0k"
        " --prtemca plm_ssh_agent ssh -F /a/ssh_config --prtemca plm_ssh_no_tree_spawn 1"
        " --prtemca prte_launch_agent env SCIABC_JOB_TOKEN=t0k prted"
        " --mca btl_tcp_if_include 10.77.0.0/24 --hostfile /a/hostfile -wdir / -n 7"
        " -x THREADS -x SCIABC_JOB_ID -x SCIABC_ATTEMPT -x SCIABC_JOB_TOKEN -x MPI4PY_LIBMPI"
        " /bin/sh -c LOOK sciabc-tui /srv /srv/prog.py prog.py --count 9 9"
    )


def test_command_of_open_mpi_4(old: Launcher, head: Host, node: Host) -> None:
    """The same in the words of 4.1."""
    assert " ".join(_command(old, [head, node], networks=("10.77.0.0/24",))) == (
        "/usr/bin/mpirun --tag-output --bind-to none --map-by slot --mca mpi_yield_when_idle 1"
        " --mca orte_tmpdir_base /tmp/sciabc-t0k"
        " --mca plm_rsh_agent ssh -F /a/ssh_config --mca plm_rsh_no_tree_spawn 1"
        " --mca orte_launch_agent env SCIABC_JOB_TOKEN=t0k orted"
        " --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24"
        " --hostfile /a/hostfile -wdir / -n 7"
        " -x THREADS -x SCIABC_JOB_ID -x SCIABC_ATTEMPT -x SCIABC_JOB_TOKEN"
        " /bin/sh -c LOOK sciabc-tui /srv /srv/prog.py prog.py --count 9 9"
    )


def test_command_of_mpich(mpich: Launcher, head: Host, node: Host) -> None:
    """The same in hydra's words; it reaches nodes by our script, which they answer at the head's address."""
    assert " ".join(_command(mpich, [head, node], networks=("10.77.0.0/24",))) == (
        "/opt/mpich/bin/mpirun -prepend-pattern [1,%r]<std>: -print-all-exitcodes"
        " -launcher ssh -launcher-exec /a/ssh -localhost 10.77.0.1 -f /a/hostfile -wdir /"
        " -genvlist THREADS,SCIABC_JOB_ID,SCIABC_ATTEMPT,SCIABC_JOB_TOKEN,MPI4PY_LIBMPI -n 7"
        " /bin/sh -c LOOK sciabc-tui /bin/sh -c LOOK sciabc-tui /srv /srv/prog.py prog.py --count 9 9"
    )


def test_a_command_for_each_node_has_no_mpi(
    new: Launcher, old: Launcher, mpich: Launcher, head: Host, node: Host
) -> None:
    """A Python program gets its interpreter, and nothing of mpi4py; a failure of one ends no other."""
    each = replace(_SPEC, kind=Kind.EACH)
    for launcher in (new, old, mpich):
        words = _command(launcher, [replace(head, slots=1)], each)
        assert words[-3:] == ("/srv/prog.py", "--count", "9 9")
        assert "mpi4py" not in words
    assert "-disable-auto-cleanup" in _command(mpich, [node], each)
    assert "-disable-auto-cleanup" not in _command(mpich, [node])


def test_only_open_mpi_5_survives(new: Launcher, old: Launcher, mpich: Launcher, head: Host) -> None:
    """Fault tolerance is switched on where it is there; another launcher is refused, with what to do."""
    survive = replace(_SPEC, on_node_loss=OnNodeLoss.SURVIVE)
    words = _command(new, [head], survive)
    assert words[words.index("--with-ft") + 1] == "ulfm"
    assert "--with-ft" not in _command(new, [head])
    for launcher in (old, mpich):
        with pytest.raises(LauncherRefused, match=r"ends with the first lost rank\. Next: pip install"):
            _command(launcher, [head], survive)


def test_what_is_asked_is_chosen(new: Launcher, old: Launcher, mpich: Launcher) -> None:
    """A flavour that is asked for is taken, in the version that the nodes have, or refused."""
    assert choose([new, old, mpich], "", []) == new
    assert choose([new, old, mpich], "mpich", ["Open MPI 4.1.4"]) == mpich
    assert choose([new, old, mpich], "openmpi", ["Open MPI 4.1.4"]) == old
    with pytest.raises(LauncherRefused) as refused:
        choose([new, old], "mpich", [])
    assert str(refused.value) == (
        "MPICH is asked, the head has Open MPI 5.0.11, Open MPI 4.1.4."
        " Next: pip install mpich or sudo apt install mpich on all nodes"
    )
    with pytest.raises(LauncherMissing, match="No mpirun found"):
        choose([], "", [])


@pytest.mark.parametrize(
    ("nodes", "chosen"),
    [
        ((), "new"),
        (("",), "new"),
        (("Open MPI 5.0.3",), "new"),
        (("Open MPI 4.1.4", "", "Open MPI 4.1.6"), "old"),
        (("MPICH 4.0.2", "MPICH 4.0.2"), "new"),  # another major: none fits, so the first
        (("MPICH 5.0.0",), "mpich"),
        (("Open MPI 4.1.4", "MPICH 5.0.2"), "new"),
        (("Open MPI 51.0",), "new"),
    ],
)
def test_what_all_nodes_have_is_chosen(
    nodes: tuple[str, ...], chosen: str, new: Launcher, old: Launcher, mpich: Launcher
) -> None:
    """Flavour and major version of every node that says one; else the first."""
    assert choose([new, old, mpich], "", nodes) == {"new": new, "old": old, "mpich": mpich}[chosen]


def test_who_shall_survive_gets_who_can(new: Launcher, old: Launcher, mpich: Launcher) -> None:
    """Whatever the nodes say; with none that can it is refused."""
    assert choose([old, mpich, new], "", ["Open MPI 4.1.4"], survive=True) == new
    with pytest.raises(LauncherRefused, match=r"needs Open MPI 5.*Next: "):
        choose([old, mpich], "", [], survive=True)


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
    """Only a .py gets an interpreter; as many ranks are started as the hosts have slots for."""
    words = _command(new, [replace(node, slots=2)], replace(_SPEC, program="/bin/date", args=()))
    assert words[-1] == "/bin/date"
    assert "mpi4py" not in words
    assert words[words.index("-n") + 1] == "2"


def test_a_path_with_a_space_is_refused_where_the_launcher_would_split_it(new: Launcher, node: Host) -> None:
    """The launcher splits its remote agent at spaces."""
    with pytest.raises(LauncherRefused, match="holds a space"):
        command(new, _SPEC, [node], Means(Path("/h"), Path("/a b/c"), Path("/a b/ssh"), "python3"))


def test_environment_marks_the_job_and_allows_root_only_if_told(new: Launcher, mpich: Launcher) -> None:
    """The token is there, the user's variables are, and root only where allowed; MPICH overlooks the last."""
    ours = environment(new, _SPEC, job=7, attempt=2, token="t", allow_root=False)
    assert ours == {
        "THREADS": "2",
        "SCIABC_JOB_ID": "7",
        "SCIABC_ATTEMPT": "2",
        "SCIABC_JOB_TOKEN": "t",
        "MPI4PY_LIBMPI": "/opt/new/lib/libmpi.so.40",
    }
    assert list(environment(mpich, _SPEC, job=7, attempt=2, token="t", allow_root=True))[-1] == "SCIABC_LAST"
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


def _fake(folder: Path, answer: str, name: str = "mpirun") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_detect_reads_the_version(tmp_path: Path) -> None:
    """Whatever follows the number, it is read."""
    path = _fake(tmp_path, "mpirun (Open MPI) 5.0.11rc1")
    assert detect(str(path)).version == (5, 0, 11)
    assert detect(str(path)).title == "Open MPI 5.0.11"


def test_detect_finds_one_from_every_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path from here names nothing where a job starts."""
    path = _fake(tmp_path / "bin", "mpirun (Open MPI) 5.0.11")
    monkeypatch.chdir(tmp_path)
    assert detect(f"bin/{path.name}").path == str(path)


def test_detect_knows_each_by_its_words(tmp_path: Path) -> None:
    """Debian's second name for Open MPI says OpenRTE; MPICH says hydra, and its version in another line."""
    debian = detect(str(_fake(tmp_path / "a", "mpirun.openmpi (OpenRTE) 4.1.4")))
    assert (debian.flavour, debian.version) == (Flavour.OPENMPI, (4, 1, 4))
    library = tmp_path / "lib" / "libmpich.so.12"
    library.parent.mkdir()
    library.touch()
    hydra = detect(str(_fake(tmp_path / "bin", "HYDRA build details:\n    Version:              4.0.2")))
    assert (hydra.title, hydra.library) == ("MPICH 4.0.2", str(library))


def test_detect_all_names_each_installation_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two names in one folder are one launcher, and what can't be driven is left out."""
    hydra = "HYDRA build details:\n Version: 5.0.2"
    paths = (
        _fake(tmp_path / "a", "mpirun (Open MPI) 5.0.11"),
        _fake(tmp_path / "b", hydra),
        _fake(tmp_path / "b", hydra, "mpiexec.hydra"),
        _fake(tmp_path / "c", "mpirun (Open MPI) 3.1.3"),
        _fake(tmp_path / "d", "mpirun (Open MPI) 4.1.4"),
    )
    monkeypatch.setattr("jobs.launchers._candidates", lambda: tuple(map(str, paths)))
    titles = [launcher.title for launcher in detect_all()]
    assert titles == [
        "Open MPI 5.0.11",
        "MPICH 5.0.2",
        "Open MPI 4.1.4",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        "HYDRA build details:",
        "HYDRA build details:\n Version: 3.4.1",
        "mpirun (Open MPI) 3.1.3",
        "srun 22.05",
        "",
    ],
)
def test_detect_refuses_what_it_can_not_drive(answer: str, tmp_path: Path) -> None:
    """Another MPI or an old one is refused by its path, with the next step."""
    path = _fake(tmp_path, answer)
    with pytest.raises(LauncherRefused, match=r"mpirun is .*Next: pip install .* or sudo apt install"):
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
    """Each launcher of this machine is recognised, and its library is found beside it."""
    assert real.version >= (4, 0)
    assert Path(real.library).exists()
