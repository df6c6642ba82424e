"""Whom to log in as: the order of who says so, and what an ssh_config is believed."""

from dataclasses import replace
from pathlib import Path

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Origin
from sciabc_tui.errors import ConfigError
from sciabc_tui.head.ssh_config import SshConfigFile
from sciabc_tui.head.users import HostOptions, UserRule, Users, login_identity, login_user, parse_users

NODE = Node(NodeId("n-1"), "node03", Origin.MDNS, ("10.77.0.13",))


def says(**users: str) -> Users:
    """Make users whose ssh_config knows these hosts."""

    def look(host: str) -> HostOptions:
        return HostOptions(users.get(host.replace(".", "_"), ""))

    return Users(own="ada", ssh_config=look)


@pytest.mark.parametrize(
    ("node", "users", "expected"),
    [
        (NODE, Users("ada"), "ada"),
        (NODE, says(node03="pi"), "pi"),
        (NODE, says(**{"10_77_0_13": "pi"}), "pi"),
        (NODE, says(node03="pi", **{"10_77_0_13": "root"}), "pi"),
        (NODE, replace(says(node03="pi"), everywhere="mpi"), "mpi"),
        (NODE, Users("ada", "mpi", (UserRule("node0?", "one"), UserRule("node03", "two"))), "one"),
        (NODE, Users("ada", "mpi", (UserRule("rack*", "one"),)), "mpi"),
        (replace(NODE, name="Node03"), Users("ada", rules=(UserRule("node03", "two"),)), "two"),
        (replace(NODE, user="txt"), Users("ada", "mpi", (UserRule("*", "one"),)), "txt"),
        (NODE, says(node03="-oProxyCommand=x"), "ada"),
        (replace(NODE, addresses=()), says(**{"": "nobody"}), "ada"),
    ],
)
def test_who_says_first_is_believed(node: Node, users: Users, expected: str) -> None:
    """Announcement, pattern, setting, ssh_config by name then address, own user."""
    assert login_user(node, users) == expected


def test_entries_of_the_settings_are_read() -> None:
    """Spaces around are no matter; names are compared in lower case, as host names are."""
    assert parse_users(["Rack-* = pi", "node0?=ada"]) == (UserRule("rack-*", "pi"), UserRule("node0?", "ada"))


@pytest.mark.parametrize(
    "entry", ["", "node03", "=pi", "node03=", "node03=-pi", "a b=pi", "[n]=pi", "n=p i", "x\x1b[2J=pi"]
)
def test_a_bad_entry_is_named(entry: str) -> None:
    """The text names the setting, the entry and the form; no control character of it is repeated."""
    with pytest.raises(ConfigError, match=r"^cluster\.users: .*NAME=USER") as caught:
        parse_users(["*=pi", entry])
    assert str(caught.value).isprintable()
    assert "".join(filter(str.isprintable, entry)) in str(caught.value)


CONFIG = """
Host node0? !node09
    User pi
    IdentityFile {folder}/missing
    IdentityFile={folder}/key
Match exec "touch {folder}/ran"
    User evil
Match all
    User everybody
CanonicalizeHostname yes
"""


def test_an_ssh_config_is_read_without_running_or_asking_anything(tmp_path: Path) -> None:
    """Host, User and the first IdentityFile that is there; `Match exec` does not run."""
    (tmp_path / "key").write_text("a key")
    file = tmp_path / "config"
    file.write_text(CONFIG.format(folder=tmp_path))
    config = SshConfigFile(file)
    assert config("node03") == HostOptions("pi", tmp_path / "key")
    assert config("node09") == HostOptions("everybody")
    assert not (tmp_path / "ran").exists()
    assert login_identity(NODE, Users("ada", ssh_config=config)) == tmp_path / "key"


@pytest.mark.parametrize("text", [None, b"", b"\xff\xfe\x00", b"Host\nUser\nIdentityFile\nMatch\n", b"= = ="])
def test_an_ssh_config_that_is_missing_or_broken_says_nothing(tmp_path: Path, text: bytes | None) -> None:
    """It ends nothing: the head logs in as its own user."""
    file = tmp_path / "config"
    if text is not None:
        file.write_bytes(text)
    assert SshConfigFile(file)("node03") == HostOptions()
