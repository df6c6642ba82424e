"""The output layer: what the terminal shows is what it should show, at the right moment."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style

from sciabc_tui.tui.output.frame import Canvas
from sciabc_tui.tui.output.grid import Grid
from sciabc_tui.tui.output.ink import Ink, Palette
from sciabc_tui.tui.output.outbox import Outbox
from sciabc_tui.tui.output.output import ASK, Output, Piece
from sciabc_tui.tui.output.pace import PATIENCE, Pace
from sciabc_tui.tui.present.glyphs import UNICODE
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.screens.base import nothing_happened
from tests.tui.states import running
from tests.tui.terminal import Screen

WIDTH, HEIGHT = 24, 5
STYLES = [
    None,
    *map(
        Style.parse,
        (
            "#d7dce2 on #0f1418",
            "bold #e69f00 on #0f1418",
            "#84919c on #1a2229",
            "underline red on blue",
            "reverse",
            "dim italic bright_green",
        ),
    ),
]
TEXTS = [
    "",
    " ",
    "    ",
    " " * 20,
    "node01",
    "97%",
    "●",
    "▁▅█",
    "日本",
    "x日",
    "e\u0301",
    "a\x1b[2J\x9bb",
    "👨‍👩‍👧",
]

Put = tuple[int, int, list[tuple[str, Style | None]]]
SEGMENTS = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(STYLES)), max_size=4)
PUTS = st.lists(
    st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), SEGMENTS), min_size=1, max_size=8
)


def naive(grid: Grid, palette: Palette) -> str:
    """Write every cell by itself."""
    out = ["\x1b[?7l\x1b[2J"]
    for y in range(grid.height):
        for x in range(grid.width):
            if grid.marks[y][x]:
                look = palette.change(None, grid.inks[y][x])
                out.append(f"\x1b[{y + 1};{x + 1}H{look}{grid.marks[y][x]}")
    return "".join(out)


def cells(screen: pyte.Screen) -> list[list[object]]:
    """Give what is seen; of a blank cell that is its background only."""
    seen: list[list[object]] = []
    for y in range(screen.lines):
        line = [screen.buffer[y][x] for x in range(screen.columns)]
        seen.append(
            [
                (char.data.strip(), char.bg)
                if not char.data.strip() and not (char.underscore or char.reverse or char.strikethrough)
                else char
                for char in line
            ]
        )
    return seen


@settings(deadline=None, max_examples=100)
@given(
    st.lists(PUTS, min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from(["truecolor", "256", "standard", None]),
)
def test_terminal_shows_what_it_should(frames: list[list[Put]], bce: bool, colors: str | None) -> None:
    """After each frame the terminal shows cell by cell what painting everything anew would show."""
    palette = Palette(colors)
    canvas = Canvas(palette, erases_in_colour=bce)
    grid = Grid(WIDTH, HEIGHT)
    screen = Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(screen)
    stream.feed("\x1b[?7l")
    for puts in frames:
        for x, y, segments in puts:
            width = Segment.get_line_length([Segment(text, style) for text, style in segments])
            grid.put(x, y, width, [Segment(text, style) for text, style in segments], palette.ink)
        stream.feed(canvas.frame(grid))
        whole = Screen(WIDTH, HEIGHT)
        pyte.Stream(whole).feed(naive(grid, palette))
        assert cells(screen) == cells(whole)
        assert canvas.frame(grid) == ""


@given(PUTS)
def test_lines_stay_in_place(puts: list[Put]) -> None:
    """Whatever is written, a line has its cells: a wide character takes two, and no half of one is left."""
    palette, grid = Palette("truecolor"), Grid(WIDTH, HEIGHT)
    for x, y, segments in puts:
        grid.put(x, y, 6, [Segment(text, style) for text, style in segments], palette.ink)
    for marks, inks in zip(grid.marks, grid.inks, strict=True):
        assert len(marks) == len(inks) == WIDTH
        assert all(mark.isprintable() for mark in marks)
        for x, mark in enumerate(marks):
            wide = Segment(mark).cell_length == 2
            assert wide == (x + 1 < WIDTH and not marks[x + 1])


def test_one_cell_costs_few_bytes() -> None:
    """A clock's second is a move and a digit, not a line."""
    palette, grid = Palette("truecolor"), Grid(80, 24)
    canvas = Canvas(palette, erases_in_colour=True)
    grid.put(0, 0, 80, [Segment(f"{'14:00:01':>80}", STYLES[1])], palette.ink)
    canvas.frame(grid)
    grid.put(0, 0, 80, [Segment(f"{'14:00:02':>80}", STYLES[1])], palette.ink)
    assert canvas.frame(grid) == "\x1b[80G2"


