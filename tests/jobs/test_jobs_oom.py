"""Whether memory ran out when a rank was killed: the kernels' words, as logs of real ones have them."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.attempt import AttemptPlan
from jobs.hostfile import Host
from jobs.launchers import Launcher
from jobs.oom import examined
from jobs.outcome import Ending, Memory
from jobs.sshconfig import ssh_config
from tests.head.servers import running_sshd

Kernel = Callable[..., None]

_HEAD = Host("head", "127.0.0.1", 2, local=True)
_KILLED = Ending(1, 137, tail=("process rank 0 with PID 391 on node vm exited on signal 9 (Killed).",))
_LASTED = 60.0  # seconds of the attempt: longer than a test takes
_VICTIM = (
    "[{at:12.6f}] {what}ut of memory: Killed process {pid} (python) total-vm:319924kB, anon-rss:64896kB, "
    "file-rss:5940kB, shmem-rss:0kB, UID:{uid} pgtables:188kB oom_score_adj:0"
)


def victim(pid: int, *, ago: float = 0.0, uid: int | None = None, what: str = "O") -> str:
    """Give the kernel's line on a process that it ended so many seconds ago."""
    owner = os.getuid() if uid is None else uid
    since_boot = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return _VICTIM.format(at=since_boot - ago, pid=pid, uid=owner, what=what)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Let this machine's logs hold these lines; None: nobody may read them."""

    def say(*, dmesg: str | None = None, journal: str | None = None) -> None:
        programs = tmp_path / "bin"
        programs.mkdir()
        for name, text in (("dmesg", dmesg), ("journalctl", journal)):
            (programs / f"{name}.txt").write_text(f"{text or ''}\n")
            shown = f"cat '{programs}/{name}.txt'" if text is not None else "exit 1"
            (programs / name).write_text(f"#!/bin/sh\n{shown}\n")
            (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setattr("jobs.oom.WITHIN", 30.0)  # a busy machine may need more than 2 s

    return say


@pytest.fixture
def plan(new: Launcher) -> AttemptPlan:
    """An attempt on this machine alone."""
    return AttemptPlan(1, 1, new, ("mpirun",), {}, "/", "token", hosts=(_HEAD,))


@pytest.mark.parametrize("what", ["O", "Memory cgroup o"])
@pytest.mark.parametrize("source", ["dmesg", "journal"])
def test_the_kernels_word_on_that_very_process_is_certain(
    kernel: Kernel, plan: AttemptPlan, source: str, what: str
) -> None:
    """The launcher's number of the rank stands in the log, whichever of both can be read."""
    kernel(**{source: f"[    1.000000] eth0: up\n{victim(391, what=what)}"})
    found = examined(_KILLED, plan, Path("/none"), seconds=_LASTED)
    assert (found.memory, found.short) == (Memory.OUT, ("head",))


@pytest.mark.parametrize(
    "tail", [(), ("process rank 0 with PID 77 on node vm exited on signal 9 (Killed).",)]
)
def test_another_process_of_ours_makes_it_probable(
    kernel: Kernel, plan: AttemptPlan, tail: tuple[str, ...]
) -> None:
    """A child of the rank, or the launcher does not tell the number."""
    kernel(dmesg=victim(391))
    found = examined(replace(_KILLED, tail=tail), plan, Path("/none"), seconds=_LASTED)
    assert (found.memory, found.short) == (Memory.PROBABLY_OUT, ("head",))


@pytest.mark.parametrize(
    "line",
    [
        lambda: "[    1.000000] eth0: up",
        lambda: victim(391, ago=2 * _LASTED),
        lambda: victim(391, uid=os.getuid() + 1),
        lambda: "[    9.000000] Killed process",
        lambda: "x" * 100_000,
    ],
    ids=["nothing", "before the attempt", "somebody else's", "cut off", "noise"],
)
def test_a_log_without_such_a_process_excludes_it(
    kernel: Kernel, plan: AttemptPlan, line: Callable[[], str]
) -> None:
    """Then somebody sent the signal."""
    kernel(dmesg=line())
    found = examined(_KILLED, plan, Path("/none"), seconds=_LASTED)
    assert (found.memory, found.short) == (Memory.ENOUGH, ())


def test_without_a_log_only_a_counter_of_0_says_anything(kernel: Kernel, plan: AttemptPlan) -> None:
    """It excludes the matter; any other number is of all time since boot."""
    kernel()
    counts = dict(line.split() for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines())
    wanted = Memory.ENOUGH if counts.get("oom_kill") == "0" else Memory.UNKNOWN
    assert examined(_KILLED, plan, Path("/none"), seconds=_LASTED).memory is wanted


def test_nobody_is_asked_when_no_rank_was_killed(kernel: Kernel, plan: AttemptPlan) -> None:
    """Whatever the kernel ended meanwhile, it has nothing to do with this end."""
    kernel(dmesg=victim(391))
    for ending in (replace(_KILLED, exit_code=0), Ending(1, 7), Ending(1, 137, signal=9)):
        assert examined(ending, plan, Path("/none"), seconds=_LASTED) is ending


def test_the_node_of_the_rank_is_asked(kernel: Kernel, plan: AttemptPlan, tmp_path: Path) -> None:
    """By ssh, that one alone; the others need not answer. One that is silent is no evidence."""
    node = tmp_path / "node"
    node.mkdir()
    with running_sshd(node) as sshd:
        there = Host("node01", "127.0.0.1", 2, port=sshd.port, host_key_alias="node01")
        known = tmp_path / "known_hosts"
        known.write_text(f"node01 {sshd.keys.public}\n")
        config = tmp_path / "ssh_config"
        config.write_text(ssh_config((there,), known_hosts=known, identity=node / "id_ed25519"))
        kernel(dmesg=victim(391))
        text = "process rank 3 with PID 391 on node vm exited on signal 9 (Killed)."
        ending = replace(_KILLED, tail=(text,))
        found = examined(ending, replace(plan, hosts=(_HEAD, there)), config, seconds=_LASTED)
    # its sshd has a PATH of its own: what it says is the truth of this machine, where nothing was ended now
    assert found.memory in {Memory.ENOUGH, Memory.UNKNOWN}
    gone = examined(ending, replace(plan, hosts=(_HEAD, there)), config, seconds=_LASTED)
    assert (gone.memory, gone.short) == (Memory.UNKNOWN, ())
