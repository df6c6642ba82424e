"""How fast the head learns the truth, with real avahi, sshd and cable pulls in the lab. Needs root.

    python tests/bench/lab_liveness.py [--rounds 20]

Each round puts a new board into a lab of three, approves it, pulls its cable, puts it back, cuts its power
and gives it another address, and shuts it down in order. Prints median and worst beside the targets.

Measured on one clock, inside the head's namespaces: an announcement and a goodbye from the packet on the
head's wire; an approval from when the state says trusted; a cable from just before it is pulled, at any point
between two readings.
"""

import argparse
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sciabc_tui.cluster.node import READING_PERIOD
from tests.lab.flight import Flight, Watch
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.needs import missing
from tests.lab.watcher import Change

_FIRST, _APART = 100, 50
"""Where the new boards' addresses begin, and how far they move; none is used twice in so many rounds."""

TARGETS = {
    "advert -> in the state": 1.0,
    "approved -> schedulable": 2.0,
    "silent unplug -> suspect": 3.0,
    "silent unplug -> dead": 5.0,
    "plug back -> schedulable": 3.0,
    "new address announced -> schedulable there": 3.0,
    "goodbye -> left": 1.0,
}


@dataclass(slots=True)
class Round:
    """One board's day; every step adds a figure in seconds."""

    flight: Flight
    watch: Watch
    number: int
    figures: dict[str, float]

    @property
    def name(self) -> str:
        """The board's name; new in each round."""
        return f"fresh{self.number}"

    def live(self) -> None:
        """Go through it.

        Raises:
            TimeoutError: A step did not happen at all.
        """
        began = time.monotonic()
        node = self.flight.lab.add(self.name, address=f"10.77.0.{_FIRST + self.number % _APART}")
        self._join(node, began)
        self._lose(node)
        self._move(node)
        self._leave(node)

    def _join(self, node: Machine, began: float) -> None:
        announced = self.watch.packet(lambda packet: packet.source == node.address, since=began)
        appeared = self._becomes(lambda change: True, began)
        self.figures["advert -> in the state"] = appeared.at - announced.at
        self._becomes(lambda change: bool(change.fingerprint), began)
        self.flight.run("nodes", "approve", self.name, "--yes")
        approved = self._becomes(lambda change: change.trust == "trusted", began)
        ready = self._becomes(lambda change: change.schedulable, began)
        self.figures["approved -> schedulable"] = ready.at - approved.at

    def _lose(self, node: Machine) -> None:
        threading.Event().wait(random.random() * READING_PERIOD)
        pulled = time.monotonic()
        node.unplug()
        suspect = self._becomes(lambda change: change.liveness == "suspect", pulled)
        dead = self._becomes(lambda change: change.liveness == "dead", pulled)
        self.figures["silent unplug -> suspect"] = suspect.at - pulled
        self.figures["silent unplug -> dead"] = dead.at - pulled
        plugged = time.monotonic()
        node.plug()
        back = self._becomes(lambda change: change.schedulable, plugged)
        self.figures["plug back -> schedulable"] = back.at - plugged

    def _move(self, node: Machine) -> None:
        before = self._becomes(lambda change: change.schedulable, 0.0)
        cut = time.monotonic()
        node.power_off()
        address = f"10.77.0.{_FIRST + _APART + self.number % _APART}"
        node.power_on(address)
        announced = self.watch.packet(lambda packet: packet.source == address, since=cut)
        moved = self._becomes(lambda change: change.schedulable and change.address == address, cut)
        self.figures["new address announced -> schedulable there"] = moved.at - announced.at
        same = (moved.id, moved.fingerprint, moved.trust) == (before.id, before.fingerprint, before.trust)
        if not same or moved.fingerprint != node.host_key_fingerprint:
            raise AssertionError(f"another node after the power cycle: {before} {moved}")

    def _leave(self, node: Machine) -> None:
        began = time.monotonic()
        node.goodbye()
        said = self.watch.packet(lambda packet: packet.source == node.address and packet.goodbye, since=began)
        left = self._becomes(lambda change: change.liveness == "left", began)
        self.figures["goodbye -> left"] = left.at - said.at
        self.flight.lab.remove(node.name)
        self.flight.run("nodes", "forget", self.name)

    def _becomes(self, wanted: Callable[[Change], bool], since: float) -> Change:
        return self.watch.change(lambda change: change.name == self.name and wanted(change), since=since)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Time liveness in the lab.")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    if lacks := missing():
        print("no lab on this machine: " + "; ".join(lacks))
        return
    rounds: list[dict[str, float]] = []
    with Lab(nodes=3) as lab:
        flight = Flight(lab, {"SCIABC_CLUSTER_HEAD_SLOTS": "1"})
        flight.up()
        with flight.watch() as watch:
            for number in range(1, options.rounds + 1):
                figures: dict[str, float] = {}
                try:
                    Round(flight, watch, number, figures).live()
                except TimeoutError as error:
                    print(f"round {number}: {error}")
                rounds.append(figures)
                told = ", ".join(f"{value:.2f}" for value in figures.values())
                print(f"round {number}: {told}", flush=True)
            others = {"node01", "node02", "node03"}
            for change in watch.changes:
                if change.name in others and change.liveness != "alive":
                    print(f"a node that nobody touched: {change}")
    report(rounds)


def report(rounds: list[dict[str, float]]) -> None:
    """Print the table."""
    print(f"\n{'':44}{'median':>8}{'worst':>8}{'target':>8}")
    for what, target in TARGETS.items():
        values = [figures[what] for figures in rounds if what in figures]
        if not values:
            print(f"{what:44}  never measured")
            continue
        median, worst = statistics.median(values), max(values)
        verdict = "met" if worst <= target else "median met" if median <= target else "MISSED"
        lost = f", {len(rounds) - len(values)} rounds without it" if len(values) < len(rounds) else ""
        print(f"{what:44}{median:8.2f}{worst:8.2f}{target:8.1f}  {verdict}{lost}")


if __name__ == "__main__":
    main()
