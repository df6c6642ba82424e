"""The files of the installed head service, as text: systemd's unit, udev's rules, the shutdown hook.

Each begins with `MARK`, by which the installer knows its own.
"""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from sciabc_tui.cli.daemon import BUSY, command_line
from sciabc_tui.errors import CommandRefused

MARK = "# Written by sciabc-tui install-service; --uninstall removes it."

SERVICE = "sciabc.service"
UNIT = Path("/etc/systemd/system") / SERVICE
DEVICE_GROUPS = ("i2c", "plugdev")

_READ_BY_SYSTEMD = frozenset("\"'\\%$;#")
_HOLDS_WORK = ("/tmp", "/var/tmp", "-/media", "-/mnt", "-/srv")  # noqa: S108 - where users' jobs write
"""Where jobs write, beside the home: they run in the service's own view of the disk."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom the service runs as: who uses it, with his keys, his jobs and his socket."""

    name: str
    uid: int
    gid: int
    home: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What the files depend on.

    Attributes:
        owner: Whom the service runs as.
        config: A configuration file in place of the user's own.
        panel: `KEY=VALUE` of the panel's settings that are not the default, for the last words.
        bus: N of /dev/i2c-N.
        runtime: The folder below /run that the settings name for the socket; None for the user's own.
        writable: Folders outside the home that the settings name.
        halted: Whether the program can still be read when all other file systems are gone.
    """

    owner: Owner
    config: Path | None = None
    panel: tuple[str, ...] = ()
    bus: int = 1
    runtime: Path | None = None
    writable: tuple[Path, ...] = ()
    halted: bool = True


def service_unit(plan: Plan) -> str:
    """Write the unit (systemd.unit(5), systemd.service(5), systemd.exec(5)).

    Raises:
        CommandRefused: A path has a character that systemd reads in its own way.
    """
    owner = plan.owner
    start = command_line(plan.config, linger=False, demo=False)
    writes = (str(owner.home), *_HOLDS_WORK, f"-/run/user/{owner.uid}", *map(str, plan.writable))
    runtime = (
        f"""\
RuntimeDirectory={_quoted(str(plan.runtime.relative_to("/run")))}
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
"""
        if plan.runtime
        else ""
    )
    return f"""\
{MARK}
# Your own changes: sudo systemctl edit {SERVICE.removesuffix(".service")}

[Unit]
Description=Head service of the cluster in the briefcase
After=network.target
# asked at the end whether the machine goes down, so it must outlive us
After=dbus.service
# the socket is where the commands of {owner.name} look for it, logged in or not
Wants=user-runtime-dir@{owner.uid}.service
After=user-runtime-dir@{owner.uid}.service
RequiresMountsFor={_quoted(str(owner.home))} {_quoted(sys.prefix)}
StartLimitIntervalSec=10min
StartLimitBurst=20

[Service]
Type=notify
NotifyAccess=main
User={owner.name}
SupplementaryGroups={" ".join(DEVICE_GROUPS)}
WorkingDirectory={owner.home}
Environment=XDG_RUNTIME_DIR=/run/user/{owner.uid}
SyslogIdentifier=sciabc-tui
# where it hung stands in the journal
Environment=PYTHONFAULTHANDLER=1
{runtime}ExecStart={_command(start)}
# the last words on LCD and lamp, however it ended
ExecStopPost={_command(farewell_command(plan))}
Restart=on-failure
RestartSec=2s
# another head service runs already: that one drives the panel
RestartPreventExitStatus={BUSY}
WatchdogSec=30s
TimeoutStartSec=60s
TimeoutStopSec=15s
TimeoutAbortSec=5s
LimitCORE=0:infinity
# jobs outlive the service; one that memory ran out for is not its end
KillMode=process
OOMPolicy=continue

# No more rights than the I2C bus, USB and the user's own files. All of this holds for ranks on the head too:
# so they may write where jobs do, there is no private /tmp that a restart would take from under them, and
# memory may be both written and executed (numba).
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths={" ".join(map(_quoted, writes))}
DevicePolicy=closed
DeviceAllow=char-i2c rw
DeviceAllow=char-usb_device rw
DeviceAllow=char-pts rw
DeviceAllow=/dev/ptmx rw
DeviceAllow=/dev/vcio rw
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def farewell_command(plan: Plan) -> list[str]:
    """Give the command that says the last words."""
    chosen = [] if plan.config is None else ["--config", str(plan.config)]
    panel = [part for setting in plan.panel for part in ("--panel", setting)]
    return [sys.executable, "-P", "-m", "sciabc_tui.cli.parting", *chosen, *panel]


def udev_rules(bus: int) -> str:
    """Write the rules that let the groups `plugdev` and `i2c` in.

    They come before 73-seat-late.rules, which reads the tag.

    Args:
        bus: N of /dev/i2c-N.
    """
    return f"""\
{MARK}
SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="20a0", ATTR{{idProduct}}=="41e5", \
MODE="0660", GROUP="plugdev", TAG+="uaccess"
SUBSYSTEM=="i2c-dev", KERNEL=="i2c-{bus}", MODE="0660", GROUP="i2c"
"""


def modules() -> str:
    """Write the list for systemd-modules-load: without that module an I2C bus has no /dev/i2c-N."""
    return f"{MARK}\ni2c-dev\n"


def logins() -> str:
    """Write what logind must not do (logind.conf(5)).

    By default it removes a user's shared memory when he logs out, also what the ranks of his jobs have in
    /dev/shm and have not opened yet.
    """
    return f"{MARK}\n[Login]\nRemoveIPC=no\n"


def shutdown_hook(plan: Plan) -> str:
    """Write what systemd-shutdown(8) runs when all has ended and only the root file system is left.

    It runs the program as its owner: root must not run what another user can write.
    """
    owner = plan.owner
    command = [
        *("setpriv", f"--reuid={owner.uid}", f"--regid={owner.gid}", f"--groups={','.join(DEVICE_GROUPS)}"),
        *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"),
        *farewell_command(plan),
    ]
    return f"""\
#!/bin/sh
{MARK}
PATH=/usr/sbin:/usr/bin:/sbin:/bin
HOME={shlex.quote(str(owner.home))}
export PATH HOME
case "$1" in
  halt | poweroff) ending=halted ;;
  *) ending=restarting ;;
esac
exec timeout --kill-after=1 5 {shlex.join(command)} "$ending"
"""


def _command(arguments: list[str]) -> str:
    return " ".join(map(_quoted, arguments))


def _quoted(text: str) -> str:
    """Quote for systemd (systemd.syntax(7)); what would need more than quotes is refused."""
    if not text.isprintable() or _READ_BY_SYSTEMD & set(text):
        raise CommandRefused(f"systemd reads a character of {text!r} its own way. Next: move that folder")
    return f'"{text}"' if " " in text else text
