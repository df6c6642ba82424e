"""The works `pack` and `unpack`: all ends in order, the head last; and what was packed comes back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest

from sciabc_tui.api.powering import PackWish, UnpackWish
from sciabc_tui.api.works import Begun, Over, Part, Step
from sciabc_tui.cluster.health import assess
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.job_commands import CancelJob, JobCommand
from sciabc_tui.cluster.node import HostKey
from sciabc_tui.cluster.observations import DrainNode, HostKeyRead, StreamClosed
from sciabc_tui.cluster.powering import PACKED, is_packed
from sciabc_tui.cluster.state import Packing
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.pack import Pack
from sciabc_tui.head.power_talk import Hear
from sciabc_tui.head.unpack import Unpack
from tests.head.power_world import World, ends, id_of, whole, world


@dataclass(slots=True)
class Jobs:
    """Takes an operator's words on jobs.

    Attributes:
        stubborn: Cancelled jobs run on.
    """

    world: World
    stubborn: bool = False
    commands: list[JobCommand] = field(default_factory=list[JobCommand])

    async def direct(self, command: JobCommand) -> None:
        """Cancel a job."""
        await asyncio.sleep(0)
        self.commands.append(command)
        if not self.stubborn:
            self.world.end_job(command.job, JobState.CANCELLED)


def pack(made: World, jobs: Jobs | None = None) -> Pack:
    """Make the work."""
    jobs = jobs or Jobs(made)
    return Pack(made.hub, made.clock, made.boards, jobs.direct, made.starts, ends_within=0.1)


def over(parts: list[Part]) -> Over:
    """Give the last part."""
    last = parts[-1]
    assert isinstance(last, Over)
    return last


async def test_all_goes_and_the_head_last() -> None:
    """Nodes side by side, each seen gone; then the head halts."""
    made = world("node01", "node02")
    parts = await whole(pack(made).work(PackWish(), "ada"))
    assert parts[0] == Begun(("node01", "node02", "head"), ("drain", "jobs", "power off"))
    assert [name for name, _ in made.asked][-1] == "head"
    assert sorted(name for name, _ in made.asked) == ["head", "node01", "node02"]
    assert all(ended.ok for ended in ends(parts).values())
    assert "SAFE TO UNPLUG" in over(parts).text
    assert made.hub.state.packing == Packing(
        ("node01", "node02"), made.hub.state.packing.off if made.hub.state.packing else (), True, "ada"
    )


async def test_a_board_whose_key_changed_keeps_the_head_on() -> None:
    """Nobody may log in to it and halt it: it is named, and nothing is called safe to unplug."""
    made = world("node01", "node02")
    other = HostKey("ssh-ed25519", "AAAB", "SHA256:another")
    node = id_of("node02")
    made.hub.observe([StreamClosed(node, "reset"), HostKeyRead(node, "10.77.0.12", other)])
    parts = await whole(pack(made).work(PackWish(), "ada"))
    assert [name for name, _ in made.asked] == ["node01"]
    assert ends(parts)["node02"].text == "its host key changed: it was not halted"
    assert "Do not unplug" in over(parts).text
    packing = made.hub.state.packing
    assert packing is not None
    assert (packing.nodes, packing.off) == (("node01", "node02"), ("node01",))


async def test_the_head_may_stay() -> None:
    """It is not asked, and the state says that the nodes may be unplugged."""
    made = world("node01")
    parts = await whole(pack(made).work(PackWish(keep_head=True), "ada"))
    assert [name for name, _ in made.asked] == ["node01"]
    assert ends(parts)["head"].text == "stays on, as asked"
    assert over(parts).text.startswith("The nodes are off: safe to unplug.")
    assert made.hub.state.packing == Packing(("node01",), ("node01",), True, "ada")


async def test_what_is_off_on_purpose_is_no_alarm() -> None:
    """A packed node is missed by nobody, although no goodbye of it was heard."""
    made = world("node01", "node02", "node03")

    def vanish(hear: Hear) -> None:
        hear("going")
        for name in ("node01", "node02"):
            made.die(name)

    made.does["node01"] = made.does["node02"] = vanish
    await whole(pack(made).work(PackWish(keep_head=True), "ada"))
    assert not made.node("node01").present
    assert [alarm.subject for alarm in assess(made.hub.state).alarms] == []


async def test_a_node_that_does_not_go_is_named_and_the_head_stays() -> None:
    """The others go; it ends not well, and nothing says that it is safe."""
    made = world("node01", "node02")

    def refuse(hear: Hear) -> None:
        hear("denied there is no sudo")

    made.does["node01"] = refuse
    parts = await whole(pack(made).work(PackWish(), "ada"))
    found = ends(parts)
    assert {name: ended.ok for name, ended in found.items()} == {
        "node01": False,
        "node02": True,
        "head": False,
    }
    assert "head" not in [name for name, _ in made.asked]
    assert over(parts).text == "node01 did not go. Do not unplug"
    assert made.hub.state.packing == Packing(("node01", "node02"), ("node02",), True, "ada")


async def test_jobs_may_end_by_themselves() -> None:
    """Within the time that is given; they are named meanwhile, and nobody stops them."""
    made = world("node01")
    made.run_job(7, "node01")
    jobs = Jobs(made)
    parts: list[Part] = []
    async with aclosing(pack(made, jobs).work(PackWish(wait=60.0, keep_head=True), "ada")) as coming:
        async for part in coming:
            parts.append(part)
            if isinstance(part, Step) and part.text.startswith("waits for 7 nbody on node01; stopped in "):
                assert made.asked == []
                made.end_job(7)
    assert jobs.commands == []
    assert ends(parts)["node01"].ok


async def test_jobs_that_go_on_are_stopped() -> None:
    """After the time, with a reason that names who packed; Slurm's too."""
    made = world("node01")
    made.run_job(7, "node01")
    made.run_job(8, "node01", elsewhere=True)
    jobs = Jobs(made)
    parts = await whole(pack(made, jobs).work(PackWish(wait=0.05, keep_head=True), "ada"))
    assert [(c.job, c.by) for c in jobs.commands if isinstance(c, CancelJob)] == [
        (7, "ada, to pack"),
        (8, "ada, to pack"),
    ]
    assert ends(parts)["node01"].ok


