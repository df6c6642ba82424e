"""`sciabc-tui status` and `hostfile`: is it well, and where do I connect?"""

from dataclasses import dataclass

import typer

from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.output import emit, say
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson
from sciabc_tui.cluster.durations import Instant, span
from sciabc_tui.cluster.health import Alarm, assess
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.schedule import total_slots, used_slots
from sciabc_tui.cluster.state import State


@dataclass(frozen=True, slots=True)
class Status:
    """What `status --json` prints. Slots are those of schedulable nodes."""

    host_name: str
    version: str
    simulated: bool
    external_ip: str
    external_interface: str
    external_problem: str
    health: str
    alarms: tuple[str, ...]
    nodes_up: int
    nodes_known: int
    slots_used: int
    slots_total: int
    jobs_running: int
    jobs_pending: int
    jobs_progress: dict[str, int]
    """Per cent, by the numbers of the running jobs that tell it."""
    launcher: str
    launcher_problem: str


def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the external IP, the health with its alarms, nodes, slots and jobs."""
    with connected(session(context), start=False) as client:
        state = client.state()
    if as_json:
        emit(summarize(state))
        return
    for line in describe(state):
        say(line)


def hostfile(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Print the hostfile: the address of every node that takes jobs, one a line."""
    with connected(session(context), start=False) as client:
        text = client.hostfile()
    if as_json:
        emit({"hostfile": text.splitlines()})
        return
    for line in text.splitlines():
        say(line)


def summarize(state: State) -> Status:
    """Give the figures of a state."""
    health = assess(state)
    uplink = state.uplink
    states = [job.state for job in state.jobs.values()]
    return Status(
        host_name=state.head.host_name,
        version=state.head.version,
        simulated=state.head.simulated,
        external_ip=uplink.address if uplink else "",
        external_interface=uplink.interface if uplink else "",
        external_problem=uplink.problem if uplink else "",
        health=health.lamp.value,
        alarms=tuple(_alarm(alarm, state.at) for alarm in health.alarms),
        nodes_up=health.up,
        nodes_known=health.known,
        slots_used=sum(used_slots(state).values()),
        slots_total=total_slots(state),
        jobs_running=states.count(JobState.RUNNING),
        jobs_pending=states.count(JobState.PENDING),
        jobs_progress={
            str(job.id): job.progress.percent
            for job in state.jobs.values()
            if job.state is JobState.RUNNING and job.progress is not None
        },
        launcher=state.head.launcher,
        launcher_problem=state.head.launcher_problem,
    )


def describe(state: State) -> list[str]:
    """Give the lines that `status` prints."""
    figures = summarize(state)
    simulated = "  [SIMULATED]" if figures.simulated else ""
    where = f"{figures.external_ip} on {figures.external_interface}" if figures.external_ip else "--"
    problem = f"  ({figures.external_problem})" if figures.external_problem else ""
    new = [node.name for node in state.nodes.values() if node.trust.value == "unknown"]
    lines = [
        f"{figures.host_name or 'head'}{simulated}",
        f"external IP  {where}{problem}",
        f"health       {figures.health}",
        *(f"             ! {alarm}" for alarm in figures.alarms),
        f"nodes        {figures.nodes_up} of {figures.nodes_known} up",
        f"slots        {figures.slots_used} of {figures.slots_total} used",
        f"jobs         {figures.jobs_running} running, {figures.jobs_pending} pending",
        *(f"             job {job} at {done}%" for job, done in figures.jobs_progress.items()),
        f"MPI          {figures.launcher_problem or figures.launcher or '--'}",
    ]
    if new:
        lines.append(f"new          {', '.join(sorted(new))}. Next: sciabc-tui nodes approve NAME")
    return lines


def _alarm(alarm: Alarm, now: Instant) -> str:
    return alarm.subject if alarm.since is None else f"{alarm.subject} {span(now - alarm.since)}"
