"""Runs in a network namespace of its own: commands, and what the head then takes for its way out.

Arguments, in their order:

    COMMAND         run it
    !COMMAND        run it while the loop stands still
    =WORD           wait until the external IP, or the reason for none, is this; print the seconds since the
                    command before it began

It prints all that is published, one a line.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence

from typing_extensions import override

from sciabc_tui.cluster.changes import Event
from sciabc_tui.cluster.state import Uplink
from sciabc_tui.head import uplink
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.netlink import NetlinkWatch
from sciabc_tui.head.uplink import UplinkFollower

PATIENCE = 30.0
"""Seconds to wait for a word."""

BLIP = 3.0
"""Seconds after which an address is told as lost: more than the one of which a busy machine may take all."""


class TellingHub(StateHub):
    """Prints each external IP, or the reason for none, in the moment in which it becomes another one."""

    @override
    def publish(self, events: Sequence[Event]) -> None:
        """Publish, and print what is now another."""
        before = said(self.state.uplink)
        super().publish(events)
        now = said(self.state.uplink)
        if now != before:
            print(f"published {now}", flush=True)


async def main(cluster: tuple[str, ...], steps: list[str]) -> None:
    """Take the steps, beside the watch and the follower as they are in the head service."""
    uplink.BLIP = BLIP
    clock = SystemClock()
    hub = TellingHub(clock)
    watch = NetlinkWatch()
    follower = UplinkFollower(clock, watch, cluster)
    async with asyncio.TaskGroup() as tasks:
        working = [
            tasks.create_task(watch.run(hub)),
            tasks.create_task(follower.run(hub)),
        ]
        begun = time.monotonic()
        for step in steps:
            if step.startswith("="):
                await word(hub, step[1:])
                print(f"{step[1:]} after {time.monotonic() - begun:.3f}", flush=True)
                continue
            begun = time.monotonic()
            if step.startswith("!"):
                subprocess.run(step[1:].split(), check=True)  # noqa: ASYNC221 - the loop shall stand still
            else:
                process = await asyncio.create_subprocess_exec(*step.split())
                if await process.wait():
                    sys.exit(f"{step} failed")
        for task in working:
            task.cancel()


async def word(hub: StateHub, wanted: str) -> None:
    """Wait until the uplink is that."""
    try:
        async with asyncio.timeout(PATIENCE):
            while said(hub.state.uplink) != wanted:
                await hub.changed(hub.state.revision)
    except TimeoutError:
        sys.exit(f"{wanted} did not come: {hub.state.uplink}")


def said(uplink: Uplink | None) -> str:
    """Give the address or the problem."""
    return (uplink.address or uplink.problem) if uplink else ""


if __name__ == "__main__":
    asyncio.run(main(tuple(sys.argv[1].split(",")) if sys.argv[1] else (), sys.argv[2:]))
