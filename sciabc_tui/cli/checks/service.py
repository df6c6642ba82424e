"""The head service: does it run, whose is it, is its socket safe, does it start with the machine?"""

import os
import shlex
import stat
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from sciabc_tui.api.client import Client
from sciabc_tui.api.peers import user_name
from sciabc_tui.api.rundir import LONGEST_PATH
from sciabc_tui.cli.checks.findings import Finding, absent, fail, failed, ok, warn
from sciabc_tui.cli.checks.machine import Machine, can_be_made
from sciabc_tui.cli.harmless import one_line
from sciabc_tui.cli.unit import SERVICE
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.state import PanelView, State
from sciabc_tui.config import PathSettings
from sciabc_tui.errors import NotYourService, SciabcError, ServiceUnavailable

_UNIT = "systemd unit"
_NOBODY_THERE = (FileNotFoundError, ConnectionRefusedError, NotADirectoryError)


class Standing(StrEnum):
    """How it is with the head service. Where it is neither `RUNS` nor `NONE`, it may hold the devices."""

    RUNS = "runs"
    NONE = "none"
    FOREIGN = "foreign"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class Sight:
    """What the head service said of itself.

    Attributes:
        state: Its state; None unless it runs.
        problem: Why there is none; the text names the next step.
    """

    standing: Standing
    state: State | None = None
    problem: str = ""

    @property
    def real(self) -> State | None:
        """The state, unless it is of simulated nodes: then it says nothing of this machine."""
        return None if self.state is None or self.state.head.simulated else self.state

    @property
    def panel(self) -> PanelView | None:
        """What the service says of the real front panel."""
        return self.real.panel if self.real else None

    @property
    def leaves_devices(self) -> bool:
        """Tell whether the display is nobody's: no service runs, or one that only simulates."""
        return self.standing is Standing.NONE or (self.state is not None and self.real is None)


def ask_service(paths: PathSettings) -> Sight:
    """Ask the head service for its state. Blocks for as long as a hanging one keeps silent."""
    try:
        return Sight(Standing.RUNS, Client(paths.socket).state())
    except NotYourService as error:
        return Sight(Standing.FOREIGN, problem=one_line(error))
    except ServiceUnavailable as error:
        nobody = isinstance(error.__cause__, _NOBODY_THERE)
        return Sight(Standing.NONE if nobody else Standing.MUTE, problem=one_line(error))
    except SciabcError as error:
        return Sight(Standing.MUTE, problem=one_line(error))


def judge_service(sight: Sight, version: str) -> Finding:
    """Judge the head service, as seen by a command of this version."""
    subject = "head service"
    match sight.standing:
        case Standing.RUNS if sight.state is not None:
            head = sight.state.head
            if head.simulated:
                return warn(subject, "a simulation runs: [SIMULATED]", "end it, then sciabc-tui head")
            if head.version != version:
                both = f"runs as {head.version}, this command is {version}"
                return warn(
                    subject, both, f"sudo systemctl restart {SERVICE}; or stop it, then sciabc-tui head"
                )
            since = span(max(0.0, sight.state.wall - head.started))
            return ok(subject, f"runs for {since}, version {version}, user {head.user or '--'}")
        case Standing.NONE:
            return warn(subject, "does not run", "sciabc-tui head")
        case Standing.RUNS | Standing.FOREIGN | Standing.MUTE:
            return failed(subject, sight.problem)
        case _:
            assert_never(sight.standing)


@dataclass(frozen=True, slots=True)
class Rundir:
    """The runtime directory as it lies there; `mode` is None where there is nothing, and it may be made."""

    path: str
    mode: int | None = None
    owner: int = 0
    me: int = 0
    socket_bytes: int = 0
    """Of the path of the socket in it."""
    makeable: bool = True


def look_at_rundir(paths: PathSettings) -> Rundir:
    """Look at the runtime directory; it is not made.

    Raises:
        ConfigError: The system's place for it is another user's.
    """
    directory = paths.runtime_dir
    bare = Rundir(str(directory), me=os.geteuid(), socket_bytes=len(os.fsencode(paths.socket)))
    try:
        found = directory.lstat()
    except OSError:
        return replace(bare, makeable=can_be_made(directory))
    return replace(bare, mode=found.st_mode, owner=found.st_uid)


