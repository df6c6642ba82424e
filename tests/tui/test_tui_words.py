"""Forms, texts from elsewhere, logs, keys and glyphs."""

from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.node import Drain
from sciabc_tui.cluster.state import LampState, LogEntry, PanelView, Severity
from sciabc_tui.tui.actions import Place, Verb, at, footer
from sciabc_tui.tui.present import detail, events, forms, history, jobs, node_table, trust
from sciabc_tui.tui.present.cells import Tone, cell_width, fit, plain, wrapped
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs, choose, plot, trend
from sciabc_tui.tui.present.heading import header
from sciabc_tui.tui.present.layout import share
from tests.tui import states
from tests.tui.views import seen, text


def test_a_job_of_another_cluster_is_listed() -> None:
    """What waits in that cluster's queue comes after what waits here."""
    state = states.running()
    slurm = states.job(
        40, "big", JobState.PENDING, elsewhere=True, handed_over=True, reason="handed to Slurm"
    )
    more = replace(state, jobs={**state.jobs, slurm.id: slurm})
    assert [job.id for job in jobs.ordered(more)] == [42, 43, 40, 41]


def test_a_job_that_lost_ranks_says_how_many_are_left() -> None:
    """On the dashboard and above the log: left and first, in a column that is wide enough."""
    table = jobs.table(seen(states.queued()), 77)
    first = next(row for row in table.rows if row.key == "42")
    assert "8 of 12" in text(first.cells)
    assert {cell_width(text(row.cells)) for row in table.rows} == {77}
    asked = states.running().jobs
    assert [jobs.ranks(asked[JobId(number)]) for number in (42, 43)] == ["12", "16"]
    assert jobs.ranks(replace(asked[JobId(43)], ranks=None)) == "all"


def test_questions_name_what_is_lost() -> None:
    """A question before a cancel or a drain says what ends and what is kept."""
    view = seen(states.running())
    state = states.running()
    running = next(job for job in state.jobs.values() if job.state is JobState.RUNNING)
    pending = next(job for job in state.jobs.values() if job.state is JobState.PENDING)
    assert "12 ranks are ended; 12:41 of work are lost" in forms.cancel_question(running, view).lines[0]
    assert "has not begun" in forms.cancel_question(pending, view).lines[0]
    drain = forms.drain_question(state.nodes[NodeId("node01")], view)
    assert "loses 4 slots" in drain.lines[0]
    assert "goes on to its end: job 42 nbody" in drain.lines[1]


def test_requeue_names_what_happens() -> None:
    """Which attempt it will be, whom it goes before, that its end is forgotten and its output is not."""
    state = states.lost()
    question = forms.requeue_question(state.jobs[JobId(42)], seen(state))
    assert question.title == "Requeue job 42 nbody?"
    assert question.lines == (
        "It runs from its beginning, as attempt 2, when it is its turn, before 1 that waits.",
        "How it ended (node_fail: node03 was lost) is no longer shown. What attempt 1 printed is kept.",
    )


def test_requeue_counts_as_the_queue_does() -> None:
    """Priority goes before age, a held one is passed, and a job that never ran has printed nothing."""
    state = states.queued()
    cancelled = states.job(40, "early", JobState.CANCELLED, reason="by ada. Next: nothing")
    lines = forms.requeue_question(cancelled, seen(state)).lines
    assert lines[0].endswith("as attempt 1, when it is its turn.")
    assert lines[1] == "How it ended (cancelled: by ada) is no longer shown."
    first = forms.requeue_question(replace(cancelled, priority=11), seen(state)).lines[0]
    assert first.endswith(", before 1 that waits.")


def _heading(job: Job, width: int = 80) -> tuple[str, str]:
    first, second = detail.job_heading(seen(states.queued()), job, width, "0 lines")
    assert cell_width(text(first)) == cell_width(text(second)) == width
    return text(first), text(second)


def test_a_job_s_heading_says_how_it_stands() -> None:
    """What runs without a node names it and its ranks; what waits names its priority, or who holds it."""
    found = states.queued().jobs
    first, second = _heading(found[JobId(42)])
    assert "8 of 12 ranks on node[01-02]  12:41" in first
    assert second.startswith(" goes on: node03 was lost (dead, ranks 8-11) ")
    first, second = _heading(found[JobId(44)])
    assert "priority 10" in first
    assert second.startswith(" waits for node09, which was never seen ")
    assert _heading(found[JobId(43)])[1].startswith(" held by ada ")


def test_farewell_names_the_jobs_that_go_on() -> None:
    """Leaving says that the running job goes on."""
    assert "job 42 nbody goes on" in forms.farewell(seen(states.running()))


@pytest.mark.parametrize("width", [77, 137])
def test_keys_to_judge_are_listed_whole(width: int) -> None:
    """A changed key is listed first and in red, with the old and the new one; one that waits after it."""
    table = trust.keys(seen(states.lost()), width)
    assert [trust.node_of(row.key) for row in table.rows] == ["node07"] * 3 + ["node05"]
    changed, was, is_, waits = (text(row.cells) for row in table.rows)
    assert "HOST KEY CHANGED 1m05s ago" in changed
    assert states.key_of("node07").fingerprint in was
    assert states.key_of("other").fingerprint in is_
    assert {cell.tone for row in table.rows[:3] for cell in row.cells} == {Tone.BAD}
    assert states.key_of("node05").fingerprint in waits
    assert ("1h00m" in waits) == (width > 100)


