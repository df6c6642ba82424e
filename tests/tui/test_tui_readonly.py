"""The read-only mode: nothing that changes something is offered, and none of it is carried out."""

from typing import get_args

import pytest

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.api.powering import UnpackWish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId
from sciabc_tui.config import TuiSettings
from sciabc_tui.tui import requests as req
from sciabc_tui.tui.actions import ACTIONS, CHANGES, Place, Verb
from sciabc_tui.tui.app import READ_ONLY
from sciabc_tui.tui.looks import Looks
from sciabc_tui.tui.present.heading import header
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.screens.base import ClusterScreen
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.help import HelpScreen
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import WIDE, on_stage

LOOKS = Looks(wanted=TuiSettings(read_only=True))

NODE, JOB = NodeId("node01"), JobId(42)

CHANGING: tuple[req.Request, ...] = (
    req.DrainNode(NODE),
    req.ResumeNode(NODE),
    req.ForgetNode(NodeId("node07")),
    req.ApproveKey(NodeId("node05"), "SHA256:x"),
    req.CancelJob(JobId(44)),
    req.HoldJob(JobId(43)),
    req.ReleaseJob(JobId(43)),
    req.RequeueJob(JOB),
    req.ForMany(Verb.DRAIN, (NODE, NodeId("node02"))),
    req.Submit(SubmitJob(program="hello")),
    req.EditJob(JOB),
    req.OnNodes(Verb.POWER, (NODE,)),
    req.OpenWork("Unpack", UnpackWish()),
    req.StartWork(UnpackWish(), 1),
    *(req.Do(verb) for verb in sorted(CHANGES)),
)
"""One of each kind of request that changes something, or leads only to that."""

LOOKING = (
    *(req.Do, req.OpenNode, req.OpenJob, req.OpenPicture),
    *(req.ReadDetail, req.ReadEvents, req.ReadHistory),
    *(req.OpenPreflight, req.AskNodes, req.StopAsking),
    *(req.AskPreview, req.ListPaths, req.KeepForm),
    *(req.CopyText, req.AskBefore, req.StopWork),
)
"""What a request may be that changes nothing on the cluster."""

READING = {"log", "events", "detail", "history", "preflight", "preview"}
"""What the client may be asked."""


def test_every_request_is_judged() -> None:
    """Each type of request either changes something, and is refused, or is known to change nothing."""
    refused = {type(request) for request in CHANGING} - {req.Do}
    assert set(get_args(req.Request)) == refused | set(LOOKING)
    assert set(get_args(req.Changing)) <= refused
    assert all(req.changes(request) for request in CHANGING)
    assert not any(req.changes(req.Do(verb)) for verb in set(Verb) - CHANGES)


@pytest.mark.parametrize("request_", CHANGING, ids=str)
async def test_is_refused(request_: req.Request) -> None:
    """Whatever a screen asks is refused in one line that names the next step; the service is not asked."""
    client = CapturingClient(states.lost())
    async with on_stage(client, looks=LOOKS) as stage:
        stage.app.take(request_)
        await stage.until_text("Read-only: nothing is changed from here.")
        assert isinstance(stage.app.screen, DashboardScreen)
        assert {asked[0] for asked in client.asked} <= READING
    assert "Next:" in READ_ONLY


async def test_nothing_of_it_is_offered() -> None:
    """On every screen the footer, the palette and the keys have only actions that change nothing."""
    client = CapturingClient(states.lost(), log=states.log_records(30))
    async with on_stage(client, WIDE, looks=LOOKS) as stage:
        for keys in ((), ("tab",), ("tab", "enter"), ("enter",), ("e",), ("p",), ("question_mark",)):
            await stage.press(*keys)
            screen = stage.app.screen
            assert isinstance(screen, ClusterScreen)
            assert not {action.verb for action in screen.available()} & CHANGES
            for verb in CHANGES:
                assert not screen.check_action(verb.value, ())
            assert "read-only" in stage.text.splitlines()[0]
            if not isinstance(screen, DashboardScreen):
                await stage.press("escape")


async def test_keys_do_nothing() -> None:
    """Every key of an action that changes something is dead on every list."""
    client = CapturingClient(states.lost())
    keys = [
        key
        for action in ACTIONS
        if action.verb in CHANGES and action.places & {Place.NODES, Place.JOBS}
        for key in action.keys.split(",")
        if key
    ]
    async with on_stage(client, looks=LOOKS) as stage:
        for section in ((), ("tab",)):
            await stage.press(*section, "j")
            for key in keys:
                await stage.press(key)
                assert not isinstance(stage.app.screen, HelpScreen)
        assert isinstance(stage.app.screen, DashboardScreen)
        assert {asked[0] for asked in client.asked} <= READING


@pytest.mark.parametrize("width", [60, 80, 140])
def test_header_says_so(width: int) -> None:
    """The header of every width says it, with data and without, and in a mode that writes it does not."""
    state = states.lost()
    for view in (
        View(LOOKS.glyphs, read_only=True),
        View(LOOKS.glyphs, state, state.at, state.wall, read_only=True),
    ):
        assert "read-only" in "".join(cell.text for cell in header(view, width))
    plain = View(LOOKS.glyphs, state, state.at, state.wall)
    assert "read-only" not in "".join(cell.text for cell in header(plain, width))