def judge_rundir(rundir: Rundir) -> Finding:
    """Judge the runtime directory by what the service asks of it (`sciabc_tui.api.rundir`)."""
    subject, path = "socket folder", rundir.path
    another = "set paths.runtime to another folder (sciabc-tui config)"
    if rundir.socket_bytes > LONGEST_PATH:
        return fail(subject, f"{path} is too long for a socket ({LONGEST_PATH} bytes)", another)
    if rundir.mode is None and not rundir.makeable:
        return fail(subject, f"{path} can't be made by this user", another)
    if rundir.mode is None:
        return absent(subject, f"{path}: made when the service starts")
    if not stat.S_ISDIR(rundir.mode):
        return fail(subject, f"{path} is no folder", another)
    if rundir.owner != rundir.me:
        return fail(subject, f"{path} belongs to {user_name(rundir.owner)}", another)
    if rundir.mode & (stat.S_IWGRP | stat.S_IWOTH):
        return fail(subject, f"others may write to {path}", f"chmod 700 {shlex.quote(path)}")
    return ok(subject, path)


@dataclass(frozen=True, slots=True)
class Unit:
    """The service's unit, in systemd's own words (systemctl(1): show).

    Attributes:
        system: It is the system's; else the user's own.
        file: `enabled`, `disabled`, ...; empty where there is no unit.
        active: `active`, `failed`, `inactive`, ...
        result: Why it failed: `exit-code`, `watchdog`, ...
        lingers: The user's units run with nobody logged in.
        silent: systemctl did not answer.
    """

    system: bool = True
    file: str = ""
    active: str = ""
    result: str = ""
    lingers: bool = False
    silent: bool = False


def look_at_unit(machine: Machine, user: str) -> Unit | None:
    """Find the unit: the system's, else the user's own; None where there is no systemd (sd_booted(3))."""
    if not machine.path("/run/systemd/system").is_dir():
        return None
    lingers = machine.path(f"/var/lib/systemd/linger/{user}").exists()
    for system, manager in ((True, "--system"), (False, "--user")):
        shown = machine.ask(
            ("systemctl", manager, "show", SERVICE, "-p", "LoadState,UnitFileState,ActiveState,Result")
        )
        if shown.status is None:
            return Unit(silent=True)
        said = dict(line.split("=", 1) for line in shown.text.splitlines() if "=" in line)
        if shown.status == 0 and said.get("LoadState") == "loaded":
            return Unit(
                system,
                said.get("UnitFileState", ""),
                said.get("ActiveState", ""),
                said.get("Result", ""),
                lingers,
            )
    return Unit()


def judge_unit(unit: Unit | None, sight: Sight) -> Finding:
    """Judge whether the service starts with the machine."""
    if unit is None:
        return absent(_UNIT, "no systemd runs this machine")
    if unit.silent:
        return warn(_UNIT, "systemctl does not answer", f"systemctl status {SERVICE}, by hand")
    if not unit.file:
        return absent(_UNIT, "not installed: the service starts by hand", "sciabc-tui install-service")
    return _judge_installed(unit, sight)


def _judge_installed(unit: Unit, sight: Sight) -> Finding:
    control = "sudo systemctl" if unit.system else "systemctl --user"
    journal = f"journalctl {'' if unit.system else '--user '}-u {SERVICE} -e"
    nobody = sight.standing is Standing.NONE
    if unit.active == "failed":
        return fail(_UNIT, f"failed ({unit.result or 'no reason given'})", journal)
    if unit.file not in {"enabled", "enabled-runtime", "linked"}:
        return warn(_UNIT, f"is {unit.file}", f"{control} enable --now {SERVICE}")
    if not unit.system and not unit.lingers:
        return warn(_UNIT, "ends when you log out", "sudo loginctl enable-linger $USER")
    if unit.active != "active":
        fix = journal if nobody else f"end the other one, then {control} start {SERVICE}"
        return fail(_UNIT, f"enabled, but {unit.active or 'not active'}", fix)
    if nobody:
        fix = "log in as its user, or compare paths.runtime (sciabc-tui config) and $XDG_RUNTIME_DIR"
        return warn(_UNIT, "active, but nobody answers on the socket of this user", fix)
    return ok(_UNIT, "enabled and active")
