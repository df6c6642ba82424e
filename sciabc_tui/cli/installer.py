"""Puts the head service's files into the system, all or none, and takes them out again."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sciabc_tui.cli.unit import (
    DEVICE_GROUPS,
    MARK,
    SERVICE,
    UNIT,
    Plan,
    logins,
    modules,
    service_unit,
    shutdown_hook,
    udev_rules,
)
from sciabc_tui.errors import CommandRefused

RULES = Path("/etc/udev/rules.d/70-sciabc.rules")
MODULES = Path("/etc/modules-load.d/sciabc.conf")
HOOK = Path("/usr/lib/systemd/system-shutdown/sciabc")
LOGINS = Path("/etc/systemd/logind.conf.d/sciabc.conf")
PLACES = (UNIT, RULES, MODULES, LOGINS, HOOK)

Run = Callable[[Sequence[str]], None]
"""Runs a command to its end; raises `CommandRefused` when it fails or is not there."""

_LONGEST = 65536  # bytes of a file that could be ours


class Change(StrEnum):
    """What a file needs."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "as it is"
    GONE = "removed"


@dataclass(frozen=True, slots=True)
class File:
    """A file to be; `text` begins with `unit.MARK`, after a `#!` line if there is one."""

    path: Path
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Step:
    """A command; what fails at a `must` is the end of it, at another it is told and left."""

    command: tuple[str, ...]
    must: bool = True


GROUPS = tuple(Step(("groupadd", "--force", "--system", group)) for group in DEVICE_GROUPS)
"""Before the files: systemd starts no service with a group that is not there."""

RELOAD = (
    Step(("udevadm", "control", "--reload"), must=False),
    Step(("systemctl", "kill", "--signal=HUP", "systemd-logind.service"), must=False),
)
DEVICES = (
    Step(("modprobe", "i2c-dev"), must=False),
    *RELOAD,
    Step(("udevadm", "trigger", "--subsystem-match=i2c-dev"), must=False),
    Step(("udevadm", "trigger", "--subsystem-match=usb", "--attr-match=idVendor=20a0"), must=False),
)
ENABLE = (Step(("systemctl", "daemon-reload")), Step(("systemctl", "enable", SERVICE)))
START = (Step(("systemctl", "start", SERVICE)),)
RESTART = (Step(("systemctl", "restart", SERVICE)),)
DISABLE = (Step(("systemctl", "disable", "--now", SERVICE)),)
FORGET = (Step(("systemctl", "daemon-reload")), *RELOAD)


def files(plan: Plan) -> tuple[File, ...]:
    """Give the files of an installation.

    Raises:
        CommandRefused: A path can't be written into them.
    """
    hook = (File(HOOK, shutdown_hook(plan), 0o755),) if plan.halted else ()
    return (
        File(UNIT, service_unit(plan)),
        File(RULES, udev_rules(plan.bus)),
        File(MODULES, modules()),
        File(LOGINS, logins()),
        *hook,
    )


class Installer:
    """The files of one machine."""

    def __init__(self, wanted: Sequence[File], run: Run, *, root: Path = Path("/")) -> None:
        """Touch nothing yet.

        Args:
            wanted: The files to be.
            run: Runs a command.
            root: Where the machine's file system is.
        """
        self._wanted = wanted
        self._run = run
        self._root = root

    def changes(self) -> tuple[tuple[Path, Change], ...]:
        """Say what installing does with each file.

        Raises:
            CommandRefused: A file that is not ours is in the way.
        """
        wanted = [(file.path, self._change(file)) for file in self._wanted]
        left = set(PLACES) - {path for path, _ in wanted}
        return (*wanted, *((path, Change.GONE) for path in sorted(left) if _is_ours(self._read(path))))

    def install(self) -> tuple[str, ...]:
        """Write what is not there yet, and let systemd know and start it; a changed service is restarted.

        Returns:
            What did not work and does not stop the service from running, a line each.

        Raises:
            CommandRefused: Something failed. The files are as they were before, unless all that failed is
                the start of the service.
        """
        changed = {path for path, change in self.changes() if change is not Change.SAME}
        before = {path: self._read(path) for path in changed}
        problems = self._all(GROUPS)
        try:
            for path in changed:
                self._put(path, next((file for file in self._wanted if file.path == path), None))
            problems += self._all((*DEVICES, *ENABLE))
        except BaseException:
            self._restore(before)
            raise
        return (*problems, *self._all(RESTART if changed else START))

    def uninstall(self) -> tuple[Path, ...]:
        """End the service and remove what is ours; give what was removed.

        Raises:
            CommandRefused: Something failed; the rest is still there.
        """
        ours = [place for place in PLACES if _is_ours(self._read(place))]
        if UNIT in ours:
            self._all(DISABLE)
        for place in ours:
            self._at(place).unlink()
        if ours:
            self._all(FORGET)
        return tuple(ours)

    def _at(self, path: Path) -> Path:
        return self._root / path.relative_to("/")

    def _change(self, file: File) -> Change:
        found = self._read(file.path)
        if found is None:
            return Change.NEW
        if not _is_ours(found):
            raise CommandRefused(f"{file.path} is there and not ours. Next: look at it, then move it away")
        mode = stat.S_IMODE(self._at(file.path).stat().st_mode)
        return Change.SAME if found == file.text and mode == file.mode else Change.CHANGED

    def _read(self, path: Path) -> str | None:
        """Give a file's text; what is no plain text file of a sane size can't be ours."""
        place = self._at(path)
        try:
            found = place.lstat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CommandRefused(f"{path}: {error.strerror}. Next: ls -ld {path.parent}") from error
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LONGEST:
            return ""
        return place.read_text(encoding="utf-8", errors="replace")

    def _put(self, path: Path, file: File | None) -> None:
        """Put a file in place at once: systemd and udev never see half of one. None removes what is there."""
        place = self._at(path)
        try:
            if file is None:
                place.unlink(missing_ok=True)
                return
            place.parent.mkdir(parents=True, exist_ok=True)
            _replace(place, file)
        except OSError as error:
            raise CommandRefused(
                f"{path} can't be written: {error.strerror}. Next: ls -ld {path.parent}"
            ) from error

    def _restore(self, before: Mapping[Path, str | None]) -> None:
        for path, text in before.items():
            mode = 0o755 if path == HOOK else 0o644
            self._put(path, None if text is None else File(path, text, mode))
        with contextlib.suppress(CommandRefused):
            self._all(FORGET)

    def _all(self, steps: Sequence[Step]) -> tuple[str, ...]:
        problems: list[str] = []
        for step in steps:
            try:
                self._run(step.command)
            except CommandRefused as error:
                if step.must:
                    raise
                problems.append(str(error))
        return tuple(problems)


def _is_ours(text: str | None) -> bool:
    return text is not None and MARK in text.splitlines()[:2]


def _replace(place: Path, file: File) -> None:
    # a name that begins with a dot is no unit, no rule and no hook
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(file.text)
            out.flush()
            os.fchmod(out.fileno(), file.mode)
            os.fsync(out.fileno())
        Path(name).replace(place)
    finally:
        Path(name).unlink(missing_ok=True)
