"""Make the folder of an attempt: everything that its runner needs, frozen."""

import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs import sessions, survivors
from jobs.attempt import AttemptFiles, AttemptPlan, write_plan
from jobs.command import Means, command
from jobs.errors import LauncherRefused, StoreError
from jobs.hostfile import Host, mpich_hostfile, openmpi_hostfile, placed, write_atomically
from jobs.launchers import Flavour, Launcher, environment, root_refusal
from jobs.mpich import agent_script
from jobs.spec import JobSpec, OnNodeLoss
from jobs.sshconfig import ssh_config
from jobs.staging import CHECKPOINT, CHECKPOINT_FOLDER, keeps_checkpoint

_AGENT = "ssh"
_DISCARD = 9


@dataclass(frozen=True, slots=True)
class Site:
    """What holds for every job of this head.

    Attributes:
        known_hosts: The approved host keys.
        uid: Whose jobs they are: ``os.geteuid()``.
        identity: The private key for the nodes; None leaves it to ssh.
        python: The interpreter on the nodes.
        cluster_networks: Networks that MPI is limited to; none means no limit.
        allow_root: Whether root may run jobs on other nodes.
        log_limit: How many bytes the log of an attempt may have; None means any number.
    """

    known_hosts: Path
    uid: int
    identity: Path | None = None
    python: str = sys.executable
    cluster_networks: tuple[str, ...] = ()
    allow_root: bool = False
    log_limit: int | None = None


def planned(
    folder: Path,
    launcher: Launcher,
    spec: JobSpec,
    hosts: Sequence[Host],
    *,
    job: int,
    attempt: int,
    token: str,
    site: Site,
) -> AttemptPlan:
    """Plan an attempt; nothing is written, and no node is asked.

    Args:
        folder: Of the attempt; need not be there.
        launcher: Which mpirun.
        spec: What to run, validated.
        hosts: Where, with the slots that this job has there; at least one.
        job: The number of the job.
        attempt: The number of this launch of it, from 1.
        token: Marks the processes of the attempt: not to be guessed, new each time.
        site: What holds for every job.

    Raises:
        LauncherRefused: Root may not run this job, or the launcher can't do what it asks.
        SpecError: A host can't be used, or the hosts have not so many slots.
    """
    if refusal := root_refusal(site.uid, hosts, allow_root=site.allow_root):
        raise LauncherRefused(refusal)
    files = AttemptFiles(folder)
    taking = _taking(spec, hosts)
    checkpoint = str(folder.parent / CHECKPOINT_FOLDER) if keeps_checkpoint(spec) else ""
    # Not refused above, so root is meant; for anybody else the variables say nothing.
    env = environment(launcher, spec, job=job, attempt=attempt, token=token, allow_root=site.uid == 0)
    means = Means(
        hostfile=files.hostfile,
        ssh_config=files.ssh_config,
        agent=folder / _AGENT,
        python=site.python,
        cluster_networks=site.cluster_networks,
        head_address=_address_towards(taking),
        token=token,
        scratch=sessions.scratch(env, os.environ),
    )
    return AttemptPlan(
        job=job,
        attempt=attempt,
        launcher=launcher,
        argv=command(launcher, spec, taking, means),
        # The last one of a launcher's own stays the last: see jobs.launchers.environment.
        env={CHECKPOINT: checkpoint, **env} if checkpoint else env,
        cwd=spec.cwd,
        token=token,
        time_limit=spec.time_limit,
        hosts=tuple(hosts),
        log_limit=site.log_limit,
        collect=spec.outputs,
        checkpoint=checkpoint,
        ranks=sum(host.slots for host in taking),
    )


def prepare(
    folder: Path,
    launcher: Launcher,
    spec: JobSpec,
    hosts: Sequence[Host],
    *,
    job: int,
    attempt: int,
    token: str,
    site: Site,
) -> AttemptPlan:
    """Write the plan, hostfile and ssh configuration of an attempt into its new folder.

    Args:
        folder: Made here; must not be there yet.
        launcher: As for ``planned``, like all that follows.
        spec: What to run, validated.
        hosts: Where.
        job: The number of the job.
        attempt: The number of this launch of it.
        token: Marks the processes of the attempt.
        site: What holds for every job.

    Raises:
        LauncherRefused: Root may not run this job, or the launcher can't do what it asks.
        SpecError: A host can't be used, or the hosts have not so many slots.
        StoreError: The folder can't be written.
    """
    plan = planned(folder, launcher, spec, hosts, job=job, attempt=attempt, token=token, site=site)
    files, taking, agent = AttemptFiles(folder), _taking(spec, hosts), folder / _AGENT
    hostfile = openmpi_hostfile(taking) if launcher.flavour is Flavour.OPENMPI else mpich_hostfile(taking)
    ssh = ssh_config(hosts, known_hosts=site.known_hosts, identity=site.identity)
    try:
        folder.mkdir(mode=0o700, parents=True)
        if plan.checkpoint:
            Path(plan.checkpoint).mkdir(mode=0o700, exist_ok=True)
        # after a power cut no launcher is left; those that clean the nodes behind it need the configuration
        write_atomically(files.hostfile, hostfile, durable=False)
        write_atomically(files.ssh_config, ssh, 0o600)
        if launcher.flavour is Flavour.MPICH:
            write_atomically(agent, agent_script(files.ssh_config), 0o700, durable=False)
        elif spec.on_node_loss is OnNodeLoss.SURVIVE:
            write_atomically(agent, survivors.agent_script(folder), 0o700, durable=False)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}. Next: check the state directory") from error
    write_plan(folder, plan)
    return plan


def _taking(spec: JobSpec, hosts: Sequence[Host]) -> tuple[Host, ...]:
    return placed(hosts, spec.ranks, 1 if spec.each else spec.per_node)


def _address_towards(hosts: Sequence[Host]) -> str:
    """Return the address by which this machine talks to the first of the other nodes; empty if it can't."""
    far = next((host for host in hosts if not host.local), None)
    if far is None:
        return ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far.address, _DISCARD))  # asks the routing table; no packet is sent
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
    return address
