"""What is judged of settings, keys, the trust store and who asks."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from sciabc_tui.cli.checks.access import (
    KeyFile,
    Keys,
    Store,
    is_locked,
    judge_client,
    judge_keys,
    judge_settings,
    judge_store,
    judge_trust,
    judge_user,
    look_at_keys,
    look_at_store,
)
from sciabc_tui.cli.checks.findings import Verdict
from sciabc_tui.cli.checks.machine import Said
from sciabc_tui.config import load
from sciabc_tui.errors import ConfigError

OPEN = KeyFile("/k", 0o600, locked=False)
LOCKED = KeyFile("/k", 0o600, locked=True)


def test_the_settings_are_told_by_their_sources(tmp_path: Path) -> None:
    """Files by name, the environment by number."""
    file = tmp_path / "config.toml"
    file.write_text('[panel]\nsize = "20x4"\n')
    found = judge_settings(load(file=file, environ={"SCIABC_PANEL_LCD": "off"}))
    assert found.verdict is Verdict.OK
    assert found.value.endswith(f"{file}, 1 from the environment")


def test_wrong_settings_are_a_failure() -> None:
    """In the words of whoever read them."""
    found = judge_settings(ConfigError("x.toml: panel.size is odd. Next: mend it there"))
    assert (found.verdict, found.value) == (Verdict.FAIL, "x.toml: panel.size is odd")
    assert found.fix == "Next: mend it there"


def test_root_is_told_whose_head_is_looked_at() -> None:
    """With sudo it is another one than the user's."""
    assert judge_user(1000, "").verdict is Verdict.OK
    assert judge_user(0, "pi").fix == "Next: sciabc-tui doctor, without sudo"
    assert judge_user(0, "").verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("keys", "verdict", "says"),
    [
        (Keys("", (OPEN,), agent=False), Verdict.OK, ""),
        (Keys("", (LOCKED, OPEN), agent=False), Verdict.OK, ""),
        (Keys("", (), agent=False), Verdict.FAIL, "ssh-keygen -t ed25519"),
        (Keys("", (), agent=True), Verdict.WARN, "ssh-keygen -t ed25519"),
        (Keys("/k", (), agent=True), Verdict.FAIL, "cluster.identity"),
        (Keys("", (LOCKED,), agent=False), Verdict.FAIL, "ssh-keygen -t ed25519 -N ''"),
        (Keys("", (LOCKED,), agent=True), Verdict.WARN, "ssh-keygen -t ed25519 -N ''"),
        (Keys("", (KeyFile("/k", 0o640, locked=False),), agent=True), Verdict.FAIL, "chmod 600 /k"),
        (Keys("", (KeyFile("/k", 0, locked=None),), agent=True), Verdict.FAIL, "chmod 600 /k"),
    ],
)
def test_the_keys(keys: Keys, verdict: Verdict, says: str) -> None:
    """One that a service without an agent can use, and that ssh takes."""
    found = judge_keys(keys)
    assert found.verdict is verdict
    assert says in found.fix


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen: apt install openssh-client")
@pytest.mark.parametrize("kind", [("-t", "ed25519"), ("-t", "rsa", "-m", "PEM", "-b", "2048")], ids=" ".join)
@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_a_passphrase_is_seen_without_knowing_it(
    tmp_path: Path, kind: tuple[str, ...], passphrase: str
) -> None:
    """In both formats that ssh-keygen writes."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", *kind, "-N", passphrase, "-f", key], check=True)
    assert is_locked(key.read_bytes()) is bool(passphrase)


def test_garbage_is_no_locked_key() -> None:
    """Whether it is a key at all, the head finds out when it logs in."""
    for junk in (
        b"",
        b"\xff" * 99,
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nA",
    ):
        assert not is_locked(junk)


def test_keys_are_found_where_the_head_looks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In ~/.ssh, or the one that the settings name; an agent is one whose socket is there."""
    monkeypatch.setenv("HOME", str(home))
    assert look_at_keys("", {}) == Keys("", (), agent=False)
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_rsa").write_bytes(b"x")
    (home / ".ssh" / "id_rsa").chmod(0o644)
    (home / "mine").write_bytes(b"ENCRYPTED")
    (home / "mine").chmod(0o600)
    assert look_at_keys("", {}).files == (KeyFile(f"{home}/.ssh/id_rsa", 0o644, locked=False),)
    assert look_at_keys("~/mine", {}).files == (KeyFile(f"{home}/mine", 0o600, locked=True),)
    assert look_at_keys("~/other", {}) == Keys(f"{home}/other", (), agent=False)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(f"{home}/agent")
        assert look_at_keys("", {"SSH_AUTH_SOCK": f"{home}/agent"}).agent
    assert not look_at_keys("", {"SSH_AUTH_SOCK": f"{home}/mine"}).agent


def test_the_ssh_client_tells_its_version() -> None:
    """Without one no launcher reaches a node; one that keeps silent is there all the same."""
    said = Said(0, "OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15")
    assert judge_client(said, there=True).value == "OpenSSH_9.2p1 Debian-2+deb12u3"
    assert judge_client(Said(None), there=False).fix == "Next: sudo apt install openssh-client"
    assert judge_client(Said(None), there=True).verdict is Verdict.WARN


def _trusted(folder: Path) -> None:
    key = {"kind": "ssh-ed25519", "blob": "AAAA", "fingerprint": "SHA256:x"}
    node = {"node": "id-a", "name": "a", "host_key": key}
    (folder / "nodes.json").write_text(json.dumps([node]))
    (folder / "known_hosts").write_text("id-a ssh-ed25519 AAAA\n")


def test_the_trust_store_is_read_as_the_service_reads_it(tmp_path: Path) -> None:
    """Nothing there, approved nodes, and a damaged file."""
    missing = look_at_store(tmp_path / "state")
    assert judge_store(missing).verdict is Verdict.ABSENT
    assert judge_trust(missing).verdict is Verdict.ABSENT
    assert not (tmp_path / "state").exists()
    _trusted(tmp_path)
    found = look_at_store(tmp_path)
    assert (judge_store(found).verdict, judge_trust(found).value) == (Verdict.OK, "1 approved node")
    (tmp_path / "nodes.json").write_text("{")
    damaged = judge_trust(look_at_store(tmp_path))
    assert damaged.verdict is Verdict.FAIL
    assert damaged.fix == "Next: restore it, or remove it and approve anew"


def test_what_we_may_not_touch_is_a_failure() -> None:
    """Somebody ran it as root once: the folder is root's."""
    assert judge_store(look_at_store(Path("/dev/null/state"))).verdict is Verdict.FAIL
    roots = judge_store(Store("/s", there=True, owner=0))
    assert roots.value == "/s is root's, and can't be written to"
    assert roots.fix.endswith(": /s")
    closed = judge_trust(Store("/s", there=True, writable=True, nodes=3, known_hosts=False))
    assert (closed.verdict, closed.value) == (Verdict.FAIL, "/s/known_hosts can't be read")
