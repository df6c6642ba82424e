"""Pictures of jobs: drawn in every kind of terminal, the newest one, whatever else a program prints."""

import math
from dataclasses import replace

import pytest

from sciabc_tui.api.pictures import Picture, newest_pictures
from sciabc_tui.cluster.job_progress import JobMetric, JobProgress
from sciabc_tui.errors import ServiceUnavailable
from sciabc_tui.tui.frame_reader import FrameReader
from sciabc_tui.tui.looks import Looks
from sciabc_tui.tui.present import metrics
from sciabc_tui.tui.present.cells import line_width
from sciabc_tui.tui.present.frames import COLOURS, Pixels, drawn
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.screens.picture import PictureScreen
from sciabc_tui.tui.themes import ThemeName
from tests.simtime import WALL
from tests.tui import pictures_told as told
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage
from tests.tui.views import seen, text

SQUARE = Picture(0.0, "heat", 0.0, 1.0, ((0, 63), (None, 32)))


def test_two_pixels_stand_in_a_cell_where_there_are_colours() -> None:
    """Upper and lower half have their own colour; what is no number is the ground."""
    top = len(COLOURS) - 1
    assert drawn(SQUARE, 2, 1, UNICODE, colours=True) == Pixels(pairs=(((0, None), (top, 32)),))


@pytest.mark.parametrize(("glyphs", "ramp"), [(ASCII, " .:-=+*#%@"), (LINUX, " ░▒▓█"), (UNICODE, " ░▒▓█")])
def test_shades_stand_in_where_there_are_none(glyphs: Glyphs, ramp: str) -> None:
    """A terminal without colours shows more or less ink, in signs that it has."""
    shown = drawn(SQUARE, 4, 2, glyphs, colours=False)
    assert not shown.pairs
    assert set("".join(shown.shades)) <= set(ramp)
    assert ramp[-1] in shown.shades[0]


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (80, 20), (200, 60)])
@pytest.mark.parametrize(
    "picture", [SQUARE, Picture(0, "line", 0, 1, ((5,) * 3000,)), Picture(0, "x", 0, 1, ((5,),))]
)
def test_a_picture_never_is_larger_than_its_room(size: tuple[int, int], picture: Picture) -> None:
    """Whatever its shape, it is drawn within the cells that there are, and is not empty."""
    columns, lines = size
    for colours in (True, False):
        shown = drawn(picture, columns, lines, UNICODE, colours=colours)
        assert 1 <= shown.height <= lines
        assert all(1 <= len(row) <= columns for row in shown.pairs or shown.shades)


def test_the_newest_pictures_are_found_among_anything() -> None:
    """Broken ones, those of standard error, and text that only talks of one are passed over."""
    good = [told.frame(shift) for shift in range(3)]
    broken = told.frame().replace(b"80x40", b"80x41")
    error = told.frame().replace(b" out ", b" err ")
    talk = b"2026-11-21T14:00:00.000Z   0 out see: 0 out @sciabc frame x 1x1 0 1 A\n"
    data = b"".join([good[0], broken, b"\xff\x00\n", good[1], error, talk, good[2], good[0][:200]])
    found = newest_pictures(data, 2)
    assert [picture.rows[0][0] for picture in found] == [1, 2]
    assert newest_pictures(b"", 2) == ()


def test_a_reader_that_is_far_behind_goes_to_the_end() -> None:
    """There is no backlog: after a flood the next look gives what is newest."""
    client = CapturingClient(log=told.frame(1))
    reader = FrameReader(client, told.NBODY, 1)
    assert [picture.rows[0][0] for picture in reader.look()] == [1]
    client.log_data += told.frame(2) * 500 + told.frame(3)
    assert [picture.rows[0][0] for picture in reader.look()] == [2, 3]


