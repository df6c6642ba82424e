"""Network namespaces that vanish with the process in them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENTER = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]

PLUG = ("ip link add eth0 type veth peer name switch0", "ip link set eth0 up", "ip link set switch0 up")
"""Makes eth0, with a cable in it."""


def need_namespaces() -> None:
    """Skip the test, with how to have it, where this user may not make a network namespace."""
    try:
        trial = subprocess.run([*ENTER, "ip", "link"], capture_output=True, timeout=30, check=False)
        lacks = trial.stderr.decode().strip() if trial.returncode else ""
    except FileNotFoundError as error:
        lacks = str(error)
    if not lacks:
        return
    reason = f"no network namespace ({lacks}). Next: run it as root, with util-linux and iproute2"
    if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def run_inside(module: str, *args: str) -> list[str]:
    """Run a module of the tests in a namespace of its own; give the lines that it prints."""
    command = [*ENTER, sys.executable, "-W", "error", "-m", module, *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()
