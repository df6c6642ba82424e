"""The parts of the log viewer by themselves: colours, records, filters, the search, the window."""

import random
import re
import threading
from pathlib import Path

import pytest

from sciabc_tui.cluster.job import JobId
from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.log_reader import LogReader
from sciabc_tui.tui.log_save import save
from sciabc_tui.tui.log_search import Found, Matcher, search
from sciabc_tui.tui.present import logs
from sciabc_tui.tui.present.ansi import spans, without_escapes
from sciabc_tui.tui.present.cells import Tone, cell_width
from sciabc_tui.tui.present.glyphs import UNICODE
from sciabc_tui.tui.present.log_hits import Hits
from sciabc_tui.tui.present.log_lines import LinePrinter, Look, Times, plain_text
from sciabc_tui.tui.present.log_records import (
    EVERYTHING,
    Chosen,
    Record,
    read_page,
    read_pattern,
    read_ranks,
)
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.views import text

HEAD = b"2026-11-21T14:00:00.000Z   0 out "


def _record(shown: bytes) -> Record:
    return read_page(HEAD + shown + b"\n", 0, EVERYTHING)[0]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b"plain", [("plain", "")]),
        (b"\x1b[31mred\x1b[0m", [("red", "color(1)")]),
        (b"\x1b[1;3;4;7mall\x1b[22;23;24;27m", [("all", "bold italic reverse underline")]),
        (b"\x1b[2mdim\x1b[mno", [("dim", "dim"), ("no", "")]),
        (b"\x1b[97;104mhigh", [("high", "color(15) on color(12)")]),
        (b"\x1b[38;5;208mo\x1b[48;2;1;2;3mb", [("o", "color(208)"), ("b", "color(208) on #010203")]),
        (b"\x1b[38:2::9:8:7mc", [("c", "#090807")]),
        (b"\x1b[38;5;999;1mx\x1b[39my", [("x", "bold color(255)"), ("y", "bold")]),
        (b"\x1b[38;2mx", [("x", "#000000")]),
        (b"1%\r\x1b[32m50%\r100%\r", [("100%", "color(2)")]),
        (
            b"a\x1b[2J\x1b[10;10Hb\x1b]0;title\x07c\x1bPq\x1b\\d\x1b(Be\x1b",
            [("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")],
        ),
        (b"ab\tc", [("ab", ""), ("      ", ""), ("c", "")]),
        (b"\xc2\x9b31m\xe2\x80\x8b\x00\xff", [("?31m???".replace("???", "??") + "\ufffd", "")]),
    ],
)
def test_colours_are_kept_and_nothing_else(printed: bytes, expected: list[tuple[str, str]]) -> None:
    """SGR becomes an ink; every other sequence vanishes, and what is no honest cell is replaced."""
    assert [(span.text, span.ink) for span in spans(printed, 1000)] == expected


def test_any_bytes_become_plain_cells() -> None:
    """Whatever a program prints, no control character is left, and each ink is one that a style is."""
    random_ = random.Random(7)
    alphabet = [
        b"\x1b",
        b"[",
        b"]",
        b";",
        b"m",
        b"38",
        b"5",
        b"2",
        b":",
        b"\r",
        b"\t",
        b"\x07",
        b"\x00",
        b"a",
    ]
    alphabet += [b"\xff", b"\xc2\x9b", b"\xe2\x80\xae", "日".encode(), b"\x1b[", b"1", b"P", b"\\"]
    ink = re.compile(
        r"(?:(?:bold|dim|italic|underline|reverse) ?)*(?:C ?)?(?:on C)?".replace(
            "C", r"(?:color\(\d{1,3}\)|#[0-9a-f]{6})"
        )
    )
    for _ in range(3000):
        printed = b"".join(random_.choices(alphabet, k=random_.randrange(30)))
        for span in spans(printed, 80):
            assert span.text.isprintable(), printed
            assert ink.fullmatch(span.ink), span.ink
        assert b"\x1b" not in without_escapes(printed)


def test_of_a_long_line_only_what_is_shown_is_looked_at() -> None:
    """The begin of a line of megabytes costs what it costs of a short one."""
    long = b"\x1b[31mab\x1b[0m " * 500_000
    assert sum(cell_width(span.text) for span in spans(long, 80)) == 80


def test_records_have_their_rank() -> None:
    """A record becomes the rank in its own hue and the text; what is no record is shown as it is."""
    data = (
        b"2026-11-21T14:03:11.123Z   0 out hello\n"
        b"2026-11-21T14:03:11.124Z   - err mpirun says\n"
        b"2026-11-21T14:03:11.125Z  11 out+ more\n"
        b"not a record\n"
    )
    records = read_page(data, 1000, EVERYTHING)
    printer = LinePrinter(Look(UNICODE))
    lines = [printer.line(record, 0) for record in records]
    assert [text(line) for line in lines] == [
        " 0 │ hello",
        " - │ mpirun says",
        "11 + more",
        " - │ not a record",
    ]
    assert lines[0][0].tone is Tone.HUE0
    assert lines[1][2].tone is Tone.WARN
    assert [record.offset for record in records] == [1000, 1039, 1084, 1123]
    assert [record.end for record in records][-1] == 1000 + len(data)
    assert read_page(b"", 0, EVERYTHING) == []


