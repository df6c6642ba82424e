"""The house rules that no linter sees."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sciabc_tui.lean import without

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for top in ("sciabc_tui", "hw", "jobs") for path in (ROOT / top).rglob("*.py"))

HEAD_ONLY = (
    "aiohttp",
    "zeroconf",
    "paramiko",
    "pyroute2",
    "psutil",
    "smbus2",
    "usb",
    "blinkstick",
    "sqlite3",
)


def test_package_files_hold_a_docstring_and_nothing_else() -> None:
    """import-linter does not see a package's own file being run, so nothing may be in it."""
    for path in SOURCES:
        if path.name == "__init__.py":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert len(body) == 1, path
            assert isinstance(body[0], ast.Expr), path


def test_no_module_is_named_after_one_of_the_standard_library() -> None:
    """A module called `queue` would be taken for the other one, by people and by tools."""
    names = {path.stem for path in SOURCES} - {"__init__", "__main__"}
    assert not names & sys.stdlib_module_names


def test_the_leaves_resolve_beside_the_application() -> None:
    """`hw` is taken on the package index: the one that is imported must be ours."""
    folders = {
        Path(str(importlib.import_module(name).__file__)).parent.parent
        for name in ("sciabc_tui", "hw", "jobs")
    }
    assert folders == {ROOT}


@pytest.mark.parametrize("module", ["sciabc_tui.tui.run", "sciabc_tui.cli.main", "sciabc_tui.api.client"])
def test_what_a_user_waits_for_imports_nothing_of_the_head_service(module: str) -> None:
    """The screen and the short commands start fast, over a slow link too."""
    code = f"import sys, {module}; print(*(name for name in {HEAD_ONLY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


LEAN = """
import sys
from sciabc_tui.cli.daemon import load_code
load_code()
import aiohttp.connector, http.client, asyncio.sslproto, gc
print("invoke" in sys.modules, "yaml" in sys.modules, aiohttp.connector._SSL_CONTEXT_VERIFIED)
import invoke, ssl
print(hasattr(http.client, "HTTPSConnection"), asyncio.sslproto.ssl is ssl, gc.isenabled())
"""


def test_the_service_is_loaded_without_what_it_never_uses_and_hides_it_from_nobody_else() -> None:
    """A fifth of its start and 4 MB; whoever asks for TLS later has it."""
    done = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == ["False False None", "True True True"]


@pytest.mark.parametrize("name", ["graphlib", "nowhere_at_all"])
def test_a_module_is_lacking_only_meanwhile(name: str) -> None:
    """What was loaded is there again, and what was not is asked for anew."""
    before = sys.modules.get(name)
    with without(name), pytest.raises(ImportError):
        importlib.import_module(name)
    assert sys.modules.get(name) is before
    with pytest.raises(ValueError, match="why"), without("json"):
        raise ValueError("why")
    assert importlib.import_module("json") is json


def test_modules_stay_small() -> None:
    """A module of more than 400 lines is seldom one thing."""
    long = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES
    }
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
