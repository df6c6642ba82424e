"""What a long history costs: how soon `sciabc-tui jobs` answers and the service stands, with N finished jobs.

    python tests/bench/job_list.py [--jobs 0 10000] [--rounds 15]

For each size a store of such jobs is written as the service writes it, with a folder for each that still has
its files (`jobs.keep`). Rounds alternate: a Python interpreter that does nothing, `sciabc-tui --version`,
`sciabc-tui jobs`. The service is timed from its start until it says that it stands, and until it answers.
After the first, all find their modules compiled, as after an installation.
"""

import argparse
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jobs.attempt import AttemptFiles
from jobs.hostfile import Host
from jobs.spec import JobSpec
from jobs.states import JobState
from jobs.store import JobRecord, JobStore
from sciabc_tui.api.client import Client
from sciabc_tui.config import load
from tests.bench.ssh_streams import PAUSE

_CONFIG = """
[cluster]
interfaces = ["lo"]
[panel]
lcd = "off"
lamp = "off"
[paths]
state = "{top}/state"
runtime = "{top}/run"
"""
_HOSTS = tuple(Host(f"node{number:02}", f"10.77.0.{number}", 4) for number in range(1, 7))
_ENDS = (JobState.COMPLETED, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.NODE_FAIL)
_DAY = 86_400.0


def fill(state: Path, count: int) -> None:
    """Write so many finished jobs, the newest an hour old."""
    (state / "jobs").mkdir(parents=True)
    now = time.time()
    keep = 500  # as by default; the files of older ones were removed
    with JobStore(state / "jobs.sqlite") as store:
        for number in range(1, count + 1):
            at = now - 3600.0 - (count - number) * _DAY / 100
            folder = state / "jobs" / str(number) / "attempt-1"
            end = _ENDS[number % len(_ENDS)]
            spec = JobSpec("/home/pi/simulate", ("-n", str(number)), 24, f"simulate-{number}", "/home/pi")
            job = store.add(spec, at)
            kept = number > count - keep
            if kept:
                folder.mkdir(parents=True)
                AttemptFiles(folder).log.write_bytes(b"")
            reason = "" if end is JobState.COMPLETED else "rank 3 ended first, exit status 1"
            path = str(folder) if kept else ""
            store.update(
                JobRecord(job, spec, end, at, at + 1, at + 60, int(bool(reason)), reason, 1, _HOSTS, path)
            )


def seconds(*command: str, env: dict[str, str]) -> float:
    """Give how long a command takes."""
    began = time.monotonic()
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


class Service:
    """A head service, timed."""

    def __init__(self, config: Path, env: dict[str, str]) -> None:
        reading, writing = os.pipe()
        began = time.monotonic()
        command = [sys.executable, "-P", "-m", "sciabc_tui.cli.daemon", "--config", str(config)]
        self._process = subprocess.Popen(
            [*command, "--ready-fd", str(writing)], env=env, pass_fds=(writing,), start_new_session=True
        )
        os.close(writing)
        select.select([reading], [], [], 60.0)
        os.close(reading)
        self.ready = time.monotonic() - began
        client = Client(load(file=config).settings.paths.socket)
        while True:
            try:
                client.jobs(20)
            except OSError:
                PAUSE.wait(0.01)
            else:
                break
        self.answers = time.monotonic() - began

    def end(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Measure what a long history costs.")
    parser.add_argument("--jobs", type=int, nargs="+", default=[0, 10_000])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    for count in options.jobs:
        with tempfile.TemporaryDirectory(prefix="sciabc-") as name:
            top = Path(name)
            config = top / "config.toml"
            config.write_text(_CONFIG.format(top=top))
            env = {**os.environ, "PYTHONWARNINGS": "default", "PYTHONDONTWRITEBYTECODE": ""}
            fill(top / "state", count)
            starts: list[Service] = []
            for _ in range(5):
                starts.append(service := Service(config, env))
                service.end()
            service = Service(config, env)
            try:
                nothing: list[float] = []
                version: list[float] = []
                jobs: list[float] = []
                ours = (sys.executable, "-m", "sciabc_tui", "--config", str(config))
                for _ in range(options.rounds):
                    nothing.append(seconds(sys.executable, "-c", "pass", env=env))
                    version.append(seconds(*ours, "--version", env=env))
                    jobs.append(seconds(*ours, "jobs", env=env))
            finally:
                service.end()
        ready = statistics.median(start.ready for start in starts)
        answers = statistics.median(start.answers for start in starts)
        print(f"{count} jobs: the service stands after {ready:.2f} s, answers after {answers:.2f} s")
        base, named, listed = map(statistics.median, (nothing, version, jobs))
        print(
            f"  interpreter {base * 1e3:.0f} ms, --version {named * 1e3:.0f} ms, "
            f"jobs {listed * 1e3:.0f} ms: {(listed - base) * 1e3:.0f} ms beyond the interpreter"
        )


if __name__ == "__main__":
    main()
