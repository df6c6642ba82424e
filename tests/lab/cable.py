"""A cable between a machine's interface and a bridge of the switch."""

import sys
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from tests.lab.errors import BootFailed
from tests.lab.procs import until
from tests.lab.switch import Switch, ip_in, run_in

_ANNOUNCE = Path(__file__).with_name("announce.py")
_LINK_TIMEOUT_S = 20.0


class Cable:
    """A veth pair: one end is a port of a bridge, the other an interface of the machine."""

    def __init__(self, switch: Switch, *, bridge: str, port: str, interface: str, mac: str) -> None:
        self._switch = switch
        self._bridge = bridge
        self._port = port
        self._interface = interface
        self._mac = mac
        self._there = False
        self.plugged = True

    def connect(self, pid: int) -> None:
        """Give the machine whose process is `pid` its interface, up; with carrier if the cable is plugged."""
        peer = f"peer name {self._interface} address {self._mac} netns {pid}"
        self._switch.ip(
            f"link add {self._port} type veth {peer}", f"link set {self._port} master {self._bridge}"
        )
        self._there = True
        ip_in(pid, "link set lo up", f"link set {self._interface} up")
        self._lift()

    def announce(self, pid: int, address: IPv4Address) -> None:
        """Say by ARP, if the cable is plugged, that this interface of `pid` has the address.

        A board's DHCP client does so (RFC 5227, section 2.3). The kernel's own `arp_notify` speaks before the
        bridge's port forwards, and nobody hears it.

        Raises:
            BootFailed: The switch does not forward what comes from the port.
        """
        if not self.plugged:
            return
        if not until(lambda: self._switch.forwards(self._port), timeout=_LINK_TIMEOUT_S):
            raise BootFailed(f"{self._port}: the bridge did not forward within {_LINK_TIMEOUT_S:g} s")
        run_in(pid, [sys.executable, "-I", "-S", str(_ANNOUNCE), self._interface, str(address)])

    def cut(self) -> None:
        """Take the interface away, at once and without a word on the wire: the machine lost its power."""
        if self._there:
            self._switch.ip(f"link delete {self._port}")
        self._there = False

    def unplug(self) -> None:
        """Pull the cable out of the switch: no packet passes; the machine's interface loses its carrier."""
        self.plugged = False
        self._lift()

    def plug(self) -> None:
        """Put the cable back."""
        self.plugged = True
        self._lift()

    def _lift(self) -> None:
        if self._there:
            self._switch.ip(f"link set {self._port} {'up' if self.plugged else 'down'}")


class External:
    """The head's interface to the world, eth1: its cable, address and default route.

    The other end is the switch's 203.0.113.1, which answers ARP and ping and routes nothing.
    """

    GATEWAY = "203.0.113.1"
    USUAL = IPv4Interface("203.0.113.254/24")

    def __init__(self, cable: Cable) -> None:
        self._cable = cable
        self._pid: int | None = None

    def connect(self, pid: int) -> None:
        """Give the head whose process is `pid` its eth1 with the usual address."""
        self._cable.connect(pid)
        self._pid = pid
        self.set(self.USUAL)

    def cut(self) -> None:
        """Take eth1 away: the head lost its power."""
        self._cable.cut()
        self._pid = None

    def set(self, address: IPv4Interface | str | None, gateway: str | None = GATEWAY) -> None:
        """Replace eth1's address and the default route through it.

        Args:
            address: With the length of its prefix (`203.0.113.7/24`, `169.254.3.4/16`); None: no address.
            gateway: On the same network; None: no default route.

        Raises:
            ValueError: An address is none.
        """
        if self._pid is None:
            return
        lines = ["address flush dev eth1 scope global"]
        if address is not None:
            lines.append(f"address add {IPv4Interface(address)} dev eth1")
            if gateway is not None:
                lines.append(f"route add default via {IPv4Address(gateway)} dev eth1")
        ip_in(self._pid, *lines)

    def unplug(self) -> None:
        """Pull the cable: eth1 loses its carrier; address and route stay, as the kernel leaves them."""
        self._cable.unplug()

    def plug(self) -> None:
        """Put the cable back."""
        self._cable.plug()
