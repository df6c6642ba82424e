"""A signal ends a wait for the head service, whichever thread the kernel gives it."""

import ctypes
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sciabc_tui.api.waits import Wire

_WAITS = """
import socket, sys, threading
from sciabc_tui.api.waits import Wire, hear_signals
hear_signals()
hear_signals()
wire = Wire(socket.AF_UNIX)
wire.connect(sys.argv[1])
wire.settimeout(60)
other = threading.Thread(target=threading.Event().wait, daemon=True)
other.start()
try:
    with wire.makefile("rb") as lines:
        print(lines.readline(), other.native_id, flush=True)
        lines.readline()
except KeyboardInterrupt:
    print("heard", flush=True)
"""


def test_a_signal_that_another_thread_got_ends_the_wait(tmp_path: Path) -> None:
    """The main thread is deep in the kernel, and nobody else would wake it."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        with subprocess.Popen(
            [sys.executable, "-c", _WAITS, str(tmp_path / "socket")], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"hello\n")
                said, thread = process.stdout.readline().split()
                assert said == "b'hello\\n'"
                assert ctypes.CDLL(None).tgkill(process.pid, int(thread), signal.SIGINT) == 0
                assert process.stdout.read() == "heard\n"
        assert process.returncode == 0


def test_a_socket_where_nobody_hears_signals_waits_as_ever() -> None:
    """It gives what comes, and says so when nothing does."""
    ours, theirs = socket.socketpair()
    with Wire(fileno=ours.detach()) as wire, theirs:
        theirs.sendall(b"x")
        wire.settimeout(0.01)
        buffer = bytearray(4)
        assert wire.recv_into(buffer) == 1
        with pytest.raises(TimeoutError):
            wire.recv_into(buffer)
