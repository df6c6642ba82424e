"""Bare boards become nodes, and boards again: real sshd, sudo, avahi and pip; no way out of the cluster."""

import json
import os
import platform
import random
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sciabc_tui.cluster.nodeset import unfold
from tests.lab.bare import Bare, Sudo
from tests.lab.flight import PROGRAM, SERVICE_LOG, Flight
from tests.lab.image import HOME, REPOSITORY
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.procs import until
from tests.lab.trouble import hold_apt_lock

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

WHEELS = f"{HOME}/.local/state/sciabc/wheels"
YEAR = 365 * 86400

# Every file of a board, with mode, owner and checksum, where any step writes: logs apart, and what sudo notes
# of being used at all. The rest of /usr and /var/lib is the host's, where others may be at work.
TREE = r"""
cd / || exit
top=$1
all() {
  find etc home opt root srv usr/local var/lib/sciabc var/lib/dpkg/status "$top" -xdev \
    \( -path home/pi/.cache -o -name '*.lock' \) -prune -o "$@" 2>/dev/null
}
all -type l -printf '%p %m %U %G %l\n' -o -printf '%p %m %U %G\n'
ls var/lib
all -type f -exec sha256sum {} +
: # the last one need not be there
"""

# What each rank says: whose process it is, and where.
WHO = """
import getpass, platform
from mpi4py import MPI

words = MPI.COMM_WORLD.gather(f"{getpass.getuser()}@{platform.node()}")
print(*words or (), flush=True)
"""


