"""What the head logs in to nodes with, whom it trusts, and where it keeps that."""

import base64
import binascii
import os
import shlex
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sciabc_tui.api.peers import user_name
from sciabc_tui.cli.checks.findings import Finding, absent, fail, failed, ok, warn
from sciabc_tui.cli.checks.machine import Said, can_be_made
from sciabc_tui.config import Loaded
from sciabc_tui.errors import ConfigError
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.trust import TrustStore

_KEY = "SSH key"
_OTHERS = 0o077
_OPENSSH = b"openssh-key-v1\0"


def judge_settings(loaded: Loaded | ConfigError) -> Finding:
    """Judge the settings; with wrong ones the other checks go by the defaults."""
    subject = "settings"
    if isinstance(loaded, ConfigError):
        return failed(subject, loaded)
    sources = {setting.source for setting in loaded.effective} - {"default"}
    files = sorted(source for source in sources if not source.startswith("$"))
    variables = len(sources) - len(files)
    told = [*files, *([f"{variables} from the environment"] if variables else [])]
    return ok(subject, ", ".join(told) or "the defaults")


def judge_user(uid: int, sudoer: str) -> Finding:
    """Judge who asks: keys, settings and state are those of this user.

    Args:
        uid: The effective one.
        sudoer: $SUDO_USER.
    """
    subject = "user"
    if uid:
        return ok(subject, user_name(uid))
    whose = "root: checked are root's own settings, keys and state"
    if sudoer and sudoer != "root":
        return warn(subject, whose, "sciabc-tui doctor, without sudo")
    return warn(subject, whose, "run the head as an ordinary user: sudo adduser NAME")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key: its path, its mode, and whether a passphrase locks it; None if it can't be read."""

    path: str
    mode: int
    locked: bool | None


@dataclass(frozen=True, slots=True)
class Keys:
    """What the head may prove itself with.

    Attributes:
        named: `cluster.identity`; empty if the settings name none.
        files: The keys that are there.
        agent: An agent answers in this session. The service that systemd starts has none.
    """

    named: str
    files: tuple[KeyFile, ...]
    agent: bool


def look_at_keys(identity: str, environ: Mapping[str, str]) -> Keys:
    """Look at the private keys; of each only the part that is not secret."""
    named = Path(identity).expanduser() if identity else None
    files = Credentials(named, Path.home() / ".ssh").files
    agent = environ.get("SSH_AUTH_SOCK", "")
    return Keys(str(named or ""), tuple(map(_key_file, files)), bool(agent) and Path(agent).is_socket())


def _key_file(path: Path) -> KeyFile:
    try:
        return KeyFile(str(path), path.stat().st_mode & 0o777, is_locked(path.read_bytes()))
    except OSError:
        return KeyFile(str(path), 0, None)


