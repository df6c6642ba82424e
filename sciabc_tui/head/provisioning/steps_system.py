"""The board's system: its name, its host keys, and an sshd that notices when the head is gone."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shlex import quote

from sciabc_tui.cluster.node import HostKey
from sciabc_tui.head.keys import host_key
from sciabc_tui.head.provisioning.journal import folder
from sciabc_tui.head.provisioning.ports import Board, StepFailed
from sciabc_tui.head.provisioning.steps import asked, done

_SSHD_FILE = "/etc/ssh/sshd_config.d/sciabc.conf"

RELOAD = (
    "if [ -d /run/systemd/system ]; then systemctl reload ssh 2>/dev/null || systemctl reload sshd; else "
    'p=$$ t=; while [ ${p:-0} -gt 1 ]; do [ "$(cat /proc/$p/comm)" != sshd ] || t=$p; '
    "p=$(awk '/^PPid:/ { print $2 }' /proc/$p/status); done; [ -z \"$t\" ] || kill -HUP $t; fi"
)
"""Lets sshd read its files anew; where there is no systemd, the one that is above us."""

_LOOK_SSHD = f"""
if grep -qi '^[[:space:]]*include[[:space:]].*/etc/ssh/sshd_config.d/' /etc/ssh/sshd_config; then
  n=$(sshd -T 2>/dev/null | awk '$1 == "clientaliveinterval" {{ print $2 }}')
  [ "${{n:-0}}" -ge 1 ] && [ "${{n:-0}}" -le 60 ] || echo {_SSHD_FILE}
fi
"""

_SSHD = f"""
did {quote(": let sshd read its files; " + RELOAD)}
keep {_SSHD_FILE}
mkdir -p /etc/ssh/sshd_config.d
echo 'ClientAliveInterval 15' >{_SSHD_FILE}.sciabc-new
mv -f {_SSHD_FILE}.sciabc-new {_SSHD_FILE}
mkdir -p /run/sshd
if ! sshd -t; then rm -f {_SSHD_FILE}; exit 1; fi
{RELOAD}
"""

_NAME = """
OLD=$(uname -n)
SET="[ -d /run/systemd/system ] && hostnamectl set-hostname '$OLD' || hostname '$OLD'"
did ": call it $OLD again; $SET; RESTART"
keep /etc/hostname
keep /etc/hosts
grep -v '^127\\.0\\.1\\.1[[:space:]]' /etc/hosts >/etc/hosts.sciabc-new || :
printf '127.0.1.1\\t%s\\n' "$NEW" >>/etc/hosts.sciabc-new
chmod 644 /etc/hosts.sciabc-new
mv -f /etc/hosts.sciabc-new /etc/hosts
echo "$NEW" >/etc/hostname
if [ -d /run/systemd/system ]; then hostnamectl set-hostname "$NEW"; else hostname "$NEW"; fi
RESTART
"""
_RESTART = "[ ! -d /run/systemd/system ] || systemctl try-restart avahi-daemon"

_RENEWED = "host-keys-are-new"
"""A file in the journal; root's can be entered by all, and listed by root alone."""

_HOST_KEYS = f"""
did {quote(": let sshd read its files; " + RELOAD)}
for k in /etc/ssh/ssh_host_*_key; do keep "$k"; keep "$k.pub"; done
[ ! -f /etc/machine-id ] || keep /etc/machine-id
for k in /etc/ssh/ssh_host_*_key; do
  t=${{k#*ssh_host_}}
  rm -f "$k.sciabc-new" "$k.sciabc-new.pub"
  ssh-keygen -q -t "${{t%_key}}" -N '' -C '' -f "$k.sciabc-new"
  mv -f "$k.sciabc-new.pub" "$k.pub"
  mv -f "$k.sciabc-new" "$k"
done
[ ! -f /etc/machine-id ] || tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
sync
: >"$J/{_RENEWED}"
cat /etc/ssh/ssh_host_*_key.pub
{RELOAD}
"""

_PUBLIC = re.compile(r"((?:ssh|ecdsa)-[a-z0-9-]+) ([A-Za-z0-9+/=]{40,2000})(?: .*)?")


@dataclass(frozen=True, slots=True)
class SshdStep:
    """Lets sshd end sessions of a head that is gone, so that nothing runs on for nobody (sshd_config(5))."""

    title: str = "sshd"

    def look(self, board: Board) -> Sequence[str]:
        """Say whether it is to be told so; without root it stays as it is."""
        if not board.told.root or not asked(board, _LOOK_SSHD, root=True).strip():
            return ()
        return (f"write {_SSHD_FILE}: ClientAliveInterval 15",)

    def do(self, board: Board) -> str:
        """Tell it."""
        done(board, _SSHD, "sshd does not take ClientAliveInterval", root=True)
        return "sshd looks every 15 s whether the head is there"


@dataclass(frozen=True, slots=True)
class NameStep:
    """Gives the board another host name.

    Attributes:
        name: A host label.
    """

    name: str
    title: str = "host name"

    def look(self, board: Board) -> Sequence[str]:
        """Say whether it has another one."""
        now = asked(board, "uname -n; cat /etc/hostname 2>/dev/null").split()
        if set(now) == {self.name}:
            return ()
        return (f"call it {self.name} (it is {board.told.host_name or 'nameless'}): hostname, /etc/hosts",)

    def do(self, board: Board) -> str:
        """Rename it."""
        text = _NAME.replace("RESTART", _RESTART)
        done(board, f"NEW={quote(self.name)}\n{text}", "its host name could not be set", root=True)
        return f"called it {self.name}"


@dataclass(frozen=True, slots=True)
class HostKeysStep:
    """Makes new host keys and a new machine id, once: a card that was copied has those of another board.

    Attributes:
        kind: Of the host key that was approved.
        renewed: Told the new key of that kind, which came over the session that was approved.
    """

    kind: str
    renewed: Callable[[HostKey], None]
    title: str = "host keys"

    def look(self, board: Board) -> Sequence[str]:
        """Say whether they were made anew already."""
        if asked(board, f"[ ! -e {folder(board.told, root=True)}/{_RENEWED} ] || echo new").strip():
            return ()
        return ("make new host keys in /etc/ssh", "make a new /etc/machine-id")

    def do(self, board: Board) -> str:
        """Make them; the head trusts the new one at once."""
        said = done(board, _HOST_KEYS, "new host keys could not be made", root=True, within=300.0)
        found = [match for line in said.splitlines() if (match := _PUBLIC.fullmatch(line.strip()))]
        for kind, blob in (match.groups() for match in found):
            if kind == self.kind:
                key = host_key(kind, blob)
                self.renewed(key)
                return f"made new host keys: {key.fingerprint}, and a new machine id"
        raise StepFailed(
            f"it made new host keys, but none of {self.kind}",
            "Next: look at it again (sciabc-tui nodes provision), and approve what it shows",
        )
