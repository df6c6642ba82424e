"""Finds out what an installation of the head service depends on, and what stands in its way."""

import fcntl
import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sciabc_tui.cli.harmless import harmless
from sciabc_tui.cli.unit import SERVICE, Owner, Plan
from sciabc_tui.config import Loaded, PathSettings, load
from sciabc_tui.errors import CommandRefused, ConfigError

_RUN = Path("/run")
_USERS_RUN = _RUN / "user"
_TRIES_FOR = 30.0
"""Seconds that Python may take to load the service, on a cold card."""


def find_owner(name: str, environ: Mapping[str, str], uid: int) -> Owner:
    """Find whom the service shall run as: the one who is named, who typed `sudo`, or who asks.

    Args:
        name: As given on the command line; empty for none.
        environ: Where `sudo` says who typed it.
        uid: Of this process.

    Raises:
        CommandRefused: It is nobody, or root: as root no job reaches another node.
    """
    chosen = name or (environ.get("SUDO_USER", "") if uid == 0 else "") or pwd.getpwuid(uid).pw_name
    try:
        found = pwd.getpwnam(chosen)
    except (KeyError, ValueError):
        raise CommandRefused(f"There is no user {chosen}. Next: getent passwd") from None
    if found.pw_uid == 0:
        raise CommandRefused(
            "The service runs as the user who computes, not as root: Open MPI refuses root. "
            "Next: --user NAME, or type it with sudo as that user"
        )
    home = Path(found.pw_dir)
    if not home.is_dir() or home == Path("/"):
        raise CommandRefused(f"{chosen} has no home directory ({home}). Next: --user with another one")
    return Owner(found.pw_name, found.pw_uid, found.pw_gid, home)


def make_plan(owner: Owner, config: Path | None) -> tuple[Plan, Path]:
    """Read the settings as the service will, and give what follows; with the state directory.

    The environment does not count: the service has another one.

    Args:
        owner: Whom the service runs as.
        config: A configuration file in place of his own.

    Raises:
        ConfigError: The settings can't be read.
        CommandRefused: They name a folder that is not there.
    """
    own = owner.home / ".config" / "sciabc" / "config.toml"
    empty = Path(os.devnull)  # not root's own, which is what `load` would take
    loaded = load(file=config or (own if own.is_file() else empty), environ={})
    paths = loaded.settings.paths
    plan = Plan(
        owner,
        config=None if config is None else config.absolute(),
        panel=_panel(loaded),
        bus=loaded.settings.panel.i2c_bus,
        runtime=_runtime(paths),
        writable=_outside(owner, paths),
        halted=_survives_unmounting(),
    )
    state = Path(paths.state) if paths.state else owner.home / ".local" / "state" / "sciabc"
    return plan, state


def hindrance(owner: Owner, state: Path) -> str:
    """Say what must be done first; empty when nothing hinders.

    Args:
        owner: Whom the service runs as.
        state: The state directory.
    """
    own_unit = owner.home / ".config" / "systemd" / "user" / SERVICE
    if own_unit.exists():
        return (
            f"{own_unit} is a service of the same name in {owner.name}'s own systemd. "
            f"Next: systemctl --user disable --now sciabc; rm {own_unit}"
        )
    if _held(state / "head.lock") and not _active():
        return (
            f"A head service of {owner.name} runs already, without systemd. "
            f"Next: kill $(cat {state}/head.lock); jobs go on"
        )
    return _runs_as(owner)


def no_systemd() -> str:
    """Say why systemd can't take the service; empty when it can (sd_booted(3))."""
    if Path("/run/systemd/system").is_dir():
        return ""
    return "systemd does not run this machine. Next: sciabc-tui head, from whatever starts services here"


def _panel(loaded: Loaded) -> tuple[str, ...]:
    changed = [
        setting
        for setting in loaded.effective
        if setting.key.startswith("panel.") and setting.source != "default"
    ]
    return tuple(f"{setting.key.removeprefix('panel.')}={setting.value}" for setting in changed)


def _runtime(paths: PathSettings) -> Path | None:
    """Give the folder below /run that systemd has to make, for nobody but root can."""
    if not paths.runtime:
        return None
    path = Path(paths.runtime)
    below = path.is_relative_to(_RUN) and path != _RUN and not path.is_relative_to(_USERS_RUN)
    return path if below else None


def _outside(owner: Owner, paths: PathSettings) -> tuple[Path, ...]:
    """Give the folders that the settings name outside the home; they must be there already.

    Raises:
        CommandRefused: One is not.
    """
    named = {
        "paths.state": Path(paths.state) if paths.state else None,
        "paths.runtime": Path(paths.runtime) if paths.runtime and _runtime(paths) is None else None,
        "paths.nodes_txt": paths.hostfile.parent if paths.nodes_txt else None,
    }
    found: list[Path] = []
    for key, path in named.items():
        if path is None or path.is_relative_to(owner.home):
            continue
        if not path.is_absolute():
            raise ConfigError(f"{key}: {path} must begin with /. Next: mend it")
        if not path.is_dir():
            raise CommandRefused(f"{key}: {path} is not there. Next: sudo install -d -o {owner.name} {path}")
        found.append(path)
    return tuple(found)


def _survives_unmounting() -> bool:
    """Tell whether the program is on the root file system: that one is there until the power goes."""
    kept = {Path(place).stat().st_dev for place in ("/", "/usr")}
    program = (Path(sys.executable), Path(sys.prefix), Path(__file__))
    return all(path.stat().st_dev in kept for path in program)


def _held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _active() -> bool:
    asked = subprocess.run(["systemctl", "is-active", "--quiet", SERVICE], check=False)  # noqa: S607 - root's PATH
    return asked.returncode == 0


def _runs_as(owner: Owner) -> str:
    """Try whether the owner can run the program at all: one in another's home he can't even read."""
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", "import sciabc_tui.cli.daemon"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env={"HOME": str(owner.home), "PATH": os.defpath},
            user=owner.uid,
            group=owner.gid,
            extra_groups=[],
            timeout=_TRIES_FOR,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    else:
        why = (
            ""
            if tried.returncode == 0
            else harmless((tried.stderr.strip().splitlines() or ["it failed"])[-1])
        )
    if not why:
        return ""
    return f"{owner.name} can't run {sys.executable} ({why}). Next: install the program where he can read it"
