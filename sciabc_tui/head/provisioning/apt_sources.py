"""Which hosts in private networks the head may ask for packages: those of its own apt's sources.

A board says itself what its sources are. One that is not what it seems could name whatever is in the other
networks that the head is in; a school's own mirror is among the head's sources too.
"""

import ipaddress
import re
from pathlib import Path

APT = Path("/etc/apt")

_URL = re.compile(r"https?://(?:[^\s/@\]]*@)?(\[[0-9A-Fa-f:]+\]|[^\s/:\]]+)")
_MOST = 1024 * 1024

# RFC 1918, RFC 6598, RFC 4193; loopback and link-local addresses are nobody's source
_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)


def own_hosts(folder: Path = APT) -> frozenset[str]:
    """Name the hosts of this machine's own sources (sources.list(5)), in lower case; an odd file has none.

    Args:
        folder: Where apt has its settings.
    """
    found: set[str] = set()
    for file in (folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))):
        try:
            with file.open(encoding="utf-8", errors="replace") as text:
                lines = text.read(_MOST).splitlines()
        except OSError:
            continue
        in_use = (line for line in lines if not line.lstrip().startswith("#"))
        found.update(host.strip("[]").lower() for line in in_use for host in _URL.findall(line))
    return frozenset(found)


def is_private(address: str) -> bool:
    """Tell whether an address belongs to somebody's own network, and not to the internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return any((inner or ip) in network for network in _PRIVATE)
