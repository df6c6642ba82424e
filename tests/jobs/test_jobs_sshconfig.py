"""The ssh configuration of an attempt."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import SpecError
from jobs.hostfile import Host
from jobs.sshconfig import ssh_config


def test_every_remote_host_has_an_entry(head: Host, node: Host) -> None:
    """The particular stands before the common, the local host is left out, nobody else's keys count."""
    text = ssh_config([head, node], known_hosts=Path("/state/known hosts"), identity=Path("/state/id"))
    assert text.startswith(
        "Host 10.77.0.11\n  HostName 10.77.0.11\n  HostKeyAlias node01.local\n  Port 22\n  User pi\nHost *\n"
    )
    assert '  UserKnownHostsFile "/state/known hosts"\n' in text
    assert "  GlobalKnownHostsFile /dev/null\n" in text
    assert '  IdentityFile "/state/id"\n  IdentitiesOnly yes\n' in text
    assert "127.0.0.1" not in text


def _identities(text: str, folder: Path, address: str) -> tuple[list[str], str]:
    """Ask ssh which identities it tries at an address, and whether no others."""
    path = folder / "ssh_config"
    path.write_text(text)
    command = ["ssh", "-G", "-F", str(path), address]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    settings = [line.partition(" ") for line in answer.splitlines()]
    only = next(value for name, _, value in settings if name == "identitiesonly")
    return [value for name, _, value in settings if name == "identityfile"], only


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh: sudo apt install openssh-client")
def test_a_host_may_have_an_identity_of_its_own(tmp_path: Path, node: Host) -> None:
    """Ssh tries that key there and no other; the next host is as without one."""
    own, other = replace(node, identity="/keys/of 100%"), replace(node, address="10.77.0.12")
    text = ssh_config([own, other], known_hosts=Path("/k"), identity=None)
    assert _identities(text, tmp_path, own.address) == (["/keys/of 100%%"], "yes")
    assert "/keys/of 100%%" not in _identities(text, tmp_path, other.address)[0]
    assert _identities(text, tmp_path, other.address)[1] == "no"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh: sudo apt install openssh-client")
def test_the_identity_of_the_settings_is_the_only_one(tmp_path: Path, node: Host) -> None:
    """It outranks the hosts' own, as it does for the streams of readings."""
    own = replace(node, identity="/keys/own")
    text = ssh_config([own], known_hosts=Path("/k"), identity=Path("/keys/set"))
    assert _identities(text, tmp_path, own.address) == (["/keys/set"], "yes")


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh: sudo apt install openssh-client")
def test_ssh_understands_it(tmp_path: Path, node: Host) -> None:
    """Ssh itself, asked for its effective settings, says what was meant."""
    path = tmp_path / "ssh_config"
    known = tmp_path / "100% known hosts"
    path.write_text(ssh_config([replace(node, port=2222)], known_hosts=known, identity=None))
    command = ["ssh", "-G", "-F", str(path), node.address]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    settings = dict(line.split(" ", 1) for line in answer.splitlines() if " " in line)
    assert settings["user"] == "pi"
    assert settings["port"] == "2222"
    assert settings["hostkeyalias"] == "node01.local"
    assert settings["stricthostkeychecking"] in {"true", "yes"}
    assert settings["serveraliveinterval"] == "2"
    assert settings["batchmode"] == "yes"


@pytest.mark.parametrize(
    "change",
    [
        {"user": "pi\n  ProxyCommand x"},
        {"user": "-l"},
        {"user": "a b"},
        {"address": "*"},
        {"address": "10.0.0.1\nHost *"},
        {"host_key_alias": "a b"},
        {"host_key_alias": "a\nb"},
        {"identity": '/a"b'},
        {"identity": "/a\nHost *"},
        {"port": 0},
        {"port": 65536},
    ],
)
def test_no_value_means_more_than_it_says(change: dict[str, str | int], node: Host) -> None:
    """A value with a newline, a space, a pattern or a leading dash is refused."""
    with pytest.raises(SpecError, match="Next: "):
        ssh_config([replace(node, **change)], known_hosts=Path("/k"), identity=None)


@pytest.mark.parametrize("path", ['/a"b', "/a\nb", "/${HOME}/k"])
def test_paths_that_ssh_would_expand_are_refused(path: str, node: Host) -> None:
    """A path stands for itself or is refused."""
    with pytest.raises(SpecError, match="known_hosts"):
        ssh_config([node], known_hosts=Path(path), identity=None)
