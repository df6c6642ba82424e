"""Ctrl-C in a work, at whatever moment it comes: the command ends at once, and the head hears of it."""

import asyncio
import signal
import subprocess
import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from sciabc_tui.api.provisioning import LookWish
from sciabc_tui.api.works import Begun, Board, Over, Part, Said, Step, Wish
from tests.api.scripted import Serving
from tests.cli.shell import Shell

BOARD = Board("10.77.0.21", "10.77.0.21", 22, "", "SHA256:" + "a" * 43)

COMMANDS: dict[str, tuple[str, ...]] = {
    "exec": ("exec", "-w", "head", "--no-fold", "x"),
    "identify": ("identify", "head", "--for", "10m"),
    "power": ("power", "off", "head", "--yes"),
    "push": ("push", "-w", "head", "file"),
    "provision": ("nodes", "provision", "pi@10.77.0.21", "--yes", "--json"),
}

MOMENTS = (0.0, 0.0005, 0.002, 0.01, 0.05)
"""Seconds after the head has heard the wish: it begins to tell, the command to listen and to print."""

ENDS_WITHIN = 30.0
"""Seconds; the works never end by themselves."""


@dataclass(slots=True)
class Endless:
    """Does works that never end.

    Attributes:
        talks: They tell more than anybody reads; else nothing after their first part.
        begun: How many there were; looks, which come before and do end, are not counted.
        closed: How many were closed.
    """

    talks: bool
    begun: int = 0
    closed: int = 0
    told: tuple[Part, ...] = field(
        default=(Said("head", b"x\n"), Step("head", "check", "running", "x", share=0.5))
    )

    async def work(self, wish: Wish, *, by: str) -> AsyncGenerator[Part, None]:
        """Do one until it is closed."""
        del by
        if isinstance(wish, LookWish):
            for part in (Begun((BOARD.target,)), BOARD, Over()):
                yield part
            return
        self.begun += 1
        try:
            yield Begun(("head",), ("check",))
            while self.talks:
                for part in self.told:
                    yield part
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            self.closed += 1


def last_words(process: "subprocess.Popen[str]") -> str:
    """Give what it said on standard error by its end; where it did not end, what it was doing."""
    try:
        return process.communicate(timeout=ENDS_WITHIN)[1]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # its fault handler tells where it is
        return process.communicate()[1]


@pytest.mark.parametrize("talks", [False, True], ids=["silent", "talks"])
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_is_heard_at_any_moment(
    shell: Shell,
    service: Serving,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    talks: bool,
) -> None:
    """It ends with 130, says that it was cancelled, and the work is closed: between two words or in one."""
    (shell.home / "file").touch()
    works = Endless(talks)
    monkeypatch.setattr(service.backend, "work", works.work)
    for count, moment in enumerate(MOMENTS, 1):
        with shell.start(*COMMANDS[command], PYTHONFAULTHANDLER="1") as process:
            service.until(lambda: works.begun == count)  # noqa: B023 - it is waited for in this turn
            threading.Event().wait(moment)
            process.send_signal(signal.SIGINT)
            err = last_words(process)
        assert process.returncode == 130, (moment, err)
        assert err.endswith("Cancelled. What was begun on the nodes is ended.\n"), (moment, err)
        service.until(lambda: works.closed == count)  # noqa: B023 - as above
