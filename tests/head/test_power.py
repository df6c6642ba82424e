"""The work `power`: boards halt, restart and are switched, and only liveness says that they did."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from sciabc_tui.api.powering import PowerWish
from sciabc_tui.api.works import Begun, Over, Part, Step
from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.node import Liveness
from sciabc_tui.cluster.observations import DrainNode
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.power import Power
from sciabc_tui.head.power_talk import Hear
from tests.head.power_world import QUICK, World, ends, lost, whole, world


def power(made: World) -> Power:
    """Make the work."""
    return Power(made.hub, made.clock, made.boards, made.starts)


def saying(*words: str) -> "Says":
    """Make a board that says these words and does nothing."""
    return Says(words)


class Says:
    """Says words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def __call__(self, hear: Hear) -> None:
        """Say them."""
        for word in self._words:
            hear(word)


async def test_a_board_that_halts_is_seen_gone() -> None:
    """It said goodbye, its stream closed, its kernel is silent: off, and no alarm, since it left."""
    made = world("node01", "node02")
    parts = await whole(power(made).work(PowerWish(("node01",), "off"), "ada"))
    assert parts[0] == Begun(("node01",))
    assert isinstance(parts[-1], Over)
    ended = ends(parts)["node01"]
    assert ended.ok, ended
    assert ended.text.startswith("off after ")
    assert made.node("node01").liveness is Liveness.LEFT
    assert [name for name, _ in made.asked] == ["node01"]


async def test_it_takes_no_job_meanwhile_and_is_given_back() -> None:
    """The drain begins before the board is asked, and ends with it; a drain of somebody else's stays."""
    made = world("node01", "node02")
    made.hub.obey(DrainNode(made.node("node02").id, "fan", "eve"))
    seen: list[str] = []

    def ask(hear: Hear) -> None:
        drained = made.node("node01").drained
        seen.append(drained.reason if drained else "")
        hear("going")
        made.go("node01")

    made.does["node01"] = ask
    await whole(power(made).work(PowerWish(("node01", "node02"), "off"), "ada"))
    assert seen == ["power off"]
    assert made.node("node01").drained is None
    drain = made.node("node02").drained
    assert drain is not None
    assert (drain.reason, drain.by) == ("fan", "eve")


async def test_a_kernel_that_still_answers_is_not_off() -> None:
    """A goodbye alone is not believed: the board may hang on its way down."""
    made = world("node01")
    made.bounds = QUICK
    made.kernel_up.add("node01")
    ended = ends(await whole(power(made).work(PowerWish(("node01",), "off"), "ada")))["node01"]
    assert not ended.ok
    assert "its kernel still answers" in ended.text
    assert "sciabc-tui power cut node01" in ended.fix


async def test_a_board_that_only_says_so_is_not_off() -> None:
    """Its readings go on: it did not go, and the text says what is known of it."""
    made = world("node01")
    made.bounds = QUICK
    made.does["node01"] = saying("trying", "going")
    ended = ends(await whole(power(made).work(PowerWish(("node01",), "off"), "ada")))["node01"]
    assert not ended.ok
    assert ended.text.startswith("did not go within 0.4 s: reading")
    assert made.node("node01").drained is None


async def test_a_board_that_is_cut_off_while_it_goes_is_watched_all_the_same() -> None:
    """Sshd may end before the word that all is well gets out."""
    made = world("node01")

    def ask(hear: Hear) -> None:
        hear("trying")
        made.die("node01")
        lost()

    made.does["node01"] = ask
    assert ends(await whole(power(made).work(PowerWish(("node01",), "off"), "ada")))["node01"].ok


async def test_a_restart_shows_another_boot() -> None:
    """Back means readings from another run of the kernel."""
    made = world("node01")
    ended = ends(await whole(power(made).work(PowerWish(("node01",), "reboot"), "ada")))["node01"]
    assert ended.ok, ended
    assert ended.text.startswith("back after ")
    facts = made.node("node01").facts
    assert facts is not None
    assert facts.boot_id == "boot-2"


