"""`sciabc-tui run`: submit a program, follow what it prints, end as it ended."""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Annotated, Protocol

import typer
from msgspec.structs import replace

from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import JobPreview, SubmitJob
from sciabc_tui.cli.complete import program_names
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.dry_run import preview_lines
from sciabc_tui.cli.failures import FAILED, INTERRUPTED
from sciabc_tui.cli.interrupts import Interrupts
from sciabc_tui.cli.joblog import LogPrinter, records
from sciabc_tui.cli.output import ask, emit, hint, say
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import checked_nodes, duration, node_names
from sciabc_tui.cluster.evidence import outcome
from sciabc_tui.cluster.job import Job, JobState, OnNodeLoss
from sciabc_tui.errors import CommandRefused, ServiceUnavailable

EXAMPLES = """\b
Options may stand before or behind PROGRAM. What --help does not list goes to the program,
and so does everything behind a lone --.

\b
Ctrl-C asks whether to cancel the job; a second Ctrl-C leaves it running.

\b
Examples:
  sciabc-tui run hello.py
  sciabc-tui run jobs/programs/mergesort.py -n 8
  sciabc-tui run -n 4 -e OMP_NUM_THREADS=2 ./simulate -- -n 1000
  sciabc-tui run -w node[01-04] --time 10m --on-node-loss requeue ./simulate
  sciabc-tui run --with input.dat --collect 'result*.csv' ./simulate
  sciabc-tui run --each uptime
  sciabc-tui run --dry-run -n 8 ./simulate
  sciabc-tui run --detach ./simulate"""


class Printer(Protocol):
    """Shows a job's records."""

    def show(self, record: bytes) -> None:
        """Show one record."""
        ...


class Answer(Enum):
    """What to do with a job after Ctrl-C."""

    CANCEL = "cancel"
    GO_ON = "go on"
    DETACH = "detach"
    LEAVE = "leave"


def run(  # noqa: PLR0913 - each option is a parameter
    context: typer.Context,
    program: Annotated[
        str,
        typer.Argument(
            metavar="PROGRAM", autocompletion=program_names, help="A path, a bundled program, or on PATH."
        ),
    ],
    args: Annotated[list[str] | None, typer.Argument(metavar="ARGS", help="Its arguments.")] = None,
    *,
    ranks: Annotated[
        int | None, typer.Option("--ranks", "-n", help="How many ranks. Without: every free slot.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call the job.")] = "",
    cwd: Annotated[Path | None, typer.Option(help="Its working directory. Without: this one.")] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", metavar="KEY=VALUE", help="Set a variable.")
    ] = None,
    per_node: Annotated[
        int | None, typer.Option(help="How many ranks on each node.", show_default=False)
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="Run the command once on every node, with no MPI in it.")
    ] = False,
    nodes: Annotated[
        str, typer.Option("--nodes", "-w", metavar="NODES", help="Use only these: node[01-03], @up!node04.")
    ] = "",
    exclude: Annotated[str, typer.Option("--exclude", "-x", metavar="NODES", help="Use none of these.")] = "",
    time: Annotated[
        str, typer.Option("--time", "-t", metavar="DURATION", help="End it after 90s, 10m or 1h30m.")
    ] = "",
    priority: Annotated[int, typer.Option(help="More goes first; -1000 to 1000.")] = 0,
    on_node_loss: Annotated[
        OnNodeLoss, typer.Option(help="When a node is lost: end, run again on the others, or go on.")
    ] = OnNodeLoss.FAIL,
    max_attempts: Annotated[int, typer.Option(help="How often it may be launched, with requeue.")] = 3,
    launcher: Annotated[
        str, typer.Option("--mpi", metavar="FLAVOUR", help="openmpi, mpich, slurm. Without: what nodes have.")
    ] = "",
    files: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PATH", help="A file or folder it needs; copied to the nodes."),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option("--collect", metavar="PATTERN", help="Bring these files back: 'result*.csv'."),
    ] = None,
    grow: Annotated[
        bool, typer.Option("--grow", help="Launch it again with more ranks when nodes join.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Submit it, and do not follow it.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Submit nothing; say what would run, and where.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the job as JSON, in place of what it prints.")
    ] = False,
) -> None:
    """Run an MPI program on the cluster, print what its ranks print, and exit as it exits."""
    for node_set in (nodes, exclude):
        checked_nodes(node_set)
    request = SubmitJob(
        program=resolve_program(program, Path.cwd()),
        args=tuple(args or ()),
        ranks=ranks,
        name=name,
        cwd=os.path.abspath(cwd or Path.cwd()),  # noqa: PTH100 - does not follow links, as a shell would not
        env=_variables(env or ()),
        each=each,
        per_node=per_node,
        time_limit=duration(time) if time else None,
        priority=priority,
        on_node_loss=on_node_loss,
        max_attempts=max_attempts,
        launcher=launcher,
        files=tuple(files or ()),
        outputs=tuple(outputs or ()),
        grow=grow,
    )
    with connected(session(context), start=True) as client:
        request = replace(
            request,
            nodes=node_names(client, nodes),
            exclude=node_names(client, exclude, may_be_none=True),
        )
        if dry_run:
            _tell_preview(client.preview(request), as_json=as_json)
            return
        job = client.submit(request)
        if detach:
            _tell_submitted(job, as_json=as_json)
            return
        hint(f"job {job.id} {job.name} submitted")
        printer = _Silent() if as_json else LogPrinter()
        with Interrupts() as interrupts:
            status = Following(client, job, printer, interrupts).to_the_end()
        if as_json:
            emit(client.job(job.id))
    raise typer.Exit(status)


