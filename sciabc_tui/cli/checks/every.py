"""Every check there is, in the order in which they are shown."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from sciabc_tui.api.peers import user_name
from sciabc_tui.cli.checks import access, board, network, panel, service, software
from sciabc_tui.cli.checks.findings import Finding, Look, begin
from sciabc_tui.cli.checks.machine import Machine
from sciabc_tui.cli.checks.service import Sight, Standing
from sciabc_tui.cli.unit import SERVICE
from sciabc_tui.config import Loaded, Settings
from sciabc_tui.errors import ConfigError

SERVICE_WITHIN = 2.0
"""Seconds that the head service may take to answer; checks that need its word have one more."""

_SILENT = (
    f"no answer within {SERVICE_WITHIN:g} s. "
    "Next: sciabc-tui doctor, once more; if it stays so: stop it, then sciabc-tui head"
)

_SLOW = 4.0
"""Seconds for what asks several programs, or a bus that may be stuck."""


def every_look(loaded: Loaded | ConfigError, version: str, environ: Mapping[str, str]) -> tuple[Look, ...]:
    """Give every check. The head service is asked at once; those that need its word wait for it.

    Args:
        loaded: The settings, or what is wrong with them: then the defaults are gone by.
        version: Of this command.
        environ: Of this command.
    """
    settings = loaded.settings if isinstance(loaded, Loaded) else Settings()
    until = time.monotonic() + SERVICE_WITHIN
    asked = begin(lambda: service.ask_service(settings.paths), "the head service")

    def sight() -> Sight:
        return _taken(asked, until)

    machine, user = Machine(), user_name(os.geteuid())
    return (
        Look(
            ("settings", "user"),
            lambda: (
                access.judge_settings(loaded),
                access.judge_user(os.geteuid(), environ.get("SUDO_USER", "")),
            ),
        ),
        *_of_service(settings, machine, sight, user, version),
        *_of_panel(settings, machine, sight, user),
        *_of_network(settings, machine, sight),
        *_of_nodes(settings, machine, environ),
        *_of_jobs(settings, machine),
        *_of_board(settings, machine, sight),
    )


def _taken(asked: "Future[Sight]", until: float) -> Sight:
    try:
        return asked.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        return Sight(Standing.MUTE, problem=_SILENT)


def _of_service(
    settings: Settings, machine: Machine, sight: Callable[[], Sight], user: str, version: str
) -> tuple[Look, ...]:
    def unit() -> tuple[Finding]:
        return (service.judge_unit(service.look_at_unit(machine, user), sight()),)

    return (
        Look(("head service",), lambda: (service.judge_service(sight(), version),)),
        Look(("socket folder",), lambda: (service.judge_rundir(service.look_at_rundir(settings.paths)),)),
        Look(("systemd unit",), unit, _SLOW, f"systemctl status {SERVICE}"),
    )


def _of_panel(
    settings: Settings, machine: Machine, sight: Callable[[], Sight], user: str
) -> tuple[Look, ...]:
    wanted = settings.panel

    def i2c() -> tuple[Finding]:
        return (panel.judge_i2c(panel.look_at_i2c(machine, wanted, sight(), user), wanted),)

    def display() -> tuple[Finding]:
        return (panel.judge_display(panel.look_at_display(machine, wanted, sight()), wanted),)

    def stick() -> tuple[Finding, ...]:
        usb = panel.look_at_usb(machine, sight(), user)
        return panel.judge_stick(usb, wanted), panel.judge_libusb(usb, wanted), panel.judge_rule(usb, wanted)

    return (
        Look(("I2C",), i2c),
        Look(("display",), display, _SLOW, "switch it off and on; sudo dmesg | grep i2c"),
        Look(("BlinkStick", "libusb", "udev rule"), stick),
    )


def _of_network(settings: Settings, machine: Machine, sight: Callable[[], Sight]) -> tuple[Look, ...]:
    configured = settings.cluster.interfaces

    def links() -> tuple[Finding, ...]:
        seen = asyncio.run(network.look_at_network())
        nmtui = machine.which("nmtui") is not None
        return (
            network.judge_interfaces(seen),
            network.judge_uplink(seen, configured, nmtui=nmtui),
            network.judge_cluster(seen, configured),
        )

    def mdns() -> tuple[Finding, ...]:
        found = network.look_at_mdns(machine, sight())
        return network.judge_avahi(found), network.judge_port(found), network.judge_heard(sight())

    def ssh_server() -> tuple[Finding]:
        installed = machine.which("/usr/sbin/sshd") is not None
        return (network.judge_ssh_server(network.look_at_ports(machine), installed=installed),)

    return (
        Look(("interfaces", "external IP", "cluster side"), links),
        Look(("avahi", "mDNS port", "mDNS heard"), mdns),
        Look(("ssh server",), ssh_server),
    )


def _of_nodes(settings: Settings, machine: Machine, environ: Mapping[str, str]) -> tuple[Look, ...]:
    def client() -> tuple[Finding]:
        there = machine.which("ssh") is not None
        return (access.judge_client(machine.ask(("ssh", "-V")), there=there),)

    def keys() -> tuple[Finding]:
        return (access.judge_keys(access.look_at_keys(settings.cluster.identity, environ)),)

    def store() -> tuple[Finding, ...]:
        found = access.look_at_store(settings.paths.state_dir)
        return access.judge_store(found), access.judge_trust(found)

    return (
        Look(("ssh client",), client),
        Look(("SSH key",), keys),
        Look(("state folder", "trust store"), store),
    )


def _of_jobs(settings: Settings, machine: Machine) -> tuple[Look, ...]:
    def mpi() -> tuple[Finding, ...]:
        found = software.look_at_mpi(machine, settings.jobs)
        return software.judge_launcher(found), software.judge_mpi4py(found)

    def slurm() -> tuple[Finding]:
        return (software.judge_slurm(software.look_at_slurm(machine, settings.jobs)),)

    return (
        Look(("MPI", "mpi4py"), mpi, _SLOW, "mpirun --version, by hand: does it hang?"),
        Look(("Slurm",), slurm, _SLOW, "scontrol ping"),
        Look(("Python",), lambda: (software.judge_python(),)),
        Look(("terminal",), lambda: (software.judge_terminal(software.look_at_terminal()),)),
        Look(("kernel limits",), lambda: (software.judge_kernel(software.look_at_kernel(machine)),)),
    )


def _of_board(settings: Settings, machine: Machine, sight: Callable[[], Sight]) -> tuple[Look, ...]:
    def sensors() -> tuple[Finding, ...]:
        found = board.look_at_board(machine, sight())
        return (
            board.judge_power(found),
            board.judge_throttling(found),
            board.judge_temperature(found),
            board.judge_memory(found),
        )

    def disk() -> tuple[Finding]:
        return (board.judge_disk(board.look_at_disks(settings.paths.state_dir)),)

    return (
        Look(("power", "throttling", "temperature", "memory"), sensors, _SLOW),
        Look(("disk",), disk, unanswered="df; sudo dmesg | tail: one of them may hang"),
        Look(("clock",), lambda: (board.judge_clock(board.look_at_clock(machine)),)),
    )
