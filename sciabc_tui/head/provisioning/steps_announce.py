"""The board announces itself, as a node: avahi-daemon, and its file for us."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shlex import quote

from sciabc_tui.head.provisioning.ports import Board, StepFailed
from sciabc_tui.head.provisioning.steps import asked, done, number, values
from sciabc_tui.head.provisioning.steps_user import Account

FILE = "/etc/avahi/services/sciabc.service"

_LOOK = f"""
echo "cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc)"
! command -v avahi-daemon >/dev/null || echo daemon=yes
! avahi-daemon --check 2>/dev/null || echo running=yes
echo FILE
cat {FILE} 2>/dev/null || :
"""

_START = """
if [ -d /run/systemd/system ]; then
  systemctl is-enabled -q avahi-daemon || { did ': stop avahi-daemon; systemctl disable --now avahi-daemon'; }
  systemctl enable -q --now avahi-daemon
else
  did ': stop avahi-daemon; avahi-daemon --kill; :'
  service avahi-daemon start >/dev/null 2>&1 || avahi-daemon --daemonize
fi
i=0; until avahi-daemon --check; do i=$((i + 1)); [ $i -lt 20 ] || exit 1; sleep 0.5; done
"""

Install = Callable[[Board, str], None]
"""Installs a package of the distribution on a board; raises `StepFailed` if it can't be had."""


@dataclass(frozen=True, slots=True)
class AnnounceStep:
    """Writes avahi's file, and sees that avahi-daemon is there and runs.

    Attributes:
        account: Whom the head logs in as; announced, so that every head knows.
        slots: What is announced; None: as many as it has cores.
        port: Of its SSH server.
        install: Installs avahi-daemon where it is not.
        mute: Told if it can't announce itself: the head must know it without.
    """

    account: Account
    slots: int | None
    port: int
    install: Install
    mute: Callable[[], None]
    title: str = "announcement"

    def look(self, board: Board) -> Sequence[str]:
        """Say what is to be written and started."""
        settings, _, text = asked(board, _LOOK).partition("FILE\n")
        said = values(settings)
        wanted = self._text(board, number(said.get("cores", "")))
        lines: list[str] = []
        if "daemon" not in said:
            lines.append("install avahi-daemon")
        elif "running" not in said:
            lines.append("start avahi-daemon")
        if text.strip() != wanted.strip():
            lines.append(f"write {FILE}: {self._words(board, number(said.get('cores', '')))}")
        return lines

    def do(self, board: Board) -> str:
        """Write, install and start what lacks."""
        settings, _, text = asked(board, _LOOK).partition("FILE\n")
        said = values(settings)
        cores = number(said.get("cores", ""))
        wanted = self._text(board, cores)
        if text.strip() != wanted.strip():
            script = (
                f"keep {FILE}\nmkdir -p /etc/avahi/services\n"
                f"printf '%s\\n' {quote(wanted)} >{FILE}.sciabc-new\nmv -f {FILE}.sciabc-new {FILE}\n"
            )
            done(board, script, f"{FILE} could not be written", root=True)
        if "daemon" not in said:
            try:
                self.install(board, "avahi-daemon")
            except StepFailed as why:
                self.mute()
                return f"it can't announce itself ({why}): the head keeps it as one that was added"
        if "running" not in said:
            done(board, _START, "avahi-daemon does not start", root=True)
        return f"announces itself: {self._words(board, cores)}"

    def _slots(self, cores: int | None) -> int:
        return self.slots or min(max(cores or 1, 1), 4096)

    def _records(self, board: Board, cores: int | None) -> tuple[str, ...]:
        port = () if self.port == 22 else (f"port={self.port}",)
        return (f"user={self.account.name(board)}", f"slots={self._slots(cores)}", *port)

    def _words(self, board: Board, cores: int | None) -> str:
        return " ".join(self._records(board, cores))

    def _text(self, board: Board, cores: int | None) -> str:
        texts = "".join(f"    <txt-record>{record}</txt-record>\n" for record in self._records(board, cores))
        return (
            '<?xml version="1.0" standalone="no"?>\n<!DOCTYPE service-group SYSTEM "avahi-service.dtd">\n'
            '<service-group>\n  <name replace-wildcards="yes">%h</name>\n  <service>\n'
            f"    <type>_sciabc._tcp</type>\n    <port>34343</port>\n{texts}"
            "  </service>\n</service-group>"
        )