@pytest.mark.parametrize("wrap", [True, False])
def test_pictures_are_told_in_a_line(wrap: bool) -> None:
    """Of a picture its name and size are seen, dim as all that a program tells the screen."""
    printer = LinePrinter(Look(UNICODE, wrap=wrap))
    picture = _record(b"@sciabc frame flow 64x2 0 1 " + b"A" * 128)
    progress = _record(b"@sciabc progress 1 of 2")._replace(offset=500)
    assert printer.rows(picture) == printer.rows(progress) == 1
    lines = [printer.line(record, 0) for record in (picture, progress)]
    assert [text(line)[5:] for line in lines] == ["@sciabc frame flow 64x2", "@sciabc progress 1 of 2"]
    assert [line[-1].tone for line in lines] == [Tone.DIM, Tone.DIM]
    assert plain_text(picture).endswith("A" * 128)


@pytest.mark.parametrize("wrap", [True, False])
def test_every_row_fits_its_room(wrap: bool) -> None:
    """Wide characters, tabs and colours: no row is wider than the screen, and wrapped all is there."""
    random_ = random.Random(3)
    alphabet = ["a", "日", "\t", "\x1b[31m", "\x1b[0m", "é", "e\u0301", " "]
    for width in (20, 33, 80):
        for left in (0, 1, 7):
            printer = LinePrinter(Look(UNICODE, width=width, wrap=wrap, left=left, times=Times.CLOCK))
            for number in range(40):
                printed = "".join(random_.choices(alphabet, k=random_.randrange(90)))
                record = _record(printed.encode())._replace(offset=number)
                rows = [printer.line(record, row) for row in range(printer.rows(record))]
                assert all(sum(cell_width(cell.text) for cell in row) <= max(width, 20) for row in rows)
                if wrap:
                    skip = 3  # the number, the bar, the time
                    shown = "".join(cell.text for row in rows for cell in row[skip:])
                    assert shown == plain_text(record)


def test_what_was_found_is_marked() -> None:
    """On the line where the search stands it is reversed, on others underlined; colours stay."""
    pattern = read_pattern("wörld")
    printer = LinePrinter(Look(UNICODE, found=pattern))
    record = _record("hé \x1b[31mwörld\x1b[0m!".encode())
    assert [(cell.text, cell.ink) for cell in printer.line(record, 0)[2:]] == [
        ("hé ", ""),
        ("wörld", "underline color(1)"),
        ("!", ""),
    ]
    assert printer.line(record, 0, current=True)[3].ink == "reverse color(1)"


def _naive(data: bytes, pattern: re.Pattern[bytes], chosen: Chosen) -> list[int]:
    return [
        record.offset for record in read_page(data, 5, chosen) if pattern.search(without_escapes(record.text))
    ]


@pytest.mark.parametrize(
    "words",
    [
        "step",
        "STEP",
        "Step",
        "0",
        "out",
        r"\d+ r",
        "^step",
        r"\bstep",
        "7$",
        r"[^x]+e-0",
        "2026",
        "(?=1)1",
        r"\s",
        "x|5",
    ],
)
@pytest.mark.parametrize("chosen", [EVERYTHING, Chosen(ranks=frozenset({3})), Chosen(stream="err")])
def test_the_quick_search_finds_what_the_slow_one_finds(words: str, chosen: Chosen) -> None:
    """Found is what stands in a text, never in what is before it, nor from one line to the next."""
    data = states.log_records(500) + HEAD + b"\x1b[1mst\x1b[0mep 77\n" + HEAD + b"\n" + states.log_records(9)
    pattern = read_pattern(words)
    assert Matcher(pattern, chosen).hits(data, 5) == _naive(data, pattern, chosen)


