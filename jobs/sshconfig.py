"""The ssh configuration of one attempt: where the launcher may log in, with which key, and whom it trusts."""

import re
from collections.abc import Iterable
from pathlib import Path

from jobs.errors import SpecError
from jobs.hostfile import Host, checked_address

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}")

# Keep-alives end a launch on a silent node after 6-8 s, where Open MPI by itself waits for 485 s. A board may
# be too busy to shake hands at once; for one that is gone nobody waits: membership ends its attempts.
_COMMON = """\
Host *
  BatchMode yes
  ConnectTimeout 10
  ConnectionAttempts 1
  ServerAliveInterval 2
  ServerAliveCountMax 3
  StrictHostKeyChecking yes
  UpdateHostKeys no
  CheckHostIP no
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  ControlMaster no
  ControlPath none
  ForwardAgent no
  ForwardX11 no
  PermitLocalCommand no
  LogLevel ERROR
"""


def ssh_config(hosts: Iterable[Host], *, known_hosts: Path, identity: Path | None) -> str:
    """Write a configuration for ``ssh -F``; the user's and the system's own are not read then.

    Args:
        hosts: Whom the launcher may reach; the local one needs no entry and gets none.
        known_hosts: The approved host keys, each under its host's ``host_key_alias``.
        identity: The private key to log in with, which outranks the hosts' own; None leaves it to those, then
            to the agent and ssh's defaults.

    Raises:
        SpecError: A value could mean something else to ssh than it says.
    """
    common = _COMMON.format(known_hosts=_path("known_hosts", known_hosts)) + _identity(identity)
    # ssh takes the first value that it finds: the particular stands before the common. Of identities it takes
    # all, so there is one or the other.
    return "".join(_entry(host, own=identity is None) for host in hosts if not host.local) + common


def _entry(host: Host, *, own: bool) -> str:
    address = checked_address(host.address)
    alias = _matching("host_key_alias", _ALIAS, host.host_key_alias or address)
    if not 0 < host.port < 65536:
        raise SpecError("port", f"{host.port} is none. Next: give 1 to 65535")
    user = f"  User {_matching('user', _USER, host.user)}\n" if host.user else ""
    identity = _identity(Path(host.identity)) if own and host.identity else ""
    where = f"Host {address}\n  HostName {address}\n  HostKeyAlias {alias}\n  Port {host.port}\n"
    return where + user + identity


def _identity(path: Path | None) -> str:
    return f"  IdentityFile {_path('identity', path)}\n  IdentitiesOnly yes\n" if path else ""


def _matching(field: str, pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise SpecError(field, f"{value!r} is nothing for ssh. Next: use letters, digits, . _ -")
    return value


def _path(field: str, path: Path) -> str:
    text = str(path)
    if '"' in text or "${" in text or not text.isprintable():
        raise SpecError(field, f"{text!r} can't stand in an ssh configuration. Next: use a plain path")
    return '"' + text.replace("%", "%%") + '"'
