"""What switches boards: the entries of `power.drivers`, real programs, and packets on a real socket."""

import asyncio
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sciabc_tui import config
from sciabc_tui.cluster.powering_drivers import (
    ClusterHat,
    Command,
    Driver,
    UsbPort,
    WakeOnLan,
    magic_packet,
    parse_drivers,
    tool,
)
from sciabc_tui.cluster.state import Listening, State
from sciabc_tui.config import load
from sciabc_tui.errors import ConfigError
from sciabc_tui.head import power_drivers
from sciabc_tui.head.power_drivers import Drivers, SwitchFailed
from tests.head.servers import wait_for

MAC = "aa:bb:cc:dd:ee:ff"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("node[01-02]=clusterctrl", {"node01": ClusterHat(1), "node02": ClusterHat(2)}),
        ("node[05-06] = clusterctrl p7", {"node05": ClusterHat(7), "node06": ClusterHat(8)}),
        ("a=uhubctl 1-1.4:3", {"a": UsbPort("1-1.4", 3)}),
        ("node[1-2]=uhubctl 2:1", {"node1": UsbPort("2", 1), "node2": UsbPort("2", 2)}),
        (f"a=wol {MAC}", {"a": WakeOnLan(bytes.fromhex("aabbccddeeff"))}),
        ("a=wol AA-BB-CC-DD-EE-FF", {"a": WakeOnLan(bytes.fromhex("aabbccddeeff"))}),
        (
            "a=command /opt/pdu '--what={action}' 'two words'",
            {"a": Command(("/opt/pdu", "--what={action}", "two words"))},
        ),
    ],
)
def test_entries_are_read(entry: str, found: dict[str, Driver]) -> None:
    """Slots and ports count on with the nodes of a set; words are as a shell has them."""
    assert parse_drivers([entry]) == found


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("node01", "it names no driver"),
        ("node01=", "it names no driver"),
        ("node01=magic", "that is no driver"),
        ("node01=clusterctrl 3", "that is no driver"),
        ("node01=uhubctl 1-1", "that is no driver"),
        ("node01=uhubctl -a:1", "that is no driver"),
        ("node01=wol aa:bb", "that is no driver"),
        (f"node[1-2]=wol {MAC}", "an address wakes one node"),
        ("node01=command pdu {action}", "must be absolute"),
        ("node01=command /bin/pdu", "no argument has {action}"),
        ("node[1-2]=command /bin/pdu {action}", "no argument has {node}"),
        ("node[1-=clusterctrl", "is no node set"),
        ("-rf=clusterctrl", "is no node's name"),
        ("a=command /bin/pdu '{action}", "No closing quotation"),
        ("node[1-2,2]=clusterctrl\x1b[31m", "that is no driver"),
    ],
)
def test_what_can_not_be_is_refused(entry: str, why: str) -> None:
    """With the entry, harmless to print, why, and what it takes."""
    with pytest.raises(ValueError, match="Next: write NODES=") as refused:
        parse_drivers([entry])
    assert why in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_node_has_one_driver() -> None:
    """Two would contradict each other."""
    with pytest.raises(ValueError, match="node02 is named twice"):
        parse_drivers(["node[01-02]=clusterctrl", "node02=uhubctl 1-1:2"])


def test_a_wrong_entry_names_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started."""
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "none.toml")
    file = tmp_path / "mine.toml"
    file.write_text('[power]\ndrivers = ["node01=magic"]\n')
    with pytest.raises(ConfigError, match=r"mine\.toml: power: drivers: 'node01=magic': that is no driver"):
        load(file=file, environ={})
    file.write_text('[power]\ndrivers = ["node[01-02]=clusterctrl"]\n')
    assert load(file=file, environ={}).settings.power.drivers == ("node[01-02]=clusterctrl",)


@pytest.mark.parametrize(
    ("driver", "argv"),
    [
        (ClusterHat(3), ("clusterctrl", "off", "p3")),
        (UsbPort("1-1", 2), ("uhubctl", "-l", "1-1", "-p", "2", "-a", "off")),
        (Command(("/opt/pdu", "{node}={action}", "{}")), ("/opt/pdu", "node07=off", "{}")),
    ],
)
def test_the_tools_are_called_as_they_want_it(
    driver: ClusterHat | UsbPort | Command, argv: tuple[str, ...]
) -> None:
    """A list of words, which no shell reads."""
    assert tool(driver, "node07", "off") == argv


def program(folder: Path, text: str) -> Path:
    """Write a program."""
    path = folder / "pdu"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def switched(driver: Driver, *, within: float = 10.0, turn: power_drivers.Turn = "on") -> None:
    """Switch a node by this driver."""
    with ThreadPoolExecutor(2) as worker:
        drivers = Drivers({"node07": driver}, worker, within=within)
        await drivers.turn("node07", turn, State(listening=Listening(("lo",), ("127.0.0.1/8",))))


async def test_a_program_does_it(tmp_path: Path) -> None:
    """It gets its words, and nothing to read."""
    made = program(tmp_path, f'echo "$@" > {tmp_path}/said; cat >> {tmp_path}/said')
    await switched(Command((str(made), "--$HOME", "{action}", "{node}; rm")))
    assert (tmp_path / "said").read_text() == "--$HOME on node07; rm\n"


async def test_the_well_known_tools_are_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for clusterctrl is called as clusterctrl is."""
    program(tmp_path, f'echo "$@" > {tmp_path}/said').rename(tmp_path / "clusterctrl")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    await switched(ClusterHat(2))
    assert (tmp_path / "said").read_text() == "on p2\n"


