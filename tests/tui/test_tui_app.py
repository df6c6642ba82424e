"""What keys do: the capturing client holds what the service was asked."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Input

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId, OnNodeLoss
from sciabc_tui.cluster.node import Readiness, Trust
from sciabc_tui.cluster.state import LogEntry, Severity, State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.screens.approve import ApproveScreen
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.help import HelpScreen
from sciabc_tui.tui.screens.history import HistoryScreen
from sciabc_tui.tui.screens.log import LogScreen
from sciabc_tui.tui.screens.new_job import NewJobScreen
from sciabc_tui.tui.screens.node import NodeScreen
from sciabc_tui.tui.widgets.slider import Slider
from sciabc_tui.tui.widgets.table import TableView
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import WIDE, on_stage


def asked(client: CapturingClient) -> list[tuple[object, ...]]:
    """Give what was asked, but for the reading of logs, and whether nodes are fit."""
    return [call for call in client.asked if call[0] not in {"log", "preflight"}]


async def test_two_keys_run_a_job() -> None:
    """`n` and Enter submit hello on every slot, and its log is shown."""
    client = CapturingClient(states.running(), log=states.log_records(5))
    async with on_stage(client) as stage:
        await stage.press("n", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, LogScreen))
        await stage.until_text("step     4")
        assert asked(client) == [("submit", SubmitJob(program="hello"))]
        await stage.press("escape")
        assert isinstance(stage.app.screen, DashboardScreen)


async def test_no_key_goes_to_the_screen_before() -> None:
    """Keys that come faster than a screen is drawn go to that screen, not to the one it came from."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        stage.app.post_message(Key("n", "n"))
        stage.app.post_message(Key("enter", "\r"))
        await stage.until(lambda: asked(client))
        assert asked(client) == [("submit", SubmitJob(program="hello"))]


async def test_no_key_goes_to_the_field_before() -> None:
    """Keys that come at once after Tab, as over a slow link, go to the next field and section."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n")
        for key in ("tab", "x", "tab", "2", "shift+tab", "y"):
            stage.app.post_message(Key(key, key if len(key) == 1 else None))
        await stage.until_text("2 of 16 slots")
        await stage.until(lambda: stage.app.screen.query_one("#arguments", Input).value in {"xy", "y"})
        assert stage.app.screen.query_one("#ranks", Slider).value == "2"
        await stage.press("escape")
        for key in ("tab", "l"):
            stage.app.post_message(Key(key, key if len(key) == 1 else None))
        await stage.until(lambda: isinstance(stage.app.screen, LogScreen))


async def test_events_stay_at_the_newest() -> None:
    """A new event appears at the top, because nobody has moved away from there."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        seen = states.lost().log
        more = [replace(seen[0], seq=90 + n, text=f"event {n}") for n in range(30)]
        client.send(replace(states.lost(), log=(*seen, *more)))
        await stage.until_text("event 29")


async def test_form_sends_what_was_typed() -> None:
    """Arguments are split as a shell would, ranks are a number, ctrl+s submits from any field."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "down", "down", "tab", *"-k '2 3'", "tab", "right", "right", "ctrl+s")
        await stage.until(lambda: asked(client))
        assert asked(client) == [("submit", SubmitJob(program="powers", args=("-k", "2 3"), ranks=2))]


async def test_form_sends_every_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes, what a lost node means, a limit, files (from where the screen was started), and patterns."""
    monkeypatch.chdir(tmp_path)
    client = CapturingClient(states.ready())
    wanted = SubmitJob(
        program="hello",
        nodes=("node01", "node02"),
        files=(f"{tmp_path}/in.dat", "/srv/grid", "~nobody-of-that-name/x"),
        outputs=("result*.csv", "log dir/*"),
        on_node_loss=OnNodeLoss.REQUEUE,
        time_limit=600.0,
        grow=True,
    )
    async with on_stage(client) as stage:
        await stage.press("n", "tab", "tab", "tab", *"node[01-02]", "tab", "down", "tab", *"10m")
        await stage.press("ctrl+o", *["tab"] * 7, *"in.dat /srv/grid ~nobody-of-that-name/x")
        await stage.press("tab", *"result*.csv 'log dir/*'", "tab", "down", "enter")
        await stage.until(lambda: asked(client))
        assert asked(client) == [("submit", wanted)]


