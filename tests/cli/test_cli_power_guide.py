"""docs/power.md tells the truth: every command in it runs."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.api.scripted import Serving, ready_node
from tests.cli.shell import Shell

GUIDE = (Path(__file__).parents[2] / "docs" / "power.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_runs(shell: Shell, service: Serving, line: str) -> None:
    """Whoever types it gets no error."""
    names = [f"node{number:02}" for number in range(1, 8)]

    nodes = {node.id: node for node in map(ready_node, names)}
    state = service.backend.state
    service.do(lambda: service.backend.publish(replace(state, nodes={**state.nodes, **nodes})))
    done = shell.run(*shlex.split(line)[1:])
    assert done.returncode == 0, done.stderr


def test_there_are_commands() -> None:
    """All begin with the program's name."""
    assert len(COMMANDS) >= 12
    assert all(line.startswith("sciabc-tui ") for line in COMMANDS)
