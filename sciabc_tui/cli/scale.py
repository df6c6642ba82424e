"""`sciabc-tui scale`: run a program on 1, 2, 4 .. N slots, and say how it scales and what limits it."""

import math
import os
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Annotated, Any, assert_never

import msgspec
import typer

from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.api.scaling import (
    MOST_ROUNDS,
    Disturbed,
    News,
    Planned,
    Prolonged,
    RunBegan,
    RunEnded,
    RunWaits,
    ScaleWish,
    Scaling,
)
from sciabc_tui.cli.complete import program_names
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.failures import FAILED, INTERRUPTED
from sciabc_tui.cli.interrupts import Interrupts
from sciabc_tui.cli.output import emit, hint, say, table
from sciabc_tui.cli.run import resolve_program
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, node_names
from sciabc_tui.cli.work import Status
from sciabc_tui.cluster.amdahl import Fit
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.scaling import LEAST_RANKS, MOST_RANKS, Lesson
from sciabc_tui.errors import CommandRefused, ServiceUnavailable
from sciabc_tui.tui.present import scale as present
from sciabc_tui.tui.present.cells import Line
from sciabc_tui.tui.present.glyphs import choose
from sciabc_tui.tui.present.scale_files import csv_text, svg_text

EXAMPLES = """\b
Each rank count is run three times, in turn, as ordinary jobs; one run before them is not counted. Where the
times differ so much that the serial share is not known to a twentieth of itself, more runs follow, until it
is. The times are those of the jobs' own records. Ctrl-C cancels the job that runs; what was measured is kept.

\b
Examples:
  sciabc-tui scale mergesort
  sciabc-tui scale mergesort --ranks 1,2,4,8 --rounds 5
  sciabc-tui scale ./simulate -w node[01-04] --save simulate -- -n 1000
  sciabc-tui scale mergesort --json | jq .fit.serial"""

_RANKS = re.compile(r"[0-9]{1,4}(?:,[0-9]{1,4})*")
_HEIGHT = 16
_WIDEST = 132