async def test_form_says_what_a_field_takes() -> None:
    """One line under the fields belongs to the one that has the cursor; up and down offer what is there."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        await stage.press("n")
        await stage.until_text("down offers them")
        await stage.press("tab", "tab")
        await stage.until_text("1 to 16, or all of them")
        await stage.press("tab", "down", "down")
        await stage.until_text("only these, such as node[01-03],head")
        assert stage.app.screen.query_one("#nodes", Input).value == "node01"
        await stage.until_text("4 of 16 slots")
        await stage.press("tab", "down", "down")
        await stage.until_text("survive goes on")
        assert stage.app.screen.query_one("#loss", Input).value == "survive"
        await stage.press("tab")
        await stage.until_text("10m or 1h30m")
        await stage.press("ctrl+o")
        for number, hint in ((7, "do not share them"), (1, "brought back"), (1, "when nodes join")):
            await stage.press(*["tab"] * number)
            await stage.until_text(hint)
            assert "…" not in stage.text


async def test_refused_job_loses_nothing() -> None:
    """A refusal is shown under the form, what was typed stays, and it can be sent again."""
    client = CapturingClient(states.ready())
    client.refusal = CommandRefused("no such program: nosuch. Next: name a path")
    async with on_stage(client) as stage:
        await stage.press("n", *"nosuch", "enter")
        await stage.until_text("no such program: nosuch. Next: name a path")
        assert isinstance(stage.app.screen, NewJobScreen)
        assert stage.app.screen.query_one("#program", Input).value == "nosuch"
        client.refusal = None
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, LogScreen))


async def test_unusable_form_is_not_sent() -> None:
    """Ranks out of range are told inline and never sent."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "tab", "tab", *"10000", "enter")
        await stage.until_text("ranks: a number from 1")
        assert asked(client) == []


def _with_new_nodes() -> State:
    state = states.lost()
    fresh = {
        NodeId(f"node{n:02d}"): replace(
            states.board(n), trust=Trust.UNKNOWN, readiness=Readiness.UNPROVISIONED, streaming=False
        )
        for n in (5, 8)
    }
    return replace(state, nodes={**state.nodes, **fresh})


async def test_approve_one_or_all() -> None:
    """`a` trusts the key under the cursor and no other, `A` asks first and then trusts all on the list."""
    client = CapturingClient(_with_new_nodes())
    five, eight = states.key_of("node05").fingerprint, states.key_of("node08").fingerprint
    async with on_stage(client) as stage:
        await stage.press("a", "G", "a")
        await stage.until(lambda: asked(client))
        assert asked(client) == [("approve", "node08", eight)]
        await stage.press("A")
        await stage.until_text("trust these keys")
        assert "Approve 2 nodes?" in stage.text
        assert all(f"node{n:02d}" in stage.text for n in (5, 8))
        assert len(asked(client)) == 1
        await stage.press("n", "A", "y")
        await stage.until(lambda: len(asked(client)) == 3)
        assert sorted(asked(client)[1:], key=str) == [
            ("approve", "node05", five),
            ("approve", "node08", eight),
        ]


