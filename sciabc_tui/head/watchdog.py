"""Signs of life for systemd, given only while what matters truly works (sd_notify(3): `WATCHDOG=1`).

What is looked at, three times within systemd's patience:

- the loop: it runs this
- membership: a tick goes through it, so events are decided and published
- the API: a request through the real socket is answered, so clients get in and descriptors are left
- the disk: its one thread does what it is given, so jobs can be kept; a card may stall for a minute

A part that fails and is started again, a slow bus or a hanging stick is no reason to end the service.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from sciabc_tui.cluster.observations import Ticked
from sciabc_tui.head.ports import Clock, Hub

log = logging.getLogger(__name__)

LOOKS_WITHIN_PATIENCE = 3

CARD_STALLS_FOR = 60.0
"""Seconds that the disk may do nothing: an SD card that is written to from all sides does that."""

_REQUEST = b"GET /v1/hostfile HTTP/1.1\r\nHost: head\r\nConnection: close\r\n\r\n"
_ANSWER = b"HTTP/1.1 200 "


@dataclass(frozen=True, slots=True)
class Vital:
    """A part without which the service is none.

    Attributes:
        name: What to call it.
        look: Gives what is wrong, or nothing; it may raise, or not return, when the part is stuck.
    """

    name: str
    look: Callable[[], Awaitable[str]]


def patience(environ: Mapping[str, str], pid: int) -> float | None:
    """Give the seconds within which systemd expects a sign of life (sd_watchdog_enabled(3)).

    Args:
        environ: `$WATCHDOG_USEC` and `$WATCHDOG_PID`.
        pid: Ours; what is meant for another process is not for us.

    Returns:
        Seconds; None when nobody waits for one.
    """
    micros, meant = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
    if meant != str(pid) or not (micros.isascii() and micros.isdigit()) or int(micros) == 0:
        return None
    return int(micros) / 1e6


class Watchdog:
    """Looks at the vital parts, and tells systemd when all of them live."""

    def __init__(
        self,
        tell: Callable[[], object],
        vitals: Sequence[Vital],
        *,
        patience: float,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Look at nothing yet.

        Args:
            tell: Gives the sign of life.
            vitals: What must work.
            patience: Seconds after which systemd ends a service that gives none.
            sleep: Lets time pass.
        """
        self._tell = tell
        self._vitals = vitals
        self._period = patience / LOOKS_WITHIN_PATIENCE
        self._sleep = sleep
        self._said = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            found = await asyncio.gather(*(self._problem(vital) for vital in self._vitals))
            problems = "; ".join(filter(None, found))
            if not problems:
                self._tell()
            if problems != self._said:
                self._said = problems
                log.log(
                    logging.ERROR if problems else logging.INFO,
                    "signs of life: %s",
                    f"none: {problems}" if problems else "given again",
                )
            await self._sleep(self._period)

    async def _problem(self, vital: Vital) -> str:
        try:
            async with asyncio.timeout(self._period):
                problem = await vital.look()
        except TimeoutError:
            problem = "does not answer"
        except Exception as error:  # noqa: BLE001 - whatever it is: that part does not work
            problem = f"fails ({type(error).__name__}: {error})"
        return f"{vital.name} {problem}" if problem else ""


def membership(hub: Hub) -> Vital:
    """Give the check that a tick goes through membership."""

    async def look() -> str:
        hub.observe([Ticked(late=0.0)])
        return ""

    return Vital("membership", look)


def api(socket: Path) -> Vital:
    """Give the check that a request is answered."""

    async def look() -> str:
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            writer.write(_REQUEST)
            line = await reader.readline()
        finally:
            writer.close()
            await writer.wait_closed()
        return "" if line.startswith(_ANSWER) else f"answers {line[:40]!r}"

    return Vital("the API", look)


class Disk:
    """The check that the disk's thread does what it is given, if slowly."""

    def __init__(self, worker: Executor, clock: Clock) -> None:
        self._worker = worker
        self._clock = clock
        self._asked_at = 0.0
        self._answer: asyncio.Future[None] | None = None

    @property
    def vital(self) -> Vital:
        """The check itself."""
        return Vital("the disk", self._look)

    async def _look(self) -> str:
        now = self._clock.monotonic()
        if self._answer is None or self._answer.done():
            self._asked_at = now
            self._answer = asyncio.get_running_loop().run_in_executor(self._worker, _nothing)
        stalls = now - self._asked_at
        return f"does nothing for {stalls:.0f} s" if stalls > CARD_STALLS_FOR else ""


def _nothing() -> None:
    """Do what only a thread that lives can do."""