def scale(
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
        str, typer.Option("--ranks", "-n", metavar="N,N", help="Rank counts. Without: 1,2,4 .. every slot.")
    ] = "",
    rounds: Annotated[
        int | None,
        typer.Option("--rounds", min=1, max=MOST_ROUNDS, help="How often each is run. Without: see below."),
    ] = None,
    nodes: Annotated[
        str, typer.Option("--nodes", "-w", metavar="NODES", help="Use only these: node[01-03], @up!node04.")
    ] = "",
    save: Annotated[
        str, typer.Option(metavar="NAME", help="Write NAME.csv and NAME.svg. Without: scale-PROGRAM-JOB.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Measure how a program scales: time and speed-up on more and more slots, and what limits it."""
    counts = _counts(ranks)
    checked_nodes(nodes)
    for path in _files(save) if save else ():
        if path.exists():
            raise CommandRefused(f"{path} is there already. Next: another name behind --save")
    request = SubmitJob(
        program=resolve_program(program, Path.cwd()),
        args=tuple(args or ()),
        cwd=os.path.abspath(Path.cwd()),  # noqa: PTH100 - does not follow links, as a shell would not
    )
    with connected(session(context), start=True) as client:
        request = msgspec.structs.replace(request, nodes=node_names(client, nodes))
        teller = _Teller()
        with Interrupts() as interrupts:
            careful = _Careful(client.apart(), interrupts)
            scaling = Scaling(careful, ScaleWish(request, counts, rounds))
            ended = _measure(scaling, teller, careful)
    _conclude(scaling, teller, program, save, as_json=as_json)
    if isinstance(ended, ServiceUnavailable):
        raise ended
    if ended is not None:
        raise typer.Exit(INTERRUPTED)
    if not scaling.runs:
        raise typer.Exit(FAILED)


class _Careful:
    """A client that no Ctrl-C keeps from knowing which job it submitted."""

    def __init__(self, client: Client, interrupts: Interrupts) -> None:
        self._client = client
        self._interrupts = interrupts
        self._newest: JobId | None = None
        self.watch = client.watch
        self.close_watch = client.close_watch
        self.cancel = client.cancel
        self.job_detail = client.job_detail

    def submit(self, request: SubmitJob, /) -> Job:
        """Put a job into the queue."""
        with self._interrupts.whole():
            job = self._client.submit(request)
            self._newest = job.id
        return job

    def cancel_newest(self) -> None:
        """Cancel the job that was submitted last, unless that is over."""
        if self._newest is not None:
            with suppress(CommandRefused, ServiceUnavailable):
                self._client.cancel(self._newest)


def _measure(
    scaling: Scaling, teller: "_Teller", careful: _Careful
) -> ServiceUnavailable | KeyboardInterrupt | None:
    """Measure; give what ended it before time, with something measured."""
    try:
        scaling.run(teller.hear)
    except KeyboardInterrupt as error:
        careful.cancel_newest()
        teller.close()
        hint("Cancelled, and the job that ran too; what follows is what was measured until then.")
        return error
    except ServiceUnavailable as error:
        if not scaling.runs:
            raise
        return error
    finally:
        teller.close()
    return None


def _counts(text: str) -> tuple[int, ...]:
    if not text:
        return ()
    counts = tuple(sorted({int(part) for part in text.split(",")})) if _RANKS.fullmatch(text) else (0,)
    if not LEAST_RANKS <= counts[0] <= counts[-1] <= MOST_RANKS:
        raise typer.BadParameter(f"{text!r} is not such as 1,2,4,8", param_hint="--ranks")
    return counts


class _Teller:
    """Says on standard error how far it is."""

    def __init__(self) -> None:
        self._status = Status()
        self._runs = 0
        self.first_job = 0
        self.simulated = False

    def hear(self, news: News) -> None:
        match news:
            case Planned():
                self._runs, self.simulated = news.runs, news.simulated
                mark = "[SIMULATED] " if news.simulated else ""
                counts = ", ".join(map(str, news.counts))
                self._say(f"{mark}{news.slots} slots; {news.runs} runs on {counts} ranks")
            case Prolonged():
                self._runs = news.runs
                self._say(present.prolonged(news))
            case Disturbed():
                self._say(f"other jobs disturb what is measured: {', '.join(news.jobs)}")
            case RunBegan():
                self.first_job = self.first_job or news.job
                self._show(news)
            case RunEnded():
                self._ended(news)
            case RunWaits():
                self._status.show(f"job {news.job} {news.reason}")
            case _:
                assert_never(news)

    def close(self) -> None:
        self._status.clear()

    def _show(self, news: RunBegan) -> None:
        left = "" if news.left is None else f", about {span(news.left)} left"
        self._status.show(f"run {news.number + 1} of {self._runs}: {news.ranks} ranks, job {news.job}{left}")

    def _ended(self, news: RunEnded) -> None:
        count = f"{news.ranks:>4} rank{' ' if news.ranks == 1 else 's'}"
        if news.seconds is None:
            self._say(f"{count}  {news.problem}; {news.ranks} is left out from here on")
        else:
            self._say(f"{count}  {present.seconds(news.seconds):>9}{'' if news.number else '  not counted'}")

    def _say(self, text: str) -> None:
        self._status.clear()
        hint(text)


def _conclude(scaling: Scaling, teller: _Teller, program: str, save: str, *, as_json: bool) -> None:
    """Print what was learnt, and save it."""
    lesson = scaling.lesson()
    if as_json:
        emit(_shape(scaling, lesson, program, simulated=teller.simulated))
    elif not lesson.points:
        hint("sciabc-tui: no run came to its end, so nothing was measured. Next: sciabc-tui jobs")
    else:
        _print(lesson, simulated=teller.simulated)
    if lesson.points:
        name = save or f"scale-{_plain_name(program)}-{teller.first_job}"
        mark = " (SIMULATED)" if teller.simulated else ""
        _save(
            _files(name), csv_text(lesson, scaling.runs), svg_text(lesson, f"{PurePath(program).name}{mark}")
        )


def _print(lesson: Lesson, *, simulated: bool) -> None:
    if simulated:
        say("[SIMULATED]")
    table(present.HEADER, present.rows(lesson.points))
    say("")
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    glyphs = choose(os.environ.get("TERM", ""), sys.stdout.encoding or "ascii")
    for line in present.plots(lesson, width, _HEIGHT, glyphs):
        say(_text(line))
    say("")
    for line in present.words(lesson.words, width):
        say(_text(line))


def _text(line: Line) -> str:
    return "".join(cell.text for cell in line).rstrip()


def _shape(scaling: Scaling, lesson: Lesson, program: str, *, simulated: bool) -> dict[str, Any]:
    law = lesson.fit
    return {
        "program": program,
        "simulated": simulated,
        "slots": scaling.slots,
        "runs": scaling.runs,
        "points": lesson.points,
        "fit": None if law is None else _law(law),
        "words": lesson.words,
    }


def _law(law: Fit) -> dict[str, Any]:
    known = law.error < math.inf
    return {
        "serial": law.serial,
        "error": law.error if known else None,
        "interval": law.interval if known else None,
        "single": law.single,
        "left_out": law.out,
    }


def _plain_name(program: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", PurePath(program).stem) or "program"


def _files(name: str) -> tuple[Path, Path]:
    return Path(f"{name}.csv"), Path(f"{name}.svg")


def _save(files: tuple[Path, Path], *texts: str) -> None:
    for path, text in zip(files, texts, strict=True):
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandRefused(f"{path}: {error.strerror}. Next: --save with another place") from error
    hint(f"saved {files[0]} and {files[1]}")
