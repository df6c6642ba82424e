"""The hostile campaign against a real head service, and what it measured."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sciabc_tui.cluster.node import Liveness, Node, Origin, Trust
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import SciabcError
from tests.head.wires import HeadProcess, Wire, node_named, running_head, waited_for_cpu, wire

REAL, NEWCOMER = "node01", "node02"
WELL = (Liveness.ALIVE, Trust.TRUSTED, True, "10.77.0.91")
"""How the node that was there before is to be found all the time."""


@dataclass(slots=True)
class Watch:
    """Asks the API again and again, as an attached client does."""

    head: HeadProcess
    slowest: float = 0.0
    answers: int = 0
    failures: list[str] = field(default_factory=list[str])
    peak: int = 0
    harms: list[str] = field(default_factory=list[str])
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until told to stop."""
        while not self._stop.wait(0.05):
            began, waited = time.monotonic(), self.head.waited + waited_for_cpu()
            try:
                self._look_at(node_named(self.head.client.state(), REAL))
            except SciabcError as error:
                self.failures.append(str(error))
            took, idle = time.monotonic() - began, self.head.waited + waited_for_cpu() - waited
            self.slowest = max(self.slowest, took - idle)
            self.answers += 1
            self.peak = max(self.peak, self.head.rss)

    def _look_at(self, node: Node | None) -> None:
        if node is None:
            self.harms.append("gone")
        elif (node.liveness, node.trust, node.streaming, node.address) != WELL:
            self.harms.append(f"{node.liveness} {node.trust} {node.streaming} {node.address}")

    def stop(self) -> None:
        """Stop asking."""
        self._stop.set()


@dataclass(frozen=True, slots=True)
class Report:
    """What a campaign measured.

    Attributes:
        newcomer_after: Seconds from the announcement of a real node amid the flood until it is seen.
        grew: Bytes of resident memory, at the peak against before.
        slowest: Seconds of the slowest answer of the API, but for those in which head or client were ready to
            run and this machine gave the CPU to others.
        cpu: Seconds of CPU of the head service, over `lasted` seconds.
        logins: How many packets of a login came to hosts that nobody approved.
        harms: In what shape the trusted node was found, other than alive, streaming and where it is.
    """

    state: State
    newcomer_after: float
    grew: int
    slowest: float
    answers: int
    failures: tuple[str, ...]
    cpu: float
    lasted: float
    logins: int
    exchanges: int
    harms: tuple[str, ...]
    log: str

    @property
    def fakes(self) -> int:
        """How many invented nodes were taken in."""
        return sum(
            node.origin is Origin.MDNS and node.name.startswith("fake") for node in self.state.nodes.values()
        )

    @property
    def trusted(self) -> set[str]:
        """Who is trusted: nobody but the head, and who was approved before."""
        return {node.name for node in self.state.nodes.values() if node.trust is Trust.TRUSTED}

    @property
    def flood_lines(self) -> list[str]:
        """What was told of the flood."""
        return [line for line in self.log.splitlines() if "flood of announcements" in line]

    @property
    def refusal_lines(self) -> list[str]:
        """What was told of refusals."""
        return [line for line in self.log.splitlines() if "refused" in line]


def campaign(folder: Path, *, count: int, rate: float, senders: int = 1, inputs: bool = True) -> Report:
    """Run it: a head that knows one node, every hostile input, a flood, and a real newcomer amid it."""
    with wire(folder) as laid:
        laid.head.run("ip addr add 10.77.0.1/24 dev eth1", "ip link set eth1 up")
        addresses = [f"10.77.0.{2 + number}" for number in range(senders)]
        addresses += ["10.77.0.66", "10.77.0.91", "10.77.0.92"]
        laid.far.run(*(f"ip addr add {ip}/24 dev eth0" for ip in addresses), "ip link set eth0 up")
        laid.sshd("10.77.0.91", "real", admits=laid.give_key())
        logs = [laid.sshd("10.77.0.92", "newcomer"), laid.sshd("10.77.0.66", "evil")]
        laid.far_program("node", REAL, "10.77.0.91", "10.77.0.91")
        with running_head(laid) as head:
            _approve(head)
            return _attack(laid, head, logs, count=count, rate=rate, senders=senders, inputs=inputs)


def _approve(head: HeadProcess) -> None:
    """Trust the first node, and wait until its readings come in."""
    node = node_named(head.until(_has_key(REAL), "the first node and its host key"), REAL)
    assert node is not None
    assert node.host_key is not None
    head.client.approve(node.id, node.host_key.fingerprint)

    def streams(state: State) -> bool:
        now = node_named(state, REAL)
        return now is not None and now.streaming and now.reading is not None

    head.until(streams, "readings of the first node")


def _attack(
    laid: Wire,
    head: HeadProcess,
    ssh_logs: list[Path],
    *,
    count: int,
    rate: float,
    senders: int,
    inputs: bool,
) -> Report:
    before, cpu, began = head.rss, head.cpu, time.monotonic()
    watch = Watch(head)
    asking = threading.Thread(target=watch.run, name="watch")
    asking.start()
    try:
        if inputs:
            laid.far_program("inputs", REAL, log="inputs.log").wait(timeout=30)
        flood = laid.far_program("flood", str(count), str(rate), str(senders), log="flood.log")
        head.until(lambda state: any("fake" in name for name in state.owners), "the flood")
        laid.far_program("node", NEWCOMER, "10.77.0.92", "10.77.0.92", log="newcomer.log")
        head.until(lambda state: node_named(state, NEWCOMER) is not None, "a real node amid the flood", 30.0)
        newcomer_after = time.monotonic() - float((laid.folder / "newcomer.log").read_text())
        flood.wait(timeout=120)
        state = head.until(_has_key(NEWCOMER), "the host key of the newcomer", 30.0)
        head.until(lambda state: "flood of" in head.log.read_text(errors="replace"), "a line on the flood")
    finally:
        watch.stop()
        asking.join()
    text = "".join(log.read_text(errors="replace") for log in ssh_logs)
    kinds = [int(kind) for kind in re.findall(r"receive packet: type (\d+)", text)]
    return Report(
        state=state,
        newcomer_after=newcomer_after,
        grew=max(watch.peak, head.rss) - before,
        slowest=watch.slowest,
        answers=watch.answers,
        failures=tuple(watch.failures),
        cpu=head.cpu - cpu,
        lasted=time.monotonic() - began,
        logins=sum(kind == 5 or 50 <= kind <= 79 for kind in kinds),
        exchanges=sum(kind == 30 for kind in kinds),
        harms=tuple(watch.harms),
        log=head.log.read_text(errors="replace"),
    )


def _has_key(name: str) -> Callable[[State], bool]:
    def holds(state: State) -> bool:
        node = node_named(state, name)
        return node is not None and node.host_key is not None

    return holds
