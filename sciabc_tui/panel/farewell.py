"""Last words: what stays on the glass when nobody drives it any more, pure.

```
16x2  |MONITOR STOPPED |  |MONITOR CRASHED |  |SHUTTING DOWN.. |  |SAFE TO UNPLUG  |  |RESTARTING..    |
      |14:07 on request|  |14:07 signal 11 |  |do not unplug   |  |halted 14:09    |  |do not unplug   |
```

There is no heart on any of them: that beats only while somebody drives the panel.
"""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from hw.hd44780 import Size
from sciabc_tui.panel.glass import exact
from sciabc_tui.panel.ports import LocalTime

LONGEST_WHY = 10
"""Characters of a reason that stand beside the time on 16 columns."""


class Ending(StrEnum):
    """How it ended.

    stopped: the service, on purpose. crashed: the service, by itself. shutdown: the machine begins to stop.
    halted: the machine stands, and power may go. restarting: the machine comes back by itself.
    """

    STOPPED = "stopped"
    CRASHED = "crashed"
    SHUTDOWN = "shutdown"
    HALTED = "halted"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class Farewell:
    """How it ended, and why, in `LONGEST_WHY` characters; empty where only one thing can be meant."""

    ending: Ending
    why: str = ""


def last_words(
    farewell: Farewell, wall: float, *, size: Size, local: LocalTime = time.localtime
) -> tuple[str, ...]:
    """Give the lines that stay behind, of exactly the size of the glass.

    Args:
        farewell: How it ended.
        wall: Seconds since the epoch, as `local` reads them.
        size: Of the glass: 16x2, 20x4, or what has at least as many columns.
        local: The time zone.
    """
    moment = local(wall)
    texts = _texts(farewell, f"{moment.tm_hour:02}:{moment.tm_min:02}")
    chosen = texts[: size.rows] if size.rows >= 4 else texts[:2]
    return tuple(exact(text, size.columns) for text in chosen)


def _texts(farewell: Farewell, clock: str) -> tuple[str, ...]:
    """Give four lines; where there are two, the first two say it all."""
    match farewell.ending:
        case Ending.STOPPED:
            return ("MONITOR STOPPED", f"{clock} {farewell.why or 'on request'}", "", "cluster unknown")
        case Ending.CRASHED:
            why = farewell.why or "unknown"
            return ("MONITOR CRASHED", f"{clock} {why}", "cluster unknown", "journalctl -u sciabc")
        case Ending.SHUTDOWN:
            return ("SHUTTING DOWN..", "do not unplug", "", f"since {clock}")
        case Ending.HALTED:
            return ("SAFE TO UNPLUG", f"halted {clock}", "", "")
        case Ending.RESTARTING:
            return ("RESTARTING..", "do not unplug", "", f"since {clock}")
        case _:
            assert_never(farewell.ending)
