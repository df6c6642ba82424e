"""Questions before something is lost: what they name, that they fit, and that only `y` is a yes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.forms import Question, cancel_question, drain_question, requeue_question
from sciabc_tui.tui.present.trust import forget_question
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.screens.confirm import ConfirmScreen
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, on_stage
from tests.tui.views import seen

HOSTILE = "[/x][red]\x1b]52;c;AAAA\x07\x9b31m\u202e" * 3


def _hostile(state: State) -> State:
    jobs = {id_: replace(job, name=HOSTILE, reason=HOSTILE) for id_, job in state.jobs.items()}
    nodes = {id_: replace(node, name=HOSTILE) for id_, node in state.nodes.items()}
    return replace(state, jobs=jobs, nodes=nodes)


ASKED: dict[str, Callable[[View, State], Question]] = {
    "cancel": lambda view, state: cancel_question(state.jobs[JobId(44)], view),
    "requeue": lambda view, state: requeue_question(state.jobs[JobId(42)], view),
    "drain": lambda view, state: drain_question(state.nodes[NodeId("node01")], view),
    "forget": lambda view, state: forget_question(state.nodes[NodeId("node07")], view),
}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("cancel", ("job 44 nbody", "8 ranks are ended", "1:41 of work are lost")),
        ("requeue", ("job 42 nbody", "from its beginning, as attempt 2", "no longer shown")),
        ("drain", ("node01", "loses 4 slots", "goes on to its end: job 44 nbody")),
        ("forget", ("node07", "host key SHA256:node07", "is trusted no longer")),
    ],
)
def test_it_names_what_will_be_lost(asked: str, words: tuple[str, ...]) -> None:
    """Which job or node, and what of it."""
    state = states.lost()
    question = ASKED[asked](seen(state), state)
    told = " ".join((question.title, *question.lines))
    assert all(word in told for word in words)


@pytest.mark.parametrize("asked", ASKED)
def test_hostile_names_are_plain(asked: str) -> None:
    """A name may hold anything; the question holds printable cells only."""
    state = _hostile(states.lost())
    question = ASKED[asked](seen(state), state)
    assert all(part.isprintable() for part in (question.title, *question.lines, question.yes))


@pytest.mark.parametrize("size", [(60, 20), SMALL, WIDE])
@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("keys", [("j", "d"), ("a", "f"), ("tab", "c"), ("tab", "j", "j", "R")])
async def test_the_whole_question_fits(size: tuple[int, int], keys: tuple[str, ...], hostile: bool) -> None:
    """At 60x20 and larger the title, the answers and the frame are seen, whatever is called how."""
    state = states.lost()
    async with on_stage(CapturingClient(_hostile(state) if hostile else state), size) as stage:
        await stage.press(*keys)
        assert isinstance(stage.app.screen, ConfirmScreen)
        await stage.until_text("n enter esc leave it")
        assert "┌" in stage.text
        assert "└" in stage.text


@pytest.mark.parametrize("no", ["n", "escape", "enter", "q"])
async def test_every_other_answer_leaves_it(no: str) -> None:
    """`n`, Esc, Enter and `q` change nothing; letters that are no answer are none, and `y` is sent once."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("j", "d", no)
        assert not isinstance(stage.app.screen, ConfirmScreen)
        await stage.press("d", "x", "j", "space", "Y")
        assert isinstance(stage.app.screen, ConfirmScreen)
        assert client.asked == []
        await stage.press("y", "y")
        await stage.until(lambda: client.asked)
        assert client.asked == [("drain", "node01", "")]
