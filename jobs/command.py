"""Write a launcher's command line."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from jobs import mpich, openmpi, sessions
from jobs.errors import LauncherRefused
from jobs.hostfile import Host
from jobs.launchers import ATTEMPT, JOB, LIBRARY, SURVIVORS, TOKEN, Flavour, Launcher, local_python
from jobs.spec import JobSpec, OnNodeLoss
from jobs.staging import (
    CHECKPOINT,
    CHECKPOINT_FOLDER,
    FOLDER,
    PROGRAM,
    WORK,
    keeps_checkpoint,
    may_be_copied,
    nodes_own,
    place,
)

# What a node was given stands in its own home directory, and one command line serves all nodes: so each rank
# looks itself where it starts. A missing program is told in words that `jobs.outcome` knows. The names of its
# variables are those that a job may not give to its own.
_LOOK = """\
SCIABC_D=$HOME/{folder}/{token}; SCIABC_C=$1; SCIABC_P=$2; \
if [ -d "$SCIABC_D/{work}" ]; then SCIABC_C=$SCIABC_D/{work}; \
[ ! -f "$SCIABC_C/$3" ] || SCIABC_P=$SCIABC_C/$3; \
elif [ -f "$SCIABC_D/{program}" ]; then SCIABC_P=$SCIABC_D/{program}; fi; \
"""
_KEEP = 'if [ -d "$SCIABC_D/{folder}" ]; then {name}=$SCIABC_D/{folder}; export {name}; fi; '
_GO = """\
shift 3; cd "$SCIABC_C" || exit; SCIABC_X={first}; \
command -v "$SCIABC_X" >/dev/null || {{ echo "can't open file '$SCIABC_X'" >&2; exit 127; }}; \
{home}exec {words} "$@"\
"""
_HOME = "HOME"


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
        token: Marks the launcher's daemons on other nodes, and names its directories.
        scratch: Where those of this machine are: see ``jobs.sessions``.
    """

    hostfile: Path
    ssh_config: Path
    agent: Path
    python: str
    cluster_networks: tuple[str, ...] = ()
    head_address: str = ""
    token: str = ""
    scratch: Path = Path("/tmp")  # noqa: S108 - as every launcher has it


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
    looks = remote and (may_be_copied(spec) or keeps_checkpoint(spec))
    names = _forwarded(launcher, spec, looks=looks)
    ranks = sum(host.slots for host in hosts)
    count = ("-n", str(ranks))
    python = means.python if remote else local_python(means.python)
    program = _looking(spec, python, means.token) if looks else (*_words(spec, python), *spec.args)
    # Where the job's directory is not on a node, MPICH would end: the ranks go there, or elsewhere.
    start = ("-wdir", "/") if looks else ()
    match launcher.flavour:
        case Flavour.OPENMPI:
            survivor = means.agent if survive else None
            wires = (means.ssh_config, means.cluster_networks, means.token, survivor)
            ssh = openmpi.remote_options(launcher, *wires) if remote else ()
            places = ("--hostfile", str(means.hostfile))
            kept = sessions.options(launcher, means.scratch, means.token, remote=remote)
            how = (*openmpi.options(launcher, survive=survive, alone=ranks == 1), *kept, *ssh)
            return (launcher.path, *how, *places, *start, *count, *openmpi.forwarded(names), *program)
        case Flavour.MPICH:
            ssh = mpich.remote_options(means.agent, means.head_address) if remote else ()
            places = ("-f", str(means.hostfile))
            how = (*mpich.options(each=spec.each), *ssh)
            kept = mpich.kept_to(means.cluster_networks, program) if remote else program
            return (launcher.path, *how, *places, *start, *mpich.forwarded(names), *count, *kept)
        case _:
            assert_never(launcher.flavour)


def _forwarded(launcher: Launcher, spec: JobSpec, *, looks: bool) -> tuple[str, ...]:
    """Name the variables that ranks on other nodes get from here."""
    keeps = (CHECKPOINT,) if keeps_checkpoint(spec) else ()
    library = (LIBRARY,) if launcher.library else ()
    # who looks into the home directory is told another one only afterwards
    own = tuple(name for name in spec.env if not (looks and name == _HOME))
    return tuple(dict.fromkeys((*own, JOB, ATTEMPT, TOKEN, *keeps, *library)))


def _words(spec: JobSpec, python: str) -> tuple[str, ...]:
    if not spec.is_python:
        return (spec.program,)
    # mpi4py's own runner aborts all ranks on an uncaught exception, where the others would wait for ever.
    runner = () if spec.each else ("-m", "mpi4py")
    return (python, *runner, spec.program)


def _looking(spec: JobSpec, python: str, token: str) -> tuple[str, ...]:
    """Write the words that start a rank with what its node was given."""
    before = [shlex.quote(word) for word in _words(spec, python)[:-1]]
    home = f"{_HOME}={shlex.quote(spec.env[_HOME])}; export {_HOME}; " if _HOME in spec.env else ""
    look = _LOOK.format(folder=FOLDER, token=token, work=WORK, program=PROGRAM)
    keep = _KEEP.format(folder=CHECKPOINT_FOLDER, name=CHECKPOINT) if keeps_checkpoint(spec) else ""
    go = _GO.format(
        first=before[0] if before else "$SCIABC_P", home=home, words=" ".join((*before, '"$SCIABC_P"'))
    )
    copied = "" if nodes_own(spec.program) else place(spec.program, spec.cwd)
    return ("/bin/sh", "-c", look + keep + go, "sciabc-tui", spec.cwd, spec.program, copied, *spec.args)
