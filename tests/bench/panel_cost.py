"""What the front panel costs: CPU of a frame, and of all its followers a second, by the size of the cluster.

    python -m tests.bench.panel_cost [--nodes 8 64 750] [--seconds 36]

A frame is presented in each second of a turn of the pages; its slowest page is told too. The followers run
as in the head service, on devices that do nothing, in simulated time: what remains is deciding what to show,
the hand-over to the devices' threads, and the hub.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from hw.hd44780 import SIZE_20X4
from sciabc_tui.cluster.changes import PanelShown
from sciabc_tui.cluster.state import State
from sciabc_tui.panel.followers import PanelDevices, PanelFollower
from sciabc_tui.panel.present import present
from tests.panel.scenes import NOW, cluster, heard, running, with_job
from tests.simtime import WALL, SimTime

_TURN = 60
_ROUNDS = 5


class Newest:
    """A state that stays fresh; what the panel shows becomes part of it."""

    def __init__(self, state: State) -> None:
        self.state = state

    def publish(self, events: Sequence[PanelShown]) -> None:
        """Take what the panel shows."""
        self.state = replace(self.state, panel=events[-1].panel)


class Nothing:
    """A display and a stick that do nothing at once."""

    count = 1

    def show(self, shown: object, /, *, backlight: bool = True) -> None:
        """Show it."""

    def off(self) -> None:
        """Go dark."""

    def close(self) -> None:
        """Give it back."""


def frames(state: State) -> tuple[float, float]:
    """Give the CPU milliseconds of a frame: the mean over a turn of the pages, and the slowest page."""
    pages: list[float] = []
    for second in range(_TURN):
        begun = time.process_time()
        for _ in range(_ROUNDS):
            present(state, NOW + second, WALL + second, size=SIZE_20X4)
        pages.append((time.process_time() - begun) / _ROUNDS * 1e3)
    return sum(pages) / len(pages), max(pages)


async def followers(state: State, seconds: int) -> float:
    """Give the CPU milliseconds of all followers in a second."""
    clock = SimTime(NOW)
    devices = PanelDevices(Nothing, Nothing)
    follower = PanelFollower(devices, size=SIZE_20X4, clock=clock, sleep=clock.sleep)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run(Newest(state)))
        await clock.advance(2.0, sleepers=3)
        begun = time.process_time()
        await clock.advance(float(seconds), sleepers=3)
        spent = time.process_time() - begun
        task.cancel()
    return spent / seconds * 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What the front panel costs.")
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 64, 750])
    parser.add_argument("--seconds", type=int, default=36)
    wanted = parser.parse_args()
    print("nodes  frame ms  slowest page ms  all followers, ms a second")
    for nodes in wanted.nodes:
        state = heard(with_job(cluster(nodes=nodes), running(nodes=nodes)), NOW + _TURN)
        mean, slowest = frames(state)
        whole = asyncio.run(followers(state, wanted.seconds))
        print(f"{nodes:5}  {mean:8.2f}  {slowest:15.2f}  {whole:26.2f}")


if __name__ == "__main__":
    main()
