"""The whole lab: a head and its nodes on a switch, built, changed and taken down."""

import os
import re
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Interface
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.bare import Bare, hashed, new_password
from tests.lab.cable import Cable, External
from tests.lab.errors import LabUnavailable, NoSuchMachine
from tests.lab.image import HOME, USER_ID, Advert, Plan, erase, flash
from tests.lab.keys import new_key
from tests.lab.machine import Machine
from tests.lab.needs import missing
from tests.lab.procs import Process
from tests.lab.switch import Switch

_FIRST_NODE = 11
_AT_ONCE = 4
_NAME = re.compile(r"[a-z][a-z0-9-]{0,12}")  # a port of the switch is named p-NAME, of at most 15 bytes


class Lab:
    """Use it as a context: `with Lab(nodes=3) as lab: lab.head.run(["ssh", "node01", "hostname"])`.

    Everything in it hangs on the process that made it: whatever ends that process ends the lab.
    """

    def __init__(
        self,
        nodes: int = 3,
        slots: int = 1,
        advert: Advert = Advert.CURRENT,
        shown: Sequence[Path] = (),
        bare: Bare | None = None,
    ) -> None:
        """Plan it; nothing is built before `up`.

        Args:
            nodes: How many boards there are at first.
            slots: What each advertises.
            advert: How.
            shown: Folders of the host that head and boards see, read-only, beside the checkout and the venv:
                a launcher's own venv, for example (`tests.lab.launchers`).
            bare: The boards are bare, in this way: see `tests.lab.bare`.
        """
        self._shown = tuple(shown)
        self._wanted = nodes
        self._slots = slots
        self._advert = advert
        self._bare = bare
        self.password = new_password()
        """Of pi on bare boards."""
        self._shadow = hashed(self.password)
        self._user_key = new_key()
        self._nodes: dict[int, Machine] = {}
        self.marker = f"sciabc-lab-{os.getpid()}-{secrets.token_hex(4)}"
        """In the environment or command line of every process that the lab itself starts."""
        self._switch: Switch | None = None
        self._head: Machine | None = None
        self._external: External | None = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    # -------------------------------------------------------------- up and down

    def up(self) -> None:
        """Build it and switch all machines on; return when every sshd listens.

        Raises:
            LabUnavailable: This machine lacks something.
            BootFailed: A machine didn't come up.
        """
        if lacks := missing():
            raise LabUnavailable("no lab on this machine: " + "; ".join(lacks))
        self._switch = Switch(self.marker)
        try:
            self._furnish(self._switch)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Take it all down; return when no process of it is left."""
        machines = [*self._nodes.values(), *([self._head] if self._head is not None else [])]
        try:
            _all_at_once([machine.power_off for machine in machines])
        finally:
            self._nodes.clear()
            self._head = None
            if self._switch is not None:
                self._switch.close()
            self._switch = None

    # -------------------------------------------------------------- what is in it

    @property
    def head(self) -> Machine:
        """The head: 10.77.0.1 on eth0, the world on eth1, user pi with a key that all nodes accept."""
        if self._head is None:
            raise NoSuchMachine("the lab is down: up() first")
        return self._head

    @property
    def external(self) -> External:
        """The head's eth1."""
        if self._external is None:
            raise NoSuchMachine("the lab is down: up() first")
        return self._external

    @property
    def nodes(self) -> tuple[Machine, ...]:
        """All nodes, on or off, by number."""
        return tuple(self._nodes[number] for number in sorted(self._nodes))

    @property
    def powered(self) -> tuple[Machine, ...]:
        """The head and the nodes, those that have power."""
        return tuple(machine for machine in (self.head, *self.nodes) if machine.on)

    def outside(self, command: Sequence[str]) -> list[str]:
        """Return the host's command line that runs a program of the host in the world outside."""
        return ["nsenter", "--target", str(self._power().pid), "--net", "--", *command]

    def node(self, which: int | str) -> Machine:
        """Return a node by its number (from 1) or name (`node01`).

        Raises:
            NoSuchMachine: There is none.
        """
        for number, machine in self._nodes.items():
            if which in {number, machine.name}:
                return machine
        names = " ".join(machine.name for machine in self.nodes) or "none"
        raise NoSuchMachine(f"no node {which!r}; there are: {names}")

    def carrying(self, token: str) -> dict[str, tuple[Process, ...]]:
        """Return which processes have `token` in their environment, by machine; those without are left out.

        Those of unplugged and frozen machines too: it looks from the host, not over the wire.
        """
        found = {machine.name: machine.carrying(token) for machine in self.powered}
        return {name: processes for name, processes in found.items() if processes}

    # -------------------------------------------------------------- changing it

    def add(
        self,
        name: str | None = None,
        *,
        slots: int | None = None,
        advert: Advert | None = None,
        address: str | None = None,
        bare: Bare | None = None,
    ) -> Machine:
        """Put one more node in and switch it on; without arguments it is like the others."""
        number = self._reserve(
            name, slots or self._slots, advert or self._advert, address, bare=bare or self._bare
        )
        node = self._nodes[number]
        flash(self._power(), node.plan, self._user_key)
        node.power_on()
        self.introduce()
        return node

    def remove(self, which: int | str) -> None:
        """Take a node out for good, without a word on the wire; its number is free again."""
        node = self.node(which)
        node.power_off()
        erase(self._power(), node.name)
        self._nodes = {number: machine for number, machine in self._nodes.items() if machine is not node}
        self.introduce()

    def introduce(self) -> None:
        """Write ~pi/.ssh/config and known_hosts on the head, so that plain `ssh NAME` and `ssh ADDRESS` work.

        Bare boards are not in them, as nobody has been there yet. The product uses neither file. Call it
        after `power_on` with a new address.
        """
        hosts = "".join(
            f"Host {node.name} {node.address}\n  HostName {node.address}\n  HostKeyAlias {node.name}\n"
            for node in self.nodes
            if node.plan.bare is None
        )
        common = "Host *\n  BatchMode yes\n  ConnectTimeout 15\n  StrictHostKeyChecking yes\n"
        known = "".join(
            f"{node.name} {node.plan.host_key.public}\n" for node in self.nodes if node.plan.bare is None
        )
        self._write("config", hosts + common)
        self._write("known_hosts", known)
        self._write("id_ed25519", self._user_key.private)
        self._write("id_ed25519.pub", f"{self._user_key.public}\n")

    # -------------------------------------------------------------- inner workings

    def _furnish(self, switch: Switch) -> None:
        address = IPv4Interface("10.77.0.1/24")
        plan = Plan(name="head", address=address, host_key=new_key(), shown=self._shown)
        outside = Cable(switch, bridge="outside", port="x-head", interface="eth1", mac="02:00:cb:00:71:fe")
        self._external = External(outside)
        self._head = Machine(switch, plan, self._external)
        for _ in range(self._wanted):
            self._reserve(None, self._slots, self._advert, None, bare=self._bare)
        machines = (self._head, *self.nodes)

        def install(machine: Machine) -> None:
            flash(switch, machine.plan, self._user_key)
            machine.power_on()

        _all_at_once([lambda machine=machine: install(machine) for machine in machines])
        self.introduce()

    def _reserve(
        self, name: str | None, slots: int, advert: Advert, address: str | None, *, bare: Bare | None
    ) -> int:
        number = next(n for n in range(1, 240) if n not in self._nodes)
        name = name or f"node{number:02}"
        if not _NAME.fullmatch(name) or name in {"head", *(node.name for node in self.nodes)}:
            raise NoSuchMachine(f"{name!r} is taken or not a host name of at most 13 of a-z 0-9 -")
        plan = Plan(
            name=name,
            address=IPv4Interface(f"{address or f'10.77.0.{_FIRST_NODE - 1 + number}'}/24"),
            host_key=new_key(),
            advert=advert,
            slots=slots,
            shown=self._shown,
            bare=bare,
            password=self._shadow if bare is not None else "*",
        )
        self._nodes[number] = Machine(self._power(), plan)
        return number

    def _power(self) -> Switch:
        if self._switch is None:
            raise NoSuchMachine("the lab is down: up() first")
        return self._switch

    def _write(self, name: str, text: str) -> None:
        if not self.head.on:
            return
        file = self.head.path(f"{HOME}/.ssh/{name}")
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        os.chown(file, USER_ID, USER_ID)


def _all_at_once(steps: Sequence[Callable[[], None]]) -> None:
    """Run steps side by side; when all are over, raise the first error."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        futures = [pool.submit(step) for step in steps]
    for future in futures:
        future.result()
