"""What is on a machine's SD card: the host's root, and over it the few files that make it a node."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Interface
from pathlib import Path

from tests.lab.bare import CLOCK, SOURCE, SSHD, Bare, date_program, strip, sudoers
from tests.lab.keys import KeyPair
from tests.lab.switch import Switch

USER = "pi"
USER_ID = 1000
HOME = f"/home/{USER}"
REPOSITORY = Path(__file__).resolve().parents[2]

_SSHD = """Port 22
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile none
MaxStartups 100
ClientAliveInterval 15
Subsystem sftp internal-sftp
"""

_AVAHI = """[server]
use-ipv4=yes
use-ipv6=no
use-iff-running=yes
allow-interfaces=eth0
enable-dbus=no
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=no
publish-workstation=no
publish-aaaa-on-ipv4=no
"""

_ACCOUNTS = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")


class Advert(StrEnum):
    """How a node says in mDNS that it is one."""

    CURRENT = "current"
    """Instance name `%h`, TXT records `user` and `slots`."""
    SPRINT_2016 = "2016"
    """Instance name `SupercomputerInABriefcase on %h`, no TXT record."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a machine is, whether or not it is switched on."""

    name: str
    """Host name, and the machine's name in the lab."""
    address: IPv4Interface
    """Of eth0, with the length of the cluster's prefix."""
    host_key: KeyPair
    advert: Advert | None = None
    """None: no avahi-daemon (the head)."""
    slots: int = 1
    """The TXT record's; the machine itself shares all cores of the host."""
    shown: tuple[Path, ...] = ()
    """Folders of the host that it sees, read-only, beside the checkout and the venv."""
    bare: Bare | None = None
    """None: it has the checkout, the venv, the key and all that the host has."""
    password: str = "*"
    """The user's, as in shadow(5); `*`: none will do."""

    @property
    def services(self) -> str:
        """The daemons that it starts, separated by blanks."""
        if self.bare is not None:
            return self.bare.services
        return "sshd" if self.advert is None else "sshd avahi"


def flash(switch: Switch, plan: Plan, user_key: KeyPair) -> None:
    """Make a machine's file system below the switch's store: it lasts until the machine is removed."""
    here = switch.inside(plan.name)
    switch.shell(f"mkdir {here}")
    if plan.bare is not None and plan.bare.free_kib is not None:
        switch.shell(f"mount -t tmpfs card {here}")
    switch.shell(f"mkdir {here}/upper {here}/work {here}/root")
    if plan.bare is not None:
        strip(switch.store(plan.name, "upper"), plan.bare)
    layers = f"lowerdir=/,upperdir={here}/upper,workdir={here}/work"
    switch.shell(
        f"mount -t overlay -o {layers},index=off lab {here}/root\n"
        + ("" if plan.bare is not None else f"mount -t tmpfs -o mode=755 home {here}/root/home\n")
    )
    card = _Card(switch.store(plan.name, "root"))
    for path in _shown_paths(plan):
        _let_through(card, path)
    _write_system(card, plan)
    _write_user(card, plan, user_key)
    if plan.bare is not None and plan.bare.free_kib is not None:
        used = shutil.disk_usage(card.root).used
        switch.shell(f"mount -o remount,size={used + plan.bare.free_kib * 1024} {here}")


def erase(switch: Switch, name: str) -> None:
    """Remove a machine's file system."""
    here = switch.inside(name)
    switch.shell(f"umount --recursive {here}/root; ! mountpoint -q {here} || umount {here}; rm -rf {here}")


