"""Marked lines: what the programs' helper writes is what the reader reads, and nothing else is believed."""

import importlib.util
import math
import string
import sys
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.progress import LONGEST, Frame, Metric, Progress, told
from jobs.spec import COMPANION, PROGRAMS

_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,31}", fullmatch=True)


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sciabc_lines", PROGRAMS / COMPANION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HELPER = _loaded()


class Clock:
    """Seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Give them."""
        return self.now


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give the lines that were printed."""
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"@sciabc progress 54 of 100", Progress(54, 100)),
        (b"@sciabc progress 0 of 1", Progress(0, 1)),
        (b"@sciabc metric lift 0.201", Metric("lift", 0.201, "")),
        (b"@sciabc metric speed 1.7e+00 GFLOPS", Metric("speed", 1.7, "GFLOPS")),
        (b"@sciabc metric load -3 %", Metric("load", -3.0, "%")),
        (b"@sciabc frame heat 2x2 0 100 Af./", Frame("heat", 2, 2, 0.0, 100.0, "Af./")),
    ],
)
def test_a_marked_line_is_read(line: bytes, found: object) -> None:
    """Each kind of it."""
    assert told(line) == found


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"@sciabc",
        b"@sciabc ",
        b"@sciabcprogress 1 of 2",
        b" @sciabc progress 1 of 2",
        b"@sciabc progress 1 of 2 ",
        b"@sciabc progress 1 of 2\n",
        b"@sciabc progress 3 of 2",
        b"@sciabc progress 0 of 0",
        b"@sciabc progress -1 of 2",
        b"@sciabc progress 1.0 of 2",
        b"@sciabc progress 1 of " + b"9" * 16,
        "@sciabc progress \u0661 of 2".encode(),
        b"@sciabc metric lift nan",
        b"@sciabc metric lift inf",
        b"@sciabc metric lift 1e999",
        b"@sciabc metric lift 0x10",
        b"@sciabc metric lift 1_0",
        b"@sciabc metric 7up 1",
        b"@sciabc metric a\x1b[31m 1",
        b"@sciabc metric speed 1 [bold]",
        b"@sciabc metric " + b"n" * 33 + b" 1",
        b"@sciabc frame heat 2x2 0 100 Af.",
        b"@sciabc frame heat 2x2 0 100 Af./A",
        b"@sciabc frame heat 0x0 0 100 A",
        b"@sciabc frame heat 0x9 0 100 A",
        b"@sciabc frame heat 1x1 100 100 A",
        b"@sciabc frame heat 1x1 5 -5 A",
        b"@sciabc frame heat 1x1 0 1e999 A",
        b"@sciabc frame heat 1x1 0 1 #",
        b"@sciabc frame heat 99999x1 0 1 A",
        b"@sciabc frame heat 64x64 0 1 " + b"A" * 4096,
        b"@sciabc speak 1",
        b"Hello from rank 0",
    ],
)
def test_whatever_is_not_exactly_so_is_ordinary(line: bytes) -> None:
    """It is shown as output, and drives nothing."""
    assert told(line) is None


@given(st.binary(max_size=200))
@example(b"\xff")
def test_any_bytes_are_read(line: bytes) -> None:
    """Nothing raises, with the mark in front or without."""
    assert told(line) is None or line.startswith(b"@sciabc ")
    told(b"@sciabc " + line)


@given(st.text(alphabet=string.printable, max_size=60))
def test_what_is_read_is_bounded_and_plain(rest: str) -> None:
    """Names and units are short words of plain characters, numbers are finite."""
    match told(f"@sciabc metric {rest}".encode()):
        case Metric(name, value, unit):
            assert (name + unit).isascii()
            assert (name + unit).isprintable()
            assert " " not in name + unit
            assert len(name) <= 32
            assert len(unit) <= 16
            assert math.isfinite(value)
        case found:
            assert found is None


@given(st.integers(0, 10**15 - 1), st.integers(1, 10**15 - 1))
def test_progress_comes_back(done: int, total: int) -> None:
    """What is told is what is read; more than all is all."""
    written: list[str] = []
    lines = HELPER.Lines(clock=Clock())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.stdout, "write", written.append)
        lines.progress(done, total)
    assert told(written[0].rstrip("\n").encode()) == Progress(min(done, total), total)


@given(_NAMES, _FINITE, st.sampled_from(["", "s", "MB/s", "%", "km/h", "GFLOPS", "m/s^2"]))
def test_a_metric_comes_back(name: str, value: float, unit: str) -> None:
    """To six digits."""
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.stdout, "write", written.append)
        HELPER.Lines(clock=Clock()).metric(name, value, unit)
    found = told(written[0].rstrip("\n").encode())
    assert isinstance(found, Metric)
    assert (found.name, found.unit) == (name, unit)
    assert math.isclose(found.value, value, rel_tol=1e-5, abs_tol=1e-300)


@given(
    st.integers(1, 12).flatmap(
        lambda wide: st.lists(
            st.lists(st.none() | st.floats(-20, 120), min_size=wide, max_size=wide), min_size=1, max_size=12
        )
    )
)
def test_a_frame_comes_back(grid: list[list[float | None]]) -> None:
    """Every number within half a step of where it was, what is beyond the ends at them, none as none."""
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.stdout, "write", written.append)
        HELPER.Lines(clock=Clock()).frame("heat", grid, 0.0, 100.0)
    found = told(written[0].rstrip("\n").encode())
    assert isinstance(found, Frame)
    assert (found.columns, found.rows) == (len(grid[0]), len(grid))
    for row, levels in zip(grid, found.levels(), strict=True):
        for value, level in zip(row, levels, strict=True):
            assert (value is None) is (level is None)
            if value is not None and level is not None:
                assert abs((level + 0.5) * 100 / 64 - min(max(value, 0.0), 100.0)) <= 100 / 128 + 1e-9


def test_the_largest_frame_fits(capsys: pytest.CaptureFixture[str]) -> None:
    """With the longest name and ends it is below what the reader takes; a larger one is refused."""
    lines = HELPER.Lines(clock=Clock())
    lines.frame("n" * 32, [[1.0] * 78] * 50, -1.23456e-100, 1.23456e100)
    (line,) = said(capsys)
    assert len(line) < LONGEST
    assert told(line.encode()) is not None
    with pytest.raises(ValueError, match="Next: make it smaller"):
        lines.frame("heat", [[1.0] * 79] * 50, 0, 1)


@pytest.mark.parametrize("grid", [[], [[]], [[1.0], [1.0, 2.0]]])
def test_what_is_no_grid_is_refused(grid: list[list[float]]) -> None:
    """It is the program's mistake, and it is told."""
    with pytest.raises(ValueError, match="a frame of"):
        HELPER.Lines().frame("heat", grid, 0, 1)


