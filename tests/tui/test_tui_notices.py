"""Toasts, the bell and the terminal's title."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.node import Liveness
from sciabc_tui.cluster.state import State
from sciabc_tui.config import TuiSettings
from sciabc_tui.tui.looks import Looks
from sciabc_tui.tui.notices import Notice, Watch
from sciabc_tui.tui.present.glyphs import UNICODE
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.title import POP, PUSH, TerminalTitle, title
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import on_stage

HOSTILE = "\x1b]0;evil\x07\x1b[2J\u202e[/x]\n"


def with_nodes(state: State, liveness: Liveness, *names: str) -> State:
    """Give the state with these nodes as they are said to be."""
    changed = {NodeId(name): replace(state.nodes[NodeId(name)], liveness=liveness) for name in names}
    return replace(state, nodes={**state.nodes, **changed})


def with_jobs(state: State, *jobs: Job) -> State:
    """Give the state with these jobs."""
    return replace(state, jobs={**state.jobs, **{job.id: job for job in jobs}})


def ended(number: int, state: JobState, attempt: int = 1, name: str = "nbody") -> Job:
    """Make a job that ended."""
    return states.job(number, name, state, attempt=attempt)


def told(watch: Watch, *seen: State) -> list[str]:
    """Look at states; give what is told then."""
    for state in seen:
        watch.look(state)
    return [notice.text for notice in watch.tell()]


def test_what_was_there_before_is_not_told() -> None:
    """A node that is down and a job that ended before the first state are no news."""
    assert told(Watch(), states.lost()) == []
    watch = Watch()
    assert not watch.look(states.lost())
    assert not watch.look(states.lost())


def test_loss_is_told_once() -> None:
    """A node that stays down is told once; one that came back and is lost again is told again."""
    state, watch = states.running(), Watch()
    down = with_nodes(state, Liveness.DEAD, "node02")
    assert told(watch, state, down, down) == ["node02 is down"]
    assert told(watch, down) == []
    assert told(watch, state, down) == ["node02 is down"]


def test_goodbye_is_no_loss() -> None:
    """A node that said goodbye or is only suspect is no news."""
    state = states.running()
    later = with_nodes(with_nodes(state, Liveness.LEFT, "node01"), Liveness.SUSPECT, "node02")
    assert told(Watch(), state, later) == []


def test_many_losses_are_one() -> None:
    """What is lost before it is told is one line with the folded names, also over several states."""
    state = states.running()
    one = with_nodes(state, Liveness.DEAD, "node01")
    assert told(Watch(), state, one, with_nodes(one, Liveness.DEAD, "node02", "node03")) == [
        "3 nodes down: node[01-03]"
    ]


def test_job_end_is_told_once_an_attempt() -> None:
    """A job's end is told once; after a requeue the next attempt's end is told, too."""
    state, watch = states.running(), Watch()
    failed = with_jobs(state, ended(42, JobState.FAILED))
    again = with_jobs(state, replace(ended(42, JobState.PENDING), attempt=1))
    assert told(watch, state, failed, failed) == ["job 42 nbody failed"]
    assert told(watch, failed, again) == []
    assert told(watch, with_jobs(state, ended(42, JobState.COMPLETED, 2))) == ["job 42 nbody completed"]


def test_job_that_was_never_seen_running_is_told() -> None:
    """A job that began and ended between two states is told."""
    state = states.running()
    assert told(Watch(), state, with_jobs(state, ended(99, JobState.COMPLETED))) == ["job 99 nbody completed"]


def test_many_jobs_are_one_and_problems_come_first() -> None:
    """Ends that come together are counted by state, problems before what went well."""
    state = states.running()
    jobs = (
        *(ended(number, JobState.COMPLETED) for number in (50, 51, 52)),
        ended(53, JobState.FAILED),
        ended(54, JobState.NODE_FAIL),
    )
    watch = Watch()
    watch.look(state)
    watch.look(with_jobs(with_nodes(state, Liveness.DEAD, "node01"), *jobs))
    assert watch.tell() == (
        Notice("node01 is down", problem=True),
        Notice("2 jobs ended: 1 failed, 1 node_fail", problem=True),
        Notice("3 jobs ended: 3 completed", problem=False),
    )


def test_node_that_is_named_no_longer_is_no_new_loss() -> None:
    """A head service that starts again and knows its nodes only after a while tells no loss twice."""
    state = states.running()
    down = with_nodes(state, Liveness.DEAD, "node02")
    empty = replace(state, nodes={})
    assert told(Watch(), down, empty, down) == []


def test_hostile_names_are_plain() -> None:
    """Names of nodes and jobs, and why a job ended, can carry nothing to the terminal."""
    state = states.running()
    node = replace(state.nodes[NodeId("node01")], name=HOSTILE, liveness=Liveness.DEAD)
    job = replace(ended(42, JobState.FAILED, name=HOSTILE), reason=HOSTILE * 100)
    watch = Watch()
    watch.look(state)
    watch.look(with_jobs(replace(state, nodes={**state.nodes, node.id: node}), job))
    for notice in watch.tell():
        assert notice.text.isprintable()
        assert len(notice.text) <= 200


NEWS = ("node01 is down", "job 42 nbody completed")


def _shown(text: str) -> int:
    return sum(news in text for news in NEWS)


async def _what_rings(
    settings: TuiSettings, changes: Iterable[State], seen: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, int]:
    """Let all of it happen in time to be told together; give how much is seen, and how often it rang."""
    client = CapturingClient(states.running())
    rung: list[None] = []
    due: list[Callable[[], object]] = []

    def later(_: float, tell: Callable[[], object]) -> None:
        due.append(tell)

    async with on_stage(client, looks=Looks(wanted=settings)) as stage:
        stage.app.bell = lambda: rung.append(None)
        monkeypatch.setattr(stage.app, "set_timer", later)
        last = with_nodes(states.running(), Liveness.DEAD, "node01")
        for state in (*changes, last):
            client.send(state)
        await stage.until(lambda: stage.app.view().state is last)
        (tell,) = due
        tell()
        await stage.until(lambda: _shown(stage.text) >= seen)
        await stage.pilot.pause()
        return _shown(stage.text), len(rung)


@pytest.mark.parametrize(
    ("notify", "bell", "seen", "rings"),
    [("all", True, 2, 1), ("all", False, 2, 0), ("problems", True, 1, 1), ("off", True, 0, 0)],
)
async def test_settings(
    notify: str, bell: bool, seen: int, rings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`notify` chooses what is told; the bell rings once for all that is told together, and can be off."""
    settings = TuiSettings(notify=notify, bell=bell)  # pyright: ignore[reportArgumentType] (a parameter)
    completed = with_jobs(states.running(), ended(42, JobState.COMPLETED))
    assert await _what_rings(settings, [completed], seen, monkeypatch) == (seen, rings)


