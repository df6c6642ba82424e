"""What a search in a big log costs, with its index and without.

    python tests/bench/job_log.py [--megabytes 1024]

Four ranks print in turns, one line in 100,000 is on standard error, and rank 7 speaks at the end only.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from jobs.logbulk import Tagged
from jobs.logindex import index_path
from jobs.logquery import Query, pattern, select
from jobs.logstore import Stream
from jobs.logwriter import LogWriter
from jobs.tags import Piece

BEGIN = 1795269791.0
"""When the log begins; a MiB comes in a second."""


def write(path: Path, size: int) -> None:
    """Write the log as the runner does."""
    seconds = [0.0]
    lines = [f"[1,{n % 4}]<stdout>: step {n} of the simulation, energy {n * 0.1:.3f}\n" for n in range(900)]
    speakers = {f"[1,{rank}]<stdout>: ".encode(): (rank, Stream.OUT) for rank in range(4)}
    block = Tagged("".join(lines).encode(), speakers)
    began = time.process_time()
    with LogWriter(path, lambda: BEGIN + seconds[0]) as log:
        written = 0
        while written < size:
            log.add([block])
            written += len(block.data) + 18 * len(lines)
            if round(seconds[0] * 16) % 111 == 0:
                log.add([Piece(2, Stream.ERR, b"warning", joined=False)])
            seconds[0] += 1 / 16
        log.add([Piece(7, Stream.OUT, b"done", joined=False)])
    took = time.process_time() - began
    mine = index_path(path).stat().st_size
    print(f"{path.stat().st_size / 2**20:.0f} MiB written in {took:.2f} s of CPU, index {mine} bytes")


def search(path: Path, what: str, query: Query) -> None:
    """Search the log and say what that took."""
    began = time.monotonic()
    found = sum(len(data) for data, _ in select(path, query))
    took = time.monotonic() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"  {what:<28} {took:7.3f} s  {found:13,} bytes found, {memory} MiB of memory at most")


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description="Measure searches in a log.")
    options.add_argument("--megabytes", type=int, default=1024)
    size = options.parse_args().megabytes * 2**20
    with tempfile.TemporaryDirectory(prefix="sciabc-") as name:
        path = Path(name) / "log"
        write(path, size)
        end = BEGIN + size / 2**20
        queries = {
            "everything": Query(),
            "rank 7 (at the end)": Query(ranks=frozenset({7})),
            "the last minute": Query(since=end - 60),
            "standard error": Query(streams=frozenset({Stream.ERR})),
            "rank 3 (everywhere)": Query(ranks=frozenset({3})),
            "grep energy 12.3": Query(grep=pattern(r"energy 12\.3")),
        }
        for title in ("with the index", "without"):
            print(title)
            for what, query in queries.items():
                search(path, what, query)
            index_path(path).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
