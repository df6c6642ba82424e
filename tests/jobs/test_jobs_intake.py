"""From the launcher's pipes into the log, slowly and much too fast."""

import os
import selectors
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs.attempt import AttemptFiles, AttemptPlan, AttemptStatus
from jobs.autogroup import Autogroup
from jobs.detach import clear, runner_alive
from jobs.intake import Intake, widened
from jobs.launchers import Flavour, Launcher
from jobs.logspool import Left, Spool, left_behind, spool_path
from jobs.logstore import LogLine, Stream, parse_line
from jobs.logwriter import LogWriter
from jobs.sorter import Sorter

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]
StartPython = Callable[..., tuple[int, Path]]

OLD = Launcher(Flavour.OPENMPI, (4, 1, 4), "mpirun")
PLAN = AttemptPlan(
    job=7, attempt=1, launcher=OLD, argv=("mpirun",), env={}, cwd="", token="0" * 32, grace=1.0
)
_RANKS = 3
# A launcher that prints as fast as it can, and breaks off in each line: nothing takes longer to sort.
_FLOOD = """
import itertools, os, sys
print("up", flush=True)
for begin in itertools.count(step=2000):
    if begin >= {lines}:
        break
    text = "".join(
        f"[1,{{rank}}]<stdout>:{{number}} o[1,{{rank}}]<stdout>:f rank {{rank}}\\n"
        for number in range(begin, begin + 2000)
        for rank in range(3)
    ).encode()
    while text:
        text = text[os.write(1, text) :]
"""