async def test_a_job_that_does_not_end_keeps_all_on() -> None:
    """No board is asked; the nodes take jobs again."""
    made = world("node01")
    made.run_job(7, "node01")
    parts = await whole(pack(made, Jobs(made, stubborn=True)).work(PackWish(), "ada"))
    assert made.asked == []
    assert ends(parts)["head"].text == "job 7 nbody does not end"
    assert over(parts).text == "Nothing was switched off."
    assert made.node("node01").schedulable
    assert made.hub.state.packing is None


async def test_nothing_starts_meanwhile() -> None:
    """All are drained, the head too, before it is looked what runs; a drain of before stays what it was."""
    made = world("node01", "node02")
    made.hub.obey(DrainNode(made.node("node02").id, "fan", "eve"))
    made.run_job(7, "node01")
    async with aclosing(pack(made).work(PackWish(wait=60.0), "ada")) as parts:
        async for part in parts:
            if isinstance(part, Step) and part.step == "jobs":
                break
        reasons = {node.name: node.drained.reason for node in made.hub.state.nodes.values() if node.drained}
        assert reasons == {"node01": PACKED, "node02": "fan", "head": PACKED}
        with pytest.raises(CommandRefused, match="being packed"):
            await whole(Unpack(made.hub, made.clock).work(UnpackWish(), "eve"))
    assert {node.name for node in made.hub.state.nodes.values() if node.drained} == {"node02"}
    assert made.hub.state.packing is None


async def test_two_do_not_pack_at_once() -> None:
    """The second is refused, and changes nothing; after the first a third may."""
    made = world("node01")
    made.run_job(7, "node01")
    work = pack(made)
    async with aclosing(work.work(PackWish(wait=60.0), "ada")) as parts:
        await anext(parts)
        with pytest.raises(CommandRefused, match="being packed"):
            await whole(work.work(PackWish(), "eve"))
    made.end_job(7)
    assert ends(await whole(work.work(PackWish(keep_head=True), "eve")))["node01"].ok