async def test_a_changed_key_is_only_forgotten_deliberately() -> None:
    """On a changed key `a` and `A` approve nothing of it; `f` asks first and names what is lost."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("a", "a", "A", "y")
        await stage.until(lambda: asked(client))
        assert asked(client) == [("approve", "node05", states.key_of("node05").fingerprint)]
        await stage.press("f", "n", "j", "f")
        await stage.until_text("forget the node")
        await stage.press("y")
        await stage.until(lambda: len(asked(client)) == 2)
        assert asked(client)[1] == ("forget", "node07")
        await stage.press("G", "f")
        assert isinstance(stage.app.screen, ApproveScreen)


def _event(seq: int) -> LogEntry:
    severity = Severity.ERROR if seq % 10 == 0 else Severity.INFO
    return LogEntry(seq, states.WALL - 1000 + seq, severity, f"event {seq}.")


def _happened(first: int, last: int) -> State:
    return replace(states.ready(), log=tuple(map(_event, range(first, last + 1))))


async def test_events_reach_back_before_the_state() -> None:
    """The screen joins what the service kept with what the state carries, each once, the newest last."""
    client = CapturingClient(_happened(101, 120))
    client.past = tuple(map(_event, range(1, 121)))
    async with on_stage(client) as stage:
        await stage.press("e")
        await stage.until_text("Events  120  following")
        assert asked(client) == [("events", 0)]
        assert "event 120." in stage.text
        await stage.press("g")
        await stage.until_text("paused: f follows")
        assert "event 1." in stage.text
        client.send(_happened(102, 121))
        await stage.until_text("Events  121  paused")
        assert "event 1." in stage.text
        await stage.press("f")
        await stage.until_text("event 121.")


async def test_a_gap_in_the_events_is_filled() -> None:
    """When more happened between two states than a state carries, the rest is asked for."""
    client = CapturingClient(_happened(1, 5))
    client.past = tuple(map(_event, range(1, 6)))
    async with on_stage(client) as stage:
        await stage.press("e")
        await stage.until(lambda: len(asked(client)) == 1)
        client.past = tuple(map(_event, range(1, 41)))
        client.send(_happened(31, 40))
        await stage.until_text("Events  40  following")
        assert asked(client) == [("events", 0), ("events", 5)]


async def test_another_service_begins_anew() -> None:
    """Events of a service whose numbers are lower replace those of the one before."""
    client = CapturingClient(_happened(101, 120))
    async with on_stage(client) as stage:
        await stage.press("e")
        await stage.until_text("event 120.")
        fresh = _happened(1, 2)
        client.send(replace(fresh, head=replace(fresh.head, started=states.WALL)))
        await stage.until_text("Events  2  following")
        assert "event 120." not in stage.text


async def test_events_are_filtered() -> None:
    """`/` filters by text or severity while typing, Enter keeps it, Esc clears it, Esc again goes back."""
    client = CapturingClient(_happened(1, 120))
    async with on_stage(client) as stage:
        await stage.press("e", "slash", *"error")
        await stage.until_text('Events  12 of 120 with "error"')
        await stage.press("enter")
        client.send(_happened(1, 130))
        await stage.until_text('Events  13 of 130 with "error"')
        await stage.press("slash", *"zzz", "enter")
        await stage.until_text("no event matches")
        await stage.press("escape")
        await stage.until_text("Events  130  following")
        await stage.press("escape")
        assert isinstance(stage.app.screen, DashboardScreen)


async def test_events_that_can_t_be_read_are_told() -> None:
    """What the state carries is shown all the same, with the reason why there is no more."""
    client = CapturingClient(_happened(1, 5))
    client.refusal = CommandRefused("the disk is gone")
    async with on_stage(client) as stage:
        await stage.press("tab", "tab", "enter")
        await stage.until_text("the disk is gone")
        assert "event 5." in stage.text
        assert isinstance(stage.app.screen, HistoryScreen)


async def test_approve_is_not_offered_without_keys() -> None:
    """Where no key waits, `a` does nothing."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        await stage.press("a")
        assert isinstance(stage.app.screen, DashboardScreen)


async def test_drain_asks_and_resume_does_not() -> None:
    """Draining needs a yes, no and Enter change nothing; resuming takes nothing away and is not asked."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("j", "d", "n")
        await stage.press("d", "enter")
        await stage.press("escape")
        assert asked(client) == []
        await stage.press("d", "y")
        await stage.until(lambda: asked(client))
        assert asked(client) == [("drain", "node01", "")]
        await stage.press("G", "k", "d")
        await stage.until(lambda: len(asked(client)) == 2)
        assert asked(client)[1] == ("resume", "node06")


@pytest.mark.parametrize("key", ["c", "x"])
async def test_cancel_names_the_loss(key: str) -> None:
    """Cancelling asks with what would be lost, and is sent after a yes."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("tab", key)
        await stage.until_text("12 ranks are ended")
        await stage.press("y")
        await stage.until(lambda: asked(client))
        assert asked(client) == [("cancel", 42)]