@pytest.mark.parametrize("origin", [0, 1, 2])
def test_a_search_finds_every_hit_once(origin: int) -> None:
    """Forward from a place and then back from there: all hits of the log, in order, with their numbers."""
    data = states.log_records(60_000)
    reader = LogReader(CapturingClient(log=data), JobId(1), 1)
    pattern = read_pattern(r"step +\d*77 ")
    expected = [record.offset for record in read_page(data, 0, EVERYTHING) if pattern.search(record.text)]
    begin = data.find(b"\n", origin * len(data) // 2 - 2) + 1 if origin else 0
    hits, told = Hits(), list[Found]()
    search(reader, Matcher(pattern, EVERYTHING), begin, threading.Event(), told.append)
    for found in told:
        hits.add(found.offsets, backward=found.backward)
    assert told[-1].finished
    assert len(hits) == len(expected)
    forward: list[int] = []
    place = hits.after(-1)
    while place is not None:
        forward.append(place)
        assert hits.number(place) == len(forward)
        place = hits.after(place)
    assert forward == expected
    backward: list[int] = []
    place = hits.before(2**60)
    while place is not None:
        backward.append(place)
        place = hits.before(place)
    assert backward == expected[::-1]


def test_a_search_can_be_stopped() -> None:
    """It ends with the piece that it reads, and tells nothing more."""
    stop = threading.Event()
    stop.set()
    told: list[Found] = []
    reader = LogReader(CapturingClient(log=states.log_records(100)), JobId(1), 1)
    search(reader, Matcher(read_pattern("step"), EVERYTHING), 0, stop, told.append)
    assert told == []


@pytest.mark.parametrize(
    "chosen", [EVERYTHING, Chosen(ranks=frozenset({3})), Chosen(grep=read_pattern("77 "))]
)
def test_pages_join(chosen: Chosen) -> None:
    """From any place, back and on until nothing comes: every chosen record once."""
    data = states.log_records(20_000)
    reader = LogReader(CapturingClient(log=data), JobId(1), 1)
    expected = [record.offset for record in read_page(data, 0, chosen)]
    middle = data.find(b"\n", len(data) // 3) + 1
    batch = reader.around(middle, chosen)
    found = [record.offset for record in batch.records]
    start, end, last, first = batch.start, batch.end, batch.last, batch.first
    while not first:
        batch = reader.before(start, chosen)
        found[:0] = [record.offset for record in batch.records]
        start, first = batch.start, batch.first
    while not last:
        batch = reader.after(end, chosen)
        found += [record.offset for record in batch.records]
        end, last = batch.end, batch.last
    assert found == expected


def test_a_save_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    """Neither half a file nor another one beside it; what was there stays."""
    reader = LogReader(CapturingClient(log=states.log_records(100)), JobId(1), 1)
    stop, path = threading.Event(), tmp_path / "out"
    path.write_text("mine", encoding="utf-8")
    stop.set()
    save(reader, EVERYTHING, path, stop, lambda _: None, replace=True)
    assert [entry.read_text(encoding="utf-8") for entry in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(CommandRefused, match="is there already"):
        save(reader, EVERYTHING, path, threading.Event(), lambda _: None, replace=False)


def test_pieces_of_a_line_are_joined_when_saved(tmp_path: Path) -> None:
    """A line that the log keeps in pieces is one line again; bytes are as they were printed."""
    data = HEAD + b"one \xff\x1b[31m\n" + HEAD.replace(b"out ", b"out+ ") + b"two\n" + HEAD + b"three\n"
    reader = LogReader(CapturingClient(log=data), JobId(1), 1)
    assert save(reader, EVERYTHING, tmp_path / "out", threading.Event(), lambda _: None, replace=False) == 2
    assert (tmp_path / "out").read_bytes() == b"one \xff\x1b[31mtwo\nthree\n"


def test_ranks_are_read() -> None:
    """Numbers, spans and nodes; anything else is refused with the next step."""
    assert read_ranks("0,3-5", {}) == {0, 3, 4, 5}
    assert read_ranks("node01 9", {"node01": (1, 2)}) == {1, 2, 9}
    assert read_ranks("", {}) == frozenset()
    for wrong in ("x", "5-3", "-1", "node01"):
        with pytest.raises(ValueError, match="Next:"):
            read_ranks(wrong, {"node01": ()})


def test_times_are_read() -> None:
    """A time of day, or a span since the start; a job that runs past midnight means the day after."""
    began = states.WALL
    assert logs.read_time("+10m", began=began, at=None) == began + 600
    assert logs.read_time("+1h2m3s", began=began, at=None) == began + 3723
    assert logs.read_time("14:05", began=began, at=began + 5) == began + 300
    assert logs.read_time("00:10:30", began=began, at=began + 5) == began + 10 * 3600 + 630
    for wrong in ("25:00", "soon", "", "+", "14:5"):
        with pytest.raises(ValueError, match="Next:"):
            logs.read_time(wrong, began=began, at=began)


def test_the_rule_says_what_there_is_room_for() -> None:
    """The last note stays longest; the line is exactly as wide as the screen."""
    notes = ("rank 3", "line 1 of 2", "", "following")
    for width in range(30, 100):
        line = text(logs.rule("Output", notes, width, "─"))
        assert cell_width(line) == width
        assert "following" in line
    assert "rank 3  line 1 of 2  following" in text(logs.rule("Output", notes, 80, "─"))


def test_positions_are_told() -> None:
    """By line where that is known, else by share; large numbers are rounded."""
    assert logs.position(10_412, 1_234_567, 0.1) == "line 10,412 of 1.2M"
    assert logs.position(None, None, 0.43) == "43%"
    assert logs.mode(following=False, ended=False, new=1204, reading=False) == "paused, 1,204 new: f follows"
