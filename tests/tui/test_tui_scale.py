"""The scaling lesson's screen: its form, its live plots, and that leaving it cancels the job."""

import threading
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sciabc_tui.cluster.scaling import Lesson, Run, counts, lesson, order
from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.present import scale
from sciabc_tui.tui.present.cells import line_width
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.present.scale_files import csv_text, svg_text
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.scale import ScaleScreen
from tests.scaled import ScaledCluster, amdahl
from tests.tui.scale_client import ScaleClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage
from tests.tui.views import text


async def opened(stage: Stage) -> ScaleScreen:
    """Go to the screen."""
    await stage.press("colon", *"scaling", "enter")
    await stage.until(lambda: isinstance(stage.app.screen, ScaleScreen))
    await stage.until_text("if none are named")
    screen = stage.app.screen
    assert isinstance(screen, ScaleScreen)
    return screen


def measured(serial: float = 0.1, slots: int = 16, rounds: int = 3) -> Lesson:
    """Give what is learnt of a quiet cluster."""
    law = amdahl(serial)
    return lesson([Run(n, -(-n // 4), law(n)) for n in order(counts(slots), rounds)], slots=slots)


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_a_lesson_from_the_form_to_the_words(size: tuple[int, int]) -> None:
    """What is typed at once is all in the form; plots, table and sentences come by themselves."""
    cluster = ScaledCluster(amdahl(0.1))
    async with on_stage(ScaleClient(cluster), size) as stage:
        await opened(stage)
        await stage.press("ctrl+u", *"heat 500 -x", "tab", *"1,2,4", "enter")
        await stage.until_text("measured: 10 of 10 runs")
        await stage.until_text("no number of ranks is more than 10.0 times")
        shown = stage.text
    assert [(one.program, one.args) for one in cluster.submitted] == [("heat", ("500", "-x"))] * 10
    assert [one.ranks for one in cluster.submitted] == [4, 1, 2, 4, 4, 2, 1, 1, 2, 4]
    for word in ("SPEED-UP", "time", "speed-up", "Amdahl's law", "77%", "S save"):
        assert word in shown


async def test_esc_ends_it_and_cancels_the_job() -> None:
    """The job that runs is cancelled, what was measured is shown, and a second Esc leaves."""
    cluster = ScaledCluster(amdahl(0.2))
    runs, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        if len(cluster.submitted) == 4:
            runs.set()
            go_on.wait(10)

    cluster.before_state = wait
    async with on_stage(ScaleClient(cluster)) as stage:
        await opened(stage)
        await stage.press("enter")
        await stage.until(runs.is_set)
        await stage.press("escape")
        go_on.set()
        await stage.until_text("the job that ran is cancelled")
        assert "RANKS" in stage.text
        assert cluster.cancelled == [4]
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))


async def test_leaving_the_application_cancels_the_job() -> None:
    """Nobody looks at it any more: no job is left that only a lesson wanted."""
    cluster = ScaledCluster(amdahl(0.2))
    runs = threading.Event()

    def wait() -> None:
        if cluster.submitted:
            runs.set()
            _until(lambda: cluster.closed)

    cluster.before_state = wait
    async with on_stage(ScaleClient(cluster)) as stage:
        await opened(stage)
        await stage.press("enter")
        await stage.until(runs.is_set)
    _until(lambda: bool(cluster.cancelled))
    assert cluster.cancelled == [1]


def _until(true: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(1000):
        if true():
            return
        waiting.wait(0.01)
    pytest.fail("it never came")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (("ctrl+u",), "Program: there is none"),
        (("'",), "Program: No closing quotation"),
        (("tab", *"1,x"), "is not such as 1,2,4,8"),
        (("tab", "tab", "ctrl+u", *"0"), "is no number from 1 to 100"),
        (("tab", *"1,99"), "99 ranks need 99 slots, there are 16"),
    ],
)
async def test_what_is_wrong_in_the_form_is_said(keys: tuple[str, ...], told: str) -> None:
    """No job is submitted for it."""
    cluster = ScaledCluster(amdahl(0.1))
    async with on_stage(ScaleClient(cluster)) as stage:
        await opened(stage)
        await stage.press(*keys, "enter")
        await stage.until_text(told)
    assert cluster.submitted == []


async def test_a_refusal_is_told_and_the_form_stays() -> None:
    """The next try begins anew."""
    cluster = ScaledCluster(amdahl(0.1))
    cluster.refusal = CommandRefused("program: nothing not found. Next: give its path")
    async with on_stage(ScaleClient(cluster)) as stage:
        await opened(stage)
        await stage.press("enter")
        await stage.until_text("program: nothing not found")
        cluster.refusal, cluster.closed = None, False
        await stage.press("r")
        await stage.until_text("measured: 16 of 16 runs")


async def test_failing_runs_are_told_with_their_reason() -> None:
    """Their rank count is left out; the others are measured."""
    cluster = ScaledCluster(amdahl(0.1))
    cluster.fails = lambda request: "killed: no memory" if request.ranks == 2 else ""
    async with on_stage(ScaleClient(cluster), WIDE) as stage:
        await opened(stage)
        await stage.press("enter")
        await stage.until_text("killed: no memory")
        await stage.until_text("measured: 14 of 16 runs")
    assert [one.ranks for one in cluster.submitted].count(2) == 1


async def test_more_runs_are_told_with_their_reason() -> None:
    """While they go on: what is known of the share until then; at the end there is only the share."""
    cluster = ScaledCluster(amdahl(0.2), noise=0.03, nodes=2)
    go_on = threading.Event()

    def wait() -> None:
        if len(cluster.submitted) == 14:
            go_on.wait(10)

    cluster.before_state = wait
    async with on_stage(ScaleClient(cluster), WIDE) as stage:
        await opened(stage)
        await stage.press("enter")
        await stage.until_text("more runs to know it better")
        assert "run 14 of" in stage.text
        go_on.set()
        await stage.until_text("The serial share limits it")
        assert "more runs to know" not in stage.text
    assert len(cluster.submitted) > 14


async def test_files_are_written_where_the_screen_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CSV of every run and an SVG of the plot, named for the program and its first job."""
    monkeypatch.chdir(tmp_path)
    async with on_stage(ScaleClient(ScaledCluster(amdahl(0.1)))) as stage:
        await opened(stage)
        await stage.press("enter")
        await stage.until_text("measured: 16 of 16 runs")
        await stage.press("S")
        await stage.until_text("saved scale-mergesort-1.csv")
    assert len((tmp_path / "scale-mergesort-1.csv").read_text(encoding="utf-8").splitlines()) == 16
    ElementTree.fromstring((tmp_path / "scale-mergesort-1.svg").read_text(encoding="utf-8"))


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
@pytest.mark.parametrize("slots", [1, 2, 3, 24, 4096])
@pytest.mark.parametrize("width", [40, 76, 136])
def test_plots_fit_and_know_the_terminal(width: int, slots: int, glyphs: Glyphs) -> None:
    """At any width, of any number of ranks, no line is too wide; in ASCII all is ASCII."""
    found = measured(slots=slots)
    lines = scale.plots(found, width, 20, glyphs)
    assert lines
    assert all(line_width(line) <= width for line in lines)
    assert len(lines) <= 20
    assert glyphs is UNICODE or not any("\u2800" <= sign <= "\u28ff" for line in lines for sign in text(line))
    assert glyphs is not ASCII or all(text(line).isascii() for line in lines)
    assert all(line_width(line) <= width for line in scale.table(found.points, width, glyphs))


def test_what_was_not_measured_is_not_drawn() -> None:
    """No point, no line, no number; and without room no plot."""
    assert scale.plots(Lesson(), 80, 20, UNICODE) == ()
    assert scale.plots(measured(), 30, 20, UNICODE) == ()
    assert scale.plots(measured(), 80, 6, UNICODE) == ()
    alone = scale.plots(measured(slots=1), 80, 20, ASCII)
    assert "Amdahl" not in "".join(map(text, alone))


def test_the_picture_is_xml_whatever_the_program_is_called() -> None:
    """Names are text in it, nothing is loaded from elsewhere, and every point and line is there."""
    found = measured()
    for name in ("mergesort", "a<b>&\"'\x1b[31m\u202e]]>", ""):
        root = ElementTree.fromstring(svg_text(found, name))
        assert not {"image", "style", "script", "use"} & {part.tag.rpartition("}")[2] for part in root.iter()}
    picture = svg_text(found, "x")
    assert picture.count("<circle") == len(found.points) + 1
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    ElementTree.fromstring(svg_text(Lesson(), "x"))
    ElementTree.fromstring(svg_text(measured(slots=1), "x"))


def test_the_table_of_runs_has_every_run() -> None:
    """In the order in which they were measured, with what the law says of each."""
    runs = [Run(n, 1, amdahl(0.5)(n)) for n in (1, 2, 2, 1)]
    rows = [line.split(",") for line in csv_text(lesson(runs, slots=2), runs).splitlines()]
    assert rows[0][:3] == ["ranks", "nodes", "seconds"]
    assert [row[0] for row in rows[1:]] == ["1", "2", "2", "1"]
    assert rows[2][2:] == ["15.000000", "15.000000", "1.333333", "0.666667", "15.000000"]
