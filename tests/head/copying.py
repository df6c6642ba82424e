"""Two boards for the copying of files: real sshd on loopback, each with a home directory of its own."""

import getpass
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sciabc_tui.api.works import Begun, Ended, Over, Part
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Facts, Liveness, Node, Origin, Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Head, State
from sciabc_tui.head.keys import host_key, known_hosts
from sciabc_tui.head.remote_talk import Pinned
from sciabc_tui.head.users import Users
from tests.head.servers import Sshd, running

USERS = Users(getpass.getuser())


@dataclass(frozen=True, slots=True)
class Boards:
    """The boards, and what the head knows of them."""

    one: Sshd
    two: Sshd
    pinned: Pinned

    @property
    def state(self) -> State:
        """A head, the boards, and some that can't be reached."""
        nodes = [_node("one", self.one), _node("two", self.two)]
        nodes.append(Node(HEAD, "head", Origin.LOCAL, trust=Trust.TRUSTED))
        nodes.append(Node(NodeId("n-new"), "new", Origin.MDNS))
        dead = Node(NodeId("n-dead"), "dead", Origin.MDNS, trust=Trust.TRUSTED, liveness=Liveness.DEAD)
        return State(head=Head("head"), nodes={node.id: node for node in (*nodes, dead)})

    def home(self, name: str) -> Path:
        """Give the home directory of a board."""
        return {"one": self.one, "two": self.two}[name].folder


@contextmanager
def two_boards(top: Path) -> Generator[Boards]:
    """Run two boards for the length of the block; `top` is an empty folder."""
    one, two = Sshd(top / "one"), Sshd(top / "two")
    for sshd in (one, two):
        sshd.folder.mkdir()
        sshd.admit()
    with running(one), running(two):
        yield boards(top, one, two)


def boards(top: Path, one: Sshd, two: Sshd) -> Boards:
    """Let the head know two boards that run."""
    two_keys = (two.folder / "authorized_keys").read_text()
    admitted = (one.folder / "authorized_keys").read_text()
    if admitted not in two_keys:
        (two.folder / "authorized_keys").write_text(admitted + two_keys)
    hosts = top / "known_hosts"
    hosts.write_text(known_hosts([_node("one", one), _node("two", two)]))
    return Boards(one, two, Pinned(hosts, one.credentials.identity))


def _node(name: str, sshd: Sshd) -> Node:
    kind, blob = sshd.keys.public.split()
    return Node(
        NodeId(f"n-{name}"),
        name,
        Origin.STATIC,
        addresses=(sshd.address,),
        port=sshd.port,
        trust=Trust.TRUSTED,
        host_key=host_key(kind, blob),
        facts=Facts(machine="x86_64"),
    )


async def whole(parts: AsyncGenerator[Part, None]) -> list[Part]:
    """Let a work come to its end."""
    found = [part async for part in parts]
    assert isinstance(found[0], Begun)
    assert isinstance(found[-1], Over)
    return found


def ended(parts: Sequence[Part]) -> dict[str, Ended]:
    """Give how it ended on each node, once."""
    found = [part for part in parts if isinstance(part, Ended)]
    assert len({part.node for part in found}) == len(found)
    return {part.node: part for part in found}


def over(parts: Sequence[Part]) -> str:
    """Give what was said of it all."""
    assert isinstance(parts[-1], Over)
    return parts[-1].text


def odd_ones(folder: Path) -> list[str]:
    """Give what copying left behind."""
    return [str(path) for path in folder.rglob(".sciabc-*")]