def tree(board: Machine) -> set[str]:
    """Describe all files of a board."""
    return set(
        board.run(
            ["sh", "-c", TREE, "sh", Path(sys.prefix).parts[1]], user="root", timeout=100
        ).stdout.splitlines()
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a shelf of wheels for the boards' Python, fetched as before a class; skip without an index."""
    state = tmp_path_factory.mktemp("wheels")
    version = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    fetch = ["wheels", "fetch", "--python", version, "--machine", platform.machine()]
    done = subprocess.run(
        [*PROGRAM, *fetch],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=os.environ | {"SCIABC_PATHS_STATE": str(state), "SCIABC_PATHS_RUNTIME": str(state / "run")},
    )
    if done.returncode != 0:
        reason = f"no wheels can be fetched here: {done.stderr.strip()[-300:]}"
        if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return state / "wheels"


@dataclass(slots=True)
class Site:
    """A head, and boards that nobody has set up."""

    flight: Flight
    lab: Lab

    def provision(
        self,
        boards: Sequence[Machine],
        *options: str,
        command: str = "provision",
        password: str | None = None,
    ) -> "Told":
        """Run a command on boards to its end; their host keys are approved by name."""
        running = self.begin(boards, *options, command=command, password=password)
        return running.finish()

    def begin(
        self,
        boards: Sequence[Machine],
        *options: str,
        command: str = "provision",
        password: str | None = None,
    ) -> "Told":
        """Begin it."""
        targets = [f"pi@{board.address}" for board in boards]
        words = [*PROGRAM, "nodes", command, *targets, "--yes", "--password-stdin", "--json", *options]
        program = self.lab.head.popen(words, env=self.flight.env)
        assert program.outer.stdin is not None
        program.outer.stdin.write(f"{self.lab.password if password is None else password}\n")
        program.outer.stdin.close()
        told = Told()

        def read() -> None:
            for line in program.stdout:
                told.hear(line)
            told.code = program.wait()

        told.reader = threading.Thread(target=read)
        told.reader.start()
        return told

    def search(self, text: str) -> list[str]:
        """Search the files of head and boards that are not as on the host; give where the text is."""
        found: list[str] = []
        for machine in (self.lab.head, *self.lab.nodes):
            layer = self.lab._power().store(machine.name, "upper")
            places = [layer, *(machine.path(place) for place in ("/home", "/run", "/tmp"))]
            done = subprocess.run(
                ["grep", "-rlFs", "-f", "-", *map(str, places)],
                input=text,
                capture_output=True,
                text=True,
                check=False,
                timeout=100,
            )
            found += [f"{machine.name}: {line}" for line in done.stdout.splitlines()]
        return found


@dataclass(slots=True)
class Told:
    """What a command told, part by part, each with when it came."""

    parts: list[tuple[float, dict[str, object]]] = field(
        default_factory=list[tuple[float, dict[str, object]]]
    )
    rest: str = ""
    code: int | None = None
    reader: threading.Thread | None = None

    def hear(self, line: str) -> None:
        """Take in a line of JSON; anything else is an error text."""
        try:
            self.parts.append((time.monotonic(), json.loads(line)))
        except ValueError:
            self.rest += line

    def finish(self) -> "Told":
        """Wait for the end."""
        assert self.reader is not None
        self.reader.join(300)
        return self

    @property
    def failures(self) -> str:
        """What went wrong, in full."""
        ends = (part for _, part in self.parts if part["type"] == "ended" and not part["ok"])
        return "\n".join((*map(str, ends), self.rest))

    def ended(self, board: Machine) -> dict[str, object]:
        """Give how a board ended."""
        return self._of(board, "ended")[-1]

    def failure(self, board: Machine) -> tuple[str, str]:
        """Give why a board failed, and what is to be done."""
        end = self.ended(board)
        assert not end["ok"], end
        return str(end["text"]), str(end["fix"])

    def ends(self) -> dict[str, tuple[bool, int]]:
        """Give for each board whether all went well, and the number of changes."""
        found = (part for _, part in self.parts if part["type"] == "ended")
        return {str(part["node"]): (bool(part["ok"]), int(str(part["changes"]))) for part in found}

    def at(self, board: Machine, step: str, outcome: str = "running") -> float | None:
        """Give when a board was at a step; None if it was not yet."""
        return next(
            (
                when
                for when, part in tuple(self.parts)
                if (part["type"], part.get("node")) == ("step", board.address)
                and (part["step"], part["outcome"]) == (step, outcome)
            ),
            None,
        )

    def ended_at(self, board: Machine) -> float | None:
        """Give when a board was over."""
        return next(
            (
                when
                for when, part in tuple(self.parts)
                if (part["type"], part.get("node")) == ("ended", board.address)
            ),
            None,
        )

    def _of(self, board: Machine, kind: str) -> list[dict[str, object]]:
        found = [part for _, part in self.parts if (part["type"], part.get("node")) == (kind, board.address)]
        assert found, (self.parts, self.rest)
        return found


@pytest.fixture(scope="module")
def site(lab_possible: None, wheels: Path) -> Iterator[Site]:
    """Give a head with wheels and without an SSH key, and three bare boards whose sudo wants the password."""
    with Lab(nodes=3, bare=Bare(sudo=Sudo.PASSWORD)) as lab:
        flight = Flight(lab, {"SCIABC_CLUSTER_HEAD_SLOTS": "1"})
        shutil.copytree(wheels, flight.file(WHEELS))
        lab.head.run(["chown", "-R", "pi:pi", f"{HOME}/.local"], user="root")
        for name in ("id_ed25519", "id_ed25519.pub"):
            flight.file(f"{HOME}/.ssh/{name}").unlink()
        flight.start()
        yield Site(flight, lab)


class Spy:
    """Looks for a text in the command lines and environments of all processes, until it is told to stop."""

    def __init__(self, text: str) -> None:
        self.found: set[str] = set()
        self._text = text.encode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Spy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        said = (process / name).read_bytes()
                    except OSError:
                        continue
                    if self._text in said:
                        self.found.add(f"{process / name}: {said[:200]!r}")


def test_three_bare_boards_compute_after_one_command_and_are_as_before_when_it_is_undone(site: Site) -> None:
    """By wheels, with no way out; a second run changes nothing; the password is nowhere; no trace is left."""
    flight, boards = site.flight, site.lab.nodes[:3]
    before = {board.name: tree(board) for board in boards}
    with Spy(site.lab.password) as spy:
        told = site.provision(boards, "--slots", "2")
    assert told.ends() == {board.address: (True, 5) for board in boards}, told.failures
    assert spy.found == set()
    flight.until("all(words.get(f'node0{n}') == 'ready' for n in (1, 2, 3)) and slots == 7")

    hosts = set(re.findall(r"Hello from rank \d+ of \d+ on ([\w-]+)", flight.run("run", "hello")))
    assert hosts >= {"node01", "node02", "node03"}
    assert "node01 provisioned by pi: 5 changes" in flight.run("events")

    again = site.provision(boards, "--slots", "2")
    assert again.ends() == {board.address: (True, 0) for board in boards}, again.failures

    looked = site.provision(boards, "--dry-run", command="unprovision")
    assert all(ok and changes > 0 for ok, changes in looked.ends().values())
    assert site.provision(boards, command="unprovision").code == 0
    flight.until("not {'node01', 'node02', 'node03'} & words.keys()")
    assert {board.name: tree(board) for board in boards} == before
    assert site.search(site.lab.password) == []
    log = flight.file(SERVICE_LOG).read_text(encoding="utf-8")
    assert site.lab.password not in log + flight.run("events", "--json")


def test_everything_at_once_and_back(site: Site) -> None:
    """A user, host names, new host keys, and nodes that log in to each other, for MPI; then all is undone."""
    boards = [site.lab.add(bare=Bare()) for _ in range(2)]
    for board, command in zip(boards, ("rm -f", "touch"), strict=True):  # useradd writes these, too
        board.run(["sh", "-c", f"{command} /etc/passwd- /etc/subuid- /etc/subgid-"], user="root")
    before = [tree(board) for board in boards]
    keys = [board.host_key_fingerprint for board in boards]
    names = f"calm{secrets.token_hex(2)}[1-2]"
    options = ["--user", "sciabc", "--between", "--new-host-keys", "--host-name", names]
    told = site.provision(boards, *options)
    assert all(ok for ok, _ in told.ends().values()), told.failures
    again = site.provision(boards, *options)
    assert again.ends() == {board.address: (True, 0) for board in boards}, again.failures
    addresses = {board.address for board in boards}
    site.flight.until(f"{addresses} <= {{node.address for node in state.nodes.values() if node.schedulable}}")
    shown = "{node.host_key.fingerprint for node in state.nodes.values() if node.host_key}"
    site.flight.until(f"not {set(keys)} & {shown}")  # a row for a moment: its new name came first
    ssh = ["env", "HOME=/home/sciabc", "ssh", "-o", "BatchMode=yes", boards[1].address, "id -un; uname -n"]
    become = ["setpriv", "--reuid=sciabc", "--regid=sciabc", "--init-groups"]
    said = boards[0].run([*become, *ssh], user="root").stdout.split()
    assert said == ["sciabc", unfold(names)[1]]
    site.flight.file(f"{HOME}/who.py").write_text(WHO, encoding="utf-8")
    ran = site.flight.run("run", "--per-node", "1", f"{HOME}/who.py")
    assert {"pi@head", *(f"sciabc@{board}" for board in unfold(names))} <= set(ran.split())
    assert site.provision(boards, command="unprovision").code == 0
    assert [tree(board) for board in boards] == before
    for board in boards:
        site.lab.remove(board.name)


def test_killed_half_way_and_run_again_ends_the_same(site: Site) -> None:
    """The service is killed, the board's power is cut; then all is as if nothing had happened."""
    calm, struck = (site.lab.add(bare=Bare(sudo=Sudo.PASSWORD)) for _ in range(2))
    before = tree(struck)
    assert site.provision([calm]).code == 0
    whole = _shape(calm)
    for strike in random.sample(["service", "service", "power"], 3):
        running = site.begin([struck])
        until(lambda running=running: running.at(struck, "head's key") is not None, timeout=60)
        threading.Event().wait(random.uniform(0.0, 6.0))
        if strike == "power":
            struck.power_off()
            struck.power_on()
        else:
            site.flight.kill()
        running.finish()
        if strike == "service":
            site.flight.start()
    told = site.provision([struck])
    assert told.code == 0, told.failures
    assert _shape(struck) == whole
    assert site.provision([calm, struck]).ends() == {b.address: (True, 0) for b in (calm, struck)}
    assert site.provision([calm, struck], command="unprovision").code == 0
    assert tree(struck) == before
    for board in (calm, struck):
        site.lab.remove(board.name)


def _shape(board: Machine) -> set[str]:
    """Give the files of a board, without what is in them, and without the journal and Python's caches."""
    return {
        line
        for line in tree(board)
        if not re.match(r"[0-9a-f]{64} ", line)
        and "__pycache__" not in line
        and "sciabc/provision/" not in line
    }


def test_each_failure_has_a_line_of_its_own_and_the_others_finish(site: Site) -> None:
    """Eleven boards in one run; the one that is fine is fine, and each of the others says what ails it."""
    lab = site.lab
    fine = lab.add("fine", bare=Bare(clock_off=-YEAR))
    other = lab.add("other", bare=Bare())
    other.run(["chpasswd"], user="root", text="pi:another one\n")
    keys_only = lab.add("keysonly", bare=Bare(passwords=False))
    no_sudo = lab.add("nosudo", bare=Bare(sudo=Sudo.NO))
    no_program = lab.add("absent", bare=Bare(sudo=Sudo.ABSENT))
    terminal = lab.add("terminal", bare=Bare(sudo=Sudo.TERMINAL))
    small = lab.add("small", bare=Bare(free_kib=8192))
    locked = lab.add("locked", bare=Bare(read_only=True))
    wrong = lab.add("wrong", bare=Bare(linux32=True))
    clock = lab.add("clock", bare=Bare(sudo=Sudo.NO, clock_off=YEAR))
    mute = lab.add("mute", bare=Bare(avahi=False))
    pulled = lab.add("pulled", bare=Bare())
    pulled.path("/usr/local/sbin/sshd").write_text("#!/bin/sh\nexec sleep 100\n")
    pulled.path("/usr/local/sbin/sshd").chmod(0o755)
    boards = [
        *(fine, other, keys_only, no_sudo, no_program, terminal),
        *(small, locked, wrong, clock, mute, pulled),
    ]
    holder = hold_apt_lock(mute)

    running = site.begin(boards, "--mpi", "none")
    assert until(lambda: running.at(pulled, "sshd") is not None, timeout=60)
    pulled.unplug()
    unplugged = time.monotonic()
    assert until(lambda: running.at(mute, "announcement") is not None, timeout=60)
    holder.kill()
    told = running.finish()

    assert told.code == 1
    assert told.ended(fine)["ok"], told.ended(fine)
    assert told.ended(mute)["ok"], told.ended(mute)
    expected = {
        other: "login: wrong password for pi",
        keys_only: "login: it takes keys only, and none of the head's as pi",
        no_sudo: "announcement: pi may not use sudo there",
        no_program: "announcement: it has no sudo",
        terminal: "announcement: its sudo wants a terminal",
        small: "check: its disk is full: ",
        locked: "check: its root is mounted read-only",
        wrong: "check: wrong architecture: i686 with 32 bits",
        clock: "check: its clock is ",
        pulled: "sshd: the connection was lost: was it unplugged?",
    }
    for board, text in expected.items():
        said, fix = told.failure(board)
        assert said.startswith(text), (board.name, said)
        assert fix.startswith("Next: "), (board.name, fix)
    noticed = told.ended_at(pulled)
    assert noticed is not None
    assert noticed - unplugged < 40.0  # 12 s by itself; the machine may do much else
    # no other test's board shall be taken for one of these when it gets the address
    assert site.provision([fine, mute], command="unprovision").code == 0
    for board in boards:
        lab.remove(board.name)


def test_boards_are_found_by_asking_the_clusters_own_network(site: Site) -> None:
    """A /24 in seconds; the boards are new, the head is not among them; no other network is asked."""
    # an address that no board of another test had, which would be known with its key
    board = site.lab.add("found", bare=Bare(), address="10.77.0.201")
    began = time.monotonic()
    said = site.lab.head.run([*PROGRAM, "nodes", "scan", "--json"], env=site.flight.env).stdout
    took = time.monotonic() - began
    parts = [json.loads(line) for line in said.splitlines()]
    found = {part["address"]: part for part in parts if part["type"] == "board"}
    assert found[board.address]["fingerprint"] == board.host_key_fingerprint
    assert (found[board.address]["trust"], found[board.address]["ready"]) == ("unknown", False)
    assert site.lab.head.address not in found
    assert took < 30.0  # 2 s by itself; the machine may do much else
    done = site.lab.head.run([*PROGRAM, "nodes", "scan", "192.0.2.0/24"], env=site.flight.env, check=False)
    assert done.returncode == 1
    assert "not in the cluster's own network" in done.stderr
    site.lab.remove(board.name)