def test_blank_screen_is_erased() -> None:
    """A dialog that goes is taken away by erasing lines, where the terminal erases in colour."""
    palette = Palette("truecolor")
    grid = Grid(80, 24, palette.ink(STYLES[1]))
    canvas = Canvas(palette, erases_in_colour=True)
    for y in range(24):
        grid.put(0, y, 80, [Segment("x" * 80, STYLES[1])], palette.ink)
    canvas.frame(grid)
    for y in range(24):
        grid.put(0, y, 80, [Segment(" " * 80, STYLES[1])], palette.ink)
    assert len(canvas.frame(grid)) <= 24 * 5 + 20


def test_unknown_widths_are_told_not_reckoned() -> None:
    """After a wide character the next place is told: a terminal that thinks otherwise is in step again."""
    palette, grid = Palette(None), Grid(20, 1)
    canvas = Canvas(palette, erases_in_colour=True)
    canvas.frame(grid)
    grid.put(0, 0, 20, [Segment("日a日b" + "." * 14)], palette.ink)
    assert canvas.frame(grid).endswith("日\x1b[3Ga日\x1b[6Gb..............")


def test_colours_are_those_of_the_terminal() -> None:
    """Sixteen colours get sixteen colours, none get none, and attributes stay."""
    style = Style.parse("bold #e69f00 on #0f1418")
    assert Palette("standard").ink(style) == Ink(("1",), "33", "40")
    assert Palette(None).ink(style) == Ink(("1",))
    assert Palette("truecolor").ink(style).color == "38;2;230;159;0"


def test_links_are_left_out() -> None:
    """An address in a style, a place where escapes could hide, is no part of a cell."""
    assert Palette("truecolor").ink(Style(link="http://x/\x1b[2J")) == Ink()


def test_one_frame_is_in_flight() -> None:
    """The next frame waits for the answer to the last; a terminal without answers is asked no more."""
    pace = Pace()
    assert pace.wait(0.0) == 0
    pace.sent(0.0)
    assert pace.wait(0.0) is None
    pace.written(0.1)
    assert pace.wait(0.1) == PATIENCE
    now = 0.1
    while pace.asks:
        now += pace.wait(now) or 0.0
        assert pace.wait(now) == 0
        pace.sent(now)
        pace.written(now)
        assert now < 10
    assert pace.wait(now) == 0


def test_keys_go_before_what_nobody_asked_for() -> None:
    """On a slow link half of the time is kept free for keys, and a key's answer does not wait for it."""
    pace = Pace()
    pace.sent(0.0)
    pace.written(0.0)
    pace.answered(0.6)
    assert pace.trip == 0.6
    assert pace.wait(0.7) == 1.2 - 0.7
    pace.key(0.8)
    assert pace.wait(0.8) == 0


def test_lost_answers_do_not_add_up() -> None:
    """When an answer is lost, the next ones count for the newest frame again after one wait."""
    pace = Pace()
    pace.sent(0.0)
    pace.written(0.0)
    pace.answered(0.1)
    pace.sent(1.0)
    pace.written(1.0)  # its answer is lost
    assert pace.wait(10.0) == 0
    pace.sent(10.0)
    pace.written(10.0)
    pace.answered(10.1)  # counts for the lost one
    assert pace.wait(20.0) == 0
    pace.sent(20.0)
    pace.written(20.0)
    pace.answered(20.1)
    assert pace.wait(21.0) == 0


