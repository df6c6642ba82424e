"""Runs the real screen on the service behind a socket: `python -m tests.tui.seat SOCKET`."""

import gc
import sys
from pathlib import Path


def main(socket: Path) -> int:
    """Show it until the user leaves; nobody looks for garbage before, as in `sciabc_tui.__main__`."""
    gc.disable()
    from sciabc_tui.cli.attachment import Attachment  # noqa: PLC0415 - see above
    from sciabc_tui.tui.run import run_tui  # noqa: PLC0415 - see above

    return run_tui(Attachment(socket, lambda: None).client)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