@pytest.fixture(autouse=True)
def share(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an intake of ours gives way: not with the session of the tests."""
    path = tmp_path_factory.mktemp("proc") / "autogroup"
    path.touch()
    monkeypatch.setattr("jobs.intake.Autogroup", lambda: Autogroup(path))
    return path


def _lines(log: Path) -> list[LogLine]:
    data = log.read_bytes() if log.exists() else b""
    return [parse_line(record) for record in data.split(b"\n")[:-1]]


def _counted(lines: Iterable[LogLine]) -> dict[int, int]:
    """Count the lines of each rank, each of which has to be the next one."""
    counts = dict.fromkeys(range(_RANKS), 0)
    for line in lines:
        if line.rank is not None and line.text != b"up":
            assert line.text == b"%d of rank %d" % (counts[line.rank], line.rank)
            counts[line.rank] += 1
    return counts


class _Fed:
    """An intake whose pipe is written to by a thread."""

    def __init__(self, folder: Path, chunks: Iterable[bytes]) -> None:
        self.log = folder / "log"
        self.spools = 0
        read, write = os.pipe()
        self._pipe = os.fdopen(read, "rb")
        self._thread = threading.Thread(target=self._write, args=(write, chunks))

    def _write(self, descriptor: int, chunks: Iterable[bytes]) -> None:
        with os.fdopen(descriptor, "wb", buffering=0) as pipe:
            for chunk in chunks:
                left = memoryview(chunk)
                while left:
                    left = left[pipe.write(left) :]

    def run(self) -> Sorter:
        """Take in all of it, as a runner does."""
        with LogWriter(self.log, time.time) as log, self._pipe, selectors.DefaultSelector() as selector:
            sorter = Sorter(PLAN, log)
            intake = Intake(sorter, log)
            selector.register(widened(self._pipe), selectors.EVENT_READ)
            self._thread.start()
            going = True
            while going:
                for key, _ in selector.select(intake.due_in()):
                    going = intake.read(key.fd, Stream.OUT)
                pause = intake.turn()
                self.spools += spool_path(self.log).exists()
                threading.Event().wait(pause)
            intake.finish()
        self._thread.join()
        return sorter


def _waiting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gather how much is kept each time that something is."""
    found: list[int] = []
    put = Spool.put

    def watched(spool: Spool, at: float, stream: Stream, data: bytes) -> None:
        put(spool, at, stream, data)
        found.append(spool.waiting)

    monkeypatch.setattr(Spool, "put", watched)
    return found


def _tagged(numbers: range) -> bytes:
    return b"".join(
        b"[1,%d]<stdout>:%d%b of rank %d\n"
        % (rank, number, b"[1,%d]<stdout>:" % rank * (not number % 50), rank)
        for number in numbers
        for rank in range(_RANKS)
    )


def test_a_flood_is_kept_first_and_then_it_is_in_the_log(tmp_path: Path) -> None:
    """Every line once, in its order, with the time at which it was read; nothing is left beside the log."""
    began = time.time()
    fed = _Fed(tmp_path, (_tagged(range(at, at + 2000)) for at in range(0, 30_000, 2000)))
    fed.run()
    lines = _lines(fed.log)
    assert fed.spools > 0
    assert _counted(lines) == dict.fromkeys(range(_RANKS), 30_000)
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert began - 0.001 <= lines[0].at <= lines[-1].at <= time.time()
    assert {path.name for path in tmp_path.iterdir()} == {"log", "log.index"}


def test_who_prints_for_long_is_read_while_it_is_sorted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept is neither older than allowed nor more, though no pause comes."""
    monkeypatch.setattr("jobs.intake._KEPT_BYTES", 200_000)
    waiting = _waiting(monkeypatch)
    fed = _Fed(tmp_path, (_tagged(range(at, at + 2000)) for at in range(0, 30_000, 2000)))
    fed.run()
    assert _counted(_lines(fed.log)) == dict.fromkeys(range(_RANKS), 30_000)
    assert 200_000 <= max(waiting) < 200_000 + 2 * 2**20  # a pipe full more


def test_what_takes_long_to_sort_is_kept_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's end waits for it: a second's work is kept, by the speed of what was sorted last."""
    monkeypatch.setattr("jobs.intake._SORTING_SECONDS", 0.02)
    waiting = _waiting(monkeypatch)
    broken = b"".join(
        b"[1,%d]<stdout>:%d of[1,%d]<stdout>: rank %d\n" % (rank, number, rank, rank)
        for number in range(30_000)
        for rank in range(_RANKS)
    )
    fed = _Fed(tmp_path, [broken[at : at + 200_000] for at in range(0, len(broken), 200_000)])
    fed.run()
    assert _counted(_lines(fed.log)) == dict.fromkeys(range(_RANKS), 30_000)
    assert 0 < max(waiting) < 2 * 2**20  # a pipe full, and 20 ms of sorting


def test_old_output_is_sorted_though_more_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who follows the log sees it go on."""
    monkeypatch.setattr("jobs.intake._KEPT_SECONDS", 0.0)
    fed = _Fed(tmp_path, (_tagged(range(at, at + 2000)) for at in range(0, 20_000, 2000)))
    fed.run()
    assert _counted(_lines(fed.log)) == dict.fromkeys(range(_RANKS), 20_000)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_without_room_for_it_all_is_sorted_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """A disk that takes so many blocks: what was kept is sorted, then what did not fit; that was all."""
    put, puts = Spool.put, 0

    def full(spool: Spool, at: float, stream: Stream, data: bytes) -> None:
        nonlocal puts
        puts += 1
        if puts > after:
            raise OSError(28, os.strerror(28))
        put(spool, at, stream, data)

    monkeypatch.setattr(Spool, "put", full)
    fed = _Fed(tmp_path, (_tagged(range(at, at + 2000)) for at in range(0, 20_000, 2000)))
    fed.run()
    assert puts == after + 1
    assert _counted(_lines(fed.log)) == dict.fromkeys(range(_RANKS), 20_000)
    assert not spool_path(fed.log).exists()


def test_the_job_has_the_processors_first_while_it_floods(tmp_path: Path, share: Path) -> None:
    """Later ours counts as before."""
    given: list[bytes] = []

    def watched() -> Iterable[bytes]:
        for at in range(0, 30_000, 2000):
            yield _tagged(range(at, at + 2000))
            given.append(share.read_bytes())

    _Fed(tmp_path, watched()).run()
    assert b"19" in given
    assert share.read_bytes().startswith(b"0")


def test_a_value_that_the_kernel_refused_is_given_again(
    tmp_path: Path, share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else we would stand back for ever after one flood."""
    group, refusals = Autogroup(share), [19, 0, 0]

    def refusing(nice: int) -> bool:
        if refusals and refusals[0] == nice:
            refusals.pop(0)
            return False
        return Autogroup.set(group, nice)

    monkeypatch.setattr("jobs.intake.Autogroup", lambda: SimpleNamespace(set=refusing))
    calm = threading.Event()

    def gusts() -> Iterable[bytes]:
        for at in (0, 200):
            yield _tagged(range(at, at + 200))
            calm.wait(0.01)
        deadline = time.monotonic() + 30.0
        while refusals and time.monotonic() < deadline:  # nothing is printed, and it is given all the same
            calm.wait(0.01)

    _Fed(tmp_path, gusts()).run()
    assert refusals == []


def test_what_is_no_flood_is_never_kept(tmp_path: Path, share: Path) -> None:
    """A word now and then goes straight into the log, and whoever prints it needs nothing from us."""
    pauses = threading.Event()

    def slowly() -> Iterable[bytes]:
        for number in range(20):
            yield _tagged(range(number, number + 1))
            pauses.wait(0.002)

    fed = _Fed(tmp_path, slowly())
    fed.run()
    assert fed.spools == 0
    assert share.read_bytes() == b""
    assert _counted(_lines(fed.log)) == dict.fromkeys(range(_RANKS), 20)


def test_long_lines_are_no_lines_to_keep(tmp_path: Path) -> None:
    """Of a line that is in the log in part it can't be said what another sorter would have to begin with."""
    fed = _Fed(tmp_path, [b"[1,0]<stdout>:" + b"x" * 3_000_000 + b"\n" + _tagged(range(20_000))])
    fed.run()
    lines = _lines(fed.log)
    long = [line for line in lines if line.text.startswith(b"x")]
    assert b"".join(line.text for line in long) == b"x" * 3_000_000
    assert [line.joined for line in long] == [False, *[True] * (len(long) - 1)]
    assert _counted(lines[len(long) :]) == dict.fromkeys(range(_RANKS), 20_000)


def test_the_last_words_of_a_flood_are_known(tmp_path: Path) -> None:
    """They may be mpirun's own of why it failed, or the ranks' exit codes."""
    own = b"own words\n"
    fed = _Fed(tmp_path, [_tagged(range(30_000)), own])
    sorter = fed.run()
    assert fed.spools > 0
    assert list(sorter.tail) == ["own words"]
    assert sorter.last_words.endswith(_tagged(range(29_999, 30_000)) + own)


@pytest.mark.parametrize("wait", [0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4])
def test_a_runner_that_is_killed_in_a_flood_loses_nothing(
    start_python: StartPython, until: Until, wait: float, old: Launcher
) -> None:
    """What it had taken in stands in the log: every line once, and at least those that were in files."""
    pid, folder = start_python(_FLOOD.format(lines=10**9), launcher=old, ranks=_RANKS)
    log = AttemptFiles(folder).log
    until(lambda: log.exists() and log.stat().st_size > 1000)
    threading.Event().wait(wait)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not runner_alive(folder))
    left = left_behind(log) or Left(log.stat().st_size, [])
    taken_in = log.read_bytes()[: left.end].count(b"\n") + sum(each.data.count(b"\n") for each in left.blocks)
    status = clear(folder)
    assert status is not None
    assert status.state.final
    lines = _lines(log)
    assert taken_in <= len(lines) <= taken_in + _RANKS + 1  # and what had no newline yet
    counts = _counted(lines[:taken_in])
    assert max(counts.values()) - min(counts.values()) <= 1
    assert not spool_path(log).exists()


def test_a_flood_s_end_is_its_launcher_s(start_python: StartPython, end_of: EndOf, old: Launcher) -> None:
    """The job's time ends when all is taken in; the final status stands when all is in the log."""
    pid, folder = start_python(_FLOOD.format(lines=40_000), launcher=old, ranks=_RANKS)
    status = end_of(pid, folder)
    log = AttemptFiles(folder).log
    lines = _lines(log)
    assert _counted(lines) == dict.fromkeys(range(_RANKS), 40_000)
    assert status.ended_at is not None
    assert lines[-1].at <= status.ended_at + 0.001
    assert status.ended_at <= AttemptFiles(folder).status.stat().st_mtime
    assert not spool_path(log).exists()
