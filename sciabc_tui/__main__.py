"""`sciabc-tui`, and `python -m sciabc_tui`: the entry point."""

import gc
import sys

_INTERRUPTED = 130
"""As a shell says it of what ended by Ctrl-C."""


def main() -> None:
    """Run the command that the arguments name, and exit.

    Until the command's code is loaded (`sciabc_tui.cli.listed`) nobody looks for garbage: hardly anything
    that an import makes is any, and to look takes a tenth of a short command's time.
    """
    gc.disable()
    try:
        from sciabc_tui.cli.main import main as command_line  # noqa: PLC0415 - see above

        command_line()
    except KeyboardInterrupt:  # while code is loaded: the commands have words of their own for it
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