async def test_the_same_boot_is_no_restart() -> None:
    """A board that hiccups and goes on was not restarted."""
    made = world("node01")
    made.bounds = QUICK
    made.does["node01"] = saying("trying", "going")
    ended = ends(await whole(power(made).work(PowerWish(("node01",), "reboot"), "ada")))["node01"]
    assert (ended.ok, "it did not restart" in ended.text) == (False, True)


async def test_a_board_that_stays_away_is_named_with_its_evidence() -> None:
    """Gone and not back: what was last seen of it, and what to do."""
    made = world("node01")
    made.bounds = QUICK

    def ask(hear: Hear) -> None:
        hear("going")
        made.die("node01")

    made.does["node01"] = ask
    ended = ends(await whole(power(made).work(PowerWish(("node01",), "reboot"), "ada")))["node01"]
    assert not ended.ok
    assert "is not back within 0.8 s: silent" in ended.text
    assert "ARP failed" in ended.text
    assert "power cycle node01" in ended.fix


@pytest.mark.parametrize(
    ("words", "text", "fix"),
    [
        (("trying", "denied sudo: a password is required"), "sudo there wants a password", "--password"),
        (("trying", "denied sudo: 1 incorrect password attempt"), "refuses the password", "once more"),
        (("trying", "denied there is no sudo"), "may not do that: there is no sudo", "docs/power.md"),
        (("trying", "failed Transaction is destructive"), "refuses to power off: Transaction", "ssh 10.77"),
        ((), "it said nothing of use", "ssh 10.77.0.11"),
    ],
)
async def test_why_a_board_does_not_halt_is_told(words: tuple[str, ...], text: str, fix: str) -> None:
    """Each its own line, with the next step; it takes jobs as before."""
    made = world("node01")
    made.does["node01"] = saying(*words)
    ended = ends(await whole(power(made).work(PowerWish(("node01",), "off"), "ada")))["node01"]
    assert not ended.ok
    assert text in ended.text
    assert fix in ended.fix
    assert made.node("node01").schedulable


async def test_the_others_finish() -> None:
    """One that can't be asked, one that is gone, and one that goes."""
    made = world("node01", "node02", "node03")
    made.does["node01"] = lambda _: lost()
    made.die("node02")
    found = ends(await whole(power(made).work(PowerWish(("node01", "node02", "node03"), "off"), "ada")))
    assert {name: ended.ok for name, ended in found.items()} == {
        "node01": False,
        "node02": False,
        "node03": True,
    }
    assert "the connection was lost" in found["node01"].text
    assert "is not there: silent" in found["node02"].text


async def test_what_runs_there_is_named_and_nothing_is_done() -> None:
    """The refusal comes before the first part, names jobs and ranks, and leaves no drain behind."""
    made = world("node01", "node02")
    made.run_job(7, "node01", "node02")
    with pytest.raises(CommandRefused, match=r"job 7 nbody runs on node02 \(rank 1\)\. Next: .*--force"):
        await whole(power(made).work(PowerWish(("node02",), "reboot"), "ada"))
    assert made.asked == []
    assert made.node("node02").schedulable


async def test_with_force_it_is_done() -> None:
    """Somebody has seen what is lost."""
    made = world("node01", "node02")
    made.run_job(7, "node01")
    wish = PowerWish(("node01",), "reboot", force=True)
    assert ends(await whole(power(made).work(wish, "ada")))["node01"].ok


async def test_the_head_takes_every_job_with_it() -> None:
    """It launches them all, wherever their ranks are."""
    made = world("node01")
    made.run_job(7, "node01")
    with pytest.raises(CommandRefused, match="job 7"):
        await whole(power(made).work(PowerWish(("head",), "off"), "ada"))


