"""Bare boards lack what they are said to lack, and ail from what they are said to ail from."""

import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.bare import Bare, Sudo
from tests.lab.errors import CommandFailed
from tests.lab.image import REPOSITORY
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.procs import until
from tests.lab.trouble import fill, hold_apt_lock

pytestmark = pytest.mark.lab

# Runs in the head. Its stdin: the password in a line, then a script. Prints the exit status, then the output.
_LOGIN = """
import sys, paramiko
password, script = sys.stdin.readline()[:-1], sys.stdin.read()
with paramiko.SSHClient() as client:
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(sys.argv[1], username="pi", password=password, allow_agent=False, look_for_keys=False)
    stdin, stdout, stderr = client.exec_command("sh -s")
    stdin.write(script)
    stdin.channel.shutdown_write()
    text = stdout.read() + stderr.read()
    print(stdout.channel.recv_exit_status())
    print(text.decode())
"""

_YEAR = 365 * 86400


@pytest.fixture(scope="module")
def boards(lab_possible: None) -> Iterator[Lab]:
    """Give a lab with a bare board of each kind."""
    with Lab(nodes=1) as cluster:
        cluster.add("plain", bare=Bare())
        cluster.add("debian", bare=Bare(sudo=Sudo.PASSWORD, ensurepip=True))
        cluster.add("terminal", bare=Bare(sudo=Sudo.TERMINAL, linux32=True))
        cluster.add("nosudo", bare=Bare(sudo=Sudo.NO, clock_off=_YEAR))
        cluster.add("absent", bare=Bare(sudo=Sudo.ABSENT, avahi=False))
        cluster.add("small", bare=Bare(free_kib=8192))
        cluster.add("locked", bare=Bare(read_only=True))
        yield cluster


def login(lab: Lab, board: str, script: str, password: str = "") -> tuple[int, str]:
    """Run a script on a board over SSH, from the head, as pi; give its exit status and what it wrote."""
    command = [sys.executable, "-c", _LOGIN, lab.node(board).address]
    done = lab.head.run(command, text=f"{password or lab.password}\n{script}")
    status, _, text = done.stdout.partition("\n")
    return int(status), text.strip()


def test_a_bare_board_lets_pi_in_with_the_password_alone(boards: Lab) -> None:
    """The lab's password opens it, another does not, nor the key that the head has on other nodes."""
    assert login(boards, "plain", "id -un; hostname") == (0, "pi\nplain")
    with pytest.raises(CommandFailed, match="AuthenticationException"):
        login(boards, "plain", "true", password="wrong")
    address = boards.node("plain").address
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    refused = boards.head.run(["ssh", *options, f"pi@{address}", "true"], check=False)
    assert "Permission denied (publickey,password)" in refused.stderr
    assert boards.head.run(["ssh", "node01", "hostname"]).stdout == "node01\n"


def test_a_bare_board_has_nothing_of_ours(boards: Lab) -> None:
    """No MPI in any form, no checkout, no venv, no pip, no key, no service file; what Debian has is there."""
    ours = [str(REPOSITORY), sys.prefix, sys.base_prefix, "/opt/*", "/etc/avahi/services/*"]
    script = f"""
        ls -d {" ".join(ours)} 2>/dev/null
        find /home/pi -name '.*' 2>/dev/null
        ls /usr/bin/*mpi[rce]* /usr/lib/*/libmpi* /usr/lib/*/openmpi 2>/dev/null
        command -v mpirun mpiexec orted prted pip
        dpkg --list openmpi-bin libopenmpi3 python3-mpi4py 2>/dev/null | grep ^ii
        for module in mpi4py pip ensurepip numpy; do
            /usr/bin/python3 -c "import $module" 2>/dev/null && echo $module
        done
        dpkg --audit; sudo sshd -t
        pgrep -x avahi-daemon >/dev/null && dpkg -s avahi-daemon >/dev/null && echo good
    """
    assert login(boards, "plain", script)[1] == "good"
    assert login(boards, "plain", "python3 -m venv --without-pip v && v/bin/python -c 'print(1)'") == (0, "1")
    assert login(boards, "debian", "python3 -m venv v && v/bin/python -m pip --version | cut -c1-3") == (
        0,
        "pip",
    )


