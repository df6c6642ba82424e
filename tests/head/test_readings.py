"""The program that prints readings, under every awk; the parser, under every byte."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.node import Facts, Reading
from sciabc_tui.head import node_program, readings
from sciabc_tui.head.readings import LINE_LIMIT, MARKER, TEXT_LIMIT, Parser
from tests.head.servers import need, wait_for

START = f"{MARKER}\n".encode()
FACTS = b"F\t4\taarch64\t6.12.47\tRaspberry Pi 4\tnode01\tb00t\t10000000c0ffee00\tDebian 12\n"
READING = b"R\t1000\t600\t0.52\t1000\t400\t48312\t77.25\t40,41\t5000\t9000\n"

PI = {
    "proc/stat": "cpu  100 5 50 800 20 1 2 3 0 0\ncpu0 50 2 25 400 10 0 1 1 0 0\n"
    "cpu1 50 3 25 400 10 1 1 2 0 0\nintr 12345\nctxt 3000000000\n",
    "proc/loadavg": "0.52 0.58 0.59 1/180 2201\n",
    "proc/meminfo": "MemTotal:        3884368 kB\nMemFree:          200000 kB\nMemAvailable:    3000000 kB\n",
    "proc/uptime": "12345.67 45000.00\n",
    "proc/cpuinfo": "processor\t: 0\n\nSerial\t\t: 00000000c0ffee00\nModel\t\t: Raspberry Pi 3 Model B\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/device-tree/serial-number": "10000000c0ffee00\0",
    "proc/sys/kernel/osrelease": "6.12.47+rpt-rpi-v8\n",
    "proc/sys/kernel/hostname": "node01\n",
    "proc/sys/kernel/random/boot_id": "0020e3b2-d8c0-4a66-8fc3-dcd779334c87\n",
    "proc/net/dev": "Inter-|   Receive       |  Transmit\n face |bytes    packets errs |bytes packets\n"
    "    lo: 99 1 0 0 0 0 0 0 99 1 0 0 0 0 0 0\n"
    "  eth0: 1000 5 0 0 0 0 0 0 2000 6 0 0 0 0 0 0\n wlan0:5000000000 5 0 0 0 0 0 0 7 6 0 0 0 0 0 0\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
}

LATER = {
    "proc/stat": "cpu  160 5 50 820 40 1 2 3 0 0\ncpu0 100 2 25 400 10 0 1 1 0 0\n"
    "cpu1 60 3 25 420 30 1 1 2 0 0\n",
    "proc/uptime": "12347.67 45000.00\n",
    "proc/net/dev": "  eth0: 3000 5 0 0 0 0 0 0 2600 6 0 0 0 0 0 0\n wlan0:5000000000 5 0 0 0 0 0 0 7 6\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
}
"""Two seconds after `PI`."""

TOOLS = {
    "df": "echo Filesystem 1024-blocks Used Available Use Mounted; echo /dev/root 30000 12000 17000 42% /",
    "mpirun": "echo 'mpirun (Open MPI) 4.1.4'; echo; echo Report bugs",
    "python3": "echo 3.11.2 3.1.4",
}

AWKS = pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])


def awk_command(name: str) -> str:
    """Give the command of one of the awks that nodes have."""
    return f"{need('busybox', 'busybox')} awk" if name == "busybox" else need(name, name)


class Board:
    """A tree of files that stands for a node, with the programs that are there."""

    def __init__(self, awk: str, folder: Path) -> None:
        self._awk = awk_command(awk)
        self._root = folder / "root"
        self._tools = folder / "bin"
        self._root.mkdir()
        self._tools.mkdir()

    def plant(self, files: dict[str, str]) -> None:
        """Write files."""
        for name, text in files.items():
            (self._root / name).parent.mkdir(parents=True, exist_ok=True)
            (self._root / name).write_text(text)

    def install(self, tools: dict[str, str]) -> None:
        """Put programs there; each is a shell script."""
        for name, text in tools.items():
            (self._tools / name).write_text(f"#!/bin/sh\n{text}\n")
            (self._tools / name).chmod(0o755)

    @contextmanager
    def running(self, **values: object) -> Generator["Running"]:
        """Run the program; what beats the time is the test."""
        given = {"marker": MARKER, "period": 1, "disk_every": 2, "throttle_every": 2, "root": self._root}
        command = [*self._awk.split(), "-W", "interactive"]
        for name, value in {**given, **values}.items():
            command += ["-v", f"{name}={value}"]
        with subprocess.Popen(
            [*command, node_program.PROGRAM],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.PIPE,
            env={
                "LC_ALL": "C",
                "PATH": f"{self._tools}:/usr/bin:/bin",
                "SCIABC_LATER": "",
                "SCIABC_ASKER": node_program.ASKER,
            },
        ) as process:
            yield Running(process)


@dataclass
class Running:
    """The program under way."""

    process: "subprocess.Popen[bytes]"
    parser: Parser = field(default_factory=Parser)
    readings: int = 0

    def beat(self) -> None:
        """Let a period pass."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def told(self) -> list[Facts | Reading]:
        """Give what the lines up to the next reading said."""
        assert self.process.stdout is not None
        found: list[Facts | Reading] = []
        while not any(isinstance(item, Reading) for item in found):
            line = self.process.stdout.readline()
            assert line, "it ended"
            found += self.parser.feed(line, 7.0)
        assert self.parser.refused == 0
        self.readings += 1
        return found

    def reading(self) -> Reading:
        """Give the next reading."""
        reading = self.told()[-1]
        assert isinstance(reading, Reading)
        return reading

    def until(self, holds: Callable[[Reading], object]) -> Reading:
        """Let periods of 20 ms pass until a reading is as the test wants it, and one more begin."""
        pause = threading.Event()
        deadline = time.monotonic() + 60
        while True:
            reading = self.reading()
            found = holds(reading)
            assert found or time.monotonic() < deadline, "it did not become so in time"
            pause.wait(0.02)
            self.beat()
            if found:
                return reading


