"""What the guides name in passing exists: commands, options and keys of ours between the lines."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from sciabc_tui.cli.main import app
from tests.docs.pages import PAGES, ROOT, name, prose

LOOSE = {"run", "exec", "scale"}
"""What follows these may be options of another program."""


def named(page: Path) -> Iterator[list[str]]:
    """Give the words of each of our commands that a page names in its text."""
    for text in re.findall(r"`((?:\S*/)?sciabc-tui [^`\n]*)`", prose(page)):
        yield shlex.split(text.replace(" ..", ""))[1:]


def check(words: list[str]) -> str:
    """Say what is not there; empty if all is."""
    command = get_command(app)
    context = typer.Context(command)
    for word in words:
        if word in {"--", "<", ">", "|"} or (context.info_name in LOOSE and not word.startswith("-")):
            return ""
        if word.startswith("-"):
            known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
            if word.partition("=")[0] not in known | {"--help"}:
                return f"{context.info_name or 'sciabc-tui'} has no {word}"
        elif isinstance(command, TyperGroup):
            found = command.get_command(context, word)
            if found is None:
                return f"{word} is no command"
            command, context = found, typer.Context(found, info_name=word)
    return ""


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name)
def test_commands_in_the_text_exist(page: Path) -> None:
    """With the options that they are named with."""
    problems = [found for words in named(page) if (found := check(words))]
    assert problems == []


def test_the_search_finds_them() -> None:
    """And tells what is wrong."""
    assert sum(1 for page in PAGES for _ in named(page)) > 40
    assert check(["nodes", "frobnicate"]) == "frobnicate is no command"
    assert check(["status", "--loud"]) == "status has no --loud"
