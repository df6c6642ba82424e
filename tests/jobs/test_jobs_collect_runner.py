"""Outputs and checkpoints at the end of whole attempts: by the runner, or by the head if that was killed."""

import contextlib
import os
import random
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.attempt import (
    AttemptFiles,
    AttemptStatus,
    Order,
    read_status,
    read_unswept,
    write_order,
    write_unswept,
)
from jobs.detach import cancel, clear, launch, runner_alive
from jobs.hostfile import Host
from jobs.sshconfig import ssh_config
from jobs.states import JobState
from tests.head.servers import Sshd, running_sshd
from tests.jobs.conftest import Patience

_TOKEN = secrets.token_hex(16)
_FOREVER = "import signal; print('up'); signal.pause()"

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]
StartPython = Callable[..., tuple[int, Path]]


@dataclass(frozen=True, slots=True)
class Site:
    """A node that was given a folder, one that is silent, and an attempt on both that is not yet launched."""

    node: Sshd
    folder: Path

    @property
    def staged(self) -> Path:
        """What the node was given."""
        return self.node.folder / ".cache" / "sciabc" / "jobs" / _TOKEN

    @property
    def cwd(self) -> Path:
        """Where the head's own ranks run."""
        return self.folder.parent

    def fake_tar(self, script: str) -> None:
        """Let the node's tar do something else."""
        bin_folder = self.node.folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "tar").write_text(f"#!/bin/sh\n{script}\n")
        (bin_folder / "tar").chmod(0o755)
        (self.node.folder / ".bashrc").write_text(f'PATH="{bin_folder}:$PATH"\n')

    def at_home(self) -> dict[str, bytes]:
        """Give the outputs that are on the head."""
        return {path.name: path.read_bytes() for path in self.cwd.glob("*.csv*")}


Attempt = Callable[..., Site]


@pytest.fixture
def attempt(tmp_path: Path, start_python: StartPython, patience: Patience) -> Iterator[Attempt]:
    """Prepare an attempt of these lines of Python; ``silent`` adds a node that does not answer."""
    node = tmp_path / "node"
    node.mkdir()
    with running_sshd(node) as sshd, socket.create_server(("127.0.0.2", 0)) as mute:

        def prepared(code: str, *, silent: bool = False, **changes: object) -> Site:
            patience(8.0 if silent else 30.0)  # who is silent costs all of it
            hosts = (
                Host("node01", "127.0.0.1", 1, port=sshd.port, host_key_alias="node01"),
                *([Host("node02", "127.0.0.2", 1, port=mute.getsockname()[1])] if silent else []),
            )
            values = {"collect": ("*.csv",), **changes}
            env = {"SCIABC_JOB_TOKEN": _TOKEN}
            _, folder = start_python(code, launched=False, hosts=hosts, token=_TOKEN, env=env, **values)
            known = tmp_path / "known_hosts"
            known.write_text(f"node01 {sshd.keys.public}\n")
            text = ssh_config(hosts, known_hosts=known, identity=node / "id_ed25519")
            AttemptFiles(folder).ssh_config.write_text(text)
            write_unswept(folder, tuple(host.name for host in hosts))
            site = Site(sshd, folder)
            (site.staged / "work").mkdir(parents=True)
            (site.staged / "checkpoint").mkdir()
            return site

        yield prepared


def test_the_outputs_are_home_when_the_end_stands(attempt: Attempt, end_of: EndOf) -> None:
    """What a rank on the node flushed before its end is on the head, and the node's folder is gone."""
    site = attempt("import os; open(os.environ['OUT'], 'w').write('of the node')")
    # the launcher plays the rank that runs on the node
    os.environ["OUT"] = str(site.staged / "work" / "a.csv")
    try:
        status = end_of(launch(site.folder), site.folder)
    finally:
        del os.environ["OUT"]
    assert (status.state, status.error) == (JobState.COMPLETED, "")
    assert site.at_home() == {"a.csv": b"of the node"}
    assert not site.staged.exists()
    assert read_unswept(site.folder) == ()


def test_a_node_that_is_silent_is_named_in_the_end(attempt: Attempt, end_of: EndOf) -> None:
    """The state is what it was; whose outputs are lost is told."""
    site = attempt("pass", silent=True)
    (site.staged / "work" / "a.csv").write_text("a")
    status = end_of(launch(site.folder), site.folder)
    assert status.state is JobState.COMPLETED
    assert status.error == "outputs of node02 are lost: it does not answer"
    assert site.at_home() == {"a.csv": b"a"}
    assert read_unswept(site.folder) == ("node02",)


@pytest.mark.alone
@pytest.mark.parametrize("known", [True, False], ids=["the head knows", "nobody knows"])
def test_a_lost_node_is_not_waited_for(
    attempt: Attempt, end_of: EndOf, until: Until, tmp_path: Path, known: bool
) -> None:
    """The next attempt starts within 3 s, from what the others had in their checkpoints."""
    site = attempt(_FOREVER, silent=True, collect=(), checkpoint=str(tmp_path / "checkpoint"))
    pid = launch(site.folder)
    log = AttemptFiles(site.folder).log
    until(lambda: log.exists() and b"up" in log.read_bytes())
    (site.staged / "checkpoint" / "state").write_bytes(b"s" * 5_000_000)
    lost = "node02 was lost. Next: sciabc-tui nodes"
    write_order(site.folder, Order(JobState.NODE_FAIL, lost, lost=("node02",) if known else ()))
    began = time.monotonic()
    cancel(site.folder)
    status = end_of(pid, site.folder)
    assert time.monotonic() - began < 4.5  # 3 s, and what a busy machine adds
    assert (status.state, status.error) == (
        JobState.NODE_FAIL,
        f"{lost}; checkpoint files of node02 are lost: it does not answer",
    )
    assert (tmp_path / "checkpoint" / "state").stat().st_size == 5_000_000
    assert not site.staged.exists()


