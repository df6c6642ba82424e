"""The lab tests itself: what it claims to do to machines and networks it does, and it leaves nothing."""

import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.lab.conftest import LabFactory
from tests.lab.errors import NoSuchMachine, NoSuchProcess
from tests.lab.flight import Flight
from tests.lab.image import REPOSITORY, Advert, service_file
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.procs import KINDS, hold, members, namespace, until

pytestmark = pytest.mark.lab

# Prints "+ NAME" and "- NAME" as instances come and go.
_BROWSER = """
import sys, threading
from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

def changed(zeroconf, service_type, name, state_change):
    if state_change is not ServiceStateChange.Updated:
        sign = "+" if state_change is ServiceStateChange.Added else "-"
        print(sign, name.removesuffix("." + service_type), flush=True)

ServiceBrowser(Zeroconf(interfaces=["10.77.0.1"]), "_sciabc._tcp.local.", handlers=[changed])
threading.Event().wait()
"""

# Prints the first ARP announcement on eth0: whose address it is, and the hardware's.
_ANNOUNCED = """
import socket
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
wire.bind(("eth0", 0x0806))
print("listening")
while True:
    packet = wire.recv(64)
    if packet[28:32] == packet[38:42]:
        print(socket.inet_ntoa(packet[28:32]), packet[22:28].hex(":"))
        break
"""

_VICTIM = """
import sys
from tests.lab.lab import Lab
with Lab(nodes=2) as lab:
    lab.node(1).popen(["sleep", "1000"])
    lab.node(1).freeze()
    print(lab.marker, lab.head.pid, *(node.pid for node in lab.nodes), flush=True)
    sys.stdin.read()
"""


def ssh(lab: Lab, host: str, *command: str) -> str:
    """Run a command on a node as pi, from the head, with strict checking of the host key."""
    return lab.head.run(["ssh", host, *command], timeout=60).stdout.strip()


def is_silent(lab: Lab, host: str) -> bool:
    """Return whether nobody can log in there; three seconds are enough to say so."""
    tried = lab.head.run(["ssh", "-o", "ConnectTimeout=3", host, "true"], check=False)
    return tried.returncode != 0


@contextmanager
def namespaces(*pids: int) -> Generator[set[tuple[str, str]]]:
    """Hold, and give kind and identity of, the namespaces that these processes are in and the host is not."""
    with hold(*pids) as theirs:
        assert not theirs & {(kind, namespace(1, kind) or "") for kind in KINDS}
        yield theirs


def traces(marker: str, spaces: set[tuple[str, str]]) -> list[str]:
    """Return what is left of a lab: processes in its namespaces or with its marker, mounts, interfaces."""
    left = [f"{space} {members(space, kind)}" for kind, space in spaces if members(space, kind)]
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            left += [f"{entry}: {text!r}" for text in _texts(entry) if marker.encode() in text]
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    left += [line for line in mounts if "/mnt/head" in line or line.startswith("sciabc-lab")]
    left += [port.name for port in Path("/sys/class/net").iterdir() if port.name in {"p-head", "x-head"}]
    return left


def _texts(process: Path) -> list[bytes]:
    try:
        return [(process / "environ").read_bytes(), (process / "cmdline").read_bytes()]
    except OSError:
        return []


def read_until(machine: Machine, wanted: set[str]) -> set[str]:
    """Browse mDNS on a machine until all wanted lines were printed; return the lines."""
    browser = machine.popen([sys.executable, "-c", _BROWSER])
    seen: set[str] = set()
    while not wanted <= seen:
        line = browser.stdout.readline()
        assert line, "the browser ended"
        seen.add(line.strip())
    browser.kill()
    browser.wait(10)
    return seen


