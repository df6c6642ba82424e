"""The commands of the guides that change a machine: each is run on one, or a table says how it is checked."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.cli.systemd_machine import SystemdMachine, give_up, need_machine
from tests.docs.commands import Command, machine_commands
from tests.docs.pages import ROOT, blocks, files, read

pytestmark = pytest.mark.timeout(180)

RUN = "run"
"""Here it is run as it stands, on a machine of its own with the files of its page."""

HOW: Mapping[str, str] = {
    # on a machine with systemd, in namespaces
    "sudo dnsmasq --test --conf-file=/etc/dnsmasq.d/sciabc.conf": RUN,
    "sudo nft --check --file /etc/nftables.conf": RUN,
    "sudo systemctl enable --now systemd-networkd": RUN,
    "sudo sysctl --load=/etc/sysctl.d/90-sciabc.conf": RUN,
    "sudo systemctl enable --now nftables": RUN,
    "sudo systemctl restart dnsmasq": RUN,
    "sudo mkdir -p /srv/cluster": RUN,
    "sudo chown pi: /srv/cluster": RUN,
    "sudo systemctl daemon-reload": RUN,
    "sudo systemctl restart remote-fs.target": RUN,
    "findmnt --verify --tab-file /etc/fstab": RUN,
    "sudo systemctl enable new-host-keys.service": RUN,
    "sudo truncate --size 0 /etc/machine-id": RUN,
    "sudo sh -c 'rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub'": RUN,
    "sudo hostnamectl set-hostname node01": RUN,
    "sudo sed -i 's/^127.0.1.1.*/127.0.1.1 node01/' /etc/hosts": RUN,
    "sudo rm /etc/ssh/ssh_host_*_key* && sudo ssh-keygen -A && sudo systemctl restart ssh": RUN,
    "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub": RUN,
    "ssh-copy-id pi@node01.local": RUN,
    "openssl passwd -6": RUN,
    "sudo usermod -aG i2c,plugdev $USER": RUN,
    "make run": "make --dry-run run",
    "make test": "make --dry-run test",
    # not in any Debian: the command that our own `doctor` gives
    "sudo raspi-config nonint do_i2c 0": "said by sciabc_tui/cli/checks/panel.py",
    # Debian has them; a test machine needs not. Tried by hand with the packages of Debian 12
    "sudo i2cdetect -y 1": "package i2c-tools",
    "lsusb -d 20a0:41e5": "package usbutils",
    "sudo udevadm control --reload": "package udev",
    "sudo udevadm trigger --subsystem-match=usb": "package udev",
    "sudo exportfs -ra": "package nfs-kernel-server",
    (
        "sudo nmcli connection add type ethernet ifname eth0 con-name cluster "
        "ipv4.method shared ipv4.addresses 10.77.0.1/24 ipv6.method link-local"
    ): "package network-manager",
    "sudo nmcli connection up cluster": "package network-manager",
    # never run by a test: they switch a machine off
    "sudo poweroff": "program systemctl",
    "sudo reboot": "program systemctl",
    # other tests do that
    "git clone <this repository> sciabc-tui && cd sciabc-tui": "program git",
    "sudo ~/sciabc/bin/sciabc-tui install-service": "test tests/cli/test_cli_install_systemd.py",
    "sudo ~/sciabc/bin/sciabc-tui install-service --uninstall": "test tests/cli/test_cli_install_systemd.py",
    "python3 -m venv ~/sciabc && ~/sciabc/bin/pip install -c constraints.txt '.[mpi]'": "extra mpi",
    "mpirun --hostfile ~/.local/state/sciabc/hostfile/nodes.txt hostname": (
        "test tests/lab/test_first_flight.py"
    ),
}
"""Each command that is not ours; `sudo apt install` needs no line, its packages are looked up."""

PAGES = ("images.md", "networks.md", "nodes.md", "wiring.md")

# What the package dnsmasq adds to dnsmasq-base, as far as it matters here.
DNSMASQ = """[Service]
ExecStart=/usr/sbin/dnsmasq --keep-in-foreground --conf-file=/dev/null --conf-dir=/etc/dnsmasq.d,*.conf
"""
WIRES = """set -e
mount -o remount,bind,ro /sys  # there is no udev, as in a container: networkd shall not wait for it
ip netns add board
ip netns add world
ip link add eth0 type veth peer name eth0 netns board
ip link add eth1 type veth peer name eth0 netns world
ip addr add 192.0.2.2/24 dev eth1
ip link set eth1 up
ip -n world addr add 192.0.2.1/24 dev eth0
for name in board world; do ip -n $name link set lo up; ip -n $name link set eth0 up; done
ip -n world route add 10.77.0.0/24 via 192.0.2.2  # the world tries to get in
"""
LEASE = """#!/bin/sh
# udhcpc(8): what the server gave stands in variables
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev eth0 && ip route add default via "$router" && echo "got $ip $router $dns"
"""
ASK = """#!/bin/sh
# ssh(1) asks: whether the host key is the right one, and for the password
case $1 in *yes/no*) echo yes ;; *) echo secret ;; esac
"""
ANSWERS = {"HOME": "/root", "SSH_ASKPASS": "/tmp/ask", "SSH_ASKPASS_REQUIRE": "force"}
DIAL = """import socket, sys
refused = 0
while True:
    try:
        socket.create_connection((sys.argv[1], 7), 2).close()
        break
    except ConnectionRefusedError:  # the other one is about to begin
        refused += 1
        if refused > 100_000:
            raise
