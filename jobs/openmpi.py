"""Open MPI's options: 5.x (wheel or distribution) and 4.1 (Debian 12)."""

from pathlib import Path

from jobs.errors import LauncherRefused
from jobs.launchers import TOKEN, Launcher

# Fault tolerance, and what it lacks. All ranks are connected at the start: the address of one that is first
# talked to when it is dead is asked for, for ever (5 of 34 jobs that lost a rank hung, none of 24 with it).
# And nobody waits for the dead in MPI_Finalize: the ranks have met before.
_TOLERANT = ("--with-ft", "ulfm", "--mca", "mpi_preconnect_mpi", "1", "--mca", "async_mpi_finalize", "1")
# A daemon whose node was cut off ends its ranks and itself about then, in seconds: 300 and more by itself.
_ALONE = ("--prtemca", "oob_tcp_keepalive_time", "5", "--prtemca", "oob_tcp_keepalive_intvl", "1")


def options(launcher: Launcher, *, survive: bool, alone: bool) -> tuple[str, ...]:
    """Say how ranks are placed and words marked.

    Args:
        launcher: Which mpirun.
        survive: The loss of a rank ends no other.
        alone: There is one rank: with 4.1 it gets no tags, since those can cost words (``jobs.tags``).
    """
    new = launcher.version >= (5,)
    tagging = ("--output", "tag") if new else () if alone else ("--tag-output",)
    tolerant = _TOLERANT if survive else ()
    # Open MPI 5.0.11 starts ranks by 16 threads, and misses the end of one now and then: on a machine without
    # a free core 13 % of short jobs never ended (24 of 184), and without these threads none of 360.
    threads = ("--prtemca", "odls_base_max_threads", "0") if new else ()
    places = ("--bind-to", "none", "--map-by", "slot")
    return (*tagging, *tolerant, *threads, *places, "--mca", "mpi_yield_when_idle", "1")


def remote_options(
    launcher: Launcher, ssh_config: Path, networks: tuple[str, ...], token: str, survivor: Path | None = None
) -> tuple[str, ...]:
    """Say how other nodes are reached, and by which networks.

    Args:
        launcher: Which mpirun.
        ssh_config: For ``ssh -F``.
        networks: What MPI is limited to; none means no limit.
        token: Marks the daemons.
        survivor: The program that stands for ssh, if the loss of a node shall end no rank elsewhere.

    Raises:
        LauncherRefused: The path of the ssh configuration holds a space, which the launcher would split at.
    """
    if any(character.isspace() for character in str(ssh_config)):
        raise LauncherRefused(f"{str(ssh_config)!r} holds a space. Next: keep state elsewhere")
    new = launcher.version >= (5,)
    runtime, module = ("--prtemca", "plm_ssh") if new else ("--mca", "plm_rsh")
    # The launcher looks for the first word on every node.
    ssh = f"ssh -F {ssh_config}" if survivor is None else f"/bin/sh {survivor}"
    agent = (runtime, f"{module}_agent", ssh, *(() if survivor is None else _ALONE))
    # Beyond 64 nodes the launcher would let nodes start each other, with a configuration they don't have.
    direct = (runtime, f"{module}_no_tree_spawn", "1")
    # So that a daemon is found by its token too, should it outlive its launcher; that is no secret.
    daemon, own = ("prte", "prted") if new else ("orte", "orted")
    marked = (runtime, f"{daemon}_launch_agent", f"env {TOKEN}={token} {own}")
    if not networks:
        return (*agent, *direct, *marked)
    listed = ",".join(networks)
    # Open MPI 5.0.11's own runtime knows only names of interfaces there, which differ between nodes: given
    # a network it warns "Did not find interface matching this subnet" (measured) and goes on without.
    wire = () if new else ("--mca", "oob_tcp_if_include", listed)
    return (*agent, *direct, *marked, "--mca", "btl_tcp_if_include", listed, *wire)


def forwarded(names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the variables that ranks on other nodes get too; their values show in no process list."""
    return tuple(word for name in names for word in ("-x", name))
