"""The program that prints readings, under every awk; the parser, under every byte."""

import os
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.node import Facts, Reading
from sciabc_tui.head import readings
from sciabc_tui.head.readings import LINE_LIMIT, MARKER, TEXT_LIMIT, Parser
from tests.head.servers import need

START = f"{MARKER}\n".encode()
FACTS = b"F\t4\taarch64\t6.12.47\tRaspberry Pi 4\tnode01\tb00t\n"
READING = b"R\t1000\t600\t0.52\t1000\t400\t48312\t77.25\n"

PI = {
    "proc/stat": "cpu  100 5 50 800 20 1 2 3 0 0\ncpu0 50 2 25 400 10 0 1 1 0 0\n"
    "cpu1 50 3 25 400 10 1 1 2 0 0\nintr 12345\nctxt 3000000000\n",
    "proc/loadavg": "0.52 0.58 0.59 1/180 2201\n",
    "proc/meminfo": "MemTotal:        3884368 kB\nMemFree:          200000 kB\nMemAvailable:    3000000 kB\n",
    "proc/uptime": "12345.67 45000.00\n",
    "proc/cpuinfo": "processor\t: 0\n\nModel\t\t: Raspberry Pi 3 Model B\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/sys/kernel/osrelease": "6.12.47+rpt-rpi-v8\n",
    "proc/sys/kernel/hostname": "node01\n",
    "proc/sys/kernel/random/boot_id": "0020e3b2-d8c0-4a66-8fc3-dcd779334c87\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
}


def awk_command(name: str) -> list[str]:
    """Give the command of one of the awks that nodes have."""
    if name == "busybox":
        return [need("busybox", "busybox"), "awk"]
    return [need(name, name)]


def printed(awk: str, root: Path, lines: int) -> bytes:
    """Run the program on a tree that stands for a node, until it has printed so many lines."""
    command = [*awk_command(awk), "-v", f"marker={MARKER}", "-v", "period=0.05", "-v", f"root={root}"]
    with subprocess.Popen(
        [*command, readings.PROGRAM],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    ) as process:
        assert process.stdout is not None
        return b"".join(process.stdout.readline() for _ in range(lines))


