"""`exec -- hostname` on N sshd of loopback against ClusterShell's `clush`, in alternate rounds.

    sudo apt-get install clustershell
    python tests/bench/exec_many.py [--nodes 64] [--rounds 7]

What a user waits for: from the start of the process to its end. Both fold equal outputs, both may ask all
nodes at once, both pin the host keys. `clush` starts an ssh for each node; the head has sessions open.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.ssh_streams import PORT, Briefcase, count, head_service, wait_for

BOUND = 1.5


def clush(briefcase: Briefcase) -> list[str]:
    """Give the command line that does the same."""
    top = briefcase.top
    lines = [f"[{board.address}]:{PORT} {board.key.public}\n" for board in briefcase.boards]
    (top / "clush_hosts").write_text("".join(lines))
    options = (
        f"-F none -p {PORT} -i {top}/id_ed25519 -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR "
        f"-o UserKnownHostsFile={top}/clush_hosts"
    )
    hosts = ",".join(board.address for board in briefcase.boards)
    return ["clush", "-b", "-f", str(len(briefcase.boards)), "-o", options, "-w", hosts, "hostname"]


def took(command: list[str], environment: dict[str, str], expected: int) -> float:
    """Run it, see that all answered; give the seconds it took."""
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode or f"({expected})" not in done.stdout:
        raise SystemExit(f"{command[0]} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return seconds


def measure(size: int, rounds: int, top: Path) -> float:
    """Print both times; give their ratio."""
    briefcase = Briefcase(top, size)
    try:
        briefcase.start()
        with head_service(briefcase) as (_, client):
            wait_for(lambda: count(client, size, schedulable=True), "all are ready", 180)
            environment = {**os.environ, "SCIABC_CONFIG": str(top / "config.toml")}
            environment.pop("SSH_AUTH_SOCK", None)
            ours = [sys.executable, "-m", "sciabc_tui", "exec", "--fold", "-x", "@head", "--", "hostname"]
            theirs = clush(briefcase)
            pairs = [(took(ours, environment, size), took(theirs, environment, size)) for _ in range(rounds)]
    finally:
        briefcase.stop()
    for mine, other in pairs:
        print(f"exec {mine:.2f} s, clush {other:.2f} s", flush=True)
    ratio = statistics.median(mine / other for mine, other in pairs)
    print(f"{size} nodes, {rounds} rounds: exec takes {ratio:.2f} x the time of clush (median)", flush=True)
    return ratio


def main() -> None:
    """Run it; exit with 1 if it takes too long."""
    parser = argparse.ArgumentParser(description="exec against clush.")
    parser.add_argument("--nodes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if shutil.which("clush") is None:
        raise SystemExit("no clush on PATH. Next: sudo apt-get install clustershell")
    top = Path(tempfile.mkdtemp(prefix="sciabc-exec-"))
    try:
        ratio = measure(options.nodes, options.rounds, top)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    sys.exit(ratio > BOUND)


if __name__ == "__main__":
    main()