@AWKS
def test_every_awk_tells_the_same_of_a_pi(awk: str, tmp_path: Path) -> None:
    """Each awk that nodes have reads the same facts and the same readings from the same files."""
    board = Board(awk, tmp_path)
    board.plant(PI)
    board.install(TOOLS)
    with board.running() as program:
        facts, first = program.told()
        board.plant(LATER)
        program.beat()
        (second,) = program.told()
    assert facts == Facts(
        cores=2,
        machine=os.uname().machine,
        kernel="6.12.47+rpt-rpi-v8",
        model="Raspberry Pi 4 Model B Rev 1.4",
        host_name="node01",
        boot_id="0020e3b2-d8c0-4a66-8fc3-dcd779334c87",
        serial="10000000c0ffee00",
        os="Debian GNU/Linux 12 (bookworm)",
    )
    assert first == Reading(
        at=7.0,
        load1=0.52,
        memory_used=884368 * 1024,
        memory_total=3884368 * 1024,
        temperature=48.312,
        uptime=12345.67,
        throttle=0x50005,
        disk_used=12000 * 1024,
        disk_total=(12000 + 17000) * 1024,
    )
    assert second == replace(
        cast("Reading", first),
        cpu_percent=60.0,
        uptime=12347.67,
        cores=(100, 20),
        throttle=0x50000,
        received=pytest.approx(1000.0),
        sent=pytest.approx(300.0),
    )


@AWKS
def test_what_a_node_has_not_is_unknown(awk: str, tmp_path: Path) -> None:
    """A file that is missing gives an empty field, not an error and not a zero; some have fall-backs."""
    board = Board(awk, tmp_path)
    board.plant({"proc/cpuinfo": PI["proc/cpuinfo"]})
    board.install({"df": "exit 1"})
    with board.running() as program:
        facts, reading = program.told()
    model, serial = "Raspberry Pi 3 Model B", "00000000c0ffee00"
    assert facts == Facts(0, os.uname().machine, model=model, serial=serial)
    assert reading == Reading(at=7.0)


