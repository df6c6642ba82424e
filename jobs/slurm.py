"""What Slurm is asked for: the options of ``sbatch``, and the script that Slurm runs on the first node.

Slurm queues and places the job: nothing of it is decided here but what its user asked. Where the two think
differently:

- Slurm has no "every slot": the ranks are a number, or so many on each of the nodes that are named.
- Nodes that are named (by Slurm's names) are all used.
- ``--no-requeue`` always: what becomes of a job that lost a node is decided where it is for every other job,
  as a next attempt with a number and a log of its own, and bounded.
- A time limit is Slurm's: in whole minutes, and looked at twice a minute.
- A priority can only be lowered (``--nice``): Slurm lets nobody but its operators jump the queue.

Nothing is copied: the program, its working directory and the state directory are taken to be shared with
Slurm's nodes, as homes are. Ranks are started by ``srun``; with which PMI is the site's ``MpiDefault``, or
the job's ``SLURM_MPI_TYPE``.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import SpecError
from jobs.launchers import ATTEMPT, JOB
from jobs.spec import JobSpec, OnNodeLoss

MARK = "sciabc:"
"""Begins the comment by which a job of ours is found again in Slurm's queue."""

_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_OPTION = re.compile(r"--([a-z][a-z0-9-]*)(?:=.*)?", re.DOTALL)
# What the attempt's files, its log and the finding of the job rest upon.
_OURS = frozenset(
    {
        "array",
        "chdir",
        "comment",
        "error",
        "exclude",
        "export",
        "export-file",
        "help",
        "input",
        "job-name",
        "nice",
        "nodelist",
        "nodes",
        "ntasks",
        "ntasks-per-node",
        "open-mode",
        "output",
        "parsable",
        "quiet",
        "requeue",
        "no-requeue",
        "test-only",
        "time",
        "usage",
        "verbose",
        "version",
        "wait",
        "wrap",
    }
)


@dataclass(frozen=True, slots=True)
class Papers:
    """Files of the attempt that Slurm's nodes read and write.

    Attributes:
        script: What Slurm runs.
        out: What was printed on standard output, each line behind its rank.
        err: The same of standard error.
        begun: Where it runs, written by the script when it starts.
        done: The exit status, written by the script when it ends.
    """

    script: Path
    out: Path
    err: Path
    begun: Path
    done: Path


@dataclass(frozen=True, slots=True)
class Shape:
    """How many tasks, on how many nodes; None leaves it to Slurm."""

    tasks: int
    nodes: int | None = None
    per_node: int | None = None


def check_options(options: Sequence[str]) -> tuple[str, ...]:
    """Return the options for ``sbatch`` of the settings if they can be given.

    Raises:
        SpecError: One is none, or is ours to give.
    """
    for option in options:
        found = _OPTION.fullmatch(option)
        if found is None or not option.isprintable():
            raise SpecError(
                "jobs.slurm_options", f"{option[:80]!r} is no long option. Next: write it as --partition=NAME"
            )
        if found[1] in _OURS:
            raise SpecError(
                "jobs.slurm_options", f"--{found[1]} is given for each job. Next: leave it out there"
            )
    return tuple(options)