async def test_a_failing_program_is_told_with_its_last_words(tmp_path: Path) -> None:
    """In one harmless line, with the command to try by hand."""
    made = program(tmp_path, "echo first; printf 'no such\\033[31m outlet\\n\\n' >&2; exit 3")
    with pytest.raises(SwitchFailed, match=r"pdu failed with status 3: no such\[31m outlet") as failed:
        await switched(Command((str(made), "{action}")))
    assert failed.value.fix == f"Next: try it by hand: {made} on"


async def test_a_program_that_is_not_there_is_told() -> None:
    """With what to install."""
    with pytest.raises(SwitchFailed, match="/nowhere/pdu is not installed"):
        await switched(Command(("/nowhere/pdu", "{action}")))


async def test_a_program_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time, or when who asked hangs up; a child of it that ignores signals, too."""
    made = program(tmp_path, f"trap '' TERM; sleep 60 & echo $! > {tmp_path}/child; wait")
    starting = power_drivers._Program._start

    def started(ours: power_drivers._Program, path: str) -> "subprocess.Popen[bytes]":
        process = starting(ours, path)
        wait_for(lambda: _written(tmp_path / "child"), "its child runs before its time begins", 60.0)
        return process

    monkeypatch.setattr(power_drivers._Program, "_start", started)
    with pytest.raises(SwitchFailed, match=r"took longer than 0\.5 s"):
        await switched(Command((str(made), "{action}")), within=0.5)
    _gone(tmp_path / "child")
    (tmp_path / "child").unlink()
    switching = asyncio.ensure_future(switched(Command((str(made), "{action}")), within=60.0))
    async with asyncio.timeout(60):
        while not _written(tmp_path / "child"):  # noqa: ASYNC110 - another process's file has no event
            await asyncio.sleep(0.01)
    switching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await switching
    _gone(tmp_path / "child")


def _written(file: Path) -> bool:
    return file.exists() and bool(file.read_text().strip())


def _gone(file: Path) -> None:
    """Wait until a process is no more than a zombie."""
    stat = Path(f"/proc/{file.read_text().strip()}/stat")

    def gone() -> bool:
        try:
            return stat.read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
        except OSError:
            return True

    wait_for(gone, "it ended", 30.0)


async def test_a_sleeping_board_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packet goes to everybody in the cluster's network, more than once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.255.255.255", 0))
        ear.settimeout(5)
        monkeypatch.setattr(power_drivers, "_DISCARD", ear.getsockname()[1])
        await switched(WakeOnLan(bytes.fromhex("aabbccddeeff")))
        packets = [ear.recv(1024) for _ in range(3)]
    assert packets == [b"\xff" * 6 + bytes.fromhex("aabbccddeeff") * 16] * 3
    assert len(magic_packet(b"123456")) == 102


async def test_what_sleeps_can_not_be_cut_off() -> None:
    """Wake-on-LAN has no opposite; the text says what does."""
    with pytest.raises(SwitchFailed, match="can only switch on") as failed:
        await switched(WakeOnLan(b"123456"), turn="off")
    assert failed.value.fix == "Next: sciabc-tui power off node07"


async def test_without_a_network_nobody_is_woken() -> None:
    """A head with no address in the cluster says so, and sends nothing anywhere else."""
    with ThreadPoolExecutor(1) as worker:
        drivers = Drivers({"node07": WakeOnLan(b"123456")}, worker)
        with pytest.raises(SwitchFailed, match="no address in the cluster"):
            await drivers.turn("node07", "on", State(listening=Listening((), ("fe80::1/64",))))
