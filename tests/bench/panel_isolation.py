"""Do a stuck display and a hanging stick delay the API, and does an idle head write? Needs umockdev.

    python tests/bench/panel_isolation.py [--rounds 40] [--idle 60]

Five real head services side by side, each in a world of its own below the system calls, all under the same
load: `--clients` threads that ask for the state, one after the other. They take turns, in another order each
round, and the order of the turns is all that differs: ratios to the healthy one are what counts. A second
healthy one shows what noise is.

    healthy   both devices work; another one just like it is the measure of noise
    absent    neither is there
    stuck     each transfer to the display ends after 1 s with a time-out; the stick never answers
    hung      the system calls never return, to either

Then the healthy one and the one without devices idle; what they wrote, opened and started in that time should
be nothing (but a descriptor for each look for an absent display: umockdev loses it, not we).
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

if __name__ == "__main__":  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.hw.umock import Umock, lacks
from tests.hw.umock_service import Service

_TURN = 0.5  # seconds
_SETTLED = 8.0  # seconds after the start


def healthy(world: Umock) -> None:
    """Plug both devices in."""
    world.add_bus()
    world.plug_stick()


def absent(world: Umock) -> None:
    """Plug nothing in."""


def stuck(world: Umock) -> None:
    """Let each transfer take the second that the kernel waits."""
    healthy(world)
    world.order("trouble", number=110, takes=1.0)
    world.order("manner", manner="silent")


def hung(world: Umock) -> None:
    """Let the system calls never return."""
    healthy(world)
    world.order("trouble", hangs=True)
    world.order("manner", manner="hangs")


KINDS: dict[str, Callable[[Umock], None]] = {
    "healthy": healthy,
    "healthy again": healthy,
    "absent": absent,
    "stuck": stuck,
    "hung": hung,
}


def turn(service: Service, clients: int) -> list[float]:
    """Let clients ask for half a second; give how long each answer took, in seconds."""
    until = time.monotonic() + _TURN

    def ask() -> list[float]:
        took: list[float] = []
        while (began := time.monotonic()) < until:
            service.client.state()
            took.append(time.monotonic() - began)
        return took

    with ThreadPoolExecutor(clients) as pool:
        return [one for asked in [pool.submit(ask) for _ in range(clients)] for one in asked.result()]


def report(rounds: list[dict[str, list[float]]]) -> None:
    """Print the table; ratios are taken within a round, for the machine has other things to do."""
    print(f"{'':16}{'answers':>8}{'median ms':>11}{'p99 ms':>8}   p99 / healthy (quartiles of rounds)")
    for kind in KINDS:
        values = [one for turns in rounds for one in turns[kind]]
        ratios = [p99(turns[kind]) / p99(turns["healthy"]) for turns in rounds]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{kind:16}{len(values):8}{statistics.median(values) * 1e3:11.2f}"
            f"{statistics.median(p99(turns[kind]) for turns in rounds) * 1e3:8.2f}"
            f"{middle:10.2f} ({low:.2f}-{high:.2f})"
        )


def p99(values: list[float]) -> float:
    """Give the time that 99 of 100 kept."""
    return statistics.quantiles(values, n=100)[98]


def held(pid: int) -> dict[str, int]:
    """Look at what a process wrote (proc(5)) and holds."""
    process = Path("/proc", str(pid))
    lines = dict(line.split(": ") for line in (process / "io").read_text(encoding="ascii").splitlines())
    ticks = (process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return {
        "ms of CPU": sum(map(int, ticks)) * 1000 // os.sysconf("SC_CLK_TCK"),
        "bytes to disk": int(lines["write_bytes"]),
        "bytes by write(2)": int(lines["wchar"]),
        "descriptors": len(list((process / "fd").iterdir())),
        "threads": len(list((process / "task").iterdir())),
    }


def idle(service: Service, folder: Path, seconds: float) -> str:
    """Leave it alone; tell what it did."""

    def files() -> dict[str, int]:
        return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*")}

    before, kept = held(service.pid), files()
    threading.Event().wait(seconds)
    after, now = held(service.pid), files()
    told = ", ".join(f"{name} {before[name]} -> {after[name]}" for name in before)
    touched = sorted(name for name in now if now[name] != kept.get(name))
    return f"idle for {seconds:g} s: {told}; files touched: {', '.join(touched) or 'none'}"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Does the panel delay the API?")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--idle", type=float, default=60.0, help="seconds")
    options = parser.parse_args()
    if reason := lacks():
        print(reason)
        return
    rounds: list[dict[str, list[float]]] = []
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        services: dict[str, Service] = {}
        for kind, furnish in KINDS.items():
            world = stack.enter_context(Umock())
            furnish(world)
            services[kind] = stack.enter_context(Service(top / kind.replace(" ", "-"), world.env))
        threading.Event().wait(_SETTLED)
        order = list(KINDS)
        for _ in range(options.rounds):
            random.shuffle(order)
            rounds.append({kind: turn(services[kind], options.clients) for kind in order})
        report(rounds)
        if options.idle:
            threading.Event().wait(_SETTLED)
            with ThreadPoolExecutor() as pool:
                told = {
                    kind: pool.submit(idle, services[kind], top / kind, options.idle)
                    for kind in ("healthy", "absent")
                }
            for kind, answer in told.items():
                print(f"{kind}, {answer.result()}")


if __name__ == "__main__":
    main()
