"""What systemd says when it is asked."""

import subprocess


def told(*question: str, within: float) -> str:
    """Give the answer of `systemctl`, such as `active`; empty where it gives none in time.

    Args:
        question: Its arguments (systemctl(1)): one that only asks.
        within: Seconds that it may take.
    """
    try:
        asked = subprocess.run(
            ["systemctl", *question],  # noqa: S607 - found as the user, or systemd, finds it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=within,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()
