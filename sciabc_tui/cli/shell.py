"""`sciabc-tui shell`, and `s` in the control panel: a login with the head's keys, to approved boards only."""

import getpass
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import typer

from jobs.errors import SpecError
from jobs.hostfile import Host
from jobs.sshconfig import ssh_config
from sciabc_tui.cli.nodes import NodeName
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Origin, Trust
from sciabc_tui.cluster.state import State
from sciabc_tui.config import Settings
from sciabc_tui.errors import CommandRefused, NotFound

_SSH_FAILED = 255
"""What ssh(1) exits with when it failed itself."""

# A person sits there: ssh may ask, and a board that is silent for a moment is no reason to end the session.
_FOR_A_PERSON = ("-o", "BatchMode=no", "-o", "ServerAliveInterval=15")


class KnowsState(Protocol):
    """Who can say which nodes there are."""

    def state(self) -> State:
        """Give the state now."""
        ...


def shell(context: typer.Context, node: NodeName) -> None:
    """Log in to a node, as the head does: with its keys, if the node shows the host key that was approved."""
    from sciabc_tui.cli.connect import connected  # noqa: PLC0415 - the control panel has a client already
    from sciabc_tui.cli.session import session  # noqa: PLC0415 - as above

    options = session(context)
    with connected(options, start=False) as client:
        state = client.state()
    found = next((known for known in state.nodes.values() if known.name == node), None)
    if found is None:
        raise NotFound(f"There is no node {node}. Next: sciabc-tui nodes")
    with login(found, options.load().settings, simulated=state.head.simulated) as command:
        raise typer.Exit(subprocess.run(command, check=False).returncode)


@contextmanager
def login(node: Node, settings: Settings, *, simulated: bool) -> Generator[Sequence[str], None, None]:
    """Give the command line that logs in to a node; it holds for the length of the block.

    Raises:
        CommandRefused: Nobody may log in there, or can't; the text names the next step.
    """
    if simulated:
        raise CommandRefused(f"{node.name} is simulated. Next: without --demo, on real nodes")
    if node.origin is Origin.LOCAL:
        yield (os.environ.get("SHELL") or "/bin/sh",)
        return
    if node.trust is not Trust.TRUSTED:
        raise CommandRefused(f"{node.name} is not approved. Next: sciabc-tui nodes approve {node.name}")
    known_hosts = settings.paths.state_dir / "known_hosts"
    if not os.access(known_hosts, os.R_OK):
        raise CommandRefused(f"{known_hosts} can't be read. Next: log in as whom the head service runs as")
    text = _configuration(node, settings, known_hosts)
    with tempfile.NamedTemporaryFile("w", prefix="sciabc-ssh-", encoding="utf-8") as file:  # 0600
        file.write(text)
        file.flush()
        yield ("ssh", "-F", file.name, *_FOR_A_PERSON, node.address)


def _configuration(node: Node, settings: Settings, known_hosts: Path) -> str:
    # paramiko reads ssh_config: only who logs in pays for that
    from sciabc_tui.head.ssh_config import SshConfigFile  # noqa: PLC0415
    from sciabc_tui.head.users import Users, login_identity, login_user, parse_users  # noqa: PLC0415

    cluster = settings.cluster
    own = SshConfigFile(Path.home() / ".ssh" / "config")
    users = Users(getpass.getuser(), cluster.user, parse_users(cluster.users), own)
    host = Host(
        node.name,
        node.address,
        slots=1,
        user=login_user(node, users),
        port=node.port,
        host_key_alias=node.id,
        identity=str(login_identity(node, users) or ""),
    )
    identity = Path(cluster.identity).expanduser() if cluster.identity else None
    try:
        return ssh_config([host], known_hosts=known_hosts, identity=identity)
    except SpecError as error:
        raise CommandRefused(str(error)) from error


class NodeShells:
    """Logs in to nodes from the control panel's terminal; fits `sciabc_tui.tui.ports.Shell`.

    Args:
        client: Knows the nodes.
        settings: Whom to log in as, with which key.
    """

    def __init__(self, client: KnowsState, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._wait, self._wake = os.pipe()

    def open(self, node: NodeId, /) -> int:
        """Log in, and wait for the end of that; what ssh complains of stays to be read until Enter.

        Raises:
            SciabcError: It can't be logged in there.
        """
        state = self._client.state()
        if (found := state.nodes.get(node)) is None:
            raise NotFound(f"There is no node {node} any more. Next: sciabc-tui nodes")
        with login(found, self._settings, simulated=state.head.simulated) as command:
            _say(f"on {found.name}: exit returns to sciabc-tui")
            status = self._run(command)
        if status == _SSH_FAILED:
            _say(f"ssh to {found.name} ended with {status}. enter returns to sciabc-tui")
            select.select([sys.stdin, self._wait], [], [])
        return status

    def _run(self, command: Sequence[str]) -> int:
        with self._lock:
            if self._closed:
                return 0
            try:
                process = self._process = subprocess.Popen(command)
            except OSError as error:
                name = f"{command[0]} can't be started ({error.strerror})"
                raise CommandRefused(f"{name}. Next: sudo apt install openssh-client") from error
        try:
            return process.wait()
        finally:
            with self._lock:
                self._process = None

    def close(self) -> None:
        """End what is open, for good."""
        with self._lock:
            if not self._closed:
                os.write(self._wake, b".")
            self._closed = True
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.terminate()


def _say(text: str) -> None:
    """Print a line into the terminal that was lent to us; names of nodes were validated at the edge."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