async def test_the_head_goes_last() -> None:
    """It is asked when the others are over."""
    made = world("node01", "node02")
    found = ends(await whole(power(made).work(PowerWish(("head", "node01", "node02"), "off"), "ada")))
    assert [name for name, _ in made.asked][-1] == "head"
    assert found["head"].text == "halts now"


async def test_the_head_stays_while_another_does() -> None:
    """Else nobody could say any more what stands."""
    made = world("node01")
    made.does["node01"] = saying("trying", "denied there is no sudo")
    found = ends(await whole(power(made).work(PowerWish(("head", "node01"), "off"), "ada")))
    assert [name for name, _ in made.asked] == ["node01"]
    assert (found["head"].ok, found["head"].text) == (False, "stays on: node01 did not go")


async def test_a_head_that_may_not_halt_says_how_by_hand() -> None:
    """The service runs without a way to become root."""
    made = world("node01")
    made.does["head"] = saying("trying", "denied sudo: a password is required")
    ended = ends(await whole(power(made).work(PowerWish(("head",), "off"), "ada")))["head"]
    assert not ended.ok
    assert "or by hand: sudo poweroff" in ended.fix


async def test_power_is_cut_and_given_and_heard() -> None:
    """Each by the driver, each seen; a board that is on is left alone."""
    made = world("node01")
    assert ends(await whole(power(made).work(PowerWish(("node01",), "on"), "a")))["node01"].changes == 0
    cut = ends(await whole(power(made).work(PowerWish(("node01",), "cut"), "a")))["node01"]
    assert cut.text.startswith("off after ")
    on = ends(await whole(power(made).work(PowerWish(("node01",), "on"), "a")))["node01"]
    assert on.text.startswith("on, heard after ")
    again = ends(await whole(power(made).work(PowerWish(("node01",), "cycle"), "a")))["node01"]
    assert again.text.startswith("back after ")
    assert [turn for _, turn in made.switched] == ["off", "on", "off", "on"]


async def test_a_board_with_no_driver_says_how_to_name_one() -> None:
    """A cycle does not even cut off what it could not switch on."""
    made = world("node01")
    made.no_driver.add("node01")
    for action in ("on", "cut", "cycle"):
        if action == "on":
            made.die("node01")
        ended = ends(await whole(power(made).work(PowerWish(("node01",), action), "a")))["node01"]
        assert (ended.ok, ended.text) == (False, "nothing switches its power")
    assert made.switched == []


async def test_who_hangs_up_gives_all_back() -> None:
    """A board that is still there takes jobs again."""
    made = world("node01")
    made.does["node01"] = saying("trying", "going")
    async with aclosing(power(made).work(PowerWish(("node01",), "off"), "ada")) as parts:
        async for part in parts:
            if isinstance(part, Step):
                break
        assert made.node("node01").drained is not None
    assert made.node("node01").schedulable
    await asyncio.sleep(0)


async def test_each_part_may_be_waited_for_in_another_task() -> None:
    """As the API does: the generator must not be tied to who took its first part."""
    made = world("node01")
    parts = power(made).work(PowerWish(("node01",), "off"), "ada")
    last: Part | None = None
    async with asyncio.TaskGroup() as group:
        while (part := await group.create_task(_next(parts))) is not None:
            last = part
    assert isinstance(last, Over)


async def _next(parts: AsyncGenerator[Part, None]) -> Part | None:
    return await anext(parts, None)


async def test_unknown_names_and_the_head_are_refused() -> None:
    """Before anything is done."""
    made = world("node01")
    with pytest.raises(NotFound, match="There is no node nope"):
        await whole(power(made).work(PowerWish(("node01", "nope\x1b"), "off"), "ada"))
    with pytest.raises(CommandRefused, match="The head can't power cycle itself"):
        await whole(power(made).work(PowerWish(("node01", "head"), "cycle"), "ada"))
    assert made.asked == []
    assert JobId(1) not in made.hub.state.jobs
