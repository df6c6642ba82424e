"""Jobs that asked for it are launched again with more ranks when boards join: once, when all is settled."""

from pathlib import Path

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.job import JobState, OnNodeLoss
from sciabc_tui.cluster.job_commands import CancelJob, HoldJob
from sciabc_tui.cluster.node import Facts
from sciabc_tui.cluster.observations import ApproveHostKey, FactsRead, HostKeyRead, StreamOpened
from sciabc_tui.head.growing import SETTLED
from tests.cluster.builders import id_of, key, reading, sighted
from tests.head.fakes import until
from tests.head.test_watchman import NODE2, ONE, Stage, ends, is_, staged

GROWING = SubmitJob("hello", on_node_loss=OnNodeLoss.REQUEUE, max_attempts=2, grow=True)


def join(stage: Stage, name: str) -> None:
    """Let a board of two slots come in: announced, approved, sending readings."""
    node, address = id_of(name), f"10.77.0.1{name[-1]}"
    stage.hub.observe([sighted(name, address), HostKeyRead(node, address, key(name))])
    stage.hub.obey(ApproveHostKey(node, key(name).fingerprint, "ada"))
    facts = FactsRead(node, Facts(cores=2, boot_id="first"))
    stage.hub.observe([StreamOpened(node), facts, reading(node, stage.clock.monotonic())])


async def settle(stage: Stage) -> None:
    """Let the settling time pass, with all boards still there."""
    await stage.a_look()
    stage.clock.now += SETTLED
    await stage.a_look()


async def test_a_job_is_launched_again_on_the_boards_that_joined(tmp_path: Path) -> None:
    """Two join within the settling time: one launch, on all, told by name and number of ranks."""
    async with staged(tmp_path) as stage:
        await stage.start(GROWING)
        join(stage, "node03")
        await stage.a_look()
        stage.clock.now += SETTLED / 2
        join(stage, "node04")
        await stage.a_look()
        stage.clock.now += SETTLED / 2
        await stage.a_look()
        assert stage.runs.ordered == []
        await settle(stage)
        await until(stage.hub, lambda _: len(stage.runs.started) == 2)
        assert stage.runs.ordered == [(ONE, JobState.CANCELLED, "node[03-04] joined, 8 ranks")]
        assert sum(host.slots for host in stage.runs.started[1].hosts) == 8
        texts = [entry.text for entry in stage.hub.state.log]
        assert "job 1 hello is launched again: node[03-04] joined, 8 ranks" in texts


async def test_growing_is_no_loss(tmp_path: Path) -> None:
    """After it a board may be lost as often as `max_attempts` allows."""
    async with staged(tmp_path) as stage:
        await stage.start(GROWING)
        join(stage, "node03")
        await settle(stage)
        await until(stage.hub, lambda _: len(stage.runs.started) == 2)
        await until(stage.hub, ends(ONE, JobState.RUNNING))
        stage.lose(NODE2)
        await stage.let_blip_pass()
        await until(stage.hub, lambda _: len(stage.runs.started) == 3)
        assert {host.name for host in stage.runs.started[2].hosts} == {"node01", "node03"}


async def test_a_board_that_comes_and_goes_costs_nothing(tmp_path: Path) -> None:
    """It was not there for the whole settling time."""
    async with staged(tmp_path) as stage:
        await stage.start(GROWING)
        join(stage, "node03")
        await stage.a_look()
        stage.clock.now += SETTLED / 2
        stage.lose(id_of("node03"))
        await settle(stage)
        assert stage.runs.ordered == []


async def test_a_job_that_did_not_ask_is_left_alone(tmp_path: Path) -> None:
    """More ranks are no reason to end what runs."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello", on_node_loss=OnNodeLoss.REQUEUE))
        join(stage, "node03")
        await settle(stage)
        assert stage.runs.ordered == []


async def test_a_later_job_that_fits_on_the_new_board_has_it(tmp_path: Path) -> None:
    """It starts there at once, and the job that runs goes on as it is, until that one ended."""
    async with staged(tmp_path) as stage:
        await stage.start(GROWING)
        later = await stage.dispatcher.submit(SubmitJob("powers", nodes=("node03",)), by="ada")
        join(stage, "node03")
        await until(stage.hub, ends(later.id, JobState.RUNNING))
        await settle(stage)
        assert stage.runs.ordered == []
        stage.runs.let_end(later.id)
        await until(stage.hub, ends(later.id, JobState.COMPLETED))
        await settle(stage)
        await until(stage.hub, lambda _: [attempt.job for attempt in stage.runs.started] == [1, 2, 1])


async def test_a_job_that_was_held_before_it_started_keeps_its_turn(tmp_path: Path) -> None:
    """What waits for the boards that join was there first, though somebody holds it."""
    async with staged(tmp_path) as stage:
        held = await stage.dispatcher.submit(SubmitJob("powers", nodes=("node03",)), by="ada")
        await stage.dispatcher.direct(HoldJob(held.id, "ben"))
        running = await stage.dispatcher.submit(GROWING, by="ada")
        await until(stage.hub, ends(running.id, JobState.RUNNING))
        join(stage, "node03")
        await settle(stage)
        assert is_(stage.hub.state, held.id, JobState.PENDING)
        assert stage.runs.ordered == []


async def test_what_a_person_cancels_meanwhile_is_cancelled(tmp_path: Path) -> None:
    """The attempt is ending to grow when the cancel comes: nothing is launched again."""
    async with staged(tmp_path) as stage:
        stage.runs.patient = True
        await stage.start(GROWING)
        join(stage, "node03")
        await settle(stage)
        assert stage.runs.again == [True]
        await stage.dispatcher.direct(CancelJob(ONE, "ben"))
        stage.runs.let_end(ONE, JobState.CANCELLED, None, "node03 joined, 6 ranks", again=True)
        state = await until(stage.hub, ends(ONE, JobState.CANCELLED))
        assert state.jobs[ONE].reason == "by ben"
        assert len(stage.runs.started) == 1
