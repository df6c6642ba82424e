"""Networks for tests, and a watch that shows the one it was given."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.network import Address, DefaultRoute, Link, Network
from sciabc_tui.head.ports import Adapter


class FakeWatch:
    """Shows the network that the test set last."""

    def __init__(self, network: Network | None = None) -> None:
        self._network = network
        self._news = asyncio.Event()

    @property
    def snapshot(self) -> Network | None:
        """The newest."""
        return self._network

    async def changed(self, seen: Network | None) -> Network:
        """Wait for another one than `seen`."""
        while self._network is None or self._network is seen:
            await self._news.wait()
        return self._network

    def show(self, network: Network) -> None:
        """Let the kernel say something else."""
        self._network = network
        news, self._news = self._news, asyncio.Event()
        news.set()


@asynccontextmanager
async def running(adapter: Adapter, hub: StateHub) -> AsyncGenerator[None]:
    """Run an adapter for as long as the block lasts; an error of its own fails the test."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(adapter.run(hub))
        yield
        task.cancel()


def net(*parts: Link | Address | DefaultRoute) -> Network:
    """Make a network of its parts."""
    return Network(
        tuple(part for part in parts if isinstance(part, Link)),
        tuple(part for part in parts if isinstance(part, Address)),
        tuple(part for part in parts if isinstance(part, DefaultRoute)),
    )


LO = Link("lo", 1, loopback=True)
LO_IP = Address("127.0.0.1", 8, "lo")
ETH0 = Link("eth0", 2)
ETH1 = Link("eth1", 3)
WLAN0 = Link("wlan0", 4)


def via(
    interface: str, metric: int = 0, gateway: str = "", source: str = "", family: int = 4
) -> DefaultRoute:
    """Make a default route."""
    return DefaultRoute(interface, family, metric, gateway, source)


def lease(ip: str, interface: str, prefix: int = 24) -> Address:
    """Make an address that DHCP gave."""
    return Address(ip, prefix, interface, leased=True)


def fixed(ip: str, interface: str, prefix: int = 24) -> Address:
    """Make an address that somebody wrote down."""
    return Address(ip, prefix, interface)


CLUSTER6 = fixed("fd00::1", "eth1", 64)