async def test_ended_job_is_not_cancelled() -> None:
    """A key of an action that does not apply does nothing: an ended job is neither cancelled nor held."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("tab", "c", "h")
        assert isinstance(stage.app.screen, DashboardScreen)
        assert asked(client) == []


@pytest.mark.parametrize("keys", [(), ("enter",)], ids=["row", "page"])
async def test_hold_and_release_are_one_key(keys: tuple[str, ...]) -> None:
    """`h` holds a job that waits and releases one that is held, on its row and on its page; none is asked."""
    client = CapturingClient(states.queued())
    async with on_stage(client) as stage:
        await stage.press("tab", "j", *keys)
        await stage.until_text(" h hold")
        await stage.press("h")
        await stage.until_text("job 44 does not start until h releases it")
        jobs = states.queued().jobs
        held = replace(jobs[JobId(44)], held_by="pi")
        client.send(replace(states.queued(), jobs={**jobs, held.id: held}))
        await stage.until_text(" h release ")
        await stage.press("h")
        await stage.until_text("job 44 starts when it is its turn")
        assert asked(client) == [("hold", 44), ("release", 44)]


async def test_a_running_job_s_log_moves_sideways() -> None:
    """Where a job can't be held, `h` is the log's."""
    client = CapturingClient(states.running(), log=states.log_records(5))
    async with on_stage(client) as stage:
        await stage.press("tab", "enter")
        await stage.until_text("step     4")
        await stage.press("l")
        await stage.until(lambda: "step     4" not in stage.text)
        await stage.press("h")
        await stage.until_text("step     4")
        assert asked(client) == []


@pytest.mark.parametrize("keys", [(), ("enter",)], ids=["row", "page"])
async def test_requeue_asks(keys: tuple[str, ...]) -> None:
    """`R` on a job that ended says what happens, and is sent after a yes; Enter and no send nothing."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("tab", "j", "j", *keys)
        for no in ("n", "escape", "enter"):
            await stage.press("R")
            await stage.until_text("as attempt 2")
            await stage.press(no)
            await stage.until(lambda: "leave it" not in stage.text)
        assert asked(client) == []
        await stage.press("R", "y")
        await stage.until_text("job 42 waits for its next attempt")
        assert asked(client) == [("requeue", 42)]


async def test_what_is_not_ended_is_not_requeued() -> None:
    """`R` on a job that runs or waits does nothing."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("tab", "R", "j", "R")
        assert isinstance(stage.app.screen, DashboardScreen)
        assert asked(client) == []


async def test_palette_holds() -> None:
    """The palette offers what can be done with the job, and does it."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("tab", "j", "colon", *"hold")
        await stage.press("enter")
        await stage.until(lambda: asked(client) == [("hold", 43)])


async def test_refusal_is_a_toast() -> None:
    """What the service refuses is told in its own line."""
    client = CapturingClient(states.lost())
    client.refusal = CommandRefused("node06 is gone. Next: wait")
    async with on_stage(client) as stage:
        await stage.press("G", "k", "d")
        await stage.until_text("node06 is gone. Next: wait")


async def test_cursor_stays_on_its_row() -> None:
    """The cursor stays on its node while nodes come before it and go."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        table = stage.app.screen.query_one("#nodes", TableView)
        await stage.press("j", "j")
        assert table.key == "node02"
        early = replace(states.board(1), id=NodeId("a"), name="aaa")
        more = replace(states.ready(), nodes={**states.ready().nodes, early.id: early})
        client.send(more)
        await stage.until_text("aaa")
        assert table.key == "node02"
        less = {id_: node for id_, node in more.nodes.items() if id_ != "node02"}
        client.send(replace(more, nodes=less))
        await stage.until(lambda: table.key == "node03")


async def test_filter_keeps_and_clears() -> None:
    """`/` filters while typing, Enter keeps it, Esc takes it away."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        await stage.press("slash", *"node06", "enter")
        assert "1 of 8" in stage.text
        assert "node01 " not in stage.text.split("Jobs")[0]
        await stage.press("escape")
        assert "1 of 8" not in stage.text


