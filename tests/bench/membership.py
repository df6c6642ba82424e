"""How fast the pure core is: 10,000 nodes, 1,000,000 readings, in batches as the collector brings them.

    python tests/bench/membership.py [--nodes 10000] [--observations 1000000]

Prints seconds and observations a second. Read it beside the machine's speed: it is one thread of pure Python.
"""

import argparse
import resource
import time

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.membership import advance
from sciabc_tui.cluster.node import HostKey, Reading
from sciabc_tui.cluster.observations import Observation, ReadingTaken, Remembered, Ticked
from sciabc_tui.cluster.roster import node_id
from sciabc_tui.cluster.state import State


def cluster(size: int) -> tuple[State, list[NodeId]]:
    """Make a cluster of approved nodes, each of which was heard once."""
    ids = [node_id(f"mdns:node{number:05d}") for number in range(size)]
    known: list[Observation] = [
        Remembered(node, f"node{number:05d}", HostKey("ssh-ed25519", str(number), f"SHA256:{number}"))
        for number, node in enumerate(ids)
    ]
    state, _ = advance(State(), known, 0.0)
    return state, ids


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Time the pure core.")
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--observations", type=int, default=1_000_000)
    options = parser.parse_args()
    began = time.perf_counter()
    state, ids = cluster(options.nodes)
    joined = time.perf_counter() - began
    rounds = options.observations // options.nodes
    began = time.perf_counter()
    for second in range(1, rounds + 1):
        now = float(second)
        batch: list[Observation] = [ReadingTaken(node, Reading(now, cpu_percent=50.0)) for node in ids]
        state, _ = advance(state, [*batch, Ticked()], now)
    spent = time.perf_counter() - began
    schedulable = sum(node.schedulable for node in state.nodes.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.nodes} nodes joined in {joined:.2f} s")
    print(
        f"{rounds * options.nodes} readings in {spent:.2f} s: {rounds * options.nodes / spent:,.0f} a second"
    )
    print(f"{schedulable} schedulable, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
