"""A board that let us in: scripts, files, and what it says of itself. It blocks, and belongs in a thread."""

import hashlib
import logging
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote

from jobs.staging import Item
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.ingress import printable
from sciabc_tui.head.keys import Transport
from sciabc_tui.head.provisioning import journal
from sciabc_tui.head.provisioning.apt_forward import lent
from sciabc_tui.head.provisioning.apt_proxy import Wire as Channel
from sciabc_tui.head.provisioning.places import Place
from sciabc_tui.head.provisioning.ports import Answer, StepFailed, Told
from sciabc_tui.head.provisioning.shell import Shell
from sciabc_tui.head.staging_wire import FileRefused, Wire
from sciabc_tui.head.wheels import checksum

log = logging.getLogger(__name__)

_LOOK_WITHIN = 20.0
_COPY_WITHIN = 600.0
_TOLD = 20
"""How often it is told how far a file is."""

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")
_HOME = re.compile(r"/[A-Za-z0-9._/@+-]{1,200}")
_THIRTY_TWO = re.compile(r"i[3-6]86|armv[5-8]l")

_PREAMBLE = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C; export PATH LC_ALL; umask 022\n"

_OTHER = re.compile(r"[^A-Za-z0-9]")

# A Raspberry Pi has a serial number; another board its first network card's address. The machine-id is the
# same on copied cards, and another after these were told apart.
_TELL = """
hardware() {
  tr -d '\\0' </proc/device-tree/serial-number; echo
  for card in /sys/class/net/*; do [ ! -e "$card/device" ] || cat "$card/address"; done
  cat /sys/class/net/eth0/address /etc/machine-id
}
release() { sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | tr -d \\"\\' | head -n 1; }
echo "distribution=$(release ID)"
echo "release=$(release VERSION_ID)"
echo "machine=$(uname -m)"
echo "bits=$(getconf LONG_BIT 2>/dev/null)"
echo "libc=$(getconf GNU_LIBC_VERSION 2>/dev/null)"
echo "python=$(python3 -c 'import sys; print(*sys.version_info[:3])' 2>/dev/null)"
echo "user=$(id -un)"
echo "number=$(id -u)"
echo "home=$HOME"
echo "host_name=$(uname -n)"
echo "hardware=$(hardware 2>/dev/null | grep . | head -n 1)"
echo "clock=$(date +%s)"
echo complete=yes
"""