def plant(root: Path, files: dict[str, str]) -> None:
    """Write a tree of files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])
def test_every_awk_tells_the_same_of_a_pi(awk: str, tmp_path: Path) -> None:
    """Each awk that nodes have reads the same facts and the same reading from the same files."""
    plant(tmp_path, PI)
    machine = os.uname().machine
    assert Parser().feed(printed(awk, tmp_path, 5), 7.0) == (
        Facts(
            2,
            machine,
            "6.12.47+rpt-rpi-v8",
            "Raspberry Pi 4 Model B Rev 1.4",
            "node01",
            "0020e3b2-d8c0-4a66-8fc3-dcd779334c87",
        ),
        *(
            Reading(
                at=7.0,
                cpu_percent=None,
                load1=0.52,
                memory_used=884368 * 1024,
                memory_total=3884368 * 1024,
                temperature=48.312,
                uptime=12345.67,
            ),
        )
        * 2,
    )


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])
def test_what_a_node_has_not_is_unknown(awk: str, tmp_path: Path) -> None:
    """A file that is missing gives an empty field, not an error and not a zero; the model has fall-backs."""
    plant(tmp_path, {"proc/cpuinfo": PI["proc/cpuinfo"]})
    parser = Parser()
    facts, reading = parser.feed(printed(awk, tmp_path, 4), 7.0)
    assert facts == Facts(0, os.uname().machine, model="Raspberry Pi 3 Model B")
    assert reading == Reading(at=7.0)
    assert parser.refused == 0


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])
def test_counters_beyond_31_bits_are_exact(awk: str, tmp_path: Path) -> None:
    """A node that is up for years counts more jiffies than fit 31 bits."""
    plant(tmp_path, {"proc/stat": "cpu 9000000001 0 0 7000000001 0 0 0 0 0 0\n"})
    assert b"R\t16000000002\t7000000001\t" in printed(awk, tmp_path, 4)


def test_the_script_runs_under_sh_and_ends_when_nobody_reads() -> None:
    """Real readings come a period apart, and the closed pipe ends the program: no orphan is left."""
    command = subprocess.Popen(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert command.stdin is not None
    assert command.stdout is not None
    command.stdin.write(readings.script(0.2).encode())
    command.stdin.close()
    parser = Parser()
    seen: list[Facts | Reading] = []
    while len(seen) < 4:
        seen += parser.feed(os.read(command.stdout.fileno(), 4096), time.monotonic())
    facts, *taken = seen
    command.stdout.close()
    assert command.wait(timeout=5) == -signal.SIGPIPE
    assert isinstance(facts, Facts)
    assert facts.cores == os.cpu_count()
    assert facts.host_name == os.uname().nodename
    loads = [reading for reading in taken if isinstance(reading, Reading)]
    assert loads[0].cpu_percent is None
    assert all(reading.cpu_percent is not None for reading in loads[1:])
    assert all(0.15 < (after.uptime or 0) - (before.uptime or 0) < 5 for before, after in pairwise(loads))
    assert all(0 < (reading.memory_used or 0) < (reading.memory_total or 0) for reading in loads)


def test_what_a_login_prints_before_the_marker_is_ignored() -> None:
    """A chatty ~/.bashrc, even one that prints something like a reading, is not believed."""
    parser = Parser()
    assert parser.feed(b"Welcome!\n" + READING + b"no newline" + b"\n" + START + READING, 1.0) == (
        Reading(1.0, None, 0.52, 600 * 1024, 1000 * 1024, 48.312, 77.25),
    )
    assert parser.refused == 0


@pytest.mark.parametrize(
    ("second", "percent"),
    [
        (b"R\t1100\t650\t\t\t\t\t\n", 50.0),
        (b"R\t1100\t700\t\t\t\t\t\n", 0.0),
        (b"R\t1100\t600\t\t\t\t\t\n", 100.0),
        (b"R\t1000\t600\t\t\t\t\t\n", None),
        (b"R\t900\t500\t\t\t\t\t\n", None),
        (b"R\t1100\t580\t\t\t\t\t\n", 100.0),
        (b"R\t\t\t\t\t\t\t\n", None),
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
        b"R\t1\t1\t1\t1\t1\t1",
        b"R\t1\t1\t1\t1\t1\t1\t1\t1",
        b"R\tnan\t1\t1\t1\t1\t1\t1",
        b"R\t1\t1\tinf\t1\t1\t1\t1",
        b"R\t1\t1\t1e9\t1\t1\t1\t1",
        b"R\t1\t1\t0.1\t1\t1\t9999999999\t1",
        b"R\t1\t1\t-1\t1\t1\t1\t1",
        b"R\t1\t1\t1_0\t1\t1\t1\t1",
        b"R\t1\t1\t\xd9\xa1\t1\t1\t1\t1",
        b"F\t-4\ta\tb\tc\td\te",
        b"F\t4\ta\tb\tc\td",
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
    (reading,) = parser.feed(b"R\t1100\t650\t\t\t\t\t\n", 3.0)
    assert isinstance(reading, Reading)
    assert reading.cpu_percent == 50.0


def test_texts_hold_nothing_but_printable_characters() -> None:
    """Escape sequences, C1, bidi and zero-width characters do not pass, and no text is long."""
    evil = "\x1b[31mred\x9b2J\u202eevil\u200b\x07" + "x" * 500
    (facts,) = Parser().feed(START + f"F\t4\t{evil}\t{evil}\t{evil}\t{evil}\t{evil}\n".encode(), 1.0)
    assert isinstance(facts, Facts)
    for text in (facts.machine, facts.kernel, facts.model, facts.host_name, facts.boot_id):
        assert text.startswith("[31mred2Jevilxxx")
        assert text.isprintable()
        assert len(text) == TEXT_LIMIT


HOSTILE = st.lists(
    st.one_of(
        st.binary(max_size=64),
        st.sampled_from([START, FACTS, READING, b"\n", b"\0", b"R\t", b"\t" * 9, b"9" * 300, b"A" * 5000]),
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
