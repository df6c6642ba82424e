"""Turns errors into one line and an exit code; no traceback reaches the user unless `--debug` asks for it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import typer

from hw.errors import HwError
from jobs.errors import JobsError
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
    except (SciabcError, HwError, JobsError) as error:
        _show_trace(options)
        hint(f"sciabc-tui: {one_line(error)}")
        raise typer.Exit(NO_SERVICE if isinstance(error, ServiceUnavailable) else FAILED) from error
    except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError, EOFError):
        raise
    except Exception as error:
        import traceback  # noqa: PLC0415 - no command that goes well pays for it

        from sciabc_tui.cli.unexpected import keep  # noqa: PLC0415 - as above

        _show_trace(options)
        kept = keep(traceback.format_exc())
        hint(f"sciabc-tui: unexpected {type(error).__name__}. Next: report it, with {kept}")
        raise typer.Exit(FAILED) from error


def _show_trace(options: dict[str, Any]) -> None:
    if options.get("debug"):
        import traceback  # noqa: PLC0415 - as above

        traceback.print_exc()
