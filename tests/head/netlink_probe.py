"""Runs in a network namespace of its own: each argument is a command; prints the snapshot after each."""

import asyncio
import sys
import time

import msgspec

from sciabc_tui.head import netlink
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.netlink import NetlinkWatch
from sciabc_tui.head.network import Network


async def main(commands: list[str]) -> None:
    """Run the commands; print how long the watch took to know what the kernel says, and that."""
    watch = NetlinkWatch()
    kernel = netlink._open()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch.run(StateHub(SystemClock())))
        async with asyncio.timeout(20.0):
            seen = await watch.changed(None)
            show(0.0, seen)
            for command in commands:
                process = await asyncio.create_subprocess_exec(*command.split())
                if await process.wait():
                    sys.exit(f"{command} failed")
                before = time.monotonic()
                while seen != await netlink.look(kernel):
                    seen = await watch.changed(seen)
                show(time.monotonic() - before, seen)
        task.cancel()
    kernel.close()


def show(seconds: float, network: Network) -> None:
    """Print one snapshot."""
    print(f"{seconds:.4f} {msgspec.json.encode(network).decode()}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
