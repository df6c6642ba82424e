"""What comes in over mDNS: honest nodes of 2016 and of now pass, all else is refused in one clean line."""

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.node import Origin
from sciabc_tui.cluster.observations import Sighted
from sciabc_tui.head.ingress import (
    ADDRESS_LIMIT,
    Announcement,
    Ground,
    Itself,
    Refused,
    ground,
    handle,
    host_label,
    judge,
    printable,
)
from tests.head.nets import CLUSTER6, fixed, lease

CLUSTER = ground(
    "eth1",
    [fixed("10.77.0.1", "eth1"), fixed("fe80::1", "eth1", 64)],
    [
        fixed("10.77.0.1", "eth1"),
        fixed("fe80::1", "eth1", 64),
        lease("192.168.1.5", "eth0"),
    ],
)

NODE = "10.77.0.11"
"""Who sends announcements."""

HOSTILE_NAMES = [
    "\x1b[2J\x1b[31mnode01",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x9b31mnode",
    "node01\nroot@10.0.0.1 slots=9999",
    "a\rb",
    "[bold red]node[/]",
    "[link=http://evil.example]x[/link]",
    "-oProxyCommand=reboot",
    "--help",
    "../../etc/passwd",
    "/etc/shadow",
    "$(reboot)",
    "`reboot`",
    "node01; reboot",
    "node01 && reboot",
    "node\u202e10",
    "no\u200bde01",
    "n\u043ede01",
    "node01\x00",
    "",
    " ",
    "a" * 64,
    "node_01",
    "node.01",
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "localhost",
    "LOCALHOST",
    "node01-",
    "-node01",
    "*",
    "%s%n",
    "\ud800",
    "\u0131stanbul",
    "\u212aelvin",
]


def announced(
    instance: str = "node01",
    target: str = "node01.local.",
    addresses: tuple[str, ...] = ("10.77.0.11",),
    txt: dict[bytes, bytes | None] | None = None,
) -> Announcement:
    """Make an announcement; an honest one unless told otherwise."""
    return Announcement(instance, target, txt or {}, addresses)


def let_in(announcement: Announcement, on: Ground = CLUSTER) -> Sighted:
    """Judge, and expect that it is let in."""
    verdict = judge(announcement, on, NODE)
    assert isinstance(verdict, Sighted), verdict
    return verdict


def kept_out(announcement: Announcement, on: Ground = CLUSTER) -> str:
    """Judge, and expect that it is refused with one clean line."""
    verdict = judge(announcement, on, NODE)
    assert isinstance(verdict, Refused), verdict
    assert verdict.text.isascii()
    assert verdict.text.isprintable()
    assert len(verdict.text) < 250
    return verdict.text


def test_a_node_of_2016() -> None:
    """Its instance name is a sentence, it has no TXT record, and its port is only a marker."""
    seen = let_in(announced("SupercomputerInABriefcase on raspberrypi", "raspberrypi.local."))
    assert seen == Sighted(
        "mdns:SupercomputerInABriefcase on raspberrypi",
        Origin.MDNS,
        "raspberrypi",
        ("10.77.0.11",),
        22,
        "",
        None,
        "eth1",
    )


def test_a_node_of_now() -> None:
    """The three TXT keys are taken, in any case; others are not looked at."""
    seen = let_in(
        announced(txt={b"User": b"pi", b"SLOTS": b"4", b"port": b"2222", b"x": b"\xff" * 200, b"mpi": None})
    )
    assert (seen.user, seen.slots, seen.port) == ("pi", 4, 2222)


@pytest.mark.parametrize(
    ("instance", "target", "label"),
    [
        ("anything at all", "node01.local.", "node01"),
        ("anything at all", "Node01.LOCAL", "node01"),
        ("SupercomputerInABriefcase on node07", "", "node07"),
        ("SupercomputerInABriefcase on node07 #2", "evil.example.", "node07"),
        ("node08", "-bad.local.", "node08"),
        ("raspberrypi-2", "raspberrypi-2.local.", "raspberrypi-2"),
        ("x", "a.b.local.", "x"),
    ],
)
def test_the_label(instance: str, target: str, label: str) -> None:
    """A node is named by its host, else by its name of 2016, else by the instance."""
    assert let_in(announced(instance, target)).label == label


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names(name: str) -> None:
    """No name that could be an escape, markup, option, path or address becomes a label or is shown."""
    assert host_label(name) == ""
    assert "refused" in kept_out(announced(name, f"{name}.local."))
    honest_host = let_in(announced(name, "node01.local."))
    assert honest_host.label == "node01"
    assert honest_host.handle.isprintable()
    assert honest_host.handle.isascii()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.0.0.53",
        "::1",
        "0.0.0.0",
        "::",
        "224.0.0.251",
        "ff02::fb",
        "8.8.8.8",
        "255.255.255.255",
        "10.77.0.0",
        "10.77.0.255",
        "10.78.0.11",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "2001:db8::1",
        "nonsense",
        "10.77.0.11 slots=99",
        "",
        "169.254.1.1",
    ],
)
def test_addresses_outside_the_cluster(address: str) -> None:
    """An address that is not in the cluster's network is dropped; alone, the announcement goes with it."""
    assert kept_out(announced(addresses=(address,)))
    assert let_in(announced(addresses=(address, "10.77.0.12"))).addresses == ("10.77.0.12",)