def test_forgetting_names_what_is_lost() -> None:
    """The trust, the drained flag and the jobs there are each named, and that it may be somebody else."""
    node = replace(states.lost().nodes[NodeId("node07")], drained=Drain("fan broken", "pi", 0.0))
    question = " ".join(trust.forget_question(node, seen(states.lost())).lines)
    assert states.key_of("node07").fingerprint in question
    assert 'drained flag "fan broken" by pi' in question
    assert "who answers at its address" in question
    busy = states.running().nodes[NodeId("node01")]
    assert "Job 42" in " ".join(trust.forget_question(busy, seen(states.running())).lines)


def _entries(*numbers: int) -> tuple[LogEntry, ...]:
    return tuple(LogEntry(n, states.WALL - 100 + n, Severity.WARN, f"event {n} " + "x" * n) for n in numbers)


def test_events_are_merged_by_their_numbers() -> None:
    """Older, newer and doubled events end up once each, in order; the oldest go when it is too many."""
    assert history.merged((), _entries(3, 4)) == _entries(3, 4)
    assert history.merged(_entries(3, 4), _entries(5)) == _entries(3, 4, 5)
    assert history.merged(_entries(3, 4, 8), _entries(1, 2, 3, 5)) == _entries(1, 2, 3, 4, 5, 8)
    assert history.merged(_entries(3), ()) == _entries(3)
    many = tuple(LogEntry(n, 0.0, Severity.INFO, "x") for n in range(history.KEPT + 5))
    assert history.merged((), many)[0].seq == 5


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
def test_an_event_is_shown_whole(glyphs: Glyphs) -> None:
    """A long text goes on under its beginning; time, glyph and word of the severity stand once."""
    entry = LogEntry(1, states.WALL, Severity.ERROR, "node07 " * 30 + "\x1b[31mend")
    view = seen(states.ready(), glyphs=glyphs)
    lines = history.lines([entry], view, 79, dated=True)
    texts = [text(line) for line in lines]
    assert texts[0].startswith(f"21 Nov 14:00:00 {glyphs.events[Severity.ERROR]} error node07")
    assert all(line.startswith(" " * 24) and cell_width(line) <= 79 for line in texts[1:])
    assert " ".join(part[24:] for part in texts).split() == ["node07"] * 30 + ["end"]
    assert all(len(line) == 3 for line in lines)


def test_events_are_filtered_by_text_and_severity() -> None:
    """A filter finds what happened, and how severe it was."""
    mixed = (*_entries(1, 2), LogEntry(3, 0.0, Severity.ERROR, "node03 down"))
    assert [entry.seq for entry in history.matching(mixed, "EVENT 2")] == [2]
    assert [entry.seq for entry in history.matching(mixed, "error")] == [3]


def test_the_day_is_told_when_it_was_another() -> None:
    """Events of before midnight show their day: on the dashboard in place of the time."""
    view = seen(states.ready())
    old = (LogEntry(1, states.WALL - 86400, Severity.INFO, "long ago"),)
    assert history.spans_days(old, view)
    assert not history.spans_days(_entries(1), view)
    assert not history.spans_days((), view)
    rows = events.table(seen(replace(states.ready(), log=old)), 77).rows
    assert text(rows[0].cells).startswith("20 Nov   ")


def test_node_facts_tell_the_next_step() -> None:
    """A node that is down shows its evidence and what to do, and no load."""
    shown = "\n".join(text(line) for line in detail.facts(seen(states.lost()), NodeId("node03"), 76))
    assert "ARP failed" in shown
    assert "check its power" in shown
    assert "%" not in shown


def test_mirror_shows_the_glass_as_it_is() -> None:
    """The mirror has the panel's lines, in a frame, and the lamp in words."""
    shown = [text(line) for line in events.mirror(seen(states.running()), 44)]
    assert shown[1] == "│nbody 3x4      ♥│"
    assert shown[-2:] == [f"lamp  ● {LampState.RUNNING.value}", "sky blue, breathes every 2 s"]
    narrow = [text(line) for line in events.mirror(seen(states.running(), glyphs=ASCII), 44)]
    assert all(line.isascii() for line in narrow)


def test_mirror_tells_what_no_terminal_shows() -> None:
    """The rhythm of the lamp, a light that is off, and what hinders the devices are said in words."""
    state = states.running()
    panel = PanelView(
        ("203.0.113.254  ♥", "4/4up 61°C 23:30"),
        LampState.IDLE,
        stick_problem="the USB stick \x1b[2Jhangs. Next: pull it out and plug it in again",
        backlight=False,
        rhythm="sky blue, breathes every 5 s",
    )
    mirror = events.mirror(seen(replace(state, panel=panel)), 44)
    assert [text(line) for line in mirror[4:]] == [
        "light off for the night",
        "lamp  ● idle",
        "sky blue, breathes every 5 s",
        "the USB stick hangs. Next: pull it out and",
        "plug it in again",
    ]
    assert {cell.tone for line in mirror[1:3] for cell in line} == {Tone.DIM}


