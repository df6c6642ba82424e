"""An SSH server in this process that plays a board: how it lets in is up to the test, its shell is real."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from typing_extensions import override

from sciabc_tui.cluster.node import HostKey
from sciabc_tui.head.keys import host_key
from sciabc_tui.head.provisioning.login import Access
from sciabc_tui.head.provisioning.places import Place
from sciabc_tui.head.ssh import Credentials
from tests.lab.keys import new_key

PASSWORD = 'it\'s "$HOME" \\ and more'
_PIECE = 4096
_CHANNEL_SUCCESS = bytes([99])  # RFC 4254, 9


@dataclass(slots=True)
class BoardServer:
    """What it does with whom.

    Attributes:
        folder: Home directory of all users; its `bin` comes first in PATH.
        ways: How one may log in, as SSH calls it: `password`, `keyboard-interactive`, `publickey`.
        tries: What was tried, each with what was sent.
        admitted: Public keys in base64.
    """

    folder: Path
    ways: str = "publickey,password"
    password: str = PASSWORD
    admitted: set[str] = field(default_factory=set[str])
    tries: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    commands: list[str] = field(default_factory=list[str])
    running: "list[subprocess.Popen[bytes]]" = field(default_factory=list["subprocess.Popen[bytes]"])
    port: int = 0
    host_key: HostKey | None = None
    _transports: list[paramiko.Transport] = field(default_factory=list[paramiko.Transport])

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place("board", "board", "127.0.0.1", self.port, "pi")

    def access(self, password: str = "", fingerprint: str = "") -> Access:
        """Give what one enters with; the host key is its own unless another one is given."""
        shown = self.host_key.fingerprint if self.host_key else ""
        return Access(fingerprint or shown, Credentials(None, self.folder / "keys"), password)

    def tool(self, name: str, text: str) -> None:
        """Put a program in front of all others."""
        file = self.folder / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{text}")
        file.chmod(0o755)

    def cut(self) -> None:
        """Lose every connection."""
        for transport in self._transports:
            transport.sock.close()

    def serve(self, listener: socket.socket, key: paramiko.PKey) -> None:
        """Take connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                guest, _ = listener.accept()
                transport = _Transport(guest)
                transport.add_server_key(key)
                self._transports.append(transport)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(threading.Event(), _Interface(self, transport))

    def close(self) -> None:
        """End all."""
        for transport in self._transports:
            transport.close()
        for program in self.running:
            program.kill()
            program.wait(10)


class _Transport(paramiko.Transport):
    """Tells when the answer to a request has gone out, which is after the request was obeyed.

    Attributes:
        answered: Of the request that is being obeyed.
    """

    def __init__(self, guest: socket.socket) -> None:
        super().__init__(guest)
        self.answered = threading.Event()

    @override
    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)
        if data.asbytes().startswith(_CHANNEL_SUCCESS):
            self.answered.set()


class _Interface(paramiko.ServerInterface):
    def __init__(self, board: BoardServer, transport: _Transport) -> None:
        self._board = board
        self._transport = transport

    @override
    def get_allowed_auths(self, username: str) -> str:
        return self._board.ways

    @override
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._board.tries.append(("publickey", key.get_base64()))
        good = "publickey" in self._board.ways and key.get_base64() in self._board.admitted
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    @override
    def check_auth_password(self, username: str, password: str) -> int:
        self._board.tries.append(("password", password))
        if "password" not in self._board.ways.split(","):
            return paramiko.AUTH_FAILED
        return paramiko.AUTH_SUCCESSFUL if password == self._board.password else paramiko.AUTH_FAILED

    @override
    def check_auth_interactive(self, username: str, submethods: str) -> int | paramiko.InteractiveQuery:
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    @override
    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self._board.tries.append(("interactive", responses[0]))
        return paramiko.AUTH_SUCCESSFUL if responses == [self._board.password] else paramiko.AUTH_FAILED

    @override
    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    @override
    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        board = self._board
        board.commands.append(command.decode())
        home = str(board.folder)
        program = subprocess.Popen(
            ["sh", "-c", command.decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home,
            env={"HOME": home, "PATH": f"{home}/bin:/usr/bin:/bin"},
            start_new_session=True,
        )
        board.running.append(program)
        threading.Thread(target=_feed, args=(channel, program), daemon=True).start()
        self._transport.answered = answered = threading.Event()
        threading.Thread(target=_follow, args=(channel, program, answered), daemon=True).start()
        return True


def _feed(channel: paramiko.Channel, program: "subprocess.Popen[bytes]") -> None:
    assert program.stdin is not None
    with contextlib.suppress(OSError), program.stdin as pipe:
        while data := channel.recv(_PIECE):
            pipe.write(data)
            pipe.flush()


def _follow(channel: paramiko.Channel, program: "subprocess.Popen[bytes]", answered: threading.Event) -> None:
    def errors() -> None:
        assert program.stderr is not None
        with contextlib.suppress(OSError), program.stderr as pipe:
            while data := os.read(pipe.fileno(), _PIECE):
                channel.sendall_stderr(data)

    other = threading.Thread(target=errors, daemon=True)
    other.start()
    assert program.stdout is not None
    with contextlib.suppress(OSError), program.stdout as pipe:
        while data := os.read(pipe.fileno(), _PIECE):
            channel.sendall(data)
    other.join(10)
    answered.wait(10)  # a real server answers the request before it tells of the end
    with contextlib.suppress(OSError, EOFError):
        if (status := program.wait(10)) >= 0:  # RFC 4254, 6.10: what a signal ended has no exit status
            channel.send_exit_status(status)
        channel.close()


@contextlib.contextmanager
def board_server(folder: Path) -> Generator[BoardServer]:
    """Play a board for the length of the block."""
    pair = new_key()
    file = folder / "host_key"
    file.write_text(pair.private)
    file.chmod(0o600)
    kind, blob = pair.public.split()[:2]
    board = BoardServer(folder, host_key=host_key(kind, blob))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        board.port = int(listener.getsockname()[1])
        thread = threading.Thread(target=board.serve, args=(listener, paramiko.PKey.from_path(file)))
        thread.start()
        try:
            yield board
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            board.close()
