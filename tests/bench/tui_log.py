"""What the log viewer costs on a log of any size, and in a burst: the real screen, a real API, a real log.

    python -m tests.bench.tui_log [--megabytes 1024]

Four ranks print in turns; `needle` stands in one line, near the begin. Keys are `t`, which moves every line.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TypeVar, cast

from typing_extensions import override

from jobs.attempt import AttemptFiles
from jobs.logbulk import Tagged
from jobs.logstore import Stream
from jobs.logwriter import LogWriter
from jobs.states import JobState as StoredState
from jobs.tags import Piece
from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import EVERY_LINE, LogChunk, LogCount, LogFilter, LogPlace
from sciabc_tui.api.server import ApiServer
from sciabc_tui.cluster.job import JobId
from sciabc_tui.errors import SciabcError
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.log_reads import LogReads
from tests.tui.fleet import FleetBackend, cluster
from tests.tui.terminal import Terminal

ROOT = Path(__file__).parents[2]
JOB = JobId(1)
_MIB = 2**20
_T = TypeVar("_T")
_CLOCK = re.compile(r"│ \d\d:\d\d:\d\d\.\d{3} ")
_SINCE = re.compile(r"│ +[-+]\d+:\d\d\.\d{3} ")


@dataclass(frozen=True)
class _Record:
    """What of a stored job the reads of its log ask for."""

    dir: str
    attempt: int = 1
    state: StoredState = StoredState.RUNNING


class _OneJob:
    """Stands for the ledger: one job, whose files are there."""

    def __init__(self, folder: Path) -> None:
        self._record = _Record(str(folder))

    async def record(self, job: JobId) -> _Record:
        """Give the only one."""
        return self._record

    async def on_disk(self, call: Callable[[], _T]) -> _T:
        """Read in a thread."""
        return await asyncio.get_running_loop().run_in_executor(None, call)


class _Backend(FleetBackend):
    """A small cluster, and a log as the head service reads it."""

    def __init__(self, folder: Path) -> None:
        state = cluster(8, jobs=1)
        job = replace(state.jobs[JOB], attempt=1)
        super().__init__(replace(state, jobs={JOB: job}), idle=False)
        self._reads = LogReads(cast("Ledger", _OneJob(folder)))

    @override
    async def read_log(
        self, job: JobId, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE, before: bool = False
    ) -> LogChunk:
        return await self._reads.read(job, offset=offset, limit=limit, wanted=wanted, before=before)

    @override
    async def seek_log(self, job: JobId, *, offset: int, wanted: LogFilter, backward: bool) -> LogPlace:
        return await self._reads.seek(job, offset=offset, wanted=wanted, backward=backward)

    @override
    async def count_log(self, job: JobId, *, offset: int, to: int, wanted: LogFilter) -> LogCount:
        return await self._reads.count(job, offset=offset, to=to, wanted=wanted)


async def _serve(socket: Path, folder: Path) -> None:
    backend = _Backend(folder)
    async with ApiServer(backend, socket):
        await backend.run()


def _lines(first: int, count: int) -> Tagged:
    """Make what four ranks print in turns."""
    texts = [
        f"[1,{n % 4}]<stdout>: step {n} of the simulation, energy {n * 0.1:.3f}\n"
        for n in range(first, first + count)
    ]
    speakers = {f"[1,{rank}]<stdout>: ".encode(): (rank, Stream.OUT) for rank in range(4)}
    return Tagged("".join(texts).encode(), speakers)


def _write(path: Path, size: int) -> None:
    """Write a log of that size, a MiB a second."""
    seconds, block, written = [1_795_269_000.0], _lines(0, 900), 0
    with LogWriter(path, lambda: seconds[0]) as log:
        while written < size:
            log.add([block])
            written += len(block.data) + 18 * 900
            if written // (16 * _MIB) != (written - len(block.data) - 18 * 900) // (16 * _MIB) == 0:
                log.add([Piece(7, Stream.ERR, b"a needle", joined=False)])
            seconds[0] += 1 / 16
        log.add([Piece(7, Stream.OUT, b"the last line", joined=False)])


def _burst(path: Path, rate: int, seconds: float) -> None:
    """Print so many lines a second."""
    begin, printed = time.monotonic(), 0
    with LogWriter(path, time.time) as log:
        while (now := time.monotonic() - begin) < seconds:
            due = min(int(now * rate), int(seconds * rate))
            while printed < due:
                count = min(700, due - printed)
                log.add([_lines(printed, count)])
                printed += count
            log.flush_if_due()
            time.sleep(0.005)
        while printed < int(seconds * rate):
            count = min(700, int(seconds * rate) - printed)
            log.add([_lines(printed, count)])
            printed += count
        log.add([Piece(7, Stream.OUT, b"the last line", joined=False)])


@contextmanager
def _served(socket: Path, folder: Path) -> Generator[int]:
    command = (sys.executable, "-m", "tests.bench.tui_log", "--serve", str(socket), "--folder", str(folder))
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            for _ in range(200):
                with suppress(SciabcError):
                    Client(socket).state()
                    break
                time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()


def _memory(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    now, most = (int(re.findall(rf"{name}:\s+(\d+)", status)[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MiB, at most {most:.0f}"


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _keys(terminal: Terminal, go_on: Callable[[], bool]) -> list[float]:
    """Press `t` as long as something goes on; give the seconds from key to screen."""
    seen: tuple[Callable[[str], object], ...] = (
        _CLOCK.search,
        lambda text: _SINCE.search(text) and not _CLOCK.search(text),
        lambda text: not _SINCE.search(text) and not _CLOCK.search(text),
    )
    taken: list[float] = []
    while go_on() or len(taken) % 3:
        terminal.press(b"t")
        taken.append(terminal.until(seen[len(taken) % 3], within=20))
        time.sleep(0.02)
    return taken


def _told(taken: list[float]) -> str:
    ordered = sorted(taken)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    middle, p95, worst = (round(1e3 * each) for each in (median(ordered), p95, ordered[-1]))
    return f"{len(taken)} keys: median {middle} ms, p95 {p95}, worst {worst}"


def _seated(socket: Path) -> Terminal:
    return Terminal([sys.executable, "-m", "tests.tui.seat", str(socket)], cwd=ROOT)


def _measure_large(socket: Path, size: str, head: int) -> None:
    with _seated(socket) as terminal:
        started = terminal.until("nbody", within=20)
        print(f"  dashboard with its data after {started:.3f} s, {_memory(terminal.pid)}")
        terminal.press(b"\t")
        time.sleep(0.5)
        terminal.press(b"l")
        print(f"  {size} open at its end {terminal.until('the last line'):.3f} s after the key")
        counted = terminal.until("line ", within=120)
        print(f"  its lines counted after {counted:.2f} s more, {_memory(terminal.pid)}")
        _search(terminal, "needle", head)
        terminal.press(b"\x1b")
        terminal.until(lambda text: "/needle" not in text)
        terminal.press(b"G")
        terminal.until("the last line")
        _search(terminal, r"energy 1[0-4]\.[5-7]00 ?$", head)
        print(f"  memory {_memory(terminal.pid)}")


def _search(terminal: Terminal, words: str, head: int) -> None:
    time.sleep(1)
    quiet = _keys(terminal, iter([True] * 30 + [False] * 5).__next__)
    begin, before = time.monotonic(), (_cpu(terminal.pid), _cpu(head))
    terminal.press(b"/")
    terminal.until("search for")
    terminal.press(words.encode() + b"\r")
    terminal.until(f"/{words[:4]}")

    def going() -> bool:
        rule = next((line for line in terminal.text.splitlines() if f"/{words[:4]}" in line), "")
        return "searching" in rule or re.search(r"hit [-0-9,/]+ \d+%", rule) is not None

    taken: list[float] = []
    ended = 0.0

    def go_on() -> bool:
        nonlocal ended
        more = going()
        if not more and not ended:
            ended = time.monotonic()
        return more

    taken = _keys(terminal, go_on)
    own, of_head = _cpu(terminal.pid) - before[0], _cpu(head) - before[1]
    rule = re.findall(r"hit [-0-9,/+]+|not found", terminal.text)
    print(f"  search for {words}: {ended - begin:.2f} s, {rule}")
    print(f"    CPU {own:.1f} s, of the service {of_head:.1f} s")
    print(f"    keys while nothing goes on: {_told(quiet)}")
    print(f"    keys while it searches:     {_told(taken)}" if taken else "    too short for a key")


def _measure_burst(socket: Path, path: Path, rate: int, seconds: float) -> None:
    with _seated(socket) as terminal:
        terminal.until("nbody", within=20)
        terminal.press(b"\t")
        time.sleep(0.5)
        terminal.press(b"l")
        terminal.until("No output")
        before = _cpu(terminal.pid)
        command = (sys.executable, "-m", "tests.bench.tui_log", "--burst", str(path), "--rate", str(rate))
        with subprocess.Popen((*command, "--seconds", str(seconds)), cwd=ROOT) as process:
            terminal.until("of the simulation", within=10)
            taken = _keys(terminal, lambda: process.poll() is None)
            process.wait()
        total = int(rate * seconds) + 1
        behind = terminal.until("the last line", within=20)
        there = Path(path).read_bytes().count(b"\n")
        told = f"line {total:,}" if total < 1_000_000 else f"line {total:,} of {total / 1e6:.1f}M"
        terminal.until(told, within=20)
        print(
            f"  {rate:,} lines/s for {seconds:.0f} s: {total - there} lost in the log, {told} on the screen,"
        )
        print(f"  the end shown {behind:.2f} s after it; {_cpu(terminal.pid) - before:.1f} s of CPU")
        print(f"    keys meanwhile: {_told(taken)}; memory {_memory(terminal.pid)}")


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description="Measure the log viewer.")
    options.add_argument("--megabytes", type=int, default=1024)
    options.add_argument("--rate", type=int, default=100_000)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--burst", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.serve:
        asyncio.run(_serve(asked.serve, asked.folder))
    elif asked.burst:
        _burst(asked.burst, asked.rate, asked.seconds)
    else:
        with tempfile.TemporaryDirectory(prefix="sciabc-") as name:
            _run(Path(name), asked.megabytes, asked.rate, asked.seconds)


def _run(folder: Path, megabytes: int, rate: int, seconds: float) -> None:
    for name in ("large", "burst"):
        attempt = folder / name / "attempt-1"
        attempt.mkdir(parents=True)
        path, socket = AttemptFiles(attempt).log, folder / name / "run" / "s"
        if name == "large":
            _write(path, megabytes * _MIB)
        with _served(socket, attempt) as head:
            if name == "large":
                _measure_large(socket, f"{megabytes} MiB", head)
            else:
                _measure_burst(socket, path, rate, seconds)


if __name__ == "__main__":
    main()