async def test_palette_jumps() -> None:
    """The palette finds a node by a part of its name and opens it."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        await stage.press("colon", *"node06")
        await stage.press("enter")
        await stage.until_text("fan broken")
        assert isinstance(stage.app.screen, NodeScreen)
        assert stage.app.screen.node == "node06"


async def test_every_screen_goes_back() -> None:
    """Esc leads back from everywhere, and never out of the dashboard."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        for keys, screen in (
            (("question_mark",), HelpScreen),
            (("a",), ApproveScreen),
            (("n",), NewJobScreen),
            (("enter",), NodeScreen),
            (("e",), HistoryScreen),
        ):
            await stage.press(*keys)
            assert isinstance(stage.app.screen, screen)
            await stage.press("escape", "escape")
            assert isinstance(stage.app.screen, DashboardScreen)


async def test_leaving_asks_the_service_for_nothing() -> None:
    """`q` ends the screen with status 0; no job and no service is touched."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("q")
        await stage.until(lambda: stage.app._exit)
    assert client.asked == []
    assert stage.app.return_code == 0


async def test_service_comes_back() -> None:
    """While the service is gone everything stays on the screen under a banner; its return takes that away."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        client.go_away()
        await stage.until_text("head service gone just now")
        stage.clock.now += 65
        stage.app._look_again()
        await stage.until_text("gone 1m05s ago")
        assert "node03" in stage.text
        client.send(states.lost())
        await stage.until(lambda: "retrying" not in stage.text)
        assert "suspect" in stage.text


async def test_resize_changes_the_columns() -> None:
    """A wider terminal shows the front panel, a narrower one hides it again."""
    async with on_stage(CapturingClient(states.running())) as stage:
        assert "Front panel" not in stage.text
        await stage.pilot.resize_terminal(*WIDE)
        await stage.until_text("Front panel")
        assert "nbody 3x4" in stage.text
        await stage.pilot.resize_terminal(80, 24)
        await stage.until(lambda: "Front panel" not in stage.text)


async def test_markup_in_names_is_text() -> None:
    """Names that look like markup crash nothing and are shown as they are, on every screen."""
    state = states.running()
    name = "job[/x][red]"
    jobs = {id_: replace(job, name=name, reason=name) for id_, job in state.jobs.items()}
    nodes = {id_: replace(node, name=name[:12]) for id_, node in state.nodes.items()}
    client = CapturingClient(replace(state, jobs=jobs, nodes=nodes), log=b"[/bold] [link=x]\n")
    async with on_stage(client, WIDE) as stage:
        assert "job[/x][red]" in stage.text
        for keys in (("enter",), ("tab", "enter"), ("c",), ("colon", *"job")):
            await stage.press(*keys)
            assert "job[/x]" in stage.text
            await stage.press("escape", "escape")


async def test_surprise_in_a_call_is_survived() -> None:
    """An unexpected error while asking the service is one line, and the screen goes on."""
    client = CapturingClient(states.lost())
    client.refusal = ZeroDivisionError()
    async with on_stage(client) as stage:
        await stage.press("G", "k", "d")
        await stage.until_text("unexpected error (ZeroDivisionError); see tui.log")
        await stage.press("question_mark")
        assert isinstance(stage.app.screen, HelpScreen)


async def test_large_cluster_can_be_walked() -> None:
    """750 nodes: the cursor goes to the last and back, and the title says where."""
    client = CapturingClient(states.many(750))
    async with on_stage(client) as stage:
        await stage.press("G")
        assert "node749" in stage.text
        assert "of 751" in stage.text
        await stage.press("g")
        assert "headnode" in stage.text


async def test_only_what_changed_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that changes one row makes the table paint that row, not the others."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        painted: list[str] = []
        paint = TableView._row

        def counting(self: TableView, number: int, width: int) -> object:
            painted.append(self._table.rows[number].key)
            return paint(self, number, width)

        monkeypatch.setattr(TableView, "_row", counting)
        table = stage.app.screen.query_one("#nodes", TableView)
        hot = replace(states.board(2), reading=None)
        client.send(replace(states.ready(), nodes={**states.ready().nodes, hot.id: hot}))
        await stage.until(lambda: "node02" in painted)
        await stage.pilot.pause()
        assert table.key == "head"
        assert set(painted) == {"node02"}
