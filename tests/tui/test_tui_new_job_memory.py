"""The form is remembered from one start to the next; a broken file, or a full disk, costs nothing else."""

import logging
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from sciabc_tui.cluster.job import JobId
from sciabc_tui.tui import memory
from sciabc_tui.tui.app import ClusterApp
from sciabc_tui.tui.memory import FormMemory
from sciabc_tui.tui.present.new_job import Fields
from tests.tui import states
from tests.tui.client import CapturingClient

TYPED = Fields("/srv/sim", "--fast", "7", env="TOKEN=secret", name="first")


def test_what_was_typed_is_there_after_a_start(tmp_path: Path) -> None:
    """All but the environment: its values may be secrets. Only the owner may read the file."""
    path = tmp_path / "run" / "tui-form.json"
    kept = FormMemory(path)
    kept.keep(TYPED)
    kept.submitted(TYPED)
    kept.write()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret" not in path.read_text()
    assert "TOKEN" not in path.read_text()
    again = FormMemory(path)
    assert again.fields() == replace(TYPED, env="")
    assert again.recent == ("/srv/sim",)
    assert kept.fields() == TYPED
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_what_is_not_new_is_not_written(tmp_path: Path) -> None:
    """An SD card wears out."""
    path = tmp_path / "form.json"
    kept = FormMemory(path)
    kept.write()
    assert not path.exists()
    kept.keep(TYPED)
    kept.write()
    path.unlink()
    kept.keep(TYPED)
    kept.write()
    assert not path.exists()


def test_without_a_file_it_lasts_as_long_as_the_screen() -> None:
    """Nothing is read or written."""
    kept = FormMemory()
    assert kept.fields() is None
    kept.submitted(TYPED)
    kept.write()
    assert kept.fields() == TYPED


def test_recent_programs_are_few_and_each_once() -> None:
    """The newest first."""
    kept = FormMemory()
    for number in (*range(20), 15):
        kept.submitted(Fields(f"p{number}"))
    assert kept.recent == ("p15", *(f"p{n}" for n in range(19, 9, -1) if n != 15))[: memory.RECENT]


def test_forms_of_jobs_are_kept_beside() -> None:
    """A form that runs a job again is not the form of a new job, until it is submitted; few are kept."""
    kept = FormMemory()
    kept.keep(TYPED)
    for number in range(50):
        kept.keep(Fields(f"p{number}"), JobId(number))
    assert kept.fields() == TYPED
    assert kept.fields(JobId(0)) is None
    assert kept.fields(JobId(49)) == Fields("p49")
    kept.submitted(Fields("again"), JobId(49))
    assert kept.fields(JobId(49)) is None
    assert kept.fields() == Fields("again")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"fields": {"program": 7}}',
        b'{"fields": {"program": "' + b"x" * memory.LARGEST + b'"}}',
    ],
)
def test_a_broken_file_is_ignored_and_told(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The form begins as if there were none; the log names the file; the next write mends it."""
    path = tmp_path / "form.json"
    path.write_bytes(data)
    kept = FormMemory(path)
    with caplog.at_level(logging.WARNING, "sciabc_tui"):
        assert kept.fields() is None
    assert "form.json is ignored" in caplog.text
    kept.keep(TYPED)
    kept.write()
    assert FormMemory(path).fields() == replace(TYPED, env="")


def test_a_strange_file_is_taken_in_part(tmp_path: Path) -> None:
    """What another version wrote, and what can't be typed, is left out; so is an environment."""
    path = tmp_path / "form.json"
    path.write_text(
        '{"fields": {"program": "x", "new": "y", "name": "a\\u001b[31m", "env": "A=1", "arguments": "'
        + "z" * (memory.LONGEST + 1)
        + '"}, "recent": ["ok", "a\\nb"], "more": 1}'
    )
    kept = FormMemory(path)
    assert kept.fields() == Fields("x")
    assert kept.recent == ("ok",)


def test_a_file_that_can_t_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the log; the form itself goes on."""
    (tmp_path / "file").write_text("")
    kept = FormMemory(tmp_path / "file" / "form.json")
    kept.keep(TYPED)
    with caplog.at_level(logging.WARNING, "sciabc_tui"):
        kept.write()
    assert "can't be written" in caplog.text
    assert kept.fields() == TYPED


async def test_the_screen_remembers_from_start_to_start(tmp_path: Path) -> None:
    """Also what was typed last when the screen was left without a word."""
    path = tmp_path / "form.json"
    for typed, value in (("first", "first"), ("", "first")):
        app = ClusterApp(lambda: CapturingClient(states.ready()), ticking=False, form_file=path)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("n", *typed)
            await pilot.pause()
            assert app.screen.query_one("#program", Input).value == value
    assert FormMemory(path).fields() == Fields("first")