@AWKS
def test_counters_beyond_31_bits_are_exact(awk: str, tmp_path: Path) -> None:
    """A node that is up for years counts more jiffies than fit 31 bits, and more bytes than fit 32."""
    board = Board(awk, tmp_path)
    board.plant({**PI, "proc/stat": "cpu 9000000001 0 0 7000000001 0 0 0 0 0 0\n"})
    with board.running() as program:
        assert program.process.stdin is not None
        assert program.process.stdout is not None
        program.process.stdin.close()
        lines = list(iter(program.process.stdout.readline, b""))
    assert lines[-1].startswith(b"R\t16000000002\t7000000001\t")
    assert lines[-1].endswith(b"\t5000001000\t2007\n")


@AWKS
def test_vcgencmd_is_asked_seldom_and_only_where_no_file_tells(awk: str, tmp_path: Path) -> None:
    """It is a process each time; where it has no access it is not asked again."""
    board = Board(awk, tmp_path)
    count = tmp_path / "asked"
    board.install({**TOOLS, "vcgencmd": f"echo >>{count}; echo throttled=0x50005"})
    board.plant({"proc/loadavg": PI["proc/loadavg"]})
    with board.running(throttle_every=3) as program:
        assert program.until(lambda reading: reading.throttle is not None).throttle == 0x50005
        program.until(lambda _: len(count.read_text()) >= 2)  # what asks may be late, and ask twice in a row
    assert program.readings >= 4
    (tmp_path / "another").mkdir()
    board = Board(awk, tmp_path / "another")  # where the one before has nothing to ask any more
    count = tmp_path / "asked_there"
    board.install({**TOOLS, "vcgencmd": f"echo >>{count}; echo VCHI initialization failed"})
    board.plant({"proc/loadavg": PI["proc/loadavg"]})
    count.write_text("")
    with board.running(throttle_every=1) as program:
        program.until(lambda _: count.read_text() == "\n")
        for _ in range(4):
            assert program.reading().throttle is None
            program.beat()
    assert count.read_text() == "\n"


@AWKS
def test_a_firmware_that_does_not_answer_holds_up_no_reading(awk: str, tmp_path: Path) -> None:
    """`vcgencmd` hangs while the readings come; it is ended, asked again, and believed when it answers."""
    board = Board(awk, tmp_path)
    heals = tmp_path / "heals"
    board.install({**TOOLS, "vcgencmd": f"[ -e {heals} ] || exec sleep 60; echo throttled=0x1"})
    board.plant({"proc/loadavg": PI["proc/loadavg"]})
    began = time.monotonic()
    with board.running(throttle_every=1) as program:
        for _ in range(20):
            assert program.reading().throttle is None
            program.beat()
        assert time.monotonic() - began < 30, "each would have waited for two seconds"
        heals.touch()
        assert program.until(lambda reading: reading.throttle is not None).throttle == 0x10001


@AWKS
def test_beats_that_waited_give_no_readings(awk: str, tmp_path: Path) -> None:
    """A node that was frozen tells how it is now, once."""
    board = Board(awk, tmp_path)
    board.plant(PI)
    board.install(TOOLS)
    with board.running() as program:
        program.told()
        for _ in range(5):
            program.beat()
        assert program.process.stdin is not None
        assert program.process.stdout is not None
        program.process.stdin.close()
        assert program.process.stdout.read() == b""


