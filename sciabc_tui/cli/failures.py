"""Turns errors into one line and an exit code; no traceback reaches the user unless `--debug` asks for it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import typer

from sciabc_tui.cli.harmless import one_line
from sciabc_tui.cli.output import hint
from sciabc_tui.errors import SciabcError, ServiceUnavailable

FAILED = 1
NO_SERVICE = 3
INTERRUPTED = 130

EXIT_CODES = """\b
Exit codes:
  0    done
  1    refused, or failed
  2    wrong usage
  3    no head service answers
  130  interrupted with Ctrl-C
  run: the job's own exit status"""


@contextmanager
def one_line_for_errors(options: dict[str, Any]) -> Generator[None, None, None]:
    """Run a command; say what went wrong in one line, and exit.

    Args:
        options: Those of `sciabc-tui` itself.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError, EOFError):
        raise
    except Exception as error:
        _show_trace(options)
        hint(f"sciabc-tui: {one_line(error) if _is_foreseen(error) else _unexpected(error)}")
        raise typer.Exit(NO_SERVICE if isinstance(error, ServiceUnavailable) else FAILED) from error


def _is_foreseen(error: Exception) -> bool:
    from hw.errors import HwError  # noqa: PLC0415 - no command that goes well pays for it
    from jobs.errors import JobsError  # noqa: PLC0415 - as above

    return isinstance(error, SciabcError | HwError | JobsError)


def _unexpected(error: Exception) -> str:
    """Keep what the developers need of a fault of ours, and say where it is."""
    import traceback  # noqa: PLC0415 - as above

    from sciabc_tui.cli.unexpected import keep  # noqa: PLC0415 - as above

    kept = keep("".join(traceback.format_exception(error)))
    return f"unexpected {type(error).__name__}. Next: report it, with {kept}"


def _show_trace(options: dict[str, Any]) -> None:
    if options.get("debug"):
        import traceback  # noqa: PLC0415 - as above

        traceback.print_exc()