"""
LISTEN = """import socket
print(socket.create_server(("", 7)).accept()[1][0])
"""


def commands(page: str) -> list[Command]:
    """Give what a page has typed that is not ours, in its order."""
    return [command for command in machine_commands() if command.page == f"docs/{page}"]


def put(machine: SystemdMachine, path: str, text: str) -> None:
    """Write a file there."""
    done = machine.run(
        "sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod 755 "$1"', "sh", path, typed=text
    )
    assert done.returncode == 0, done.stderr


def did(machine: SystemdMachine, line: str) -> str:
    """Run a line as the user pi of the guides would; give what it printed."""
    done = machine.run("setsid", "bash", "-c", line, typed="secret\nsecret\n", USER="pi", **ANSWERS)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def follow(machine: SystemdMachine, page: str) -> None:
    """Do what a page says."""
    for path, text in files(page).items():
        put(machine, path, text)
    for command in commands(page):
        if HOW.get(command.line) == RUN:
            did(machine, command.line)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdMachine]:
    """Boot a machine with two networks: a board on eth0, the world on eth1."""
    need_machine()
    for program, package in (("nft", "nftables"), ("dnsmasq", "dnsmasq-base"), ("busybox", "busybox")):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            give_up(f"{program}: sudo apt install {package}")
    with SystemdMachine(tmp_path_factory.mktemp("machine")) as machine:
        did(machine, WIRES)
        put(machine, "/etc/systemd/system/dnsmasq.service", DNSMASQ)
        put(machine, "/tmp/lease", LEASE)
        put(machine, "/tmp/ask", ASK)
        did(
            machine,
            "groupadd -f i2c; groupadd -f plugdev; systemctl unmask ssh remote-fs.target; ssh-keygen -A",
        )
        did(machine, "printf '127.0.0.1 localhost\\n127.0.1.1 %s\\n' $(hostname) > /etc/hosts")
        yield machine


def test_no_command_is_unchecked() -> None:
    """Each is in the table, and the table has none that no page has."""
    lines = {command.line for command in machine_commands() if command.packages is None}
    assert lines == set(HOW)


@pytest.mark.parametrize("line", [line for line, how in HOW.items() if how != RUN])
def test_what_is_not_run_is_there(line: str) -> None:
    """A program, a package of Debian, another test, or our own words for it."""
    kind, _, what = HOW[line].partition(" ")
    match kind:
        case "program":
            assert shutil.which(what), what
        case "package":
            in_debian(what)
        case "test":
            assert (ROOT / what).exists()
        case "said":
            assert line in (ROOT / what.removeprefix("by ")).read_text(encoding="utf-8")
        case "extra":
            assert f"\n{what} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
            assert (ROOT / "constraints.txt").exists()
        case _:
            done = subprocess.run(
                HOW[line].split(), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
            )
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [each for each in machine_commands() if each.packages], ids=str)
def test_packages_are_in_debian(command: Command) -> None:
    """What is to be installed has this name."""
    for package in command.packages or ():
        in_debian(package)


def in_debian(package: str) -> None:
    """Look a package up; skip where this machine has no lists of packages."""
    if "bash" not in listed() or not any(Path("/var/lib/apt/lists").glob("*Packages*")):
        if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
            pytest.fail("no lists of packages: apt-get update")
        pytest.skip("no lists of packages: sudo apt-get update")
    assert package in listed()


@cache
def listed() -> frozenset[str]:
    """Look all packages up at once, and one that every list has; give those that are there."""
    names = {name for command in machine_commands() for name in command.packages or ()}
    names |= {how.removeprefix("package ") for how in HOW.values() if how.startswith("package ")}
    asked = subprocess.run(
        ["apt-cache", "show", "bash", *sorted(names)], capture_output=True, text=True, check=False
    )
    return frozenset(re.findall(r"^Package: (.*)$", asked.stdout, re.MULTILINE))


def test_a_head_with_two_networks(machine: SystemdMachine) -> None:
    """By the files and commands of the page a board gets an address and a way out; nobody gets in to it."""
    follow(machine, "networks.md")
    machine.until(lambda: "inet 10.77.0.1/24" in machine.run("ip", "addr", "show", "eth0").stdout)
    lease = "ip netns exec board busybox udhcpc -i eth0 -n -q -t 10 -T 1 -s /tmp/lease"
    got = re.search(r"got (\S+) (\S+) (\S+)", did(machine, lease))
    assert got is not None
    address, router, names = got.groups()
    assert (router, names) == ("10.77.0.1", "10.77.0.1")
    assert 100 <= int(address.removeprefix("10.77.0.")) <= 199
    assert "127.0.0.1" in did(machine, "ip netns exec board busybox nslookup localhost 10.77.0.1")
    put(machine, "/tmp/dial", DIAL)
    put(machine, "/tmp/listen", LISTEN)
    out = (
        "ip netns exec world timeout 20 python3 /tmp/listen & ip netns exec board python3 /tmp/dial 192.0.2.1"
    )
    assert did(machine, f"{out}; wait").strip() == "192.0.2.2"
    done = machine.run("ip", "netns", "exec", "world", "python3", "/tmp/dial", address)
    assert "timed out" in done.stderr
    did(machine, f"ping -c 1 -W 3 {address}")


def test_copies_of_a_card_make_keys_of_their_own(machine: SystemdMachine) -> None:
    """After the commands of the page there is no key and no machine id; the unit makes keys, once."""
    follow(machine, "images.md")
    assert did(machine, "cat /etc/machine-id; ls /etc/ssh | grep -c host_ || true").strip() == "0"
    did(machine, "systemd-analyze verify /etc/systemd/system/new-host-keys.service")
    did(machine, "systemctl start new-host-keys.service")
    first = did(machine, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    did(machine, "systemctl start new-host-keys.service")
    assert did(machine, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub") == first
    assert did(machine, "openssl passwd -6").startswith("$6$")


def test_a_board_by_hand(machine: SystemdMachine) -> None:
    """It has its name, sudo resolves it, its keys are others than before, and the head's key is let in."""
    before = did(machine, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    did(machine, "echo 127.0.0.1 node01.local >> /etc/hosts; echo pi:secret | chpasswd")
    did(machine, "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")
    follow(machine, "nodes.md")
    assert did(machine, "SSH_ASKPASS=/bin/false ssh -o BatchMode=yes pi@node01.local whoami").strip() == "pi"
    assert did(machine, "hostname").strip() == "node01"
    assert machine.run("sudo", "true").stderr == ""
    assert did(machine, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub") != before
    assert "active" in did(machine, "systemctl is-active ssh")


def test_the_user_gets_into_the_groups(machine: SystemdMachine) -> None:
    """Of the LCD and the BlinkStick."""
    follow(machine, "wiring.md")
    assert {"i2c", "plugdev"} <= set(did(machine, "id -nG pi").split())


def test_the_announcement_is_taken_by_avahi(machine: SystemdMachine) -> None:
    """The file of docs/nodes.md is one that avahi-daemon publishes."""
    [text] = [block.text for block in blocks(ROOT / "docs" / "nodes.md") if block.language == "xml"]
    assert "/etc/avahi/services/sciabc.service" in read("nodes.md")
    put(machine, "/etc/avahi/services/sciabc.service", text)
    put(machine, "/tmp/avahi.conf", "[server]\nenable-dbus=no\nuse-ipv6=no\n")
    run = "timeout 20 ip netns exec board avahi-daemon --no-drop-root --no-chroot -f /tmp/avahi.conf 2>&1"
    look = f"grep -m 1 'successfully established' < <({run})"
    said = did(machine, f"ip -n board addr replace 10.77.0.250/24 dev eth0; {look}")
    assert "/etc/avahi/services/sciabc.service" in said


def test_every_page_with_machine_commands_is_followed() -> None:
    """None has a command to run that no test runs."""
    told = {command.page for command in machine_commands() if HOW.get(command.line) == RUN}
    assert told == {f"docs/{page}" for page in PAGES}