@pytest.mark.parametrize("beats", ["bash", "sleep"])
def test_the_script_runs_under_sh_and_ends_when_nobody_reads(beats: str) -> None:
    """Real readings come a period apart, and the closed pipe ends all of it: no orphan is left."""
    script = readings.script(0.2)
    if beats == "sleep":
        script = script.replace("command -v bash", "false")
    command = subprocess.Popen(
        ["sh"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert command.stdin is not None
    assert command.stdout is not None
    command.stdin.write(script.encode())
    command.stdin.close()
    parser = Parser()
    seen: list[Facts | Reading] = []
    while len([item for item in seen if isinstance(item, Facts)]) < 2 or len(seen) < 6:
        seen += parser.feed(os.read(command.stdout.fileno(), 4096), time.monotonic())
    command.stdout.close()
    assert command.wait(timeout=60) == 128 + signal.SIGPIPE
    wait_for(lambda: not session_of(command.pid), "every process of it ended")
    first, last = (item for item in seen if isinstance(item, Facts))
    assert first.cores == os.cpu_count()
    assert first.host_name == os.uname().nodename
    assert last == replace(first, mpi=last.mpi, python=last.python, mpi4py=last.mpi4py)
    assert last.python.startswith("3.")
    loads = [item for item in seen if isinstance(item, Reading)]
    assert loads[0].cpu_percent is None
    assert loads[0].cores == ()
    assert all(reading.cpu_percent is not None for reading in loads[1:])
    assert all(len(reading.cores) == os.cpu_count() for reading in loads[1:])
    assert all(0.1 < (after.uptime or 0) - (before.uptime or 0) < 5 for before, after in pairwise(loads))
    assert all(0 < (reading.memory_used or 0) < (reading.memory_total or 0) for reading in loads)
    assert all(0 < (reading.disk_used or 0) < (reading.disk_total or 0) for reading in loads)


def session_of(pid: int) -> list[int]:
    """Give the processes of a session."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = entry.read_text().rpartition(")")[2].split()[:4]
            if int(session) == pid and state != "Z":
                found.append(int(entry.parent.name))
    return found


def test_readings_do_not_wait_for_slow_programs(tmp_path: Path) -> None:
    """On a Pi under load, Python takes seconds to say its version; what hangs is ended in the end."""
    go, timeout = tmp_path / "go", shutil.which("timeout", path="/usr/bin:/bin")
    programs = {
        "python3": "exec sleep 60",
        # it ends what hangs after a second, not twenty, and only when readings have come
        "timeout": f'until [ -e {go} ]; do sleep 0.05; done; shift; exec {timeout} 1 "$@"',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    command = subprocess.Popen(
        ["sh"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        start_new_session=True,
    )
    assert command.stdin is not None
    assert command.stdout is not None
    command.stdin.write(readings.script(0.1).encode())
    command.stdin.close()
    parser = Parser()
    seen: list[Facts | Reading] = []
    while len([item for item in seen if isinstance(item, Facts)]) < 2:
        seen += parser.feed(os.read(command.stdout.fileno(), 4096), time.monotonic())
        if len(seen) >= 4:
            go.touch()
    command.stdout.close()
    command.wait(timeout=60)
    wait_for(lambda: not session_of(command.pid), "every process of it ended")
    assert [type(item) for item in seen[:4]] == [Facts, Reading, Reading, Reading]
    last = seen[-1] if isinstance(seen[-1], Facts) else seen[-2]
    assert isinstance(last, Facts)
    assert last.python == ""


@pytest.mark.parametrize(
    ("words", "mpi"),
    [
        (b"mpirun (Open MPI) 4.1.4 Report bugs to x ", "Open MPI 4.1.4"),
        (b"mpirun (Open MPI) 5.0.0rc12", "Open MPI 5.0.0rc12"),
        (b"HYDRA build details: Version: 4.0.2 ", "MPICH 4.0.2"),
        (
            b"Intel(R) MPI Library for Linux* OS, Version 2021.8",
            "Intel(R) MPI Library for Linux* OS, Version 2021.8",
        ),
        (b"", ""),
    ],
)
def test_the_mpi_is_named_as_people_do(words: bytes, mpi: str) -> None:
    """Flavour and version, from what `mpirun --version` says; other words as they are."""
    _, facts = Parser().feed(START + FACTS + b"V\t" + words + b"\t3.11.2 3.1.4\n", 1.0)
    assert isinstance(facts, Facts)
    assert (facts.mpi, facts.python, facts.mpi4py) == (mpi, "3.11.2", "3.1.4")
    assert facts.serial == "10000000c0ffee00"


def test_what_a_login_prints_before_the_marker_is_ignored() -> None:
    """A chatty ~/.bashrc, even one that prints something like a reading, is not believed."""
    parser = Parser()
    assert parser.feed(b"Welcome!\n" + READING + b"no newline" + b"\n" + START + READING, 1.0) == (
        Reading(1.0, None, 0.52, 600 * 1024, 1000 * 1024, 48.312, 77.25, cores=(40, 41)),
    )
    assert parser.refused == 0


def cpu_line(jiffies: bytes, idle: bytes) -> bytes:
    """Write a reading of nothing but the CPU."""
    return b"R\t" + jiffies + b"\t" + idle + b"\t" * 8 + b"\n"


@pytest.mark.parametrize(
    ("second", "percent"),
    [
        (cpu_line(b"1100", b"650"), 50.0),
        (cpu_line(b"1100", b"700"), 0.0),
        (cpu_line(b"1100", b"600"), 100.0),
        (cpu_line(b"1000", b"600"), None),
        (cpu_line(b"900", b"500"), None),
        (cpu_line(b"1100", b"580"), 100.0),
        (cpu_line(b"", b""), None),
    ],
)
def test_cpu_is_the_share_since_the_reading_before(second: bytes, percent: float | None) -> None:
    """CPU comes from differences; where there is none to speak of it is unknown."""
    parser = Parser()
    parser.feed(START + READING, 1.0)
    (reading,) = parser.feed(second, 2.0)
    assert isinstance(reading, Reading)
    assert reading.cpu_percent == percent


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"R",
        b"R" + b"\t1" * 9,
        b"R" + b"\t1" * 11,
        b"R\tnan" + b"\t1" * 9,
        b"R\t1\t1\tinf" + b"\t1" * 7,
        b"R\t1\t1\t1e9" + b"\t1" * 7,
        b"R\t1\t1\t0.1\t1\t1\t9999999999" + b"\t1" * 4,
        b"R\t1\t1\t0.1\t1\t1\t-300000" + b"\t1" * 4,
        b"R\t1\t1\t-1" + b"\t1" * 7,
        b"R\t1\t1\t1_0" + b"\t1" * 7,
        b"R\t1\t1\t\xd9\xa1" + b"\t1" * 7,
        b"R" + b"\t1" * 7 + b"\t101\t1\t1",
        b"R" + b"\t1" * 7 + b"\t1,\t1\t1",
        b"R" + b"\t1" * 7 + b"\t" + b",".join([b"1"] * 257) + b"\t1\t1",
        b"R" + b"\t1" * 8 + b"\t-5\t1",
        b"F\t-4\ta\tb\tc\td\te\tf\tg",
        b"F\t4\ta\tb\tc\td",
        b"V\tMPI",
        b"D\t5",
        b"D\t\t5",
        b"T\t0x5",
        b"T\t123456789",
        b"X\t1",
        b"R" * (LINE_LIMIT + 1),
    ],
)
def test_a_malformed_line_is_counted_and_changes_nothing(line: bytes) -> None:
    """It gives no reading, and the one after it is measured against the one before it."""
    parser = Parser()
    parser.feed(START + READING, 1.0)
    assert parser.feed(line + b"\n", 2.0) == ()
    assert parser.refused == 1
    (reading,) = parser.feed(cpu_line(b"1100", b"650"), 3.0)
    assert isinstance(reading, Reading)
    assert reading.cpu_percent == 50.0


def test_what_is_found_out_late_holds_over_a_new_stream_of_the_same_boot() -> None:
    """A reconnect blanks no MPI and no Python; a reboot does, and so does the node's own later word."""
    late = {"mpi": "Open MPI 4.1.4", "python": "3.11.2", "mpi4py": "3.1.4"}
    (plain,) = Parser().feed(START + FACTS, 1.0)
    assert isinstance(plain, Facts)
    known = replace(plain, **late, cores=8)
    parser = Parser(known)
    assert parser.feed(START + FACTS, 2.0) == (replace(plain, **late),)
    assert parser.feed(b"V\t\t3.12.0 \n", 3.0) == (replace(plain, python="3.12.0"),)
    assert Parser(replace(known, boot_id="an earlier one")).feed(START + FACTS, 2.0) == (plain,)
    nameless = FACTS.replace(b"b00t", b"")
    assert Parser(replace(known, boot_id="")).feed(START + nameless, 2.0) == (replace(plain, boot_id=""),)


def test_texts_hold_nothing_but_printable_characters() -> None:
    """Escape sequences, C1, bidi and zero-width characters do not pass, and no text is long."""
    evil = "\x1b[31mred\x9b2J\u202eevil\u200b\x07" + "x" * 500
    said = "F\t4" + f"\t{evil}" * 7 + f"\nV\t{evil}\t{evil} {evil}\n"
    _, facts = Parser().feed(START + said.encode(), 1.0)
    assert isinstance(facts, Facts)
    texts = [value for value in astuple(facts) if isinstance(value, str)]
    assert len(texts) == 10
    for text in texts:
        assert text.startswith("[31mred2Jevilxxx")
        assert text.isprintable()
        assert len(text) == TEXT_LIMIT


@pytest.mark.parametrize(
    ("second", "rates"),
    [
        (b"79.25\t\t6000\t9500", (500.0, 250.0)),
        (b"79.25\t\t4000\t9500", (None, None)),
        (b"77.25\t\t6000\t9500", (None, None)),
        (b"\t\t6000\t9500", (None, None)),
        (b"79.25\t\t\t", (None, None)),
    ],
)
def test_network_rates_are_by_the_nodes_own_clock(
    second: bytes, rates: tuple[float | None, float | None]
) -> None:
    """Both readings arrive at once here; an interface that went away gives no negative rate."""
    _, reading = Parser().feed(START + READING + b"R\t\t\t\t\t\t\t" + second + b"\n", 1.0)
    assert isinstance(reading, Reading)
    assert (reading.received, reading.sent) == rates


def test_what_the_flags_said_once_holds_since_boot() -> None:
    """The kernel clears the lasting flags whenever it looks; a node that tells no flags has none."""
    parser = Parser()
    parser.feed(START, 1.0)
    told: list[int | None] = []
    for flags in (b"1", b"0", b"40000", b"0", b"", b"FFFFFFFF"):
        (reading,) = parser.feed(b"T\t" + flags + b"\n" + READING, 1.0)
        assert isinstance(reading, Reading)
        told.append(reading.throttle)
    assert told == [0x10001, 0x10000, 0x50000, 0x50000, None, 0xF000F]


HOSTILE = st.lists(
    st.one_of(
        st.binary(max_size=64),
        st.sampled_from(
            [
                START,
                FACTS,
                READING,
                b"V\tm\tp q\n",
                b"D\t1\t2\n",
                b"T\tf\n",
                b"\n",
                b"\0",
                b"R\t",
                b"\t" * 9,
                b"9" * 300,
                b"A" * 5000,
            ]
        ),
    ),
    max_size=30,
).map(b"".join)


@given(data=HOSTILE, cuts=st.lists(st.integers(0, 20_000), max_size=20))
def test_hostile_bytes_never_raise_and_pieces_do_not_matter(data: bytes, cuts: list[int]) -> None:
    """Any bytes in any pieces give what the whole gives; what is kept of them is bounded."""
    whole, pieces = Parser(), Parser()
    expected = whole.feed(data, 1.0)
    found: list[Facts | Reading] = []
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(edges):
        found += pieces.feed(data[start:end], 1.0)
        assert len(pieces._rest) <= LINE_LIMIT
    assert tuple(found) == expected
    assert (pieces.started, pieces.refused) == (whole.started, whole.refused)


@pytest.mark.parametrize("known", [True, False])
def test_what_is_known_of_this_boot_is_not_found_out_again(known: bool) -> None:
    """Nodes that come back by their hundreds start neither mpirun nor Python for us."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip() if known else "no $(reboot)"
    told = subprocess.run(
        ["sh", "-c", node_program.later(boot_id)], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.startswith("V\t") is not known
    assert "reboot" not in readings.script(1.0, "no $(reboot)")
