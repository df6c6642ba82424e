"""Boards blink, and what their LED did before is restored. Real shells, LEDs in a folder."""

import asyncio
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import pytest

from sciabc_tui.api.powering import IdentifyWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Step
from sciabc_tui.errors import NotFound
from sciabc_tui.head.identify import DemoIdentify, Identify
from sciabc_tui.head.power_scripts import identify
from sciabc_tui.head.power_talk import Hear, Talks
from sciabc_tui.head.sessions import Sessions
from tests.head.power_world import World, ends, lost, whole, world

SHELLS = [
    pytest.param(["/bin/sh", "-s"], id="sh"),
    pytest.param(["bash", "--posix", "-s"], id="bash"),
    pytest.param(["busybox", "sh", "-s"], id="busybox"),
]


def led(folder: Path, name: str = "ACT", triggers: str = "none [mmc0] timer heartbeat") -> Path:
    """Make what the kernel shows of an LED."""
    made = folder / "leds" / name
    made.mkdir(parents=True)
    (made / "trigger").write_text(triggers)
    (made / "brightness").write_text("0\n")
    return made


def trigger(made: Path) -> str:
    """Give what was written last."""
    return (made / "trigger").read_text().strip()


def until(true: object, what: str) -> None:
    """Wait until something is so, ten seconds at most."""
    assert callable(true)
    deadline = time.monotonic() + 10.0
    while not true():
        assert time.monotonic() < deadline, what


