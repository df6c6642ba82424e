"""The kernel's word on neighbours, in a network namespace of our own."""

import os
import subprocess
import sys

import pytest

from sciabc_tui.head.neighbours import Neighbour, judge
from tests.head.servers import need

SCRIPT = """
set -e
ip link set lo up
ip link add here type veth peer name there
unshare -n sleep 60 & peer=$!
trap 'kill $peer' EXIT
for _ in $(seq 1500); do
    [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.02
done
ip link set there netns $peer
ip link set here up
ip addr add 10.99.0.1/24 dev here
nsenter -n -t $peer ip link set there up
nsenter -n -t $peer ip addr add 10.99.0.2/24 dev there
nsenter -n -t $peer ip addr add 10.99.0.3/24 dev there
{python} -c '
import asyncio, socket, subprocess, time
from sciabc_tui.head.neighbours import Neighbours

def knock(address, within):
    with socket.socket() as s:
        s.settimeout(within)
        try: s.connect((address, 22))
        except OSError: pass

async def main():
    table = Neighbours()
    print((await table.look("10.99.0.2")).answers)
    knock("10.99.0.2", 20)  # it refuses at once, once the cable is in
    print((await table.look("10.99.0.2")).how)
    await asyncio.sleep(2)
    print((await table.look("10.99.0.2")).answers)
    await table.ask("10.99.0.2")
    until = time.monotonic() + 20
    while (said := await table.look("10.99.0.2")).answers is None and time.monotonic() < until:
        await asyncio.sleep(0.02)
    print(said.how)
    subprocess.run(["nsenter", "-n", "-t", "'$peer'", "ip", "addr", "del", "10.99.0.2/24", "dev", "there"])
    knock("10.99.0.9", 0.3)
    print((await table.look("10.99.0.9")).how)
    print((await table.look("192.0.2.1")).answers, (await table.look("fe80::1%nowhere")).answers)
    table.close()

asyncio.run(main())
'
"""


@pytest.mark.parametrize(
    ("state", "confirmed", "expected"),
    [
        (0x02, 0.1, Neighbour(answers=True, how="ARP answers")),
        (0x04, 0.1, Neighbour(answers=True, how="ARP answers")),
        (0x02, 9.0, Neighbour()),
        (0x02, None, Neighbour()),
        (0x10, 0.1, Neighbour(answers=None, how="ARP asked, silent so far")),
        (0x01, 0.1, Neighbour(answers=False, how="ARP failed")),
        (0x20, None, Neighbour(answers=False, how="ARP failed")),
        (0x80, 0.1, Neighbour()),
    ],
)
def test_only_a_fresh_confirmation_is_an_answer(
    state: int, confirmed: float | None, expected: Neighbour
) -> None:
    """An entry stays reachable for half a minute after the cable is out: its age decides, not its state."""
    assert judge(state, confirmed, word="ARP") == expected


@pytest.mark.lab
def test_the_kernel_asks_when_it_is_told_to() -> None:
    """A live board answers at once though its entry was old; a missing one fails; strangers are unknown."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root here. Next: run it as root")
    for tool, package in (("unshare", "util-linux"), ("ip", "iproute2")):
        need(tool, package)
    script = SCRIPT.replace("{python}", sys.executable)
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:6] == [
        "None",
        "ARP answers",
        "None",
        "ARP answers",
        "ARP failed",
        "None None",
    ]
