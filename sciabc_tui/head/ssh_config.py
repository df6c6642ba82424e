"""The ssh_config of whom the head runs as: which user and which key they use for a host.

Only `Host`, `User` and `IdentityFile` are read (ssh_config(5)). A `Match` block may run a program, and
canonical names ask the network: neither is done for a name that came from it.
"""

import logging
from pathlib import Path

import paramiko

from sciabc_tui.head.users import HostOptions

log = logging.getLogger(__name__)

_READ = frozenset({"host", "user", "identityfile"})
_NOBODY = "Host !*"


class SshConfigFile:
    """An ssh_config as it was at the start of the service."""

    def __init__(self, path: Path) -> None:
        """Read it; one that is not there or can't be read says nothing."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
            self._config = paramiko.SSHConfig.from_text(_harmless(text))
        except FileNotFoundError:
            self._config = paramiko.SSHConfig()
        except (OSError, paramiko.SSHException) as error:
            log.warning("%s is not used: %s", path, error)
            self._config = paramiko.SSHConfig()

    def __call__(self, host: str) -> HostOptions:
        """Give what it says about a host name or an address."""
        found = self._config.lookup(host)
        user, names = found.get("user"), found.get("identityfile")
        files = [Path(name).expanduser().absolute() for name in names] if isinstance(names, list) else []
        return HostOptions(
            user=user if isinstance(user, str) else "",
            identity=next((file for file in files if file.is_file()), None),
        )


def _harmless(text: str) -> str:
    return "\n".join(_line(line) for line in text.splitlines())


def _line(line: str) -> str:
    keyword, _, rest = line.strip().replace("=", " ", 1).partition(" ")
    match keyword.lower():
        case "match":
            return "Host *" if rest.strip().lower() == "all" else _NOBODY
        case word if word in _READ and rest.strip():
            return f"{keyword} {rest.strip()}"
        case _:
            return ""
