"""Does a starved machine make nodes look dead? Eight lab nodes, every core saturated. Needs root.

    python tests/bench/soak.py [--minutes 30] [--nodes 8] [--loops 2]

Head and nodes share the cores with busy loops of the same priority. Prints every change of liveness with its
evidence, the worst gap between two readings of one node and the worst lateness of the head's own clock ticks.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from typing_extensions import override

from sciabc_tui.cli import wire
from sciabc_tui.cli.daemon import main as run_daemon
from sciabc_tui.cluster.observations import Observation, ReadingTaken, Ticked
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ports import Clock
from tests.lab.flight import Flight, Watch
from tests.lab.image import HOME
from tests.lab.lab import Lab
from tests.lab.needs import missing

FIGURES = f"{HOME}/soak.json"
WRITE_EVERY = 2.0
SERVICE = (sys.executable, str(Path(__file__).resolve()), "--serve")


class MeasuredHub(StateHub):
    """The service's hub, which also notes how late the readings and its own ticks come."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.worst_gap = 0.0
        self.worst_late = 0.0
        self.gaps_over_2 = 0
        self.readings = 0
        self._due = 0.0

    @override
    def observe(self, observations: Sequence[Observation]) -> None:
        """Note, then do what the hub does."""
        for observation in observations:
            match observation:
                case ReadingTaken(node, reading):
                    known = self.state.nodes.get(node)
                    before = known.reading if known else None
                    gap = reading.at - before.at if before else 0.0
                    self.readings += 1
                    self.gaps_over_2 += gap > 2.0
                    self.worst_gap = max(self.worst_gap, gap)
                case Ticked(late):
                    self.worst_late = max(self.worst_late, late)
                    self._write()
                case _:
                    pass
        super().observe(observations)

    def _write(self) -> None:
        now = self._clock.monotonic()
        if now < self._due:
            return
        self._due = now + WRITE_EVERY
        figures = {
            "worst_gap": self.worst_gap,
            "worst_late": self.worst_late,
            "gaps_over_2": self.gaps_over_2,
            "readings": self.readings,
        }
        Path(f"{FIGURES}.new").write_text(json.dumps(figures), encoding="utf-8")
        Path(f"{FIGURES}.new").replace(FIGURES)


def serve() -> None:
    """Be the head service, measured."""
    wire.StateHub = MeasuredHub
    sys.exit(run_daemon([]))


def saturate(loops: int) -> list[subprocess.Popen[bytes]]:
    """Start busy loops, so many for each core; none outlives this process by more than a second."""
    burn = (
        "import os, sys, time\nparent = int(sys.argv[1])\n"
        "while os.getppid() == parent:\n    end = time.monotonic() + 1\n"
        "    while time.monotonic() < end: pass"
    )
    count = loops * (os.cpu_count() or 1)
    return [subprocess.Popen([sys.executable, "-c", burn, str(os.getpid())]) for _ in range(count)]


def soak(watch: Watch, minutes: float) -> int:
    """Wait, tell each change of liveness as it comes; give how many there were."""
    began = time.monotonic()
    told = 0
    alive = {change.id: change.liveness for change in watch.changes}
    seen = len(watch.changes)
    while time.monotonic() - began < 60.0 * minutes:
        threading.Event().wait(5.0)
        changes = watch.changes
        for change in changes[seen:]:
            if alive.get(change.id) != change.liveness:
                told += 1
                minute = (change.at - began) / 60
                print(f"{minute:6.2f} min  {change.name} {change.liveness}: {change.evidence}", flush=True)
            alive[change.id] = change.liveness
        seen = len(changes)
    return told


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Soak the membership on a saturated machine.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--loops", type=int, default=2, help="busy loops a core")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if lacks := missing():
        print("no lab on this machine: " + "; ".join(lacks))
        return
    with Lab(nodes=options.nodes) as lab:
        flight = Flight(lab, {"SCIABC_CLUSTER_HEAD_SLOTS": "1"}, SERVICE)
        flight.up()
        with flight.watch() as watch:
            burners = saturate(options.loops)
            try:
                told = soak(watch, options.minutes)
            finally:
                for burner in burners:
                    burner.kill()
                    burner.wait()
        figures = json.loads(flight.file(FIGURES).read_text(encoding="utf-8"))
    print(
        f"{options.nodes} nodes, {len(burners)} busy loops on {os.cpu_count()} cores, {options.minutes:g} min"
    )
    print(f"changes of liveness    {told}  (target 0)")
    print(f"readings               {figures['readings']}, of them {figures['gaps_over_2']} after over 2 s")
    print(f"worst gap of readings  {figures['worst_gap']:.2f} s  (suspect at 3)")
    print(f"head's worst lateness  {figures['worst_late']:.2f} s")


if __name__ == "__main__":
    main()
