"""Nodes that log in to each other without a password: keys of the cluster only, and all host keys known.

Each node has a key pair of its own, `~/.ssh/id_sciabc`, made there; its private half never leaves the node.
What is known of the others stands in a folder of its own, a file each, so that one more node is one file
more; `~/.ssh/config` gets one line in front, which reads that folder.
"""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from shlex import quote

from sciabc_tui.cluster.node import HostKey
from sciabc_tui.head.ingress import host_label
from sciabc_tui.head.provisioning.ports import Board, StepFailed
from sciabc_tui.head.provisioning.steps import asked, done
from sciabc_tui.head.provisioning.steps_user import Account

_PUBLIC = re.compile(r"(ssh-ed25519 [A-Za-z0-9+/=]{40,200})(?: .*)?")

_KEY = """
K=$H/.ssh/id_sciabc
keep "$K"
keep "$K.pub"
[ -d "$H/.ssh" ] || { mkdir -m 700 "$H/.ssh"; own "$H/.ssh"; }
rm -f "$K" "$K.pub"
ssh-keygen -q -t ed25519 -N '' -C "sciabc:$(uname -n)" -f "$K"
own "$K" "$K.pub"
"""

_INCLUDE = "Include sciabc.d/*.conf"


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that the others may know.

    Attributes:
        name: Its host name, as no other has it.
    """

    name: str
    address: str
    port: int
    user: str
    host_key: HostKey
    public: str


@dataclass(slots=True)
class Ring:
    """The nodes that are to know each other; filled by several threads."""

    _peers: dict[str, Peer] = field(default_factory=dict[str, Peer])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def join(self, peer: Peer) -> None:
        """Take in a node, in the place of what was at its address before."""
        with self._lock:
            self._peers[peer.address] = peer

    def others(self, address: str) -> tuple[Peer, ...]:
        """Give all but the one at an address; where two have one name, both are called by address."""
        with self._lock:
            names = [peer.name for peer in self._peers.values()]
            return tuple(
                peer
                if names.count(peer.name) == 1
                else Peer(peer.address, peer.address, peer.port, peer.user, peer.host_key, peer.public)
                for peer in sorted(self._peers.values(), key=lambda peer: peer.address)
                if peer.address != address
            )


@dataclass(frozen=True, slots=True)
class NodeKeyStep:
    """Makes the node's key pair, and lets the ring know it.

    Attributes:
        peer: What the ring is to know, but for the public key and the user.
        host_key: Gives the board's host key as it is by then.
    """

    account: Account
    ring: Ring
    peer: Peer
    host_key: Callable[[], HostKey | None]
    title: str = "node's key"

    def look(self, board: Board) -> Sequence[str]:
        """Say whether a key is to be made."""
        if public := self._public(board):
            self._join(board, public)
            return ()
        self._join(board, "")
        return (f"make the key pair ~{self.account.name(board)}/.ssh/id_sciabc",)

    def do(self, board: Board) -> str:
        """Make it."""
        script = self.account.words(board) + _KEY
        done(board, script, "no key pair could be made", root=self.account.foreign(board))
        public = self._public(board)
        if not public:
            raise StepFailed("no key pair could be made", "Next: on it: ssh-keygen -t ed25519, to see why")
        self._join(board, public)
        return "made its key pair"

    def _public(self, board: Board) -> str:
        script = f'{self.account.words(board)}[ -z "$H" ] || cat "$H/.ssh/id_sciabc.pub" 2>/dev/null || :'
        found = _PUBLIC.fullmatch(asked(board, script, root=self.account.foreign(board)).strip())
        return found[1] if found else ""

    def _join(self, board: Board, public: str) -> None:
        peer, user = self.peer, self.account.name(board)
        name = peer.name or host_label(board.told.host_name) or peer.address
        self.ring.join(Peer(name, peer.address, peer.port, user, self.host_key() or peer.host_key, public))


@dataclass(frozen=True, slots=True)
class BetweenStep:
    """Lets the others of the ring in, and makes their host keys known."""

    account: Account
    ring: Ring
    address: str
    title: str = "between nodes"

    def look(self, board: Board) -> Sequence[str]:
        """Say which of the others are not let in or not known."""
        lacking = self._lacking(board)
        return tuple(f"let {peer.user}@{peer.name} in, and know its host key" for peer in lacking)

    def do(self, board: Board) -> str:
        """Let them in."""
        lacking = self._lacking(board)
        script = (
            f"{self.account.words(board)}D=$H/.ssh/sciabc.d\nA=$H/.ssh/authorized_keys\nC=$H/.ssh/config\n"
            'made "$D"\n[ -d "$D" ] || { mkdir -m 700 "$D"; own "$D"; }\n'
            'keep "$A"\n[ -e "$A" ] || { (umask 077; : >"$A"); own "$A"; }\n'
            f'if ! grep -qsxF {quote(_INCLUDE)} "$C"; then\n'
            '  keep "$C"\n'
            f'  (umask 077; {{ echo {quote(_INCLUDE)}; [ ! -e "$C" ] || cat "$C"; }} >"$C.sciabc-new")\n'
            '  own "$C.sciabc-new"; mv -f "$C.sciabc-new" "$C"\nfi\n'
            '[ -z "$(tail -c 1 "$A")" ] || echo >>"$A"\n'
        ) + "".join(_known(peer) for peer in lacking)
        done(board, script, "the others could not be made known", root=self.account.foreign(board))
        return f"lets {len(lacking)} more in, and knows their host keys"

    def _lacking(self, board: Board) -> tuple[Peer, ...]:
        others = self.ring.others(self.address)
        checks = "".join(
            f'{{ [ -n {quote(peer.public)} ] && grep -qsF {quote(peer.public)} "$H/.ssh/authorized_keys" && '
            f"printf '%s' {quote(_conf(peer))} | cmp -s - \"$D/{_file(peer)}.conf\" && "
            f"printf '%s' {quote(_keys(peer))} | cmp -s - \"$D/{_file(peer)}.keys\"; }} || echo {index}\n"
            for index, peer in enumerate(others)
        )
        script = f"{self.account.words(board)}D=$H/.ssh/sciabc.d\n{checks}"
        said = asked(board, script, root=self.account.foreign(board)).split()
        return tuple(peer for index, peer in enumerate(others) if str(index) in said)


def _file(peer: Peer) -> str:
    return peer.name.replace(":", "-")


def _conf(peer: Peer) -> str:
    hosts = peer.name if peer.name == peer.address else f"{peer.name} {peer.address}"
    return (
        f"Host {hosts}\n  HostName {peer.address}\n  Port {peer.port}\n  User {peer.user}\n"
        f"  HostKeyAlias {peer.name}\n  IdentityFile ~/.ssh/id_sciabc\n"
        f"  UserKnownHostsFile ~/.ssh/sciabc.d/{_file(peer)}.keys\n"
    )


def _keys(peer: Peer) -> str:
    return f"{peer.name} {peer.host_key.kind} {peer.host_key.blob}\n"


def _known(peer: Peer) -> str:
    files = "".join(
        f'printf \'%s\' {quote(text)} >"$D/{_file(peer)}.{end}"; own "$D/{_file(peer)}.{end}"\n'
        for end, text in (("conf", _conf(peer)), ("keys", _keys(peer)))
    )
    line = quote(f"{peer.public} sciabc:{peer.name}")
    blob = quote(peer.public)
    return f'grep -qF {blob} "$A" || printf \'%s\\n\' {line} >>"$A"\n{files}'