async def test_what_was_packed_comes_back() -> None:
    """It waits for each, resumes what pack drained, and nothing else."""
    made = world("node01", "node02")
    made.hub.obey(DrainNode(made.node("node02").id, "fan", "eve"))
    await whole(pack(made).work(PackWish(keep_head=True), "ada"))
    asyncio.get_running_loop().call_later(0.02, made.come, "node01")
    asyncio.get_running_loop().call_later(0.04, made.come, "node02")
    parts = await whole(Unpack(made.hub, made.clock).work(UnpackWish(within=10.0), "ada"))
    assert {name: ended.text for name, ended in ends(parts).items()} == {
        "node01": "ready, takes jobs again",
        "node02": "ready",
    }
    assert over(parts).text == "All 2 nodes are there."
    assert made.node("node01").schedulable
    assert made.node("head").schedulable
    assert made.node("node02").drained is not None
    assert made.hub.state.packing is None


async def test_the_missing_are_named_with_what_was_last_seen() -> None:
    """Not the drain: what is known of its life. It takes jobs when it comes, and is an alarm until then."""
    made = world("node01", "node02")
    await whole(pack(made).work(PackWish(keep_head=True), "ada"))
    made.come("node01")
    parts = await whole(Unpack(made.hub, made.clock).work(UnpackWish(within=0.05), "ada"))
    ended = ends(parts)["node02"]
    assert not ended.ok
    assert ended.text.startswith("is not there: said goodbye ")
    assert "cable" in ended.fix
    assert over(parts).text == "1 of 2 nodes are there; missing: node02"
    assert not is_packed(made.node("node02"))


async def test_unpack_waits_for_those_that_are_named() -> None:
    """One that is ready is told at once; one that nobody knows is refused."""
    made = world("node01", "node02")
    made.die("node02")
    parts = await whole(Unpack(made.hub, made.clock).work(UnpackWish(("node01",), within=5.0), "ada"))
    assert ends(parts).keys() == {"node01"}
    assert over(parts).text == "The node is there."
    with pytest.raises(NotFound):
        await whole(Unpack(made.hub, made.clock).work(UnpackWish(("nope",)), "ada"))


async def test_an_empty_cluster_has_nothing_to_unpack() -> None:
    """And says what to do; to pack it is to halt the head."""
    made = world()
    with pytest.raises(CommandRefused, match="No node was approved yet"):
        await whole(Unpack(made.hub, made.clock).work(UnpackWish(), "ada"))
    parts = await whole(pack(made).work(PackWish(), "ada"))
    assert [name for name, _ in made.asked] == ["head"]
    assert over(parts).text.startswith("Unplug the head when it is off")
    parts = await whole(Unpack(made.hub, made.clock).work(UnpackWish(), "ada"))
    assert over(parts).text == "The head takes jobs again; there are no other nodes."
    assert made.node("head").schedulable


async def test_a_node_that_was_away_already_is_no_failure() -> None:
    """There is nothing to halt."""
    made = world("node01", "node02")
    made.die("node02")
    parts = await whole(pack(made).work(PackWish(keep_head=True), "ada"))
    assert ends(parts)["node02"].text == "is off already"
    assert ends(parts)["head"].ok


def told(made: World) -> list[str]:
    """Give what the log says."""
    return [entry.text for entry in made.hub.state.log]


async def test_the_log_tells_of_it() -> None:
    """A line when it begins, and one when it is over."""
    made = world("node01")
    await whole(pack(made).work(PackWish(keep_head=True), "ada"))
    assert [text for text in told(made) if "pack" in text and "drained" not in text] == [
        "packing begun by ada",
        "packed: the nodes are off",
    ]


async def _listen(parts: AsyncGenerator[Part, None]) -> None:
    async for _ in parts:
        pass


async def test_a_hang_up_while_boards_go_gives_back_those_that_stay() -> None:
    """What is off stays packed, for `unpack`."""
    made = world("node01", "node02")
    going = asyncio.Event()

    def hang(hear: Hear) -> None:
        hear("going")
        going.set()

    made.does["node02"] = hang
    parts = pack(made).work(PackWish(), "ada")
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(_listen(parts))
        async with asyncio.timeout(10):
            await going.wait()
            state = made.hub.state
            while made.node("node01").present:
                state = await made.hub.changed(state.revision)
        listening.cancel()
    await parts.aclose()
    assert is_packed(made.node("node01"))
    assert made.node("node02").schedulable
    assert made.node("head").schedulable
    assert replace(made.hub.state).packing is None
