"""docs/api.md tells the truth: every example in it runs, and every path is in it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sciabc_tui.api.routes import Routes
from tests.api.scripted import ScriptedBackend, Serving

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)


def needed(program: str) -> None:
    """Skip without this program; fail where everything must be there."""
    if shutil.which(program) is None:
        reason = f"{program} is not installed"
        if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_runs(service: Serving, example: str) -> None:
    """A reader who types the example gets an answer and no error."""
    needed("curl")
    if "jq" in example:
        needed("jq")
    done = subprocess.run(
        ["bash", "-o", "errexit", "-c", example],
        env=os.environ | {"SOCKET": str(service.socket)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    # `head` closes the pipe when it has its line, which curl mentions.
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("curl: (23)")]
    assert (done.returncode, complaints) == (0, [])
    refused = '"error":' in done.stdout
    backend = service.backend
    commands = backend.commands or backend.directed or backend.added
    assert not refused
    assert done.stdout or commands


async def test_every_path_has_an_example() -> None:
    """A path that is added without an example is noticed."""
    for route in Routes(ScriptedBackend()).table():
        path = re.sub(r"\{job:.*?\}\}", lambda _: r"\d+", route.path).replace("{node}", r"\w+")
        found = [example for example in EXAMPLES if re.search(rf"http://head{path}['?\s]", example)]
        assert found, f"{route.method} {route.path} has no example"


def test_nothing_is_left_unsaid() -> None:
    """There are examples at all, and each speaks to the socket."""
    assert len(EXAMPLES) >= 13
    assert all("--unix-socket" in example for example in EXAMPLES)
