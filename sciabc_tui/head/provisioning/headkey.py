"""The head's own SSH key: the one that boards authorise, made if there is none."""

import getpass
import os
import platform
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.provisioning.login import public_key
from sciabc_tui.head.ssh import Credentials


def head_key(credentials: Credentials) -> str:
    """Give the public half of the key that the head logs in with; empty if there is none. Blocks.

    Raises:
        CommandRefused: The settings name a key that is not there or can't be read.
    """
    if credentials.identity is not None and not credentials.files:
        raise CommandRefused(
            f"The head's key {credentials.identity} does not exist. Next: ssh-keygen -t ed25519 -f "
            f"{credentials.identity}, or set cluster.identity"
        )
    found = next((key for path in credentials.files if (key := public_key(path))), "")
    if not found and credentials.files:
        raise CommandRefused(
            f"The head's key {credentials.files[0]} can't be read, nor its public half. "
            f"Next: ssh-keygen -y -f {credentials.files[0]} > {credentials.files[0]}.pub"
        )
    return found


def make_head_key(folder: Path) -> str:
    """Make the head's key as `ssh-keygen -t ed25519` does, without a passphrase; give its public half.

    Raises:
        CommandRefused: It can't be written.
    """
    if any(os.path.lexists(folder / name) for name in ("id_ed25519", "id_ed25519.pub")):
        raise CommandRefused(
            f"{folder}/id_ed25519 or its .pub is there, but no key that can be used. Next: move it away, or "
            "set cluster.identity"
        )
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    text = public.decode("ascii")
    comment = f"{getpass.getuser()}@{platform.node()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # the private half last: with it alone is there a key
        _write(folder / "id_ed25519.pub", f"{text} {comment}\n".encode(), 0o644)
        _write(folder / "id_ed25519", private, 0o600)
    except OSError as error:
        raise CommandRefused(
            f"The head has no SSH key, and none can be made: {error.strerror}. Next: ssh-keygen -t ed25519"
        ) from error
    return text


def _write(path: Path, data: bytes, mode: int) -> None:
    part = path.with_name(f".{path.name}.new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
