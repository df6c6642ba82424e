"""Hostfiles, nodes.txt, and writing a file as a whole."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import SpecError
from jobs.hostfile import (
    Host,
    mpich_hostfile,
    nodes_txt,
    openmpi_hostfile,
    placed,
    ranks_of,
    write_atomically,
)


def test_hostfile_holds_addresses_and_slots(head: Host, node: Host) -> None:
    """Open MPI gets one line a host."""
    assert openmpi_hostfile([head, node]) == "127.0.0.1 slots=3\n10.77.0.11 slots=4\n"


@pytest.mark.parametrize(
    "address", ["", "a b", "-oProxyCommand=x", "10.0.0.1\nevil", "10.0.0.1 slots=9", "fe80::1"]
)
def test_hostfile_refuses_what_is_no_address(address: str) -> None:
    """Nothing from the network becomes an option, a second host or a second line."""
    with pytest.raises(SpecError, match="is no IPv4 address or host name"):
        openmpi_hostfile([Host("evil", address, 1)])


def test_hostfile_refuses_a_host_without_slots() -> None:
    """``slots=0`` would mean something else to Open MPI."""
    with pytest.raises(SpecError, match="has 0 slots"):
        openmpi_hostfile([Host("node", "10.0.0.1", 0)])


def test_mpich_gets_slots_behind_a_colon(head: Host, node: Host) -> None:
    """MPICH gets one line a host too, and nothing that is no address."""
    assert mpich_hostfile([head, node]) == "127.0.0.1:3\n10.77.0.11:4\n"
    with pytest.raises(SpecError, match="is no IPv4 address or host name"):
        mpich_hostfile([Host("evil", "10.0.0.1:9", 1)])


_hosts = st.lists(st.integers(1, 5), min_size=1, max_size=6).map(
    lambda slots: [Host(f"n{number}", f"10.0.0.{number}", count) for number, count in enumerate(slots, 1)]
)


@pytest.mark.parametrize(
    ("ranks", "per_node", "expected"),
    [
        (None, None, ((0, 1, 2), (3,), (4, 5))),
        (4, None, ((0, 1, 2), (3,), ())),
        (1, None, ((0,), (), ())),
        (None, 1, ((0,), (1,), (2,))),
        (2, 1, ((0,), (1,), ())),
    ],
)
def test_ranks_follow_the_hosts(
    ranks: int | None, per_node: int | None, expected: tuple[tuple[int, ...], ...]
) -> None:
    """Slots are filled in order, or as many of them on each host as was asked."""
    hosts = [Host("a", "10.0.0.1", 3), Host("b", "10.0.0.2", 1), Host("c", "10.0.0.3", 2)]
    assert ranks_of(hosts, ranks, per_node) == expected
    taking = placed(hosts, ranks, per_node)
    assert [(host.name, host.slots) for host in taking] == [
        (host.name, len(share)) for host, share in zip(hosts, expected, strict=True) if share
    ]


@given(hosts=_hosts, share=st.floats(0, 1))
def test_every_rank_is_on_one_host(hosts: list[Host], share: float) -> None:
    """Numbers run from 0 on without a gap, and nobody gets more than he has slots for."""
    ranks = max(1, round(share * sum(host.slots for host in hosts)))
    shares = ranks_of(hosts, ranks, None)
    assert [rank for share in shares for rank in share] == list(range(ranks))
    assert all(len(share) <= host.slots for share, host in zip(shares, hosts, strict=True))


@given(hosts=_hosts)
def test_a_launcher_has_no_choice(hosts: list[Host]) -> None:
    """What is written into its hostfile has as many slots as there are ranks."""
    ranks = sum(host.slots for host in hosts)
    assert placed(hosts, ranks, None) == tuple(hosts)
    assert [host.slots for host in placed(hosts, None, 1)] == [1] * len(hosts)


def test_more_than_there_are_slots_is_refused() -> None:
    """No launcher is left to oversubscribe: MPICH would without a word."""
    hosts = [Host("a", "10.0.0.1", 3), Host("b", "10.0.0.2", 1)]
    with pytest.raises(SpecError, match=r"ranks: 5 ranks, not enough slots \(4\)\. Next: ask for fewer"):
        ranks_of(hosts, 5, None)
    with pytest.raises(SpecError, match=r"per_node: 2 ranks, b has 1 slots\. Next: ask for fewer"):
        ranks_of(hosts, None, 2)


def test_nodes_txt_is_as_in_2016() -> None:
    """One IPv4 address a line, each once, in the order given."""
    assert nodes_txt(["10.0.0.2", "10.0.0.1", "10.0.0.2"]) == "10.0.0.2\n10.0.0.1\n"
    assert nodes_txt([]) == ""


@pytest.mark.parametrize("address", ["node01", "10.0.0", "fe80::1", "10.0.0.1\n"])
def test_nodes_txt_refuses_the_rest(address: str) -> None:
    """Old readers know IPv4 alone."""
    with pytest.raises(SpecError, match="is no IPv4 address"):
        nodes_txt([address])


@given(st.lists(st.ip_addresses(v=4).map(str)))
def test_nodes_txt_holds_exactly_the_addresses(addresses: list[str]) -> None:
    """Reading the file back gives the set that was written."""
    lines = nodes_txt(addresses).splitlines()
    assert set(lines) == set(addresses)
    assert len(lines) == len(set(lines))


def test_write_replaces_as_a_whole(tmp_path: Path) -> None:
    """Who has the old file open goes on reading the old text; the new one has the mode asked for."""
    path = tmp_path / "nodes.txt"
    assert write_atomically(path, "old\n")
    with path.open() as reader:
        assert write_atomically(path, "new\n")
        assert reader.read() == "old\n"
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_write_leaves_the_same_text_alone(tmp_path: Path) -> None:
    """An SD card wears out: what is there already is not written again."""
    path = tmp_path / "nodes.txt"
    write_atomically(path, "same\n")
    before = path.stat()
    assert not write_atomically(path, "same\n")
    assert path.stat().st_ino == before.st_ino
    assert write_atomically(path, "same\n", 0o600)


def test_write_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    """A failed write keeps what was there, and no temporary file stays."""
    path = tmp_path / "nodes.txt"
    path.mkdir()
    (path / "full").touch()
    with pytest.raises(OSError, match=r"directory|Directory"):
        write_atomically(path, "text")
    assert list(tmp_path.iterdir()) == [path]