def resolve_program(program: str, here: Path) -> str:
    """Make a path that is there absolute; what is none may be a bundled program or on PATH."""
    path = here / Path(program).expanduser()
    return os.path.abspath(path) if "/" in program or path.is_file() else program  # noqa: PTH100 - as above


class Following:
    """Follows one job from its place in the queue to its end."""

    def __init__(self, client: Client, job: Job, printer: Printer, interrupts: Interrupts) -> None:
        self._client = client
        self._job = job
        self._printer = printer
        self._interrupts = interrupts
        self._offset = 0
        self._cancelling = False

    def to_the_end(self) -> int:
        """Show the job's output; give the exit status for ours."""
        while True:
            try:
                return self._once()
            except KeyboardInterrupt:
                match self._interrupted():
                    case Answer.CANCEL | Answer.GO_ON:
                        continue
                    case Answer.DETACH:
                        self._tell_where_it_is()
                        return 0
                    case Answer.LEAVE:
                        self._tell_where_it_is()
                        return INTERRUPTED

    def _interrupted(self) -> Answer:
        """Ask, and cancel if that is the answer; another Ctrl-C meanwhile leaves the job as it is."""
        try:
            answer = self._answer()
            if answer is Answer.CANCEL:
                self._cancel()
        except KeyboardInterrupt:
            hint("")
            return Answer.LEAVE
        return answer

    def _once(self) -> int:
        try:
            self._wait_in_queue()
            with closing(self._client.follow(self._job.id, offset=self._offset)) as pieces:
                for piece in pieces:
                    for record in records(piece):
                        # Shown and counted, or neither: after Ctrl-C it goes on from here.
                        with self._interrupts.whole():
                            self._printer.show(record)
                            self._offset += len(record)
            ended = self._ended()
        except ServiceUnavailable as error:
            raise ServiceUnavailable(
                f"The head service went away; job {self._job.id} goes on. "
                f"Next: sciabc-tui logs {self._job.id} -f"
            ) from error
        if ended.state is not JobState.COMPLETED:
            hint(f"sciabc-tui: job {ended.id} {outcome(ended)}")
        return INTERRUPTED if self._cancelling else exit_status(ended)

    def _wait_in_queue(self) -> None:
        """Say what a pending job waits for, until it starts and its files are on the nodes."""
        said = ""
        for job in self._changes():
            brings = job.state is JobState.RUNNING and job.reason.startswith("copying ")
            if job.state is not JobState.PENDING and not brings:
                return
            # how far it is shows in `sciabc-tui jobs`
            reason = job.reason.partition(":")[0] if brings else job.reason
            if reason not in {"", said}:
                hint(f"job {job.id} {reason}")
                said = reason

    def _ended(self) -> Job:
        for job in self._changes():
            if job.state.ended:
                return job
        return self._client.job(self._job.id)

    def _changes(self) -> Generator[Job, None, None]:
        """Give the job now and at each change of the state; ends if the state no longer carries it."""
        with closing(self._client.watch()) as states:
            for state in states:
                job = state.jobs.get(self._job.id)
                if job is None:
                    return
                yield job

    def _answer(self) -> Answer:
        if self._cancelling:
            return Answer.LEAVE
        if not sys.stdin.isatty():
            return Answer.CANCEL
        hint("")
        answer = ask(f"Cancel job {self._job.id}? [Y/n/d(etach)]")
        return {"n": Answer.GO_ON, "no": Answer.GO_ON, "d": Answer.DETACH, "detach": Answer.DETACH}.get(
            answer, Answer.CANCEL
        )

    def _cancel(self) -> None:
        self._cancelling = True
        hint(f"cancelling job {self._job.id}; Ctrl-C again leaves it")
        try:
            self._client.cancel(self._job.id)
        except CommandRefused:
            self._cancelling = False  # it ended by itself meanwhile

    def _tell_where_it_is(self) -> None:
        hint(f"job {self._job.id} goes on. Next: sciabc-tui logs {self._job.id} -f")


class _Silent:
    def show(self, record: bytes) -> None:
        """Show nothing."""


def exit_status(job: Job) -> int:
    """Give the exit status for a job that has ended: its own, or 1 if it failed without one."""
    if job.state is JobState.COMPLETED:
        return job.exit_code or 0
    code = job.exit_code or FAILED
    return code if 0 < code < 256 else FAILED


def _tell_submitted(job: Job, *, as_json: bool) -> None:
    if as_json:
        emit(job)
    else:
        say(f"job {job.id} {job.name} submitted. Next: sciabc-tui logs {job.id} -f")


def _tell_preview(preview: JobPreview, *, as_json: bool) -> None:
    if as_json:
        emit(preview)
    else:
        for line in preview_lines(preview):
            say(line)
    if preview.problem:
        raise typer.Exit(FAILED)


def _variables(pairs: Sequence[str]) -> dict[str, str]:
    for pair in pairs:
        if not pair.partition("=")[0] or "=" not in pair:
            raise typer.BadParameter(f"{pair} is not KEY=VALUE (options for the program itself go behind --)")
    return dict(pair.split("=", 1) for pair in pairs)
