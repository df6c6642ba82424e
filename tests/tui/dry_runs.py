"""What the service would say of a job, worked out from a state."""

from pathlib import PurePath

from sciabc_tui.api.messages import AttemptHost, JobPreview, SubmitJob
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.schedule import Placed, turns
from sciabc_tui.cluster.state import State
from tests.tui.states import job


def dry_run(state: State, request: SubmitJob) -> JobPreview:
    """Place a job behind those that wait, and make up a command line."""
    number = max(state.jobs, default=0) + 1
    made = job(
        number,
        PurePath(request.program).stem,
        JobState.PENDING,
        ranks=request.ranks,
        nodes=request.nodes,
        exclude=request.exclude,
        per_node=request.per_node,
        each=request.each,
        priority=request.priority,
        elsewhere=request.launcher == "slurm",
    )
    given = turns(State(nodes=state.nodes, jobs={**state.jobs, made.id: made}))
    ids = [turn.job.id for turn in given if not turn.job.held_by and not turn.job.elsewhere]
    turn = next(turn.outcome for turn in given if turn.job.id == made.id)
    launcher = state.head.launcher
    program = f"/usr/lib/sciabc/{request.program}.py" if "/" not in request.program else request.program
    if not isinstance(turn, Placed):
        return JobPreview(program, made.name, launcher, waits=turn.reason, ahead=ids.index(made.id))
    hosts = tuple(
        AttemptHost(part.name, f"10.0.0.{10 + n}", part.ranks) for n, part in enumerate(turn.allocation)
    )
    count = sum(part.slots for part in turn.allocation)
    folder = f"/var/lib/sciabc/jobs/{number}/attempt-1"
    command = (
        "/usr/bin/mpirun --output tag --bind-to none --map-by slot --mca mpi_yield_when_idle 1 "
        f"--prtemca plm_ssh_agent 'ssh -F {folder}/ssh_config' --mca btl_tcp_if_include 10.0.0.0/24 "
        f"--hostfile {folder}/hostfile -n {count} -x SCIABC_JOB_ID -x SCIABC_ATTEMPT -x SCIABC_TOKEN "
        f"/usr/bin/python3 -m mpi4py {program} {' '.join(request.args)}"
    )
    return JobPreview(program, made.name, launcher, command.strip(), hosts)