def test_pi_reaches_every_node_with_the_key_pinned(lab: LabFactory) -> None:
    """From the head, ssh with strict host key checking works to each node by name and by address."""
    cluster = lab(nodes=3)
    for node in cluster.nodes:
        assert ssh(cluster, node.name, "hostname") == node.name
        assert ssh(cluster, node.address, "id", "-un") == "pi"
        shown = node.run(["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout
        assert node.host_key_fingerprint in shown.split()
    assert len({node.host_key_fingerprint for node in cluster.nodes}) == 3


@pytest.mark.parametrize(
    ("advert", "name"), [(Advert.CURRENT, "{}"), (Advert.SPRINT_2016, "SupercomputerInABriefcase on {}")]
)
def test_every_node_is_found_by_mdns(lab: LabFactory, advert: Advert, name: str) -> None:
    """A browser on the head sees exactly the instances of the nodes, in the form of today and of 2016."""
    cluster = lab(nodes=3, advert=advert)
    wanted = {"+ " + name.format(node.name) for node in cluster.nodes}
    assert read_until(cluster.head, wanted) == wanted


def test_the_service_file_is_that_of_2016_or_carries_user_and_slots() -> None:
    """The 2016 form has no TXT record; the current one tells the user and the slots."""
    old = ElementTree.fromstring(service_file(Advert.SPRINT_2016, 4).partition("\n")[2])
    new = ElementTree.fromstring(service_file(Advert.CURRENT, 4).partition("\n")[2])
    assert [element.text for element in old.iter("txt-record")] == []
    assert [element.text for element in new.iter("txt-record")] == ["user=pi", "slots=4"]
    assert {new.findtext("service/port"), old.findtext("service/port")} == {"34343"}


def test_goodbye_is_heard_and_silence_is_not(lab: LabFactory) -> None:
    """An orderly shutdown is a Removed in mDNS at once; a node without power is not removed."""
    cluster = lab(nodes=2)
    browser = cluster.head.popen([sys.executable, "-c", _BROWSER])
    joined = {browser.stdout.readline().strip() for _ in cluster.nodes}
    assert joined == {"+ node01", "+ node02"}
    cluster.node(1).power_off()
    cluster.node(2).goodbye()
    assert browser.stdout.readline().strip() == "- node02"
    assert not cluster.node(2).on


def test_an_unplugged_node_is_silent_until_it_is_plugged_in_again(lab: LabFactory) -> None:
    """Unplug: no ssh, no carrier at the node, its processes live on. Plug: the same node answers again."""
    cluster = lab(nodes=1)
    node = cluster.node(1)
    carrier = node.path("/sys/class/net/eth0/carrier")
    before = node.processes()
    node.unplug()
    assert is_silent(cluster, "node01")
    assert carrier.read_text(encoding="ascii") == "0\n"
    assert set(before) <= set(node.processes())
    node.plug()
    assert until(lambda: carrier.read_text(encoding="ascii") == "1\n", timeout=30)
    # The head's kernel may still hold a failed ARP entry for the first moment.
    again = ["ssh", "node01", "hostname"]
    assert until(lambda: cluster.head.run(again, check=False).stdout == "node01\n", timeout=30)


def test_each_power_on_is_a_boot_of_its_own(lab: LabFactory) -> None:
    """Head and boards have each a boot id, another after a power cycle, the same after a pulled cable."""
    cluster = lab(nodes=2)
    one, two = cluster.nodes
    host = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    before = one.boot_id
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", before)
    assert len({host, cluster.head.boot_id, before, two.boot_id}) == 4
    assert ssh(cluster, "node01", "cat", "/proc/sys/kernel/random/boot_id") == before
    one.unplug()
    one.plug()
    assert one.boot_id == before
    one.power_off()
    one.power_on()
    assert one.boot_id not in {host, cluster.head.boot_id, before, two.boot_id}


def test_a_board_announces_its_address_when_it_comes_up(lab: LabFactory) -> None:
    """At power-on the others hear by ARP whose address it is, as from a DHCP client; unplugged, none."""
    cluster = lab(nodes=1)
    node = cluster.node(1)
    node.power_off()
    listener = cluster.head.popen([sys.executable, "-u", "-c", _ANNOUNCED], user="root")
    assert listener.stdout.readline() == "listening\n"
    node.unplug()
    node.power_on("10.77.0.55")
    node.power_off()
    node.plug()
    node.power_on("10.77.0.66")
    assert listener.communicate(timeout=30)[0] == "10.77.0.66 02:00:0a:4d:00:0b\n"


def test_processes_are_found_by_a_token_and_killed_by_number(lab: LabFactory) -> None:
    """The token in an environment finds a program and its children alone; a kill stays in its machine."""
    cluster = lab(nodes=1)
    node = cluster.node(1)
    script = ["sh", "-c", "sleep 1000 & wait"]
    program = node.popen(script, env={"TOKEN": "e5f6"})
    other = node.popen(["sleep", "1000"], env={"TOKEN": "other"})
    here = cluster.head.popen(["sleep", "1000"], env={"TOKEN": "e5f6"})
    wanted = ["sh -c sleep 1000 & wait", "sleep 1000"]
    assert until(lambda: sorted(found.command for found in node.carrying("TOKEN=e5f6")) == wanted, timeout=30)
    assert until(lambda: len(cluster.carrying("TOKEN=e5f6")) == 2, timeout=30)
    with pytest.raises(NoSuchProcess):
        node.kill(here.pid)
    (sleeper,) = (found for found in node.carrying("TOKEN=e5f6") if found.command == "sleep 1000")
    node.kill(sleeper.pid)
    assert program.wait(10) == 0
    cluster.head.kill(here.pid)
    assert here.wait(10) == -9
    assert cluster.carrying("TOKEN=e5f6") == {}
    with pytest.raises(NoSuchProcess):
        node.kill(sleeper.pid)
    assert other.poll() is None


def test_the_head_loses_power_and_comes_back_with_its_state(lab: LabFactory) -> None:
    """A power cut of the head ends all in it, unheard; from the same card it knows its boards again."""
    flight = Flight(lab(nodes=1), {"SCIABC_CLUSTER_HEAD_SLOTS": "1"})
    flight.up()
    head, node = flight.lab.head, flight.lab.node(1)
    head.popen(["sh", "-c", "trap '' TERM HUP INT; sleep 1000"])
    before = head.boot_id
    sessions = "ss -Htn state established '( sport = :22 )'"
    assert "10.77.0.1:" in node.run(["sh", "-c", sessions]).stdout
    with namespaces(head.pid) as spaces:
        flight.cut_power()
        assert not head.on
        assert not [space for kind, space in spaces if members(space, kind)]
    assert "10.77.0.1:" in node.run(["sh", "-c", sessions]).stdout
    flight.restore_power()
    assert head.boot_id != before
    flight.until("words.get('node01') == 'ready'")
    assert flight.fingerprint("node01") == node.host_key_fingerprint


def test_power_off_ends_everything_and_power_on_keeps_the_card(lab: LabFactory) -> None:
    """Power off leaves no process; power on, at a new address, finds the same host key and files."""
    cluster = lab(nodes=1)
    node = cluster.node(1)
    program = node.popen(["sleep", "1000"])
    node.run(["touch", "kept"])
    with namespaces(node.pid, program.pid) as inside:
        node.power_off()
        assert program.poll() is not None
        assert not [space for kind, space in inside if members(space, kind)]
    with pytest.raises(NoSuchMachine):
        node.run(["true"])

    node.power_on(address="10.77.0.77")
    assert node.address == "10.77.0.77"
    cluster.introduce()
    assert ssh(cluster, "10.77.0.77", "ls") == "kept"


def test_a_frozen_node_answers_ping_and_nothing_else(lab: LabFactory) -> None:
    """Freeze stops all of userland while the kernel answers; thaw lets a program in it go on."""
    cluster = lab(nodes=1)
    node = cluster.node(1)
    program = node.popen(["sh", "-c", "read line; echo got $line"])
    assert program.pid in node.processes()
    node.freeze()
    cluster.head.run(["ping", "-c1", "-w10", node.address], user="root")
    assert is_silent(cluster, "node01")
    node.thaw()
    assert ssh(cluster, "node01", "hostname") == "node01"
    assert program.communicate("a line\n", timeout=10)[0] == "got a line\n"


def test_signals_reach_the_program_in_the_machine(lab: LabFactory) -> None:
    """`kill` on a started program ends it, not only the way into the machine."""
    head = lab(nodes=0).head
    program = head.popen(["sleep", "1000"])
    number = program.pid
    assert number in head.processes()
    program.kill()
    assert program.wait(10) == -9
    assert number not in head.processes()


def test_nodes_come_and_go(lab: LabFactory) -> None:
    """A node that is added is like the others; one that is removed is gone and its number free."""
    cluster = lab(nodes=1)
    cluster.add(slots=4)
    assert ssh(cluster, "node02", "hostname") == "node02"
    cluster.remove(1)
    assert [node.name for node in cluster.nodes] == ["node02"]
    with pytest.raises(NoSuchMachine, match="there are: node02"):
        cluster.node(1)
    cluster.add()
    assert ssh(cluster, "node01", "hostname") == "node01"


def test_the_external_interface_can_be_changed_and_cut(lab: LabFactory) -> None:
    """The head's eth1 has an address, a default route and carrier; each can be taken away and put back."""
    cluster = lab(nodes=0)

    def shown() -> str:
        return cluster.head.run(["sh", "-c", "ip -4 -o address show dev eth1; ip route show default"]).stdout

    assert "203.0.113.254/24" in shown()
    assert "default via 203.0.113.1 dev eth1" in shown()
    cluster.head.run(["ping", "-c1", "-w10", "203.0.113.1"], user="root")
    cluster.external.set("169.254.7.7/16", None)
    assert "169.254.7.7/16" in shown()
    assert "default" not in shown()
    cluster.external.set(None)
    assert shown() == ""
    cluster.external.unplug()
    # the kernel notes the state of a link by a thread of its own, a moment after the carrier is gone
    link = ["ip", "link", "show", "eth1"]
    assert until(lambda: "NO-CARRIER" in cluster.head.run(link).stdout, timeout=30)
    cluster.external.plug()
    cluster.external.set("203.0.113.7/24")
    assert "203.0.113.7/24" in shown()


def test_nothing_is_left_when_the_lab_ends(lab: LabFactory) -> None:
    """After `down` no process, namespace, mount or interface of the lab exists."""
    cluster = lab(nodes=2)
    cluster.head.popen(["sh", "-c", "trap '' TERM HUP INT; sleep 1000"])
    cluster.node(1).popen(["sleep", "1000"])
    cluster.node(1).freeze()
    with namespaces(cluster.head.pid, *(node.pid for node in cluster.nodes)) as spaces:
        assert traces(cluster.marker, spaces)
        cluster.down()
        assert traces(cluster.marker, spaces) == []


def test_nothing_is_left_when_the_process_that_made_it_is_killed(lab_possible: None) -> None:
    """SIGKILL of the lab's process is the end of every process and namespace of the lab."""
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with victim:
        assert victim.stdout is not None
        marker, *pids = victim.stdout.readline().split()
        with namespaces(*(int(pid) for pid in pids)) as spaces:
            victim.kill()
            assert until(lambda: not traces(marker, spaces), timeout=30), traces(marker, spaces)


def test_by_hand_a_script_on_the_head_changes_the_lab(lab_possible: None) -> None:
    """`python -m tests.lab` gives a shell on the head with the `lab` command, and its exit status."""
    script = "hostname; lab unplug node01; lab status; lab unplug nosuch; exit 7\n"
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab", "up", "--nodes", "1"],
        cwd=REPOSITORY,
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    assert done.stdout.startswith("head\nnode01: unplug\n")
    assert re.search(r"node01 +10\.77\.0\.11 +on +unplugged +SHA256:", done.stdout)
    assert done.stderr == "lab: no node 'nosuch'; there are: node01\n"