def view(state: State | None, gone: float | None = None) -> View:
    """Give a view of now."""
    return View(UNICODE, state, state.at if state else 0.0, state.wall if state else 0.0, gone)


def test_title_says_health() -> None:
    """The title names the head, the nodes that are up, the first alarm and the job that runs."""
    assert title(view(None)) == "sciabc: connecting"
    assert title(view(None, 3.0)) == "sciabc: no head service answers"
    assert title(view(states.running())) == "sciabc briefcase: 4/4 up, job 42 nbody"
    assert title(view(states.running(), 3.0)) == "sciabc briefcase: head service gone"
    assert title(view(states.lost())).startswith("sciabc briefcase: 5/7 up, !")


def test_title_is_sent_when_it_changes_and_given_back() -> None:
    """The terminal's own title is laid aside once and given back; ours is sent only when it changes."""
    sent: list[str] = []
    shown = TerminalTitle(sent.append)
    shown.give_back()
    for text in ("one", "one", "two", "two"):
        shown.show(text)
    shown.give_back()
    shown.give_back()
    shown.show("three")
    assert sent == [f"{PUSH}\x1b]2;one\x07", "\x1b]2;two\x07", POP, f"{PUSH}\x1b]2;three\x07"]


def test_title_is_plain() -> None:
    """Whatever names a head, a node or a job has, the title carries no control character and stays short."""
    state = states.lost()
    state = replace(
        state,
        head=replace(state.head, host_name=HOSTILE * 20),
        nodes={id_: replace(node, name=HOSTILE) for id_, node in state.nodes.items()},
        jobs={JobId(1): replace(ended(1, JobState.RUNNING), name=HOSTILE)},
    )
    assert title(view(state)).isprintable()
    assert len(title(view(state))) <= 80
    sent: list[str] = []
    TerminalTitle(sent.append).show(HOSTILE)
    body = sent[0].removeprefix(f"{PUSH}\x1b]2;").removesuffix("\x07")
    assert body.isprintable()
