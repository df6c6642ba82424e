"""A machine with a real systemd: a root file system under an overlay, in namespaces that vanish."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.cli.shell import ROOT

USER, UID = "pi", 4711
SYSTEMD = Path("/lib/systemd/systemd")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TOOLS = ("setpriv", "unshare", "nsenter", "pivot_root", "journalctl", "dbus-daemon", "useradd")
_PATIENCE_S = 60.0

_BEGIN = """
set -e
work=$1 repository=$2 python=$3 journal=$4
mount -t tmpfs none "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work,index=off" none "$work/root"
cd "$work/root"
mkdir -p oldroot
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs none run
mount -t tmpfs none tmp
# after /tmp, where it may lie; what tidies /tmp at boot can do nothing to it
mkdir -p ".$repository" ".$journal" var/log/journal
mount --bind "$repository" ".$repository"
mount -o remount,bind,ro "$work/root$repository"
mount --bind "$journal" var/log/journal
mount -t tmpfs none dev
for node in null zero full random urandom tty; do
  touch dev/$node
  mount --bind /dev/$node dev/$node
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs none dev/shm
umount -R sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 sys/fs/cgroup
pivot_root . oldroot
mount --make-rprivate /
umount -l /oldroot
getent passwd pi >/dev/null && userdel pi
rm -rf /home/pi
useradd --uid 4711 --create-home --home-dir /home/pi --shell /bin/sh pi
for folder in "$(dirname "$python")" "$(dirname "$repository")"; do
  while [ "$folder" != / ]; do
    chmod o+x "$folder" 2>/dev/null || true
    folder=$(dirname "$folder")
  done
done
ip link set lo up 2>/dev/null || true
for unit in /lib/systemd/system/*.wants/*.service /etc/systemd/system/*.wants/* /etc/rc2.d/S*; do
  case "${unit##*/}" in
    systemd-* | dbus* | S??dbus) ;;
    S*) name=${unit##*/S??}; ln -sf /dev/null "/etc/systemd/system/$name.service" ;;
    *) ln -sf /dev/null "/etc/systemd/system/${unit##*/}" ;;
  esac
done
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
exec env -i container=tests PATH="$PATH" /lib/systemd/systemd --system --log-target=null
"""


def lacks() -> str:
    """Tell what this machine lacks to build another one; empty when nothing."""
    if os.geteuid() != 0:
        return "root: it builds a machine in namespaces"
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=_PATH) is None]
    if missing or not SYSTEMD.exists():
        return f"{' '.join(missing) or SYSTEMD}: sudo apt install systemd dbus util-linux passwd"
    return ""


def need_machine() -> None:
    """Skip, with what this machine lacks; under SCIABC_REQUIRE_ALL=1 (as in .ci/run) fail instead."""
    if reason := lacks():
        give_up(reason)


def give_up(reason: str) -> None:
    """Skip a test that can't run here, or fail where it must."""
    if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class SystemdMachine:
    """The machine; it runs while the `with` block does."""

    def __init__(self, folder: Path) -> None:
        """Boot it.

        Args:
            folder: An empty one of the test's; the journal stays there.
        """
        self._work, self.journal_folder = folder / "work", folder / "journal"
        self._work.mkdir()
        self.journal_folder.mkdir()
        script = folder / "begin"
        script.write_text(_BEGIN, encoding="utf-8")
        spaces = ("--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup")
        python = str(Path(sys.executable).resolve())
        self._said = (folder / "said").open("w+b")
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "unshare", *spaces, "--fork", "--kill-child", "sh", script]
            + [str(part) for part in (self._work, ROOT, python, self.journal_folder)],
            env={"PATH": _PATH},
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
        )

    def __enter__(self) -> Self:
        self.until(
            lambda: self.run("systemctl", "is-system-running").stdout.strip() in {"running", "degraded"}
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGKILL)  # and --kill-child ends all in it
        self._process.wait()
        self._said.close()

    def run(self, *command: str, typed: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, as root."""
        return subprocess.run(
            ["nsenter", "--target", self._first(), "--all", "--", *command],
            env={"PATH": _PATH, "LANG": "C.UTF-8", **environ},
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
            cwd="/",
        )

    def program(
        self, *arguments: str, user: str = "root", typed: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `sciabc-tui` there."""
        home = "/root" if user == "root" else f"/home/{user}"
        as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "env", f"HOME={home}")
        command = (*as_user, sys.executable, "-P", "-m", "sciabc_tui", *arguments)
        return self.run(*command, typed=typed, PYTHONPATH=str(ROOT), **environ)

    def journal(self) -> str:
        """Give what the service said; also when the machine has stopped."""
        done = subprocess.run(
            ["journalctl", f"--directory={self._journal()}", "--unit=sciabc", "--no-pager", "--output=cat"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def until(self, condition: Callable[[], bool]) -> None:
        """Look until a condition holds."""
        deadline, pause = time.monotonic() + _PATIENCE_S, threading.Event()
        while True:
            ended = self._process.poll() is not None  # it may end during the look: then one more follows
            if condition():
                return
            assert not ended, self._told()
            assert time.monotonic() < deadline, f"{self._told()} {self.journal()}"
            pause.wait(0.1)

    def _journal(self) -> Path:
        return next(iter(self.journal_folder.iterdir()), self.journal_folder)

    def _told(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def _first(self) -> str:
        pid = self._process.pid
        try:
            return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").strip() or "0"
        except FileNotFoundError:  # it has ended
            return "0"
