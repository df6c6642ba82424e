"""Reads how the head service ended out of what systemd tells its last command (systemd.exec(5))."""

import re
import signal
from collections.abc import Callable, Mapping

from sciabc_tui.cli import systemd
from sciabc_tui.cli.daemon import BUSY
from sciabc_tui.panel.farewell import Ending, Farewell

_ANSWERS_WITHIN = 2.5
"""Seconds that systemd may take to say whether the machine goes down; a small board is busy just then."""

_NUMBER = re.compile(r"[0-9]{1,3}")
_WHY = {
    "oom-kill": "no memory",
    "protocol": "not ready",
    "resources": "no start",
    "start-limit-hit": "no start",
    "timeout": "timed out",
    "watchdog": "hung",
}


def judged(environ: Mapping[str, str], *, going_down: Callable[[], bool]) -> Farewell | None:
    """Tell how the service ended; None where the front panel is another service's.

    Args:
        environ: `$SERVICE_RESULT`, `$EXIT_CODE` and `$EXIT_STATUS` as systemd sets them; without them
            it was stopped.
        going_down: Says whether the machine is about to stand.
    """
    result, status = environ.get("SERVICE_RESULT", ""), environ.get("EXIT_STATUS", "")
    if result and going_down():
        return Farewell(Ending.SHUTDOWN)  # whatever else there is to tell: no power must go now
    if result in {"", "success"}:
        return Farewell(Ending.STOPPED)
    if result == "exit-code" and status == str(BUSY):
        return None
    return Farewell(Ending.CRASHED, _why(result, status))


def machine_goes_down() -> bool:
    """Ask systemd whether it is about to stop the machine; one that does not answer is not."""
    return systemd.told("is-system-running", within=_ANSWERS_WITHIN) == "stopping"


def _why(result: str, status: str) -> str:
    match result:
        case "signal" | "core-dump":
            return _signal(status)
        case "exit-code":
            return f"exit {status}" if _NUMBER.fullmatch(status) else "failed"
        case _:
            return _WHY.get(result, "failed")


def _signal(name: str) -> str:
    """Give a signal's number, as its name is (`SEGV`), or a real-time one's (`RTMIN+3`)."""
    found = signal.Signals.__members__.get(f"SIG{name}")
    return "a signal" if found is None else f"signal {found.value}"
