"""`push` of 100 MB to three lab nodes against scp to each of them at once, in alternate rounds.

    python tests/bench/push_files.py [--rounds 7] [--nodes 3] [--megabytes 100]

In the lab, on real sshd: needs root. What a user waits for: from the start of the command to its end. Both
begin with no such file on the nodes; `push` compares checksums and brings it to the disk beside. Then the
same push once more, which must copy nothing.
"""

import argparse
import shlex
import statistics
import sys
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lab.flight import PROGRAM, Flight
from tests.lab.image import HOME, REPOSITORY
from tests.lab.lab import Lab
from tests.lab.needs import missing

BOUND = 1.2
_FILE = "bulk.bin"

# Prints the seconds of a push and of scp to all nodes at once, for each round; then what a second push says.
_MEASURE = """
import subprocess, sys, time

rounds, file, nodes, push = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(), sys.argv[4:]

def fresh():
    for node in nodes:
        subprocess.run(["ssh", node, "rm -f " + file + "; sync"], check=True)

def took(commands):
    began = time.monotonic()
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    assert [each.wait() for each in running] == [0] * len(running)
    return time.monotonic() - began

for _ in range(rounds):
    fresh()
    mine = took([push])
    fresh()
    other = took([["scp", "-q", file, node + ":" + file] for node in nodes])
    print(mine, other, flush=True)
subprocess.run(push, check=True, stdout=subprocess.DEVNULL)
print(subprocess.run(push, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
"""


def measure(rounds: int, count: int, megabytes: int) -> float:
    """Print both times; give their ratio."""
    with Lab(nodes=count) as lab:
        flight = Flight(lab)
        flight.up()
        lab.head.run(["sh", "-c", f"head -c {megabytes}000000 /dev/urandom >{HOME}/{_FILE}"])
        names = " ".join(node.name for node in lab.nodes)
        push = (*PROGRAM, "push", f"{HOME}/{_FILE}")
        words = [sys.executable, "-c", _MEASURE, str(rounds), f"{HOME}/{_FILE}", names, *push]
        command = ["sh", "-c", f"cd {REPOSITORY} && exec {shlex.join(words)}"]
        *lines, last = lab.head.run(command, env=flight.env, timeout=600.0).stdout.splitlines()
    pairs = [(float(one), float(other)) for one, other in (line.split() for line in lines)]
    for mine, other in pairs:
        print(f"push {mine:.2f} s, scp {other:.2f} s", flush=True)
    ratio = statistics.median(mine / other for mine, other in pairs)
    print(f"{megabytes} MB to {count} nodes: push takes {ratio:.2f} x the time of scp (median)")
    print(f"a second push: {last}", flush=True)
    return ratio if last.startswith("0 bytes copied") else float("inf")


def main() -> None:
    """Run it; exit with 1 if it takes too long, or copies twice."""
    parser = argparse.ArgumentParser(description="push against scp.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=100)
    options = parser.parse_args()
    if lacks := missing():
        raise SystemExit("\n".join(lacks))
    sys.exit(measure(options.rounds, options.nodes, options.megabytes) > BOUND)


if __name__ == "__main__":
    main()
