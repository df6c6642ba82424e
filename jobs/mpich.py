"""MPICH's options: its process manager hydra, 4.0 (Debian 12) to 5.0 (wheel).

Where nothing else is told, measured with 4.0.2 and 5.0.2.
"""

import re
import shlex
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from pathlib import Path

TAG = "[1,%r]<std>:"
"""Stands before each line, and before each piece of one that hydra happened to read: `jobs.tags` joins them.

With that no process between a rank and hydra is needed to keep lines apart, which would stand in the way of
signals, standard input and the exit status.
"""


# The kernel's own table says which interfaces lead to the networks: of all routes the most particular one. It
# holds hexadecimal words of the machine, which are little-endian on every Raspberry Pi and PC: so are the
# numbers of the networks. It is all one line, since hydra hands words on; and a subshell, since a program may
# be given variables of any name.
_FIND = """\
for p in {pairs}; do n=${{p%:*}} m=${{p#*:}} b=0 f=; \
while read -r i t g x x x x k x; do case $k in ''|*[!0-9A-F]*) continue;; esac; k=$((0x$k)); \
if [ $k -ne 0 ] && [ $(((0x$t ^ n) & k & m)) -eq 0 ] && [ $k -ne $b ] && [ $((b & k)) -eq $b ]; \
then b=$k f=$i; fi; done </proc/net/route; \
case ",,$w," in *",$f,"*) ;; *) w=$w${{w:+,}}$f;; esac; done; echo "$w"\
"""
_KEEP = """\
{name}=$(w=; {find}); [ -z "${name}" ] || \
export "UCX_NET_DEVICES=${{UCX_NET_DEVICES:-${name}}}" "FI_TCP_IFACE=${{FI_TCP_IFACE:-${{{name}%%,*}}}}"; \
unset {name}; command -v "$1" >/dev/null || {{ echo "can't open file '$1'" >&2; exit 127; }}; exec "$@"\
"""
_WIRES = "SCIABC_WIRES"

_CODES = re.compile(rb"\[mpiexec@[^\]\n]*\] Exit codes: ((?:\[[\w.:-]+\] \d+(?:,\d+)*\s?)*)")
_CODES_OF_HOST = re.compile(rb"\] ([\d,]+)")


def options(*, each: bool) -> tuple[str, ...]:
    """Say how words are marked and what an end tells; ``each``: a command's failure ends no other."""
    # Without the codes of all it is not told which rank ended how.
    told = ("-prepend-pattern", TAG, "-print-all-exitcodes")
    return (*told, "-disable-auto-cleanup") if each else told


def untold(words: bytes, ranks: int) -> int:
    """Say how many ranks are missing where hydra lists exit codes; 0 if it lists none at all.

    It passes over a node that told it none, and ends with 0 all the same: "We didn't receive the exit status
    for this proxy", in its mpiexec.c.

    Args:
        words: The end of its standard output. The list follows a rank's last line that lacks its newline.
        ranks: How many it started.
    """
    listed = _CODES.findall(words)
    if not listed:
        return 0
    told = sum(len(codes.split(b",")) for codes in _CODES_OF_HOST.findall(listed[-1]))
    return max(0, ranks - told)


def remote_options(agent: Path, head_address: str) -> tuple[str, ...]:
    """Say how other nodes are reached, and where they reach us: by itself hydra tells its host name.

    Limits to networks are not among them: those are found where a rank starts, see `kept_to`.
    """
    ours = ("-localhost", head_address) if head_address else ()
    return ("-launcher", "ssh", "-launcher-exec", str(agent), *ours)


def kept_to(networks: Iterable[str], program: tuple[str, ...]) -> tuple[str, ...]:
    """Write the words that start a rank whose messages keep to the cluster's networks.

    MPICH's two wires, UCX and libfabric, take names of interfaces, which differ between nodes: so each rank
    looks for those that lead to the networks. By itself UCX takes the first, and a board with a network of
    its own (a second cable, a bridge for containers) ends the job: "No route to host" (measured with 5.0.2).
    What the job's own environment says goes first.

    Args:
        networks: Such as ``10.77.0.0/24``; none means no limit.
        program: What the rank runs.
    """
    found = [network for text in networks if isinstance(network := ip_network(text), IPv4Network)]
    if not found:
        return program
    pairs = " ".join(f"{_word(net.network_address.packed)}:{_word(net.netmask.packed)}" for net in found)
    script = _KEEP.format(name=_WIRES, find=_FIND.format(pairs=pairs))
    return ("/bin/sh", "-c", script, "sciabc-tui", *program)


def _word(packed: bytes) -> int:
    return int.from_bytes(packed, "little")


def forwarded(names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the variables that ranks on other nodes get too; by default they would get all of ours."""
    return ("-genvlist", ",".join(names))


def agent_script(ssh_config: Path) -> str:
    """Write the program that hydra calls as its ssh: it can't be given options of its own.

    ``-x``, with which hydra calls it, is ssh's own for "no X11".
    """
    return f'#!/bin/sh\nexec ssh -F {shlex.quote(str(ssh_config))} "$@"\n'
