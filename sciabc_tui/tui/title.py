"""The terminal's own title: health at a glance, also from another window."""

from collections.abc import Callable

from sciabc_tui.tui.present.cells import crop, plain
from sciabc_tui.tui.present.view import View

PUSH, POP = "\x1b[22;2t", "\x1b[23;2t"
"""Lay the terminal's title aside, and take it back (xterm's window operations 22 and 23)."""

_LENGTH = 80


def title(view: View) -> str:
    """Say how the cluster is, in one plain line."""
    if view.state is None:
        return "sciabc: no head service answers" if view.gone is not None else "sciabc: connecting"
    state = view.state
    name = f"sciabc {plain(state.head.host_name) or 'head'}"
    if view.gone is not None:
        return _short(f"{name}: head service gone")
    health = view.digest.health(max(0.0, view.now - state.at))
    running = view.digest.running
    jobs = f", {len(running)} jobs" if len(running) > 1 else ""
    if len(running) == 1:
        jobs = f", job {running[0].id} {plain(running[0].name)}"
    alarm = f", !{plain(health.alarms[0].subject)}" if health.alarms else ""
    return _short(f"{name}: {health.up}/{health.known} up{alarm}{jobs}")


def _short(text: str) -> str:
    return crop(text, _LENGTH)


class TerminalTitle:
    """Sends the title when it changes, and gives back the one that was there.

    Args:
        send: Takes control sequences for the terminal.
    """

    def __init__(self, send: Callable[[str], object]) -> None:
        self._send = send
        self._shown = ""

    def show(self, text: str) -> None:
        """Show a title; made plain here, too, for it goes past what looks at the screen's cells."""
        text = plain(text)
        if text == self._shown:
            return
        self._send(f"{'' if self._shown else PUSH}\x1b]2;{text}\x07")
        self._shown = text

    def give_back(self) -> None:
        """Take back the terminal's own title; nothing if it was never changed."""
        if self._shown:
            self._send(POP)
            self._shown = ""
