"""Signs of life for systemd: given while what matters works, and not a moment longer."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typing_extensions import override

from sciabc_tui.cluster.observations import Observation, Ticked
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.watchdog import CARD_STALLS_FOR, Disk, Vital, Watchdog, api, membership, patience
from tests.head.fakes import FakeClock
from tests.simtime import SimTime

SYSTEMD_WAITS = 30.0
PERIOD = SYSTEMD_WAITS / 3


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "41"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "1e6"}, None),
        ({"WATCHDOG_USEC": "\u0663\u0660"}, None),
    ],
)
def test_systemd_says_whether_it_waits(environ: dict[str, str], expected: float | None) -> None:
    """Only what is a number and meant for this process counts."""
    assert patience(environ, 42) == expected


class Watched:
    """A watchdog over checks that the test steers."""

    def __init__(self, *looks: Callable[[], Awaitable[str]], waits: float = SYSTEMD_WAITS) -> None:
        self.time = SimTime()
        self.signs: list[float] = []
        vitals = [Vital(f"part {number}", look) for number, look in enumerate(looks)]
        self.dog = Watchdog(
            lambda: self.signs.append(self.time.monotonic()), vitals, patience=waits, sleep=self.time.sleep
        )

    async def after(self, seconds: float) -> list[float]:
        """Let time pass; give the moments of the signs of life."""
        task = asyncio.get_running_loop().create_task(self.dog.run())
        try:
            await self.time.advance(seconds, sleepers=1)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return self.signs


async def _well() -> str:
    return ""


async def test_a_service_that_works_gives_three_signs_within_systemds_patience() -> None:
    """One at once, so that systemd does not wait for the first; then often enough that two may be lost."""
    assert await Watched(_well, _well).after(SYSTEMD_WAITS) == [1000.0, 1010.0, 1020.0, 1030.0]


async def test_one_part_that_does_not_work_is_enough(caplog: pytest.LogCaptureFixture) -> None:
    """No sign of life, and one line in the log, however long it takes."""

    async def ill() -> str:
        return "does nothing for 70 s"

    assert await Watched(_well, ill).after(10 * PERIOD) == []
    assert [record.getMessage() for record in caplog.records] == [
        "signs of life: none: part 1 does nothing for 70 s"
    ]


async def test_a_check_that_raises_or_hangs_is_a_part_that_does_not_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither ends the watchdog itself, and neither passes for a sign of life."""

    async def raises() -> str:
        raise LookupError("no such thing")

    async def hangs() -> str:
        await asyncio.Event().wait()
        return ""

    assert await Watched(raises, hangs, waits=0.3).after(0.2) == []
    said = caplog.records[0].getMessage()
    assert said == "signs of life: none: part 0 fails (LookupError: no such thing); part 1 does not answer"


async def test_a_part_that_recovers_in_time_is_forgiven(caplog: pytest.LogCaptureFixture) -> None:
    """The signs go on, and the log says that too."""
    caplog.set_level("INFO")
    answers = iter(("", "is ill", "", ""))

    async def sometimes() -> str:
        return next(answers)

    assert await Watched(sometimes).after(3 * PERIOD) == [1000.0, 1020.0, 1030.0]
    assert [record.levelname for record in caplog.records if record.name.endswith("watchdog")] == [
        "ERROR",
        "INFO",
    ]


async def test_membership_that_takes_no_tick_is_stuck() -> None:
    """A state that makes every step fail is not lived with: a new service has a new one."""

    class Poisoned(StateHub):
        """Fails at each observation."""

        @override
        def observe(self, observations: Sequence[Observation]) -> None:
            """Fail."""
            raise KeyError(observations)

    hub, poisoned = StateHub(FakeClock()), Poisoned(FakeClock())
    assert await membership(hub).look() == ""
    with pytest.raises(KeyError) as caught:
        await membership(poisoned).look()
    assert caught.value.args == ([Ticked(late=0.0)],)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", "answers b'HTTP/1.1 500 Internal Server Error"),
        (b"", "answers b''"),
    ],
)
async def test_the_api_must_answer(tmp_path: Path, answer: bytes, problem: str) -> None:
    """A request through the real socket is answered well, or that is a problem."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    socket = tmp_path / "api.sock"
    async with await asyncio.start_unix_server(serve, socket):
        found = await api(socket).look()
    assert found.startswith(problem)
    assert bool(found) == bool(problem)
    with pytest.raises(FileNotFoundError):
        await api(tmp_path / "gone.sock").look()


async def test_a_card_may_stall_for_a_minute_but_not_for_ever() -> None:
    """A busy SD card is no reason to end the service; a thread that never comes back is."""
    clock, stall = FakeClock(), threading.Event()
    with ThreadPoolExecutor(1) as worker:
        disk = Disk(worker, clock).vital
        assert await disk.look() == ""
        stalled = worker.submit(stall.wait)
        try:
            for _ in range(6):
                assert await disk.look() == ""
                clock.now += CARD_STALLS_FOR / 6
            clock.now += 1.0
            assert await disk.look() == "does nothing for 61 s"
        finally:
            stall.set()
        await asyncio.wrap_future(stalled)
        async with asyncio.timeout(20):
            while await disk.look():  # noqa: ASYNC110 - the executor tells nobody
                await asyncio.sleep(0.01)