def is_locked(key: bytes) -> bool:
    """Tell whether a private key has a passphrase, by its head (OpenSSH's PROTOCOL.key; PEM)."""
    _, _, body = key.partition(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    try:
        head = base64.b64decode(b"".join(body.split())[:64])
    except binascii.Error:
        head = b""
    if head.startswith(_OPENSSH):
        return head[len(_OPENSSH) + 4 :][:4] != b"none"  # a string: its length, then the cipher's name
    return b"ENCRYPTED" in key


def judge_keys(keys: Keys) -> Finding:
    """Judge the keys. That there is one which can be used is all that is known before a node is asked."""
    if not keys.files:
        return _without_keys(keys)
    for key in keys.files:
        if problem := _problem(key):
            return problem
    usable = [key.path for key in keys.files if not key.locked]
    if usable:
        return ok(_KEY, ", ".join(usable))
    locked = f"{keys.files[0].path} has a passphrase"
    fix = (
        "a key of its own for the cluster: ssh-keygen -t ed25519 -N '' -f ~/.ssh/sciabc, and cluster.identity"
    )
    if keys.agent:
        return warn(_KEY, f"{locked}; the agent knows it, a service at boot does not", fix)
    return fail(_KEY, f"{locked}, and there is no agent", fix)


def _without_keys(keys: Keys) -> Finding:
    if keys.named:
        return fail(_KEY, f"no {keys.named}", "set cluster.identity to a key that is there")
    if keys.agent:
        return warn(_KEY, "only the agent's, which a service at boot has not", "ssh-keygen -t ed25519")
    return fail(_KEY, "none: no board can be logged in to", "ssh-keygen -t ed25519")


def _problem(key: KeyFile) -> Finding | None:
    path = shlex.quote(key.path)
    if key.locked is None:
        fix = f"sudo chown $USER {path} && chmod 600 {path}"
        return fail(_KEY, f"{key.path} can't be read", fix)
    if key.mode & _OTHERS:
        return fail(_KEY, f"{key.path} is open to others: ssh refuses it", f"chmod 600 {path}")
    return None


def judge_client(said: Said, *, there: bool) -> Finding:
    """Judge the ssh client, through which launchers start ranks.

    Args:
        said: What came of `ssh -V`.
        there: Whether there is an `ssh`.
    """
    subject = "ssh client"
    if not there:
        return fail(subject, "none", "sudo apt install openssh-client")
    if said.status is None:
        return warn(subject, "does not answer", "ssh -V, by hand")
    return ok(subject, said.text.partition(",")[0][:60])


@dataclass(frozen=True, slots=True)
class Store:
    """What is known of the state directory.

    Attributes:
        path: Where it is.
        there: It exists.
        owner: Whose it is.
        writable: For us; where it does not exist: whether we may make it.
        nodes: How many approved nodes are remembered; or why that can't be read.
        known_hosts: Whether ssh can read their keys; None if the file is not there.
    """

    path: str
    there: bool = False
    owner: int = 0
    writable: bool = False
    nodes: int | ConfigError = 0
    known_hosts: bool | None = None


def look_at_store(state_dir: Path) -> Store:
    """Look at the state directory, and read the trust store."""
    try:
        owner = state_dir.stat().st_uid
    except OSError:
        return Store(str(state_dir), writable=can_be_made(state_dir))
    # the store's thread writes: it is never used, and so never started
    trust = TrustStore(state_dir, ThreadPoolExecutor(1))
    try:
        nodes: int | ConfigError = len(trust.load())
    except ConfigError as error:
        nodes = error
    hosts = os.access(trust.known_hosts, os.R_OK) if trust.known_hosts.exists() else None
    writable = os.access(state_dir, os.W_OK | os.X_OK)
    return Store(str(state_dir), there=True, owner=owner, writable=writable, nodes=nodes, known_hosts=hosts)


def judge_store(store: Store) -> Finding:
    """Judge the state directory."""
    subject = "state folder"
    if not store.there and not store.writable:
        another = "set paths.state to another folder (sciabc-tui config)"
        return fail(subject, f"{store.path} can't be made by this user", another)
    if not store.there:
        return absent(subject, f"{store.path}: made when the service starts")
    if not store.writable:
        fix = f"sudo chown -R $USER: {shlex.quote(store.path)}"
        return fail(subject, f"{store.path} is {user_name(store.owner)}'s, and can't be written to", fix)
    return ok(subject, store.path)


def judge_trust(store: Store) -> Finding:
    """Judge the trust store: which nodes somebody approved."""
    subject = "trust store"
    if isinstance(store.nodes, ConfigError):
        return failed(subject, store.nodes)
    if store.known_hosts is False:
        path = f"{store.path}/known_hosts"
        return fail(subject, f"{path} can't be read", f"sudo chown $USER {shlex.quote(path)}")
    if not store.nodes:
        return absent(subject, "no node is approved yet", "sciabc-tui nodes")
    return ok(subject, f"{store.nodes} approved {'node' if store.nodes == 1 else 'nodes'}")