@dataclass
class Stand:
    """An output with a clock that a test moves, and all it sent."""

    now: float = 0.0
    idle: bool = True
    sent: list[str] = field(default_factory=list[str])
    due: list[tuple[float, Callable[[], None]]] = field(
        default_factory=list[tuple[float, Callable[[], None]]]
    )

    def output(self) -> Output:
        """Make it."""
        return Output(
            send=self.sent.append,
            idle=lambda: self.idle,
            later=self._later,
            clock=lambda: self.now,
            colors=None,
            term="xterm",
        )

    def _later(self, seconds: float, call: Callable[[], None]) -> "Stand":
        self.due.append((self.now + seconds, call))
        return self

    def cancel(self) -> None:
        """Take back what was to come."""
        self.due.clear()


def piece(text: str) -> list[Piece]:
    """Give a line."""
    return [Piece(0, 0, 10, [Segment(text)])]


def test_stale_frames_are_dropped() -> None:
    """What changes while a frame is under way is sent once, as it is at last."""
    stand = Stand()
    output = stand.output()
    output.show((10, 1), piece("0"), None)
    for number in range(1, 9):
        output.show((10, 1), piece(str(number)), None)
    assert len(stand.sent) == 1
    output.written()
    output.answered()
    assert stand.sent[1:] == ["\r8" + ASK]


def test_nothing_new_is_nothing_sent() -> None:
    """A frame that is what is shown costs no byte, and no question."""
    stand = Stand()
    output = stand.output()
    output.show((10, 1), piece("0"), None)
    output.written()
    output.answered()
    output.show((10, 1), piece("0"), None)
    assert len(stand.sent) == 1


def test_resize_and_return_paint_everything() -> None:
    """Another size, and a terminal that was someone else's meanwhile, get the whole screen."""
    stand = Stand()
    output = stand.output()
    output.show((10, 1), piece("a"), None)
    for change in (
        lambda: output.show((12, 1), piece("a"), None),
        lambda: output.resized((12, 1)),
        output.begin_anew,
    ):
        stand.now += 10
        output.written()
        output.answered()
        change()
        assert "\x1b[2J" in stand.sent[-1]
        assert "a" in stand.sent[-1]


def test_readings_wait_and_news_does_not() -> None:
    """States that bring but readings are shown once a second; an event, a job, a lost service at once."""
    state = running()
    old = View(UNICODE, state, now=100.0)
    assert nothing_happened(old, replace(old, state=replace(state, revision=9), now=100.5), 0.9)
    assert not nothing_happened(old, replace(old, now=101.0), 0.9)
    assert not nothing_happened(old, replace(old, now=5.0), 0.9)  # the head was started anew
    assert not nothing_happened(old, replace(old, state=replace(state, log=state.log[:-1])), 0.9)
    assert not nothing_happened(old, replace(old, state=replace(state, jobs={})), 0.9)
    assert not nothing_happened(old, replace(old, gone=0.1), 0.9)
    assert not nothing_happened(replace(old, state=None), old, 0.9)


async def test_terminal_that_does_not_read_stops_nobody() -> None:
    """While nobody reads, the loop goes on, and what waits does not grow."""
    reader, writer = os.pipe()
    loop = asyncio.get_running_loop()
    outbox = Outbox(writer, lambda: None)
    output = Output(
        send=lambda frame: outbox.write(frame.encode(), must=True),
        idle=lambda: outbox.idle,
        later=loop.call_later,
        clock=time.monotonic,
        colors=None,
        term="xterm",
    )
    outbox.write(b"x" * 70_000, must=True)  # a pipe takes 65,536
    worst, last = 0.0, time.monotonic()
    for number in range(300):
        output.show((10, 1), piece(str(number)), None)
        outbox.write(b"\a" * 1000)
        await asyncio.sleep(0)
        worst, last = max(worst, time.monotonic() - last), time.monotonic()
    outbox.close(within=0.1)
    taken: list[int] = []

    def take() -> None:
        while data := os.read(reader, 65536):
            taken.append(len(data))

    taking = threading.Thread(target=take)
    taking.start()
    outbox.close(within=30)  # now that somebody reads: it must not write to a descriptor that is closed
    os.close(writer)
    taking.join(30)
    os.close(reader)
    assert worst < 10
    assert 70_000 <= sum(taken) < 70_000 + 70_000
