"""Write a launcher's command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from jobs import mpich, openmpi
from jobs.errors import LauncherRefused
from jobs.hostfile import Host
from jobs.launchers import ATTEMPT, JOB, LIBRARY, SURVIVORS, TOKEN, Flavour, Launcher, local_python
from jobs.spec import JobSpec, OnNodeLoss


@dataclass(frozen=True, slots=True)
class Means:
    """What a command line refers to.

    Attributes:
        hostfile: The file that names the hosts, in the launcher's own form.
        ssh_config: The configuration for ``ssh -F``; used if a host is not local.
        agent: The program that stands for ssh where the launcher can't give it options.
        python: The interpreter for Python programs on all nodes; a job that stays on this machine uses the
            running one instead if that has mpi4py.
        cluster_networks: Networks (``10.77.0.0/24``) that MPI is limited to; none means no limit.
        head_address: Where other nodes reach this machine; empty leaves it to the launcher.
        token: Marks the launcher's daemons on other nodes.
    """

    hostfile: Path
    ssh_config: Path
    agent: Path
    python: str
    cluster_networks: tuple[str, ...] = ()
    head_address: str = ""
    token: str = ""


def command(launcher: Launcher, spec: JobSpec, hosts: Sequence[Host], means: Means) -> tuple[str, ...]:
    """Write the command line of a validated spec.

    Args:
        launcher: Which mpirun.
        spec: What to run.
        hosts: Where, each with as many slots as it gets ranks: see ``jobs.hostfile.placed``.
        means: What it refers to.

    Raises:
        LauncherRefused: This launcher can't do what is asked.
    """
    survive = spec.on_node_loss is OnNodeLoss.SURVIVE
    if survive and not launcher.survives:
        raise LauncherRefused(f"{launcher.title} ends with the first lost rank. {SURVIVORS}")
    remote = not all(host.local for host in hosts)
    names = tuple(dict.fromkeys((*spec.env, JOB, ATTEMPT, TOKEN, *((LIBRARY,) if launcher.library else ()))))
    ranks = sum(host.slots for host in hosts)
    count = ("-n", str(ranks))
    program = _program(spec, means.python if remote else local_python(means.python))
    match launcher.flavour:
        case Flavour.OPENMPI:
            wires = (means.ssh_config, means.cluster_networks, means.token)
            ssh = openmpi.remote_options(launcher, *wires) if remote else ()
            places = ("--hostfile", str(means.hostfile))
            how = (*openmpi.options(launcher, survive=survive, alone=ranks == 1), *ssh)
            return (launcher.path, *how, *places, *count, *openmpi.forwarded(names), *program)
        case Flavour.MPICH:
            ssh = mpich.remote_options(means.agent, means.head_address) if remote else ()
            places = ("-f", str(means.hostfile))
            how = (*mpich.options(each=spec.each), *ssh)
            return (launcher.path, *how, *places, *mpich.forwarded(names), *count, *program)
        case _:
            assert_never(launcher.flavour)


def _program(spec: JobSpec, python: str) -> tuple[str, ...]:
    if not spec.is_python:
        return (spec.program, *spec.args)
    # mpi4py's own runner aborts all ranks on an uncaught exception, where the others would wait for ever.
    runner = () if spec.each else ("-m", "mpi4py")
    return (python, *runner, spec.program, *spec.args)
