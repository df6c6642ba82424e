"""Bringing outputs and checkpoints home: a real ssh to real sshds on loopback, which play the nodes."""

import contextlib
import io
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from jobs import procs
from jobs.attempt import AttemptFiles, AttemptPlan, read_unswept, write_unswept
from jobs.collect import clean_up, collect, program
from jobs.collectstream import Limits
from jobs.collecttold import Collected
from jobs.hostfile import Host
from jobs.launchers import Launcher
from jobs.sshconfig import ssh_config
from jobs.sweep import WITHIN
from tests.head.servers import Sshd, need, running, wait_for

_TOKEN = secrets.token_hex(16)
_PATIENT = 30.0  # seconds for an ssh on a busy machine, where no silent node costs them


@dataclass(slots=True)
class Bench:
    """A head with a job's folder, and nodes that were given one."""

    root: Path
    launcher: Launcher
    nodes: dict[str, Sshd] = field(default_factory=dict[str, Sshd])
    others: list[Host] = field(default_factory=list[Host])
    collect: tuple[str, ...] = ("*.csv",)
    checkpoint: bool = False
    since: float = field(default_factory=lambda: time.time() - 60)
    wall: Callable[[], float] = time.time

    @property
    def cwd(self) -> Path:
        """Where the head's own ranks ran."""
        return self.root / "cwd"

    @property
    def kept(self) -> Path:
        """The job's checkpoint on the head."""
        return self.root / "job" / "checkpoint"

    @property
    def folder(self) -> Path:
        """The attempt's."""
        return self.root / "job" / "attempt-1"

    def staged(self, name: str, top: str = "work") -> Path:
        """Give a staged folder of a node."""
        return self.nodes[name].folder / ".cache" / "sciabc" / "jobs" / _TOKEN / top

    def hosts(self) -> tuple[Host, ...]:
        """Give the nodes, after the head."""
        there = [
            Host(name, server.address, 1, port=server.port, host_key_alias=name)
            for name, server in self.nodes.items()
        ]
        return (Host("head", "127.0.0.1", 1, local=True), *there, *self.others)

    def plan(self) -> AttemptPlan:
        """Write down what is known of the attempt, as its start does."""
        hosts = self.hosts()
        known = self.root / "known_hosts"
        known.write_text("".join(f"{name} {server.keys.public}\n" for name, server in self.nodes.items()))
        # ssh offers the keys of all nodes to each of them
        text = "".join(
            ssh_config([host], known_hosts=known, identity=self.nodes[host.name].folder / "id_ed25519")
            if host.name in self.nodes
            else ssh_config([host], known_hosts=known, identity=None)
            for host in hosts[1:]
        )
        AttemptFiles(self.folder).ssh_config.write_text(text)
        write_unswept(self.folder, tuple(host.name for host in hosts[1:]))
        return AttemptPlan(
            7,
            1,
            self.launcher,
            ("true",),
            {},
            str(self.cwd),
            _TOKEN,
            hosts=hosts,
            collect=self.collect,
            checkpoint=str(self.kept) if self.checkpoint else "",
        )

    def bring(self, within: float = _PATIENT, limits: Limits | None = None) -> Collected:
        """Collect."""
        return collect(
            self.folder, self.plan(), since=self.since, wall=self.wall, within=within, limits=limits
        )

    def found(self) -> dict[str, bytes]:
        """Give what is in the job's folder now."""
        return {
            str(path.relative_to(self.cwd)): path.read_bytes()
            for path in sorted(self.cwd.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def bench(tmp_path: Path, new: Launcher) -> Bench:
    """A head without nodes yet."""
    made = Bench(tmp_path, new)
    made.cwd.mkdir()
    made.folder.mkdir(parents=True)
    return made


Add = Callable[[str], Path]


@pytest.fixture
def add(bench: Bench) -> Iterator[Add]:
    """Add a node; give its staged working directory."""
    with contextlib.ExitStack() as stack:

        def node(name: str) -> Path:
            folder = bench.root / name
            folder.mkdir()
            server = Sshd(folder, address=f"127.0.1.{len(bench.nodes) + 1}")
            server.admit()
            stack.enter_context(running(server))
            bench.nodes[name] = server
            bench.staged(name).mkdir(parents=True)
            bench.staged(name, "checkpoint").mkdir()
            return bench.staged(name)

        yield node


@pytest.fixture(params=["gnu", "busybox"])
def node01(request: pytest.FixtureRequest, bench: Bench, add: Add) -> Path:
    """A node with either tar and find; its staged working directory."""
    work = add("node01")
    if request.param == "busybox":
        _use_busybox(bench.nodes["node01"].folder)
    return work


def _use_busybox(home: Path) -> None:
    busybox = need("busybox", "busybox")
    (home / "bin").mkdir()
    for tool in ("tar", "find", "grep", "tr", "date", "printf"):
        (home / "bin" / tool).symlink_to(busybox)
    (home / ".bashrc").write_text('PATH="$HOME/bin:$PATH"\n')


def _write(folder: Path, **files: bytes) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


# ---------------------------------------------------------------- outputs


def test_outputs_come_home(bench: Bench, node01: Path) -> None:
    """Each file that matches is where a shared folder would have it, byte for byte, and no other one."""
    bench.collect = ("*.csv", "out/*.dat", "plots")
    big = os.urandom(700_001)
    _write(node01, a_csv=b"a", big_csv=big, empty_csv=b"", b_txt=b"no", deep__a_csv=b"no")
    _write(node01, out__x_dat=b"x", out__y_txt=b"no", plots__deep__p_png=b"p", _hidden_csv=b"no")
    assert bench.bring() == Collected()
    assert bench.found() == {
        "a.csv": b"a",
        "big.csv": big,
        "empty.csv": b"",
        "out/x.dat": b"x",
        "plots/deep/p.png": b"p",
    }
    assert (node01 / "a.csv").exists()


def test_names_are_brought_as_they_are(bench: Bench, node01: Path) -> None:
    """Blanks, quotes, dashes, other scripts, the longest names, and two names of one file."""
    names = ["-rf x.csv", 'it\'s "so" $HOME `id`.csv', "größe 結果.csv", "x" * 250 + ".csv", "*?[.csv"]
    deep = Path("out", *["d" * 90] * 5, "deep.csv")
    bench.collect = ("*.csv", "out")
    for name in names:
        (node01 / name).write_text(name)
    (node01 / deep).parent.mkdir(parents=True)
    (node01 / deep).write_text("deep")
    (node01 / "same.csv").hardlink_to(node01 / names[0])
    assert bench.bring() == Collected()
    expected = {name: name.encode() for name in names} | {"same.csv": names[0].encode(), str(deep): b"deep"}
    assert bench.found() == expected


def test_a_program_stays_one(bench: Bench, node01: Path) -> None:
    """What is executable or private stays so; nothing becomes setuid or writable by others."""
    for name, mode in (("a.csv", 0o4755), ("b.csv", 0o666), ("c.csv", 0o600), ("d.csv", 0o444)):
        (node01 / name).touch()
        (node01 / name).chmod(mode)
    bench.bring()
    modes = {path.name: path.stat().st_mode & 0o7777 for path in bench.cwd.iterdir()}
    assert modes == {"a.csv": 0o755, "b.csv": 0o644, "c.csv": 0o600, "d.csv": 0o644}


def test_thousands_of_files_come(bench: Bench, node01: Path) -> None:
    """More than one command line holds: several archives come behind each other."""
    bench.collect = ("out",)
    (node01 / "out").mkdir()
    for number in range(3000):
        (node01 / "out" / f"{number:04}{'x' * 100}").write_text(f"{number}")
    assert bench.bring() == Collected()
    assert len(bench.found()) == 3000
    assert bench.found()[f"out/2999{'x' * 100}"] == b"2999"


def test_each_node_keeps_its_own(bench: Bench, add: Add) -> None:
    """The head's file keeps its name, another content gets the node's beside it, the same comes once."""
    for name, content in (("node01", b"one"), ("node02", b"two"), ("node03", b"two")):
        _write(add(name), own_csv=b"of a node", same_csv=b"same", new_csv=content)
    _write(bench.cwd, own_csv=b"of the head", same_csv=b"same")
    assert bench.bring() == Collected()
    assert bench.found() == {
        "own.csv": b"of the head",
        "own.csv.node01": b"of a node",
        "own.csv.node02": b"of a node",
        "own.csv.node03": b"of a node",
        "same.csv": b"same",
        "new.csv": b"one",
        "new.csv.node02": b"two",
        "new.csv.node03": b"two",
    }
    # what a runner does again that was killed in between changes nothing
    before = bench.found()
    assert bench.bring() == Collected()
    assert bench.found() == before


def test_what_an_earlier_attempt_brought_is_replaced(bench: Bench, node01: Path) -> None:
    """What is older than the attempt is of an earlier one."""
    _write(node01, a_csv=b"new")
    _write(bench.cwd, a_csv=b"old")
    os.utime(bench.cwd / "a.csv", (bench.since - 10, bench.since - 10))
    assert bench.bring() == Collected()
    assert bench.found() == {"a.csv": b"new"}


def test_what_is_unreadable_is_told_and_stays(bench: Bench, node01: Path) -> None:
    """A file that tar can't read is not forgotten: the others come, and its folder stays."""
    bench.collect = ("*",)
    _write(node01, a_csv=b"a")
    (node01 / "odd\nname.csv").write_text("odd")
    got = bench.bring()
    assert bench.found() == {"a.csv": b"a"}
    assert got.keep == {"node01"}
    where = f"stay there in ~/.cache/sciabc/jobs/{_TOKEN}"
    assert (
        got.problem
        == f"outputs of node01 {where}: a file has a name that can't be used here. Next: copy them"
    )


def test_links_and_pipes_are_not_files(bench: Bench, node01: Path) -> None:
    """A link leads where its maker likes, and a pipe would never end: neither is brought."""
    bench.collect = ("*",)
    (node01 / "secret.csv").symlink_to("/etc/passwd")
    os.mkfifo(node01 / "pipe.csv")
    assert bench.bring() == Collected()
    assert bench.found() == {}


def test_a_login_that_greets_spoils_nothing(bench: Bench, add: Add) -> None:
    """Whatever a shell's startup file prints stands before the files."""
    work = add("node01")
    (bench.nodes["node01"].folder / ".bashrc").write_text("echo sciabc-files 1; seq 50000\n")
    _write(work, a_csv=b"a")
    assert bench.bring() == Collected()
    assert bench.found() == {"a.csv": b"a"}


def test_a_process_of_the_job_is_ended_first(bench: Bench, add: Add) -> None:
    """Nobody writes any more while the files are read."""
    add("node01")
    code = ["sh", "-c", "trap '' TERM HUP; while :; do sleep 0.05; done"]
    with subprocess.Popen(code, env={**os.environ, "SCIABC_JOB_TOKEN": _TOKEN}) as process:
        assert bench.bring() == Collected()
        assert process.wait(5) == -9
    assert not procs.of_job(_TOKEN)


# ---------------------------------------------------------------- nodes that fail


def test_nobody_is_asked_for_nothing(bench: Bench, add: Add) -> None:
    """No patterns and no checkpoint, or no staged folder: not one ssh."""
    add("node01")
    bench.collect = ()
    assert bench.bring() == Collected()
    bench.collect = ("*",)
    plan = bench.plan()
    write_unswept(bench.folder, ())
    assert collect(bench.folder, plan, since=0.0, wall=None) == Collected()
    assert not bench.nodes["node01"].asked_to_authenticate()


def test_a_node_that_does_not_answer_is_told(bench: Bench, add: Add) -> None:
    """The others' outputs come, and the text names whose are lost."""
    _write(add("node01"), a_csv=b"a")
    with socket.create_server(("127.0.0.2", 0)) as silent:
        bench.others.append(Host("node02", "127.0.0.2", 1, port=silent.getsockname()[1]))
        bench.others.append(Host("node03", "127.0.0.3", 1, port=9))
        began = time.monotonic()
        got = bench.bring(within=WITHIN - 0.1)  # in a hurry
        assert time.monotonic() - began < WITHIN + 4.0
    assert got.problem == (
        "outputs of node02 are lost: it does not answer; outputs of node03 are lost: it does not answer"
    )
    assert got.silent == {"node02", "node03"}
    assert bench.found() == {"a.csv": b"a"}


def test_a_node_that_breaks_off_is_told(bench: Bench, add: Add) -> None:
    """What arrived whole is there, what was cut off is not, and the text names the node."""
    work = add("node01")
    _write(work, a_csv=b"a", b_csv=b"b" * 300_000)
    subprocess.run(
        ["tar", "-C", work.parent, "-cf", bench.root / "t", "work/a.csv", "work/b.csv"], check=True
    )
    _fake_tar(bench, f"head -c 100000 {bench.root}/t; sleep 60")
    second = bench.cwd / f".sciabc-{_TOKEN}" / "0" / "b.csv"
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(bench.bring)
        wait_for(second.exists, "the first file arrived, and the second begins", within=_PATIENT)
        bench.nodes["node01"].hang_up()
        got = done.result()
    assert got.problem == "outputs of node01 are lost: the connection to it broke"
    assert got.silent == {"node01"}
    assert bench.found() == {"a.csv": b"a"}


def test_a_node_that_falls_silent_is_told(bench: Bench, add: Add) -> None:
    """One that begins and then stands still costs the silence that is granted, and no more."""
    add("node01")
    _write(bench.staged("node01"), a_csv=b"a")
    _fake_tar(bench, "sleep 60")
    got = bench.bring(limits=Limits(silence=0.5))
    assert got.problem == "outputs of node01 are lost: it fell silent, or is too slow"


def test_a_trickle_has_its_end(bench: Bench, add: Add) -> None:
    """A node that sends a byte now and then is given up, however long it goes on."""
    add("node01")
    _write(bench.staged("node01"), a_csv=b"a")
    _fake_tar(bench, "while :; do printf x; sleep 0.05; done")
    began = time.monotonic()
    got = bench.bring(limits=Limits(patience=1.5))
    assert time.monotonic() - began < Limits().patience - 5.0
    assert got.problem == "outputs of node01 are lost: it fell silent, or is too slow"


_ENDLESS = """
import sys, tarfile, itertools
for number in itertools.count():
    info = tarfile.TarInfo(f"work/{number}.csv")
    info.size = SIZE
    sys.stdout.buffer.write(info.tobuf(tarfile.GNU_FORMAT))
    for _ in range(SIZE // 65536): sys.stdout.buffer.write(bytes(65536))
"""


_HOSTILE = (
    "../evil.csv",
    "work/../../evil.csv",
    f"{Path.home()}/evil.csv",
    "work/",
    "work",
    "work/.evil.csv",
    "work/evil.txt",
    "work/sub/evil.csv",
    "checkpoint/evil.csv",
    "elsewhere/evil.csv",
    "work/evil\x1b[2J.csv",
)


def test_a_hostile_name_lands_nowhere(bench: Bench, add: Add) -> None:
    """Whatever a node calls its files: only what was asked for comes, and nothing is outside."""
    add("node01")
    stream = bench.root / "stream"
    with tarfile.open(stream, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in (*_HOSTILE, "work/good.csv"):
            if name != "work/":
                info = tarfile.TarInfo(name)
                info.size = 4
                archive.addfile(info, io.BytesIO(b"evil"))
    _fake_tar(bench, f"exec cat {stream}")
    _write(bench.staged("node01"), a_csv=b"a")
    bench.plan()
    before = {path for path in bench.root.rglob("*") if bench.cwd not in path.parents}
    got = bench.bring()
    assert "a file has a name that can't be used here (and 3 more)" in got.problem
    assert bench.found() == {"good.csv": b"evil"}
    assert {path for path in bench.root.rglob("*") if bench.cwd not in path.parents} == before


@pytest.mark.parametrize("second", ["work/a.csv", "work/a.csv/b.csv"])
def test_a_name_that_comes_twice_is_refused(bench: Bench, add: Add, second: str) -> None:
    """The first stays as it was; nothing is written through it."""
    add("node01")
    bench.collect = ("*",)
    stream = bench.root / "stream"
    with tarfile.open(stream, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in (("work/a.csv", b"first"), (second, b"other")):
            info = tarfile.TarInfo(name)
            info.size = 5
            archive.addfile(info, io.BytesIO(content))
    _fake_tar(bench, f"exec cat {stream}")
    _write(bench.staged("node01"), a_csv=b"a")
    assert "it sent a file twice" in bench.bring().problem
    assert bench.found() == {"a.csv": b"first"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE, tarfile.LNKTYPE])
def test_only_files_are_taken(bench: Bench, add: Add, kind: bytes) -> None:
    """A link that leads out, a device, a file that would blow up: none of them is made here."""
    add("node01")
    info = tarfile.TarInfo("work/a.csv")
    info.type, info.linkname = kind, "../../../../../../etc/passwd"
    (bench.root / "stream").write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    _fake_tar(bench, f"exec cat {bench.root}/stream")
    _write(bench.staged("node01"), a_csv=b"a")
    assert bench.bring().keep == {"node01"}
    assert list(bench.cwd.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "limits", "why"),
    [
        (0, Limits(members=1000), "it has more than 1000 files"),
        (2**40, Limits(size=5 * 2**20), "it sends more than 5 MiB"),
        (2**16, Limits(size=5 * 2**20), "it sends more than 5 MiB"),
    ],
)
def test_an_endless_stream_has_its_end(bench: Bench, add: Add, size: int, limits: Limits, why: str) -> None:
    """Files without number, a file without end: the limit ends it, and nothing of the last file stays."""
    add("node01")
    _write(bench.staged("node01"), a_csv=b"a")
    script = bench.root / "endless.py"
    script.write_text(_ENDLESS.replace("SIZE", str(size)))
    _fake_tar(bench, f"exec {sys.executable} {script}")
    got = bench.bring(limits=limits)
    assert why in got.problem
    assert got.keep == {"node01"}
    assert len(bench.found()) <= 1000
    assert all(len(content) == size for content in bench.found().values())
    assert {path.name for path in bench.cwd.iterdir()} == set(bench.found())


def test_the_heads_disk_is_not_filled(bench: Bench, node01: Path) -> None:
    """Before less is free than must be, it ends; the outputs stay where they are, and the text says so."""
    _write(node01, a_csv=b"a" * 100_000)
    free = shutil.disk_usage(bench.cwd).free
    got = bench.bring(limits=Limits(free=2 * free))
    where = f"stay there in ~/.cache/sciabc/jobs/{_TOKEN}"
    assert got.problem == f"outputs of node01 {where}: disk full on the head. Next: copy them"
    assert got.keep == {"node01"}
    assert bench.found() == {}


def test_a_missing_folder_here_is_told(bench: Bench, add: Add) -> None:
    """Somebody removed the job's folder meanwhile: the outputs stay on the node."""
    _write(add("node01"), a_csv=b"a")
    bench.cwd.rmdir()
    got = bench.bring()
    assert "No such file or directory on the head" in got.problem
    assert got.keep == {"node01"}


@pytest.mark.parametrize("token", ["", "a b", "$(id)", "x" * 32])
def test_no_token_becomes_a_path(bench: Bench, token: str) -> None:
    """Only 32 hex digits are the name of a staged folder: for others nobody goes anywhere."""
    bench.others.append(Host("node01", "127.0.0.9", 1, port=9))
    assert collect(bench.folder, replace(bench.plan(), token=token), since=0.0, wall=None) == Collected()


def test_patterns_are_no_commands(bench: Bench, node01: Path) -> None:
    """Quotes and all that means something to a shell mean themselves."""
    names = ["a'b", "$(touch x)", "`touch x`", "a;touch x", "a\\b", "!", "-delete", "( )"]
    bench.collect = tuple(names)
    for name in names:
        (node01 / name).write_text(name)
    (node01 / "other").touch()
    assert bench.bring() == Collected()
    assert bench.found() == {name: name.encode() for name in names}


# ---------------------------------------------------------------- checkpoints


def test_the_newest_of_each_file_is_kept(bench: Bench, node01: Path, add: Add) -> None:
    """Of the head's and the nodes' files the newest stays, with its time; outputs are another matter."""
    add("node02")
    bench.collect, bench.checkpoint = (), True
    bench.kept.mkdir()
    now = int(time.time())
    for name in ("node01", "node02"):
        _set_clock(bench, name, f"echo {now}")
    bench.wall = lambda: now + 1.0  # so little is no difference
    _write_at(bench.kept, now, a=(b"head", -50), b=(b"head", -90), c=(b"head", -40))
    _write_at(
        bench.staged("node01", "checkpoint"), now, a=(b"one", -60), b=(b"one", -30), deep__d=(b"one", -1)
    )
    _write_at(bench.staged("node02", "checkpoint"), now, b=(b"two", -20), c=(b"two", -70))
    _write(node01, a_csv=b"no output is asked for")
    assert bench.bring() == Collected()
    assert _tree(bench.kept, now) == {
        "a": (b"head", -50),
        "b": (b"two", -20),
        "c": (b"head", -40),
        "deep/d": (b"one", -1),
    }
    assert bench.found() == {}
    assert not (bench.folder / "arriving").exists()


@pytest.mark.parametrize("wrong", [-86_400, 3_600])
def test_a_wrong_clock_loses_no_checkpoint(bench: Bench, add: Add, wrong: int) -> None:
    """A board has no clock of its own: what it wrote last is the newest all the same."""
    for name in ("node01", "node02"):
        add(name)
    bench.collect, bench.checkpoint = (), True
    bench.kept.mkdir()
    now = int(time.time())
    _set_clock(bench, "node01", f"echo $(($(/bin/date +%s) + {wrong}))")
    _write_at(bench.kept, now, state=(b"old", -50), quiet=(b"head", -20))
    # both nodes got the old ones when the attempt began; one of them went on
    _write_at(
        bench.staged("node01", "checkpoint"), now, state=(b"new!", -10 + wrong), quiet=(b"stal", -30 + wrong)
    )
    _write_at(bench.staged("node02", "checkpoint"), now, state=(b"old", -50))
    assert bench.bring() == Collected()
    assert {name: content for name, (content, _) in _tree(bench.kept, now).items()} == {
        "state": b"new!",
        "quiet": b"head",
    }


def test_a_lost_checkpoint_is_told_and_its_folder_goes(bench: Bench, add: Add) -> None:
    """Nobody can use it later: the next attempt runs by then."""
    add("node01")
    bench.collect, bench.checkpoint = (), True
    bench.kept.mkdir()
    _write(bench.staged("node01", "checkpoint"), state=b"s")
    _fake_tar(bench, "echo this is no tar")
    got = bench.bring()
    assert got == Collected(
        "checkpoint files of node01 are lost: the connection to it broke", frozenset({"node01"})
    )


# ---------------------------------------------------------------- with the cleaning


def test_the_folders_go_when_all_is_home(bench: Bench, add: Add) -> None:
    """First the files, then the cleaning: nothing is left on the node, nothing is missing here."""
    _write(add("node01"), a_csv=b"a")
    told: list[str] = []
    missing = clean_up(
        bench.folder,
        bench.plan(),
        since=bench.since,
        wall=time.time,
        sending_within=lambda: _PATIENT,
        clean_within=lambda: _PATIENT,
        tell=told.append,
    )
    assert (missing, told) == ("", [])
    assert bench.found() == {"a.csv": b"a"}
    assert not bench.staged("node01").parent.exists()
    assert read_unswept(bench.folder) == ()


def test_what_could_not_be_brought_is_not_removed(bench: Bench, add: Add) -> None:
    """The folder of a node with outputs that have no place here stays, another's goes, a silent one waits."""
    bench.others.append(Host("node03", "127.0.0.3", 1, port=9))
    _write(add("node01"), a_csv=b"a")
    _write(add("node02"), a_csv=b"a", b=b"b")
    (bench.staged("node02") / "odd\x01.csv").touch()
    plan = bench.plan()
    told: list[str] = []
    missing = clean_up(
        bench.folder,
        plan,
        since=bench.since,
        wall=time.time,
        sending_within=lambda: _PATIENT,
        clean_within=lambda: _PATIENT,
        tell=told.append,
    )
    assert told == [missing]
    assert missing.startswith("outputs of node02 stay there in ")
    assert missing.endswith("; outputs of node03 are lost: it does not answer")
    assert bench.found() == {"a.csv": b"a"}
    assert not bench.staged("node01").parent.exists()
    assert (bench.staged("node02") / "b").exists()
    assert read_unswept(bench.folder) == ("node03",)


def test_no_descriptor_and_no_thread_stays(bench: Bench, add: Add) -> None:
    """The head clears for years: whatever a visit comes to, nothing of it stays open."""
    _write(add("node01"), a_csv=b"a")
    bench.others.append(Host("node02", "127.0.0.9", 1, port=9))
    bench.bring()
    before, threads = _open_files(), set(threading.enumerate())
    bench.bring()
    assert _open_files() == before
    assert set(threading.enumerate()) <= threads  # another test's may end meanwhile


def test_any_posix_shell_will_do(bench: Bench, tmp_path: Path) -> None:
    """The program that sends the files does its work in each shell."""
    bench.checkpoint = True
    text = program(bench.plan())
    staged = tmp_path / "home" / ".cache" / "sciabc" / "jobs" / _TOKEN
    _write(staged, work__a_csv=b"a", checkpoint__state=b"s")
    for shell in ("dash", "bash", "busybox sh"):
        if shutil.which(shell.split(maxsplit=1)[0]) is None:
            continue
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [*shell.split(), "-s"], input=text.encode(), capture_output=True, env=env, check=True
        )
        assert done.stdout.startswith(b"\nsciabc-here\n\nsciabc-files ")
        assert (b"work/a.csv" in done.stdout, b"checkpoint/state" in done.stdout) == (True, True)


def _fake_tar(bench: Bench, script: str) -> None:
    home = bench.nodes["node01"].folder
    (home / "bin").mkdir()
    (home / "bin" / "tar").write_text(f'#!/bin/sh\n[ "$1" != --version ] || exit 0\n{script}\n')
    (home / "bin" / "tar").chmod(0o755)
    (home / ".bashrc").write_text('PATH="$HOME/bin:$PATH"\n')


def _set_clock(bench: Bench, name: str, script: str) -> None:
    home = bench.nodes[name].folder
    (home / "bin").mkdir(exist_ok=True)
    (home / "bin" / "date").unlink(missing_ok=True)  # busybox's is a link
    (home / "bin" / "date").write_text(f"#!/bin/sh\n{script}\n")
    (home / "bin" / "date").chmod(0o755)
    (home / ".bashrc").write_text('PATH="$HOME/bin:$PATH"\n')


def _write_at(folder: Path, now: int, **files: tuple[bytes, int]) -> None:
    for name, (content, age) in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (now + age, now + age))


def _tree(folder: Path, now: int) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), round(path.stat().st_mtime) - now)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