class _Card:
    """The merged file system of a machine, written from outside."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def at(self, path: str | Path) -> Path:
        return self.root / str(path).lstrip("/")

    def read(self, path: str) -> str:
        return self.at(path).read_text(encoding="utf-8", errors="surrogateescape")

    def write(self, path: str, text: str, *, mode: int = 0o644, owner: int = 0) -> None:
        file = self.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)  # it may be a link to a place in /run
        file.write_text(text, encoding="utf-8", errors="surrogateescape")
        file.chmod(mode)
        os.chown(file, owner, owner)

    def directory(self, path: str, *, mode: int, owner: int) -> None:
        self.at(path).mkdir()
        self.at(path).chmod(mode)
        os.chown(self.at(path), owner, owner)


def _shown_paths(plan: Plan) -> tuple[Path, ...]:
    """Return what a machine must see at the same path: checkout, venv, interpreter, what the plan says."""
    if plan.bare is not None:
        return ()
    wanted = {REPOSITORY, Path(sys.prefix), Path(sys.base_prefix), *plan.shown}
    wanted |= {path.resolve() for path in wanted}
    outermost = (path for path in wanted if not any(other in path.parents for other in wanted))
    return tuple(sorted(path for path in outermost if not path.is_relative_to("/usr")))


def _let_through(card: _Card, path: Path) -> None:
    """Let everybody, but only in there, pass the folders above what is shown: /root is often closed."""
    for parent in reversed(path.parents[:-1]):
        inside = card.at(parent)
        inside.mkdir(exist_ok=True)
        inside.chmod(inside.stat().st_mode | 0o111)


def show_script(switch: Switch, plan: Plan) -> str:
    """Return the shell lines by which a booting machine mounts what it shows of the host, read-only.

    They come after its own /tmp and /dev are mounted: a checkout may be below them.
    """
    lines: list[str] = []
    for path in _shown_paths(plan):
        source, target = shlex.quote(str(path)), shlex.quote(switch.inside(plan.name, f"root{path}"))
        lines.append(f"mkdir -p {target}")
        if path.stat().st_mode & 0o005 == 0o005:
            lines.append(f"mount --rbind {source} {target}; mount -o remount,bind,ro {target}")
        else:  # a private folder (mktemp -d): an empty, open one laid over it lends it its mode
            lid = switch.inside(plan.name, "lid")
            lines.append(f"mkdir -p {lid}; mount -t overlay -o ro,lowerdir={lid}:{source} lab {target}")
    return "\n".join(lines)


def _write_system(card: _Card, plan: Plan) -> None:
    name = plan.name
    card.write("/etc/hostname", f"{name}\n")
    card.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n")
    card.write("/etc/resolv.conf", "# the lab has no DNS\n")
    card.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
    card.write("/etc/ssh/ssh_config", "Host *\n")
    card.write("/etc/ssh/sshd_config", _SSHD)
    card.write("/etc/ssh/ssh_host_ed25519_key", plan.host_key.private, mode=0o600)
    card.write("/etc/ssh/ssh_host_ed25519_key.pub", f"{plan.host_key.public}\n")
    for file in card.at("/etc/avahi/services").glob("*.service"):
        file.unlink()
    card.write("/etc/avahi/avahi-daemon.conf", _AVAHI)
    if plan.bare is not None:
        _write_bare(card, plan.bare)
    elif plan.advert is not None:
        card.write("/etc/avahi/services/sciabc.service", service_file(plan.advert, plan.slots))


def _write_bare(card: _Card, bare: Bare) -> None:
    card.write("/etc/ssh/sshd_config", SSHD.format(passwords="yes" if bare.passwords else "no"))
    card.write("/etc/apt/sources.list", f"deb [trusted=yes] {SOURCE} stable main\n")
    if allowed := sudoers(bare):
        card.write("/etc/sudoers.d/010_pi", allowed, mode=0o440)
    if bare.clock_off:
        card.write(CLOCK, f"{bare.clock_off}\n")
        card.write("/usr/local/bin/date", date_program(), mode=0o755)
    for name in _ACCOUNTS:  # its own from now on, whatever becomes of the host's
        for file in (card.at(f"/etc/{name}"), card.at(f"/etc/{name}-")):
            if file.exists():
                file.open("ab").close()


def service_file(advert: Advert, slots: int) -> str:
    """Return the avahi service file of a node."""
    if advert is Advert.SPRINT_2016:
        name, records = "SupercomputerInABriefcase on %h", ()
    else:
        name, records = "%h", (f"user={USER}", f"slots={slots}")
    texts = "".join(f"<txt-record>{record}</txt-record>" for record in records)
    return (
        '<?xml version="1.0" standalone="no"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">\n'
        f'<service-group><name replace-wildcards="yes">{name}</name>'
        f"<service><type>_sciabc._tcp</type><port>34343</port>{texts}</service></service-group>\n"
    )


def _write_user(card: _Card, plan: Plan, key: KeyPair) -> None:
    number = USER_ID

    def append(path: str, entry: str, mode: int = 0o644) -> None:
        """Add a line for the user, in the place of the host's own user of that name or number."""
        lines = (line.split(":") for line in card.read(path).splitlines())
        others = (":".join(f) for f in lines if f[0] != USER and f[2:3] != [str(number)])
        card.write(path, "\n".join((*others, f"{USER}:{entry}", "")), mode=mode)

    append("/etc/passwd", f"x:{number}:{number}::{HOME}:/bin/bash")
    append("/etc/group", f"x:{number}:")
    append("/etc/shadow", f"{plan.password}:19000:0:99999:7:::", mode=0o640)
    card.directory(HOME, mode=0o755, owner=number)
    if plan.bare is not None:
        return
    card.directory(f"{HOME}/.ssh", mode=0o700, owner=number)
    card.write(f"{HOME}/.ssh/authorized_keys", f"{key.public}\n", mode=0o600, owner=number)