def test_a_killed_runners_outputs_are_brought(attempt: Attempt, end_of: EndOf, until: Until) -> None:
    """They are still on the node: the head brings them when it gives the attempt its end."""
    site = attempt(_FOREVER)
    pid = launch(site.folder)
    log = AttemptFiles(site.folder).log
    until(lambda: log.exists() and b"up" in log.read_bytes())
    (site.staged / "work" / "a.csv").write_text("a")
    os.kill(pid, signal.SIGKILL)
    end_of(pid, site.folder)
    status = clear(site.folder, at=time.time())
    assert status is not None
    assert status.error == "its runner was killed. Next: sciabc-tui logs 7"
    assert site.at_home() == {"a.csv": b"a"}
    assert not site.staged.exists()


def test_a_runner_killed_while_it_collected_leaves_nothing_half(
    attempt: Attempt, end_of: EndOf, until: Until
) -> None:
    """What it had begun goes, and all comes anew; the end is the one that the launcher had."""
    site = attempt("pass")
    site.fake_tar(f'[ "$1" != --version ] && touch {site.cwd}/begun && sleep 60; exec /usr/bin/tar "$@"')
    (site.staged / "work" / "a.csv").write_text("a")
    pid = launch(site.folder)
    until((site.cwd / "begun").exists)
    os.kill(pid, signal.SIGKILL)
    end_of(pid, site.folder)
    (site.node.folder / ".bashrc").unlink()
    assert any(path.name.startswith(".sciabc-") for path in site.cwd.iterdir())
    status = clear(site.folder, at=time.time())
    assert status is not None
    assert (status.state, status.error) == (JobState.COMPLETED, "")
    assert site.at_home() == {"a.csv": b"a"}
    assert not any(path.name.startswith(".sciabc-") for path in site.cwd.iterdir())
    assert not site.staged.exists()


def test_a_cancel_ends_the_collecting_too(attempt: Attempt, end_of: EndOf, until: Until) -> None:
    """Nobody has to wait for outputs without end: they stay on the node, and the job's end is what it was."""
    site = attempt("pass")
    site.fake_tar(f'[ "$1" = --version ] && exit; touch {site.cwd}/begun; while :; do echo; sleep 0.1; done')
    (site.staged / "work" / "a.csv").write_text("a")
    pid = launch(site.folder)
    until((site.cwd / "begun").exists)
    write_order(site.folder, Order(JobState.CANCELLED, "by ada"))
    began = time.monotonic()
    assert cancel(site.folder)
    status = end_of(pid, site.folder)
    assert time.monotonic() - began < 25.0  # such a node has half a minute
    assert status.state is JobState.COMPLETED
    where = f"stay there in ~/.cache/sciabc/jobs/{_TOKEN}"
    assert status.error == f"outputs of node01 {where}: cancelled. Next: copy them"
    assert (site.staged / "work" / "a.csv").exists()


def test_what_has_no_place_here_stays_there(attempt: Attempt, end_of: EndOf, tmp_path: Path) -> None:
    """The job's folder is gone: the job completed, its outputs are on the node, and the end says where."""
    gone = tmp_path / "gone"
    gone.mkdir()
    site = attempt("import os; os.rmdir(os.getcwd())", cwd=str(gone))
    (site.staged / "work" / "a.csv").write_text("a")
    status = end_of(launch(site.folder), site.folder)
    assert status.state is JobState.COMPLETED
    assert status.error.startswith(f"outputs of node01 stay there in ~/.cache/sciabc/jobs/{_TOKEN}: ")
    assert (site.staged / "work" / "a.csv").read_text() == "a"
    assert read_unswept(site.folder) == ()


@pytest.mark.parametrize("number", range(4))
def test_whenever_the_runner_is_killed_nothing_is_lost(
    attempt: Attempt, end_of: EndOf, until: Until, number: int
) -> None:
    """At a random moment of its end: each file is home as a whole, or the end says whose are lost."""
    site = attempt("pass", silent=number == 3)
    content = {f"{name}.csv": os.urandom(200_000) for name in range(20)}
    for name, data in content.items():
        (site.staged / "work" / name).write_bytes(data)
    pid = launch(site.folder)
    until(lambda: read_status(site.folder) is not None)
    threading.Event().wait(random.uniform(0.0, 1.5))  # the seed is pytest-randomly's
    if runner_alive(site.folder):
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, signal.SIGKILL)
    end_of(pid, site.folder)
    status = clear(site.folder, at=time.time()) or read_status(site.folder)
    assert status is not None
    assert status.state.final
    assert site.at_home() == content
    assert not site.staged.exists()
    assert ("outputs of node02 are lost" in status.error) == (number == 3)
    assert not any(path.name.startswith(".sciabc-") for path in site.cwd.iterdir())
