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
