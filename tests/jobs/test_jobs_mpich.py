"""MPICH's ranks keep to the cluster's networks, whatever the interfaces of their node are called."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from jobs.mpich import kept_to, untold

_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
_DEFAULT = "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
_HOME = "wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n"  # 192.168.1.0/24
_CLUSTER = "end0\t00004D0A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"  # 10.77.0.0/24
_AGAIN = "eth7\t00004D0A\t00000000\t0001\t0\t0\t900\t00FFFFFF\t0\t0\t0\n"
_WIDE = "tun0\t0000000A\t00000000\t0001\t0\t0\t50\t000000FF\t0\t0\t0\n"  # 10.0.0.0/8


def _environment(
    tmp_path: Path, table: str, *networks: str, env: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Give what a rank finds on a node with this table of routes."""
    routes = tmp_path / "route"
    routes.write_text(table)
    *shell, script, name, program = kept_to(networks, ("/usr/bin/env",))
    script = script.replace("/proc/net/route", str(routes))
    done = subprocess.run(
        [*shell, script, name, program], env=dict(env or {}), capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("table", "networks", "wires"),
    [
        (_DEFAULT + _HOME + _CLUSTER, ("10.77.0.0/24",), "end0"),
        (_DEFAULT + _WIDE + _CLUSTER + _AGAIN, ("10.77.0.0/24",), "end0"),
        (_DEFAULT + _CLUSTER + _WIDE, ("10.77.0.0/24",), "end0"),
        (_DEFAULT + _CLUSTER, ("10.77.0.0/16",), "end0"),
        (_DEFAULT + _WIDE, ("10.77.0.0/24",), "tun0"),
        (_DEFAULT + _HOME + _CLUSTER, ("10.77.0.0/24", "192.168.1.0/24", "10.77.0.0/25"), "end0,wlan0"),
        (_DEFAULT + _HOME + _CLUSTER, ("10.77.0.0/24", "172.16.0.0/12"), "end0"),
        (_DEFAULT + _HOME + _CLUSTER, ("fd00::/64", "10.77.0.0/24"), "end0"),
    ],
    ids=[
        "one",
        "beside a tunnel",
        "before a tunnel",
        "wider",
        "by a wide route",
        "several",
        "one in vain",
        "with IPv6",
    ],
)
def test_the_interface_that_leads_to_the_network_is_used(
    tmp_path: Path, table: str, networks: tuple[str, ...], wires: str
) -> None:
    """The most particular route decides, as it does in the kernel; libfabric takes one name."""
    found = _environment(tmp_path, _HEAD + table, *networks)
    assert (found["UCX_NET_DEVICES"], found["FI_TCP_IFACE"]) == (wires, wires.partition(",")[0])


@pytest.mark.parametrize("table", ["", _HEAD, _HEAD + _DEFAULT + _HOME, "\0\xff" * 50])
def test_where_no_interface_leads_there_nothing_is_said(tmp_path: Path, table: str) -> None:
    """MPICH chooses as it would; a default route is no way into the cluster."""
    assert not {"UCX_NET_DEVICES", "FI_TCP_IFACE"} & _environment(tmp_path, table, "10.77.0.0/24").keys()


def test_the_jobs_own_word_goes_first(tmp_path: Path) -> None:
    """Who names a wire means it, and no variable of the job is another one afterwards."""
    own = {"UCX_NET_DEVICES": "mlx5_0:1", "n": "1", "w": "2", "f": "3", "x": "4", "i": "5"}
    found = _environment(tmp_path, _HEAD + _CLUSTER, "10.77.0.0/24", env=own)
    assert {name: found[name] for name in own} == own
    assert found["FI_TCP_IFACE"] == "end0"
    assert "SCIABC_WIRES" not in found


def test_without_networks_the_rank_starts_as_it_is() -> None:
    """No shell stands before it."""
    assert kept_to((), ("prog", "x")) == ("prog", "x")
    assert kept_to(("fd00::/64",), ("prog",)) == ("prog",)


def test_a_missing_program_is_told_in_known_words() -> None:
    """The words are those for which `jobs.outcome` has a next step."""
    done = subprocess.run(
        kept_to(("10.77.0.0/24",), ("/nowhere/prog", "x")), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (127, "can't open file '/nowhere/prog'\n")


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (b"[mpiexec@vm] Exit codes: [10.77.0.11] 0,0\n[10.77.0.12] 0\n", 1),
        (b"[mpiexec@vm] Exit codes: [10.77.0.11] 0,0\n[10.77.0.12] 0,0\n", 0),
        (b"[1,3]<std>:no newline[mpiexec@vm] Exit codes: [vm] 0,0,256\n", 1),
        (b"[mpiexec@vm] Exit codes: ", 4),
        (b"[1,0]<std>:[mpiexec@vm] Exit codes: [x] 0\n[mpiexec@vm] Exit codes: [vm] 0,0,0,0\n", 0),
        (b"the beginning was cut off\n[10.77.0.12] 0\n", 0),
        (b"", 0),
    ],
)
def test_ranks_without_an_exit_code_are_counted(words: bytes, missing: int) -> None:
    """Hydra passes over a node that told none; where it lists nothing, nothing is known."""
    assert untold(words, 4) == missing