HOSTILE = [
    ("a\x1b[31mred\x1b[0m", "ared"),
    ("\x1b]0;title\x07x", "x"),
    ("\x9b31mx", "?31mx"),
    ("a\u202eb", "a?b"),
    ("a\u200bb", "a?b"),
    ("a\x00b\nc", "a?b?c"),
    ("tab\there", "tab     here"),
    ("[bold]markup[/bold]", "[bold]markup[/bold]"),
    ("caf\u00e9 \u65e5\u672c", "caf\u00e9 \u65e5\u672c"),
]


@pytest.mark.parametrize(("given", "expected"), HOSTILE)
def test_foreign_text_is_harmless(given: str, expected: str) -> None:
    """No control, bidi or zero-width character passes; escape sequences go whole; markup is text."""
    assert plain(given) == expected


def test_names_are_made_harmless() -> None:
    """A hostile name reaches no row, header, preview or log line as it is."""
    evil = "x\x1b]52;c;AAAA\x07\u202e\x9b2J"
    job = states.running().jobs[JobId(42)]
    heard = (replace(job, lost=(evil,), reason=evil), replace(job, state=JobState.PENDING, held_by=evil))
    ended = replace(job, name=evil, reason=evil, state=JobState.FAILED)
    node = replace(states.board(1), name=evil, probe=evil)
    state = states.running()
    jobs_ = {id_: replace(job, name=evil, reason=evil, program=evil) for id_, job in state.jobs.items()}
    log = tuple(replace(entry, text=evil) for entry in state.log)
    state = replace(
        state, nodes={node.id: node}, jobs=jobs_, log=log, head=replace(state.head, host_name=evil)
    )
    view = seen(state)
    lines = [
        header(view, 80),
        *(row.cells for table in (node_table.table(view, 77), jobs.table(view, 77)) for row in table.rows),
        *(row.cells for row in events.table(view, 77).rows),
        *detail.facts(view, node.id, 76),
        *(line for one in heard for line in detail.job_heading(view, one, 80, "")),
        *((jobs.details(one),) for one in heard),
    ]
    assert all(text(line).isprintable() for line in lines)
    question = forms.requeue_question(ended, view)
    assert all(line.isprintable() for line in (question.title, *question.lines))


@pytest.mark.parametrize(
    ("given", "width", "expected"),
    [("abc", 5, "abc  "), ("abcdef", 4, "abc~"), ("\u65e5\u672c\u8a9e", 4, "\u65e5~ "), ("abc", 0, "")],
)
def test_fit_is_exact(given: str, width: int, expected: str) -> None:
    """A text is padded or cut to exactly so many cells, wide characters counted as two."""
    assert fit(given, width) == expected
    assert cell_width(fit(given, width)) == width


def test_wrapped_keeps_every_word() -> None:
    """Wrapping loses nothing, breaks at spaces, and breaks a word only when it must."""
    assert wrapped("one two three", 7) == ("one two", "three")
    assert wrapped("abcdefghij", 4) == ("abcd", "efgh", "ij")
    assert wrapped("", 4) == ("",)


def test_heights_are_shared() -> None:
    """No line is lost or taken twice, and each section keeps some when there are many rows."""
    for nodes_needed, jobs_needed in ((3, 2), (10, 6), (752, 202)):
        heights = share(22, nodes=nodes_needed, jobs=jobs_needed, events=100)
        assert heights.nodes + heights.jobs + heights.events == 22
        assert min(heights.nodes, heights.jobs, heights.events) >= 2
        assert heights.nodes <= nodes_needed


def test_no_key_does_two_things_in_one_place() -> None:
    """In each place a key has one action; those that undo another share its key and never apply with it."""
    for place in Place:
        given = [
            key for action in at(place, {Verb.RESUME, Verb.RELEASE}) for key in action.keys.split(",") if key
        ]
        assert len(given) == len(set(given))


@pytest.mark.parametrize("width", [40, 80, 140])
def test_footer_always_tells_the_way_out(width: int) -> None:
    """However narrow, the footer keeps the palette, the help and the way out."""
    shown = text(footer(at(Place.NODES), width))
    assert all(word in shown for word in ("find", "help", "leave"))


@pytest.mark.parametrize(
    ("term", "encoding", "expected"),
    [
        ("xterm", "utf-8", UNICODE),
        ("linux", "UTF8", LINUX),
        ("xterm", "iso8859-1", ASCII),
        ("linux", "ascii", ASCII),
    ],
)
def test_glyphs_for_the_terminal(term: str, encoding: str, expected: Glyphs) -> None:
    """A terminal gets only what it can show."""
    assert choose(term, encoding) is expected


def test_trends_stay_in_their_place() -> None:
    """A trend is as long as asked, newest at the right; a plot fills from below."""
    assert trend((0, 100), 4, UNICODE) == "··▁█"
    assert plot((0, 50, 100), 2, 4, UNICODE) == ("   █", "  ██")
