"""Hear of signals by a descriptor, whichever thread gets them, and at whatever moment they come.

A handler in Python runs in the main thread when that is awake. A signal that another thread got, or that
comes between its last look and a wait in the kernel, would be heard when that wait ends by itself.
"""

import signal
import socket


def signalled() -> socket.socket:
    """Return what becomes readable when a signal comes that Python handles; one a process.

    The C handler itself writes there, for as long as the process lives: see ``signal.set_wakeup_fd``. To be
    called in the main thread. When it is full of earlier signals, no more are written: one is enough.
    """
    receiving, sending = socket.socketpair()
    sending.setblocking(False)  # noqa: FBT003 - the standard library takes it by position only
    signal.set_wakeup_fd(sending.detach(), warn_on_full_buffer=False)
    return receiving