def shape(spec: JobSpec) -> Shape:
    """Say how many tasks a validated spec means, on how many of Slurm's nodes.

    Raises:
        SpecError: Slurm can't be asked for that; names the field.
    """
    named = len(set(spec.nodes)) or None
    if spec.each:
        if named is None:
            raise SpecError(
                "nodes", "Slurm has no list of all nodes for you. Next: name them, -w node[01-04]"
            )
        return Shape(named, named, 1)
    per_node, ranks = spec.per_node, spec.ranks
    if ranks is None:
        if per_node is None or named is None:
            raise SpecError("ranks", "Slurm can't be asked for every slot. Next: give a number, -n 8")
        return Shape(named * per_node, named, per_node)
    nodes = named if named or per_node is None else -(-ranks // per_node)
    if named and ranks < named:
        raise SpecError("nodes", f"Slurm uses all {named}, for {ranks} ranks. Next: name fewer")
    if named and per_node is not None and ranks > named * per_node:
        raise SpecError("per_node", f"{ranks} ranks do not fit on {named} nodes. Next: name more")
    return Shape(ranks, nodes, per_node)


def check(spec: JobSpec) -> None:
    """Refuse what Slurm can't do, before anything is submitted.

    Raises:
        SpecError: It can't; names the field and the next step.
    """
    shape(spec)
    for where, names in (("nodes", spec.nodes), ("exclude", spec.exclude)):
        if strange := next((name for name in names if not _NODE.fullmatch(name)), None):
            raise SpecError(where, f"{strange[:80]} is no node of Slurm's. Next: sinfo -N")
    if spec.priority > 0:
        raise SpecError("priority", "Slurm lets nobody jump its queue. Next: give 0 or less")
    if spec.on_node_loss is OnNodeLoss.SURVIVE:
        raise SpecError("on_node_loss", "srun ends what loses a rank. Next: choose fail or requeue")
    if spec.grow:
        raise SpecError("grow", "Slurm's nodes do not join. Next: leave it out")


def sbatch_options(spec: JobSpec, papers: Papers, *, token: str, site: Sequence[str] = ()) -> tuple[str, ...]:
    """Write what stands behind ``sbatch``, the script included.

    Args:
        spec: What to run, validated and checked.
        papers: The attempt's files.
        token: What marks the job.
        site: Options of the settings; where they say otherwise than the job, the job's count.
    """
    asked = shape(spec)
    optional = (
        ("--nodes", asked.nodes),
        ("--ntasks-per-node", asked.per_node),
        ("--nodelist", ",".join(dict.fromkeys(spec.nodes))),
        ("--exclude", ",".join(dict.fromkeys(spec.exclude))),
        ("--time", "" if spec.time_limit is None else _duration(spec.time_limit)),
        ("--nice", -spec.priority),
    )
    return (
        *site,
        "--parsable",
        "--no-requeue",
        "--export=ALL",
        f"--job-name={spec.name}",
        f"--comment={MARK}{token}",
        f"--chdir={spec.cwd}",
        f"--output={_literally(papers.out)}",
        f"--error={_literally(papers.err)}",
        "--open-mode=append",
        f"--ntasks={asked.tasks}",
        *(f"{option}={value}" for option, value in optional if value),
        str(papers.script),
    )


def script(spec: JobSpec, papers: Papers, *, job: int, attempt: int, python: str) -> str:
    """Write what Slurm runs on the first of the nodes: it starts the tasks, and says where and how it ended.

    Args:
        spec: What to run, validated.
        papers: The attempt's files.
        job: The number of the job.
        attempt: The number of this launch of it.
        python: The interpreter on Slurm's nodes.
    """
    variables = {**spec.env, JOB: str(job), ATTEMPT: str(attempt)}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    # one rank that fails ends all, as under mpirun; a command for each node is nobody's business but its own
    bad_exit = "--kill-on-bad-exit=0" if spec.each else "--kill-on-bad-exit=1"
    command = shlex.join(("srun", "--label", "--input=none", bad_exit, "--", *_program(spec, python)))
    begun, done = (shlex.quote(str(path)) for path in (papers.begun, papers.done))
    return (
        "#!/bin/sh\n"
        f"# Attempt {attempt} of job {job}, written by sciabc-tui.\n"
        f"{exports}"
        f'printf \'%s %s\\n\' "$SLURM_JOB_NODELIST" "$SLURM_TASKS_PER_NODE" >{begun}\n'
        f"{command}\n"
        "status=$?\n"
        f"printf '%s\\n' $status >{done}\n"
        "exit $status\n"
    )


def _program(spec: JobSpec, python: str) -> tuple[str, ...]:
    if not spec.is_python:
        return (spec.program, *spec.args)
    runner = () if spec.each else ("-m", "mpi4py")
    return (python, *runner, spec.program, *spec.args)


def _duration(seconds: float) -> str:
    """Write a time limit as Slurm reads it: ``D-HH:MM:SS``."""
    minutes, second = divmod(-int(-seconds // 1), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}-{hour:02d}:{minute:02d}:{second:02d}"


def _literally(path: Path) -> str:
    """Write a path in which Slurm must not replace anything: ``%j`` would become the job's number."""
    return str(path).replace("%", "%%")