class SshBoard:
    """Fits `sciabc_tui.head.provisioning.ports.Board`.

    Args:
        transport: A session that is logged in; it is ended elsewhere.
        place: Where it is.
        password: For sudo.
        wall: Gives the head's time, in seconds since the epoch.
        tell: Told what is under way, and which share of it is done.
    """

    def __init__(
        self,
        transport: Transport,
        place: Place,
        password: str,
        wall: Callable[[], float],
        tell: Callable[[str, float | None], None],
    ) -> None:
        self.place = place
        self._transport = transport
        self._wire = Wire(transport)
        self._shell = Shell(transport, place, password, _guarded)
        self._wall = wall
        self._tell = tell
        self._told = Told()
        self._is_root = False
        self._no_root: StepFailed | None = None

    @property
    def told(self) -> Told:
        """What it says of itself; empty before `look`."""
        return self._told

    def look(self) -> None:
        """Ask what it is, and whether we may do things as root there.

        Raises:
            StepFailed: It is none that we can work on.
            ContactFailed: The connection was lost.
        """
        before = self._wall()
        answer = self._shell.run(_PREAMBLE + _TELL, _LOOK_WITHIN)
        said = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
        if said.get("complete") != "yes":
            raise _mute(answer, self.place)
        self._told = _read(said, self.place, (before + self._wall()) / 2)
        self._is_root = said.get("number") == "0"
        try:
            root = self._is_root or self._shell.run_as_root(":", _LOOK_WITHIN).status == 0
        except StepFailed as refusal:
            root, self._no_root = False, refusal
        self._told = replace(self._told, root=root)

    def run(self, script: str, *, root: bool = False, within: float = 60.0) -> Answer:
        """Let its shell read a script; as `Board.run`."""
        if root and self._no_root is not None:
            raise StepFailed(str(self._no_root), self._no_root.fix)
        text = _PREAMBLE + journal.words(self.journal(root=root)) + script
        sudo = root and not self._is_root
        answer = self._shell.run_as_root(text, within) if sudo else self._shell.run(text, within)
        if answer.status == journal.STATUS:
            raise StepFailed(
                printable(answer.err.strip().rpartition("\n")[2], 200),
                f"Next: see whether its disk is full: {self.place.ssh} df -h",
            )
        return answer

    def copy(self, source: Path, target: str, *, root: bool = False) -> None:
        """Copy a file of the head to an absolute path there; as `Board.copy`."""
        size = source.stat().st_size
        item = Item(source, source.name, size, source.stat().st_mtime, bool(source.stat().st_mode & 0o100))
        part = f"{target}.sciabc-part"
        if root:  # SFTP is the user's: root takes it from there
            part = f"{self._told.home}/.sciabc-{hashlib.sha256(target.encode()).hexdigest()[:12]}"
            self.run(f"rm -f {quote(part)}\nkeep {quote(part)}\n")
        done = 0

        def more(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            if before * _TOLD // size < done * _TOLD // size:
                self.progress(source.name, done / size)

        try:
            self._wire.write(item, part, more)
        except FileRefused as error:
            self.run(f"rm -f {quote(part)}")
            raise StepFailed(
                f"{source.name} could not be copied: {printable(str(error))}",
                f"Next: see whether its disk is full: {self.place.ssh} df -h",
            ) from error
        self._settle(source, part, target, root=root)

    def _settle(self, source: Path, part: str, target: str, *, root: bool) -> None:
        """Compare what arrived, and put it where it belongs, as a whole."""
        mode = "755" if source.stat().st_mode & 0o100 else "644"
        here, there = quote(part), quote(target)
        owner = f"chown 0:0 {there}.sciabc-part && " if root else ""
        move = f"cp {here} {there}.sciabc-part && " if root else ""
        script = (
            f"if [ \"$(sha256sum <{here} | cut -d' ' -f1)\" = {checksum(source)} ] && {move}{owner}"
            f"chmod {mode} {there}.sciabc-part && mv -f {there}.sciabc-part {there}; then s=0; else s=1; fi\n"
            f"rm -f {here} {there}.sciabc-part; exit $s\n"
        )
        if self.run(script, root=root, within=_COPY_WITHIN).status != 0:
            raise StepFailed(
                f"{source.name} did not arrive whole at {target}",
                f"Next: see whether its disk is full: {self.place.ssh} df -h",
            )

    def progress(self, text: str, share: float | None = None) -> None:
        """Tell what is under way."""
        self._tell(text, share)

    @contextmanager
    def lend(self, serve: Callable[[Channel], None], /) -> Generator[int]:
        """Open a port on its loopback; as `sciabc_tui.head.provisioning.apt_forward.Lends`."""
        with lent(self._transport, serve) as port:
            yield port

    def journal(self, *, root: bool) -> str:
        """Give where its journal is."""
        return journal.folder(self._told, root=root or self._is_root)


@contextmanager
def _guarded() -> Generator[None]:
    try:
        yield
    except (StepFailed, ContactFailed):
        raise
    except Exception as error:
        # whatever a lost connection, or a hostile board, makes of the library
        log.warning("a board's connection failed: %s: %s", type(error).__name__, printable(str(error), 200))
        raise ContactFailed("the connection was lost") from error


def _mute(answer: Answer, place: Place) -> StepFailed:
    said = (answer.err + answer.out).lower()
    if "password" in said and ("change" in said or "expired" in said):
        return StepFailed("its password must be changed first", f"Next: {place.ssh}, and follow what it asks")
    return StepFailed("it lets us in, but runs no shell", f"Next: try it yourself: {place.ssh} uname -a")


def _read(said: dict[str, str], place: Place, now: float) -> Told:
    machine = printable(said.get("machine", ""))
    bits = int(said["bits"]) if said.get("bits") in {"32", "64"} else 0
    python = tuple(int(part) for part in said.get("python", "").split() if part.isdecimal())
    clock = said.get("clock", "")
    user, home = said.get("user", ""), said.get("home", "")
    if not _USER.fullmatch(user) or not _HOME.fullmatch(home) or ".." in home:
        raise StepFailed(
            f"it has no home directory for {place.user} that can be used",
            f"Next: look at it yourself: {place.ssh} pwd",
        )
    return Told(
        distribution=printable(said.get("distribution", "")),
        release=printable(said.get("release", "")),
        machine=machine,
        bits=32 if _THIRTY_TWO.fullmatch(machine) else bits,
        libc=printable(said.get("libc", "")),
        python=python[:3],
        user=user,
        home=home.rstrip("/"),
        host_name=printable(said.get("host_name", "")),
        hardware=_OTHER.sub("", said.get("hardware", ""))[:40],
        clock_off=int(clock) - now if clock.isdecimal() and len(clock) < 12 else None,
    )
