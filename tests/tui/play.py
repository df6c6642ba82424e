"""Look by hand: `python -m tests.tui.play [empty|ready|running|queued|lost|gone] [simulated]`."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

from typing_extensions import override

from sciabc_tui.cluster.state import State
from sciabc_tui.tui.run import run_tui
from tests.tui.client import CapturingClient
from tests.tui.states import STATES, fitness, log_records, simulated


class Player(CapturingClient):
    """Sends one state anew each second, with moving clocks and loads."""

    def __init__(self, state: State) -> None:
        super().__init__(log=log_records(400))
        self.report = fitness()
        self._state = self._sent = state
        self._end = threading.Event()

    @override
    def watch(self) -> Iterator[State]:
        """Play until it is closed."""
        second = 0
        while not self._end.wait(1.0 if second else 0.0):
            nodes = {
                id_: replace(
                    node,
                    heard_at=node.heard_at + second if node.streaming else node.heard_at,
                    trend=(*node.trend[second % 15 :], *node.trend[: second % 15]),
                )
                for id_, node in self._state.nodes.items()
            }
            self.log_data += log_records(20, first=400 + 20 * second)
            yield replace(
                self._state, at=self._state.at + second, wall=self._state.wall + second, nodes=nodes
            )
            second += 1

    @override
    def close_watch(self) -> None:
        """End the play."""
        self._end.set()


def main(words: list[str]) -> int:
    """Play the state of this name."""
    name = words[0] if words else "lost"
    client: CapturingClient
    if name == "gone":
        client = CapturingClient(STATES["running"]())
        threading.Timer(1.5, client.go_away).start()
    else:
        state = STATES[name]()
        client = Player(simulated(state) if "simulated" in words else state)
    return run_tui(lambda: client)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