def test_bad_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """They would not be read."""
    lines = HELPER.Lines(clock=Clock())
    for name, unit in (("", ""), ("two words", ""), ("a", "per cent"), ("a", "\n")):
        with pytest.raises(ValueError, match="Next: give others"):
            lines.metric(name, 1.0, unit)
    for name, low, high in (("a b", 0, 1), ("a", 1, 1), ("a", math.nan, 1)):
        with pytest.raises(ValueError, match="Next: give others"):
            lines.frame(name, [[1.0]], low, high)
    lines.metric("a", math.nan)
    assert said(capsys) == []


def test_lines_come_at_a_bounded_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """However often a program tells: twelve a second of each, on the average, and the end is never lost."""
    clock = Clock()
    lines = HELPER.Lines(clock=clock)
    for call in range(1001):
        clock.now = 100 + call / 100
        lines.progress(call, 1000)
        lines.metric("a", call)
        lines.metric("b", call, last=call == 1000)
    out = said(capsys)
    for what in ("progress", "metric a", "metric b"):
        assert 110 <= sum(line.startswith(f"@sciabc {what} ") for line in out) <= 123
    assert "@sciabc progress 1000 of 1000" in out
    assert "@sciabc metric b 1000" in out


def test_a_pause_is_not_made_up_for(capsys: pytest.CaptureFixture[str]) -> None:
    """After a minute of silence there is no burst of a minute's lines."""
    clock = Clock()
    lines = HELPER.Lines(clock=clock)
    lines.metric("a", 1)
    clock.now += 60
    for value in range(10):
        lines.metric("a", value)
    assert len(said(capsys)) <= 3


def test_only_one_rank_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    """The others call the same, and print nothing."""
    lines = HELPER.Lines(speaks=False)
    lines.progress(1, 1)
    lines.metric("a", 1, last=True)
    lines.frame("f", [[1.0]], 0, 2)
    assert said(capsys) == []


def test_the_helper_says_what_it_writes(capsys: pytest.CaptureFixture[str]) -> None:
    """The examples in its docstring print what stands behind them."""
    examples = [line.strip() for line in (HELPER.__doc__ or "").splitlines() if "# @sciabc" in line]
    assert len(examples) == 4
    scope = {"lines": HELPER.Lines(clock=Clock())}
    for example_line in examples:
        code, _, expected = example_line.partition("#")
        exec(code, scope)
        assert said(capsys) == [expected.strip()]
        assert told(expected.strip().encode()) is not None