def test_the_heads_own_addresses() -> None:
    """A head of 2016 announces itself: that is no node and no attack; mixed in, its address is dropped."""
    itself = announced(addresses=("10.77.0.1", "192.168.1.5", "fe80::1"))
    assert judge(itself, CLUSTER, "10.77.0.1") == judge(itself, CLUSTER, "fe80::1") == Itself()
    assert let_in(announced(addresses=("10.77.0.1", "10.77.0.9"))).addresses == ("10.77.0.9",)


@pytest.mark.parametrize("sender", [NODE, "elsewhere", ""])
def test_somebody_else_who_announces_the_heads_address(sender: str) -> None:
    """Only the head may: of anybody else it is said what was refused, and why."""
    verdict = judge(announced(addresses=("10.77.0.1",)), CLUSTER, sender)
    assert verdict == Refused("announcement 'node01' refused: its address 10.77.0.1 is the head's own")


def test_link_local_addresses_only_where_there_is_nothing_else() -> None:
    """They arrive without scope, also from nodes without IPv6; with the scope they are a last resort."""
    assert let_in(announced(addresses=("fe80::11", "10.77.0.11"))).addresses == ("10.77.0.11",)
    assert let_in(announced(addresses=("fe80::11",))).addresses == ("fe80::11%eth1",)


def test_ipv6_comes_after_ipv4_and_mapped_addresses_are_ipv4() -> None:
    """Jobs and nodes.txt want IPv4."""
    wide = ground("eth1", [fixed("10.77.0.1", "eth1"), CLUSTER6], [])
    seen = let_in(announced(addresses=("fd00::11", "::ffff:10.77.0.12", "10.77.0.11", "10.77.0.11")), wide)
    assert seen.addresses == ("10.77.0.12", "10.77.0.11", "fd00::11")


def test_no_more_addresses_than_are_kept() -> None:
    """A hundred addresses of one node are not carried along."""
    many = tuple(f"10.77.0.{number}" for number in range(10, 110))
    assert let_in(announced(addresses=many)).addresses == many[:ADDRESS_LIMIT]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"user", b"-oProxyCommand=x"),
        (b"user", b"a b"),
        (b"user", b"a@b"),
        (b"user", b"x" * 33),
        (b"user", b"\xff"),
        (b"user", b"pi\n"),
        (b"slots", b"0"),
        (b"slots", b"4097"),
        (b"slots", b"-1"),
        (b"slots", b"1e3"),
        (b"slots", b"9" * 300),
        (b"slots", "\u0664".encode()),
        (b"port", b"0"),
        (b"port", b"65536"),
        (b"port", b"22 "),
    ],
)
def test_wrong_txt_values(key: bytes, value: bytes) -> None:
    """A TXT value that is not what it must be is named in the refusal."""
    assert key.decode() in kept_out(announced(txt={key: value}))


def test_empty_txt_values_are_none() -> None:
    """`user=` and a bare `slots` say nothing."""
    seen = let_in(announced(txt={b"user": b"", b"slots": None}))
    assert (seen.user, seen.slots, seen.port) == ("", None, 22)


ANY_TEXT = st.one_of(st.text(max_size=80), st.sampled_from(HOSTILE_NAMES), st.text("abc012-._ ", max_size=70))
ANY_TXT = st.dictionaries(
    st.one_of(st.binary(max_size=8), st.sampled_from([b"user", b"slots", b"port", b"USER"])),
    st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([b"pi", b"4", b"22"])),
    max_size=6,
)
ANY_ADDRESS = st.one_of(
    ANY_TEXT, st.ip_addresses().map(str), st.integers(0, 255).map(lambda n: f"10.77.0.{n}")
)


@given(ANY_TEXT, ANY_TEXT, ANY_TXT, st.lists(ANY_ADDRESS, max_size=12))
def test_nothing_gets_through_whatever_is_announced(
    instance: str, target: str, txt: dict[bytes, bytes | None], addresses: list[str]
) -> None:
    """It never raises; what is let in has this form and no other, what is refused says so in a clean line."""
    announcement = Announcement(instance, target, txt, tuple(addresses))
    verdict = judge(announcement, CLUSTER, NODE)
    if isinstance(verdict, Refused):
        kept_out(announcement)
    if isinstance(verdict, Sighted):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", verdict.label)
        assert re.fullmatch(r"([A-Za-z_][A-Za-z0-9._-]{0,31})?", verdict.user)
        assert verdict.slots is None or 1 <= verdict.slots <= 4096
        assert 1 <= verdict.port <= 65535
        assert 1 <= len(verdict.addresses) <= ADDRESS_LIMIT
        assert re.fullmatch(r"[ -~]*", verdict.handle)
        for address in verdict.addresses:
            ip = ip_address(address.partition("%")[0])
            assert any(ip in network for network in CLUSTER.networks)
            assert ip not in CLUSTER.own


@given(st.text(max_size=20), st.text(max_size=20))
def test_two_instances_never_share_a_handle(one: str, other: str) -> None:
    """A handle stands for one instance."""
    assert (handle(one) == handle(other)) is (one == other)


@given(st.text(max_size=300))
def test_what_is_shown_is_short_and_plain(text: str) -> None:
    """A name from the network is shown without anything that a terminal or markup could act on."""
    assert re.fullmatch(r"[A-Za-z0-9 ._#?-]{0,60}", printable(text))
