"""A board is lost in the middle of jobs, on a real head service with real launchers in the lab. Needs root.

    python tests/bench/node_loss.py [--rounds 20] [--launcher open-mpi-5]

Each round, for each launcher, program (ranks that talk, ranks that don't) and loss (cable out, power off):
two jobs over all boards, one with on-node-loss=fail and one with requeue, lose the same board; then one more
job runs on the survivors, and the board comes back. See `tests.lab.losing` for what is asked of each. A round
takes about 10 s on a machine that does nothing else: 20 of all launchers, 480 jobs, some 45 minutes.

Seconds are from when a client in the head has the word that the node is dead, to when it has the job's final
state (fail) or its next attempt's start (requeue); `line` is to the first line of that attempt.
"""

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lab.errors import CommandFailed
from tests.lab.flight import Flight
from tests.lab.lab import Lab
from tests.lab.launchers import Launcher, usable
from tests.lab.losing import BOUND, Loss, Outcome, Program, Round, StartHung, environment, following
from tests.lab.needs import missing

_TRIES = 3

Results = dict[tuple[Launcher, Program, Loss, str], list[Outcome]]


def main() -> int:
    """Run it; the exit status is 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description="Take boards away from running jobs.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--launcher", type=Launcher, choices=[*Launcher], action="append")
    options = parser.parse_args()
    if lacks := missing():
        print("no lab on this machine: " + "; ".join(lacks))
        return 0
    results: Results = {}
    trouble: Counter[str] = Counter()
    for launcher in usable(options.launcher or []):
        measure(launcher, options.rounds, results, trouble)
    report(results, trouble)
    return 0 if all(outcome.right for outcomes in results.values() for outcome in outcomes) else 1


def measure(launcher: Launcher, rounds: int, results: Results, trouble: Counter[str]) -> None:
    """Lose boards so many times, of a lab of this launcher's own."""
    with Lab(nodes=2, slots=2, shown=launcher.shown) as lab:
        flight = Flight(lab, environment(launcher))
        flight.up()
        with following(flight) as follower:
            for number in range(rounds):
                for program in Program:
                    for loss in Loss:
                        victim = lab.nodes[number % len(lab.nodes)].name
                        case = Round(flight, follower, launcher, (program, program), loss, victim)
                        for outcome in _played(case, trouble):
                            key = launcher, program, loss, outcome.policy
                            results.setdefault(key, []).append(outcome)


def _played(case: Round, trouble: Counter[str]) -> Iterable[Outcome]:
    for _ in range(_TRIES):
        try:
            outcomes = case.play()
        except StartHung as error:
            trouble[f"{case.launcher.value}: a launch hung at its start"] += 1
            print(f"{case.launcher.value}: {error}", flush=True)
            continue
        except (TimeoutError, CommandFailed) as error:
            trouble[f"{case.launcher.value}: a round could not be played to its end"] += 1
            print(f"{case.launcher.value} {case.programs[0].value} {case.loss.value}: {error}", flush=True)
            return ()
        for outcome in outcomes:
            tell(case, outcome)
        return outcomes
    return ()


def tell(case: Round, outcome: Outcome) -> None:
    """Print one job's line."""
    what = f"{case.launcher.value}, {case.programs[0].value}, {case.loss.value}, {outcome.policy}"
    line = "" if outcome.relaunched is None else f" (line {outcome.relaunched:.2f})"
    left = f"{len(outcome.leftovers)} leftovers"
    wrong = "; ".join((*outcome.faults, *outcome.leftovers))
    late = "LATE " if outcome.seconds > BOUND else ""
    print(
        f"{what}: dead after {outcome.detected:.2f}, end +{outcome.seconds:.2f}{line}, "
        f"{outcome.state}, {left} {late}{wrong}",
        flush=True,
    )


def report(results: Results, trouble: Counter[str]) -> None:
    """Print the table."""
    print(f"\n{'':48}{'right':>8}{'median':>8}{'worst':>8}{'line':>8}")
    for (launcher, program, loss, policy), outcomes in results.items():
        what = f"{launcher.value}, {program.value}, {loss.value}, {policy}"
        right = sum(outcome.right for outcome in outcomes)
        seconds = [outcome.seconds for outcome in outcomes]
        lines = [outcome.relaunched for outcome in outcomes if outcome.relaunched is not None]
        line = f"{statistics.median(lines):8.2f}" if lines else ""
        figures = f"{statistics.median(seconds):8.2f}{max(seconds):8.2f}{line}"
        print(f"{what:48}{f'{right}/{len(outcomes)}':>8}{figures}")
    for what, count in trouble.items():
        print(f"{count:5} x {what}")
    every = [outcome for outcomes in results.values() for outcome in outcomes]
    print(
        f"{sum(outcome.right for outcome in every)} of {len(every)} right: "
        f"{sum(outcome.seconds > BOUND for outcome in every)} late (over {BOUND:g} s), "
        f"{sum(bool(outcome.faults) for outcome in every)} with a wrong end, "
        f"{sum(bool(outcome.leftovers) for outcome in every)} with leftovers; "
        f"worst {max((outcome.seconds for outcome in every), default=0.0):.2f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
