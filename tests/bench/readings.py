"""What readings cost: a sample on the node, and taking it in on the head.

    python tests/bench/readings.py [--samples 300]

On the node: user and system time of the whole program and all that it starts (`df` as often as on a node),
under each awk that is here, with bash to beat the time and with a `sleep` each time. Not in it: the versions
of MPI and Python, which are asked once in the background. On the head: the parser and the history. All of it
is this machine's time, not a Raspberry Pi's.
"""

import argparse
import resource
import shutil
import subprocess
import time
import tracemalloc

from sciabc_tui.cluster.node import Reading
from sciabc_tui.head import readings
from sciabc_tui.head.history import History

PERIOD = 0.02
"""Seconds between two samples here; one a second would take an hour."""


def spent_by_children() -> float:
    """Give the seconds of CPU of the processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(script: str, samples: int) -> float:
    """Give the seconds of CPU of so many samples, the start included."""
    before = spent_by_children()
    with subprocess.Popen(
        ["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(script.encode())
        process.stdin.close()
        for line in process.stdout:
            samples -= line.startswith(b"R\t")
            if not samples:
                break
        process.stdout.close()
    return spent_by_children() - before


def node(samples: int) -> None:
    """Measure the program."""
    script = readings.script(1.0)
    for slow in ("beats 1 ", "-v period=1 "):
        assert slow in script
        script = script.replace(slow, slow.replace("1", str(PERIOD)))
    for awk in ("mawk", "gawk", "busybox awk"):
        if shutil.which(awk.split()[0]) is None:
            print(f"{awk}: not here")
            continue
        mine = script.replace("exec awk", f"exec {awk}")
        for beats, way in (("bash", mine), ("sleep", mine.replace("command -v bash", "false"))):
            start = run(way, 1)
            each = (run(way, samples + 1) - start) / samples
            print(
                f"{awk:>12}, {beats:>5}: {1000 * each:.2f} ms a sample, {100 * each:.3f} % of a core at 1 Hz"
            )


def head(samples: int) -> None:
    """Measure the parser and the history."""
    lines = [
        f"R\t{100 * n}\t{50 * n}\t0.52\t3884368\t3000000\t48312\t{n}.25\t97,98,3,100\t{1000 * n}\t{500 * n}\n"
        for n in range(1, samples + 1)
    ]
    parser = readings.Parser()
    parser.feed(f"{readings.MARKER}\nD\t9000000\t30000000\nT\t50000\n".encode(), 0.0)
    pieces = [line.encode() for line in lines]
    began = time.process_time()
    found = [item for n, piece in enumerate(pieces) for item in parser.feed(piece, float(n))]
    parsing = (time.process_time() - began) / samples
    tracemalloc.start()
    history = History()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    began = time.process_time()
    for item in found:
        if isinstance(item, Reading):
            history.add(item, 1.0)
    keeping = (time.process_time() - began) / samples
    length = sum(map(len, pieces)) / samples
    for what, each in (("parser", parsing), ("history", keeping)):
        share = 100 * 750 * each / 2
        print(f"{what:>12}: {1e6 * each:.1f} us a reading, {share:.2f} % of a core for 750 nodes every 2 s")
    print(f"{'':>12}  {length:.0f} bytes a reading on the wire, {size} bytes of history a node")


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description="Measure what readings cost.")
    options.add_argument("--samples", type=int, default=300)
    samples = options.parse_args().samples
    node(samples)
    head(max(samples, 20_000))


if __name__ == "__main__":
    main()
