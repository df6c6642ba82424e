"""Turns errors into one line and an exit code; no traceback reaches the user unless `--debug` asks for it."""

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from hw.errors import HwError
from jobs.errors import JobsError
from sciabc_tui.cli.output import hint
from sciabc_tui.config import load
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


class Commands(TyperGroup):
    """The commands, with one place where their errors end."""

    @override
    def invoke(self, ctx: Any) -> Any:
        """Run the command; say what went wrong in one line."""
        try:
            return super().invoke(ctx)
        except (SciabcError, HwError, JobsError) as error:
            _show_trace(ctx.params)
            hint(f"sciabc-tui: {' '.join(str(error).split())}")
            raise typer.Exit(NO_SERVICE if isinstance(error, ServiceUnavailable) else FAILED) from error
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError, EOFError):
            raise
        except Exception as error:
            _show_trace(ctx.params)
            kept = _keep(traceback.format_exc())
            hint(f"sciabc-tui: unexpected {type(error).__name__}. Next: report it, with {kept}")
            raise typer.Exit(FAILED) from error


def _show_trace(options: dict[str, Any]) -> None:
    if options.get("debug"):
        traceback.print_exc()


def _keep(details: str) -> Path:
    """Write the details where only the user can read them; the newest replace older ones."""
    try:
        folder = load().settings.paths.state_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "unexpected.log"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except (OSError, SciabcError):
        handle, name = tempfile.mkstemp(prefix="sciabc-", suffix=".log")
        path = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{' '.join(sys.argv)}\n{details}")
    return path
