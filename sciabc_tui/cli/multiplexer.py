"""Asks tmux which terminal is behind it: its own TERM says nothing of what that one can show."""

import re
import subprocess
from collections.abc import Mapping

_WITHIN = 0.3
"""Seconds to wait for tmux; then the screen looks as its TERM says."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,63}")


def terminal_behind(environ: Mapping[str, str]) -> str:
    """Give the TERM of the terminal that tmux draws on (tmux(1), FORMATS); empty without tmux."""
    if not environ.get("TMUX"):
        return ""
    command = ["tmux", "display-message", "-p", "#{client_termname}"]
    try:
        answer = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    name = answer.stdout.decode(errors="replace").strip()
    return name if answer.returncode == 0 and _NAME.fullmatch(name) else ""