@pytest.mark.parametrize("shell", SHELLS)
def test_it_blinks_and_restores(tmp_path: Path, shell: list[str]) -> None:
    """In any shell that a board has: the kernel's own timer, then the trigger of before."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    made = led(tmp_path)
    script = identify(3, str(tmp_path / "leds"), str(tmp_path))  # long enough to be looked at meanwhile
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin
        assert running.stdout
        running.stdin.write(script)
        running.stdin.close()
        assert running.stdout.readline() == "@sciabc blinks ACT\n"
        assert trigger(made) == "timer"
        assert [line for line in running.stdout.read().splitlines() if line] == ["@sciabc restored"]
    assert trigger(made) == "mmc0"


def test_the_kernel_is_told_how_fast(tmp_path: Path) -> None:
    """The files that the timer trigger brings along are written: twice a second."""
    made = led(tmp_path)
    for name in ("delay_on", "delay_off"):
        (made / name).touch()
    _run(identify(1, str(tmp_path / "leds"), str(tmp_path)))
    assert (made / "delay_on").read_text() == (made / "delay_off").read_text() == "250\n"


def test_without_any_blinking_trigger_the_light_is_switched_by_hand(tmp_path: Path) -> None:
    """A trigger of none means a level, which is restored too."""
    made = led(tmp_path, "led0", "[none] mmc0")
    (made / "brightness").write_text("255\n")
    assert _run(identify(2, str(tmp_path / "leds"), str(tmp_path))) == ["blinks led0", "restored"]
    assert (trigger(made), (made / "brightness").read_text()) == ("none", "255\n")


@pytest.mark.parametrize("end", ["TERM", "HUP", "hang up"])
def test_it_stops_when_nobody_listens(tmp_path: Path, end: str) -> None:
    """No blink for ever: at a signal, and within seconds of a connection's end."""
    made = led(tmp_path)
    running = subprocess.Popen(["/bin/sh", "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdin
    assert running.stdout
    running.stdin.write(identify(3600, str(tmp_path / "leds"), str(tmp_path)))
    running.stdin.close()
    assert running.stdout.readline() == "@sciabc blinks ACT\n"
    if end == "hang up":
        running.stdout.close()
    else:
        os.kill(running.pid, {"TERM": 15, "HUP": 1}[end])
    running.wait(30)
    running.stdout.close()
    assert trigger(made) == "mmc0"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("killed", [False, True], ids=["still there", "killed"])
def test_who_begins_while_it_blinks_restores_what_was_before(
    tmp_path: Path, shell: list[str], killed: bool
) -> None:
    """Not the blinking of the first, whether that still goes on or was killed; and nothing stays behind."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    made = led(tmp_path)
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin
        assert first.stdout
        first.stdin.write(identify(3600, str(tmp_path / "leds"), str(tmp_path)))
        first.stdin.close()
        assert first.stdout.readline() == "@sciabc blinks ACT\n"
        if killed:
            first.kill()
            first.wait(30)
        assert trigger(made) == "timer"
        (made / "trigger").write_text("none mmc0 [timer] heartbeat")  # as the kernel shows it
        assert _run(identify(1, str(tmp_path / "leds"), str(tmp_path)), shell) == ["blinks ACT", "restored"]
        assert trigger(made) == "mmc0"
        first.terminate()
    assert trigger(made) == "mmc0"
    assert [path.name for path in tmp_path.iterdir()] == ["leds"]


def test_many_at_once_restore_what_was_before(tmp_path: Path) -> None:
    """Whichever of them looks, notes and restores first."""
    made = led(tmp_path)
    script = identify(3, str(tmp_path / "leds"), str(tmp_path))  # the last begins before the first ends
    with ThreadPoolExecutor(8) as threads:
        for words in threads.map(_run, [script] * 8):
            assert words == ["blinks ACT", "restored"]
    assert trigger(made) == "mmc0"
    assert [path.name for path in tmp_path.iterdir()] == ["leds"]


def test_a_board_without_such_an_led_says_so(tmp_path: Path) -> None:
    """Also one with other LEDs only."""
    led(tmp_path, "input0::capslock")
    assert _run(identify(1, str(tmp_path / "leds"), str(tmp_path))) == ["none"]
    assert _run(identify(1, str(tmp_path / "nothing"), str(tmp_path))) == ["none"]


@pytest.mark.skipif(shutil.which("setpriv") is None or os.geteuid() != 0, reason="needs root and setpriv")
def test_who_may_not_switch_it_says_so(tmp_path: Path) -> None:
    """Neither root nor sudo: nothing is changed."""
    made = led(tmp_path)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", "/bin/sh", "-s"]
    assert _run(identify(1, str(tmp_path / "leds"), str(tmp_path)), nobody) == ["denied ACT"]
    assert trigger(made) == "none [mmc0] timer heartbeat"


def _run(script: str, shell: list[str] | None = None) -> list[str]:
    done = subprocess.run(
        shell or ["/bin/sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=30
    )
    return [line.removeprefix("@sciabc ") for line in done.stdout.splitlines() if line]


async def test_the_head_blinks_too_and_a_hang_up_ends_it(tmp_path: Path) -> None:
    """It runs the script itself; closing the work restores its LED."""
    made = led(tmp_path)
    cluster = world("node01")
    with ThreadPoolExecutor(2) as worker:
        talks = Talks(Sessions(), worker)
        work = Identify(cluster.hub, talks, leds=str(tmp_path / "leds"), run=str(tmp_path))
        async with aclosing(work.work(IdentifyWish(("head",), 60.0), "ada")) as parts, asyncio.timeout(20):
            async for part in parts:
                if isinstance(part, Step):
                    assert part.text == "its LED ACT blinks for 1m00s"
                    break
            assert trigger(made) == "timer"
    until(lambda: trigger(made) == "mmc0", "restored")


async def test_a_node_without_a_session_says_so() -> None:
    """Nobody waits for ever."""
    cluster = world("node01")
    with ThreadPoolExecutor(2) as worker:
        work = Identify(cluster.hub, Talks(Sessions(), worker))
        ended = ends(await whole(work.work(IdentifyWish(("node01",), 1.0), "ada")))["node01"]
    assert (ended.ok, ended.text) == (False, "there is no SSH session with it")


def boards(cluster: World) -> Identify:
    """Make the work on boards that say what the test wants."""
    return Identify(cluster.hub, cluster)


async def test_each_board_tells_how_it_went() -> None:
    """One that blinked, one with no LED, one that is not allowed, one that was cut off; all at once."""
    cluster = world("node01", "node02", "node03", "node04")

    def good(hear: Hear) -> None:
        hear("blinks ACT")
        hear("restored")

    cluster.does |= {
        "node01": good,
        "node02": lambda hear: hear("none"),
        "node03": lambda hear: hear("denied led0"),
        "node04": lambda _: lost(),
    }
    names = ("node01", "node02", "node03", "node04")
    parts = await whole(boards(cluster).work(IdentifyWish(names, 5.0), "ada"))
    assert parts[0] == Begun(names)
    assert parts[-1] == Over()
    found = ends(parts)
    assert found["node01"] == Ended("node01", ok=True, text="blinked: ACT")
    assert "no activity LED" in found["node02"].text
    assert "only root may switch its LED led0" in found["node03"].text
    assert "the connection was lost" in found["node04"].text
    assert all(ended.ok or ended.fix.startswith("Next: ") for ended in found.values())


async def test_a_board_that_blinks_is_left_alone() -> None:
    """A second script would restore the blinking of the first."""
    cluster = world("node01")
    work = boards(cluster)
    began = asyncio.Event()

    class Slow:
        """Blinks until it is cancelled."""

        async def tell(self, node: str, script: str, hear: Hear) -> None:
            """Begin."""
            hear("blinks ACT")
            began.set()
            await asyncio.Event().wait()

    work = Identify(cluster.hub, Slow())
    async with aclosing(work.work(IdentifyWish(("node01",), 60.0), "ada")) as parts:
        heard: list[Part] = [await anext(parts), await anext(parts)]
        assert isinstance(heard[1], Step)
        await began.wait()
        second = ends(await whole(work.work(IdentifyWish(("node01",), 1.0), "eve")))["node01"]
        assert second.text == "blinks already"
    assert work._blinking == set()


async def test_the_simulation_says_that_it_is_one() -> None:
    """In its first part, and in each text; a name that nobody has is refused there too."""
    cluster = world("node01")
    parts = await whole(DemoIdentify(cluster.hub).work(IdentifyWish(("node01",), 1.0), "ada"))
    assert parts[0] == Begun(("node01",), simulated=True)
    assert "SIMULATED" in ends(parts)["node01"].text
    with pytest.raises(NotFound):
        await whole(DemoIdentify(cluster.hub).work(IdentifyWish(("nope",), 1.0), "ada"))