def test_what_a_bare_board_is_given_at_the_heads_prefix_is_its_own(boards: Lab) -> None:
    """The path of the head's venv can be made on a board; the head's own is untouched."""
    made = f"sudo mkdir -p {sys.prefix}/bin && sudo touch {sys.prefix}/bin/mpirun && ls -A {REPOSITORY}"
    undone = f"sudo rm -r {sys.prefix}; sudo rmdir -p {Path(sys.prefix).parent} 2>/dev/null"  # what is empty
    assert login(boards, "plain", f"{made}; {undone}; true") == (0, ".venv")
    assert boards.head.run(["ls", f"{sys.prefix}/bin/python"]).stdout


@pytest.mark.parametrize(
    ("board", "script", "answer"),
    [
        ("plain", "sudo -n id -u", "0"),
        ("debian", "sudo -n id -u", "sudo: a password is required"),
        ("debian", "echo {password} | sudo -S -p '' id -u", "0"),
        ("terminal", "echo {password} | sudo -S -p '' id -u", "sudo: sorry, you must have a tty to run sudo"),
        ("nosudo", "echo {password} | sudo -S -p '' id -u", "pi is not in the sudoers file."),
        ("absent", "sudo -n id -u", "sh: 1: sudo: not found"),
    ],
)
def test_sudo_is_debians_own(boards: Lab, board: str, script: str, answer: str) -> None:
    """Sudo asks, refuses or obeys as the board's kind says."""
    said = login(boards, board, script.format(password=shlex.quote(boards.password)))[1]
    assert said.splitlines()[-1].removeprefix("sudo: ") == answer.removeprefix("sudo: ")


def test_a_clock_that_is_off_is_told_and_can_be_set_by_root(boards: Lab) -> None:
    """date(1) is a year ahead in each of its forms; root sets it right, pi does not."""
    began = int(time.time())  # its date(1) asks for the seconds, and after that for the part of one
    node = boards.node("nosudo")
    there = float(node.run(["date", "+%s.%N"], env={"PATH": "/usr/local/bin:/usr/bin:/bin"}).stdout)
    assert began <= there - _YEAR <= time.time()
    status, text = login(boards, "nosudo", "date -s @1700000000")
    assert (status, text) == (1, "date: cannot set date: Operation not permitted")
    node.run(["/usr/local/bin/date", "-u", "--set=@1700000000"], user="root")
    assert login(boards, "nosudo", "date -u +%Y") == (0, "2023")


def test_other_ailments_are_felt_over_ssh(boards: Lab) -> None:
    """Another architecture, a card that can't be written or is full, a lock that is held, no avahi."""
    assert login(boards, "terminal", "uname -m") == (0, "i686")
    status, text = login(boards, "locked", "touch /home/pi/file; sudo touch /etc/file")
    assert (status, text.count("Read-only file system")) == (1, 2)
    assert login(
        boards, "absent", "pgrep avahi; ls /usr/sbin/avahi-daemon 2>/dev/null; dpkg -s sshd avahi-daemon"
    )[0]

    fill(boards.node("small"), leave_kib=64)
    status, text = login(
        boards, "small", "df -kP / | awk 'END { print ($4 <= 64) }'; head -c 100000 /dev/zero >x"
    )
    assert (status, text.splitlines()[0]) == (1, "1")
    assert "No space left on device" in text


def test_apts_lock_is_held_until_the_holder_is_killed(boards: Lab) -> None:
    """While it is held apt-get says by whom; afterwards it goes on, to fail for the lack of a network."""
    install = "sudo apt-get -o DPkg::Lock::Timeout=0 install -y openmpi-bin 2>&1"
    holder = hold_apt_lock(boards.node("plain"))
    assert "is held by process" in (said := login(boards, "plain", install)[1])
    assert "(unattended-upgr)" in said
    holder.kill()
    assert until(lambda: holder.poll() is not None, timeout=30)
    assert "Unable to locate package" in login(boards, "plain", install)[1]


def test_a_bare_board_keeps_its_card_and_its_ailments(boards: Lab) -> None:
    """Off and on again: what was written is there, and what could not be written still can't."""
    small: Machine = boards.node("small")
    login(boards, "small", "touch kept")
    small.power_off()
    small.power_on()
    assert "kept" in login(boards, "small", "ls")[1]
    locked = boards.node("locked")
    locked.power_off()
    locked.power_on()
    assert login(boards, "locked", "touch file")[0] == 1


def test_bare_boards_come_and_go(boards: Lab) -> None:
    """One that is removed leaves nothing in the way of another of its name."""
    for _ in range(2):
        boards.add("brief", bare=Bare(free_kib=1024))
        assert login(boards, "brief", "hostname") == (0, "brief")
        boards.remove("brief")
