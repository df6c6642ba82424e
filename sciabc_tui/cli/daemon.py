"""The head service as a process of its own: `python -m sciabc_tui.cli.daemon`.

`sciabc-tui head` turns into it, and clients start it. It runs for weeks on a Pi, so it has none of what
only a command line needs: that is 8 MB.
"""

import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from sciabc_tui.cli.harmless import one_line
from sciabc_tui.lean import without

FAILED = 1

BUSY = 75
"""Exit status where another head service holds the state directory (sysexits.h: EX_TEMPFAIL)."""


def command_line(config: Path | None, *, linger: bool, demo: bool, debug: bool = False) -> list[str]:
    """Give the command that runs the head service.

    Args:
        config: Settings, in place of the user's own file.
        linger: End when no client is connected and no job is left.
        demo: Simulated nodes instead of real ones.
        debug: Show the traceback of an error that ends it.
    """
    chosen = [] if config is None else ["--config", str(config.absolute())]
    flags = {"--linger": linger, "--demo": demo, "--debug": debug}
    # -P: what lies in the user's folder is not imported in place of our packages.
    return [
        sys.executable,
        "-P",
        "-m",
        "sciabc_tui.cli.daemon",
        *chosen,
        *(flag for flag, wanted in flags.items() if wanted),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the head service until it is told to stop; give the exit status.

    An error is one line on standard error, and on the pipe of whoever waits for the service to stand.
    """
    from argparse import ArgumentParser  # noqa: PLC0415 - whoever only wants the command line must not pay for it

    parser = ArgumentParser(prog="sciabc-tui head", description=__doc__)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--ready-fd", type=int, help="a pipe to tell that the service stands")
    for flag in ("--linger", "--demo", "--debug"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args(arguments)
    # A pipe of our own: whoever waits is told why, also when the service fails before it can.
    waiting = None if options.ready_fd is None else os.dup(options.ready_fd)
    try:
        load_code()
        from sciabc_tui.cli.wire import run_head  # noqa: PLC0415 - as above
        from sciabc_tui.config import load  # noqa: PLC0415 - as above

        run_head(
            load(file=options.config), linger=options.linger, demo=options.demo, ready_fd=options.ready_fd
        )
    except Exception as error:  # noqa: BLE001 - the outermost: each is told, none is lost
        return _tell(error, waiting, debug=options.debug)
    finally:
        if waiting is not None:
            os.close(waiting)
    return 0


def load_code() -> None:
    """Load the service's code, without a fifth of it that it never uses.

    Nobody looks for garbage meanwhile, nor ever in what the imports made, which stays.
    """
    gc.disable()
    try:
        with without("invoke"):  # paramiko would run `Match exec` of an ssh_config by it
            import_module("sciabc_tui.head.keys")
        for name in ("asyncio", "urllib.request"):  # they keep their TLS
            import_module(name)
        with without("ssl"):  # aiohttp would read the system's certificates; here it serves a Unix socket
            import_module("sciabc_tui.api.server")
        import_module("sciabc_tui.cli.wire")
    finally:
        gc.freeze()
        gc.enable()


def _tell(error: Exception, waiting: int | None, *, debug: bool) -> int:
    """Say what went wrong; give the exit status."""
    from hw.errors import HwError  # noqa: PLC0415 - as above
    from jobs.errors import JobsError  # noqa: PLC0415 - as above
    from sciabc_tui.cli.unexpected import keep  # noqa: PLC0415 - as above
    from sciabc_tui.errors import AlreadyRunning, SciabcError  # noqa: PLC0415 - as above

    text = one_line(error)
    if debug:
        traceback.print_exception(error)
    if not isinstance(error, (SciabcError, HwError, JobsError)):
        kept = keep("".join(traceback.format_exception(error)))
        text = f"unexpected {type(error).__name__}: {text}. Next: report it, with {kept}"
    print(f"sciabc-tui: {text}", file=sys.stderr)  # noqa: T201 - a program of its own
    if waiting is not None:
        with contextlib.suppress(OSError):
            os.write(waiting, f"{text}\n".encode())
    return BUSY if isinstance(error, AlreadyRunning) else FAILED


if __name__ == "__main__":
    sys.exit(main())