async def opened(stage: Stage) -> PictureScreen:
    """Go to the job's log, and from there to its pictures."""
    await stage.press("tab", "enter")
    await stage.until_text("Output")
    await stage.press("V")
    await stage.until(lambda: isinstance(stage.app.screen, PictureScreen))
    screen = stage.app.screen
    assert isinstance(screen, PictureScreen)
    return screen


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_the_newest_picture_is_drawn_and_the_next_one_takes_its_place(size: tuple[int, int]) -> None:
    """`V` shows it with its name, its ends and what the job measures; what changes is drawn anew."""
    client = CapturingClient(told.telling(), log=told.frame())
    async with on_stage(client, size) as stage:
        screen = await opened(stage)
        await stage.until_text("speed: dark 0, bright 1.6")
        await stage.until_text("▀▀")
        assert "lift 0.2013" in stage.text
        before = screen._picture._pixels
        client.log_data += told.frame(9)
        # a look that is under way may have been before it, and none is begun meanwhile
        await stage.until(lambda: screen.tick() or screen._picture._pixels != before)
        await stage.press("escape")
        await stage.until_text("Output")


@pytest.mark.parametrize("looks", [Looks(colours=False), Looks(ASCII), Looks(LINUX, ThemeName.CONSOLE)])
async def test_it_is_drawn_without_colours_too(looks: Looks) -> None:
    """No half-block stands where its colours can't be seen."""
    client = CapturingClient(told.telling(), log=told.frame())
    async with on_stage(client, looks=looks, glyphs=looks.glyphs) as stage:
        await opened(stage)
        await stage.until_text("speed: dark 0")
        await stage.until_text("@@" if looks.glyphs is ASCII else "██")
        assert "▀" not in stage.text


async def test_a_program_without_pictures_says_so() -> None:
    """An empty screen tells why it is empty."""
    client = CapturingClient(states.running(), log=states.log_records(20))
    async with on_stage(client) as stage:
        await opened(stage)
        await stage.until_text("no picture yet")
        client.refusal = ServiceUnavailable("nobody answers. Next: wait")
        screen = stage.app.screen
        assert isinstance(screen, PictureScreen)
        await stage.until(lambda: screen.tick() or "nobody answers. Next: wait" in stage.text)


def test_progress_is_a_bar_with_its_per_cent_and_its_end() -> None:
    """The lines fit every width; the end is `--` until it is known."""
    job = told.telling().jobs[told.NBODY]
    for glyphs in (UNICODE, LINUX, ASCII):
        view = replace(seen(told.telling(), glyphs=glyphs), wall=WALL)
        for width in (60, 80, 140):
            lines = metrics.lines(view, job, width)
            assert all(line_width(line) <= width for line in lines)
        assert "54%  3,240 of 6,000  ETA 2:51" in text(metrics.lines(view, job, 80)[0])
    begun = replace(job, progress=JobProgress(1, 3))
    assert "ETA --" in text(metrics.lines(view, begun, 80)[0])
    assert metrics.lines(view, replace(job, progress=None, metrics=()), 80) == ()


@pytest.mark.parametrize(
    "series", [(), (1.0,), (1.0, 1.0), (-1.7e308, 1.7e308), (5e-324, 0.0), (math.pi,) * 24]
)
def test_any_finite_numbers_make_a_trend(series: tuple[float, ...]) -> None:
    """A program may measure anything: no value makes the screen fail."""
    job = replace(told.telling().jobs[told.NBODY], metrics=(JobMetric("x", 1.0, "", series),))
    assert metrics.lines(seen(told.telling()), job, 80)


async def test_the_jobs_table_has_a_bar_while_a_job_tells_how_far_it_is() -> None:
    """The column comes with the first job that tells, and goes with the last."""
    client = CapturingClient(told.telling())
    async with on_stage(client) as stage:
        await stage.until_text("progress")
        assert "█████▍      54%" in stage.text
        client.send(states.running())
        await stage.until(lambda: "progress" not in stage.text)
