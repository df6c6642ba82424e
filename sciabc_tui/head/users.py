"""Whom to log in as on which node. Pure.

The first that says something: what the node itself announces or its entry in `cluster.nodes`; the first
pattern of `cluster.users` that fits its name; `cluster.user`; `User` in the ssh_config of whom the head
runs as; that user.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

from sciabc_tui.cluster.node import Node
from sciabc_tui.errors import ConfigError

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")
_PATTERN = re.compile(r"[A-Za-z0-9*?-]{1,64}")
_NEXT = "Next: write NAME=USER, where NAME may have * and ?"


@dataclass(frozen=True, slots=True)
class UserRule:
    """Log in as `user` on nodes whose name fits `pattern`."""

    pattern: str
    user: str


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What an ssh_config says about a host; nothing where it is silent."""

    user: str = ""
    identity: Path | None = None


SshConfig: TypeAlias = Callable[[str], HostOptions]
"""Looks up a host name or an address, as `sciabc_tui.head.ssh_config.SshConfigFile` does."""


def silent(_host: str) -> HostOptions:
    """Know nothing of any host: an ssh_config that is not there."""
    return HostOptions()


@dataclass(frozen=True, slots=True)
class Users:
    """What the head knows of users, beside what nodes announce.

    Attributes:
        own: Whom the head runs as.
        everywhere: `cluster.user`; empty when it is not set.
        rules: `cluster.users`.
        ssh_config: Asked for a node's name, then for its address.
    """

    own: str
    everywhere: str = ""
    rules: tuple[UserRule, ...] = ()
    ssh_config: SshConfig = silent


def parse_users(entries: Iterable[str]) -> tuple[UserRule, ...]:
    """Read `cluster.users`.

    Raises:
        ConfigError: An entry is not `NAME=USER`.
    """
    return tuple(_parse(entry) for entry in entries)


def _parse(entry: str) -> UserRule:
    pattern, equals, user = (part.strip() for part in entry.partition("="))
    shown = "".join(letter for letter in entry if letter.isprintable())[:80]
    if not equals or not _PATTERN.fullmatch(pattern):
        raise ConfigError(f"cluster.users: '{shown}' is not NAME=USER. {_NEXT}")
    if not _USER.fullmatch(user):
        raise ConfigError(f"cluster.users: '{shown}' names no user. {_NEXT}")
    return UserRule(pattern.lower(), user)


def login_user(node: Node, users: Users) -> str:
    """Give whom to log in as; streams and launchers use the same."""
    if node.user:
        return node.user
    name = node.name.lower()
    ruled = next((rule.user for rule in users.rules if fnmatchcase(name, rule.pattern)), "")
    return ruled or users.everywhere or _configured_user(node, users) or users.own


def login_identity(node: Node, users: Users) -> Path | None:
    """Give the private key that the ssh_config names for a node and that is there, or None."""
    return next((said.identity for said in _said(node, users) if said.identity is not None), None)


def _configured_user(node: Node, users: Users) -> str:
    return next((said.user for said in _said(node, users) if _USER.fullmatch(said.user)), "")


def _said(node: Node, users: Users) -> tuple[HostOptions, ...]:
    return tuple(users.ssh_config(host) for host in (node.name, node.address) if host)
