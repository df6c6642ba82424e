"""A service that systemd is about to start is waited for; one that it leaves alone is not."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sciabc_tui.api.client import Client
from sciabc_tui.cli import starting
from sciabc_tui.cli import systemd as asking
from sciabc_tui.cli.starting import ensure
from sciabc_tui.errors import ServiceUnavailable
from tests.api.scripted import serving

told = asking.told
OWN = [sys.executable, "-c", "import os, sys; os.write(int(sys.argv[-1]), b'our own began\\n')"]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file that says what `systemctl is-active` prints; the unit is installed.

    A loaded machine may take longer than a second to begin its script, so that one is waited for.
    """

    def patient(*question: str, within: float) -> str:
        return told(*question, within=30 * within)

    unit, state = tmp_path / "sciabc.service", tmp_path / "state"
    unit.touch()
    monkeypatch.setattr(starting, "UNIT", unit)
    monkeypatch.setattr(asking, "told", patient)
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\ncat {state}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return state


@pytest.mark.parametrize("state", ["activating", "deactivating"])
def test_a_service_that_systemd_starts_is_waited_for(systemd: Path, home: Path, state: str) -> None:
    """None of our own is started beside it, also while the last one still says its last words."""
    systemd.write_text(f"{state}\n", encoding="utf-8")
    client = Client(home / "run" / "api.sock")
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(ensure, client, home / "run", OWN, os.environ)
        while not (systemd.parent / "asked").exists():
            assert not waiting.done()
        with serving(home / "run" / "api.sock"):
            assert waiting.result(30) is None


@pytest.mark.parametrize("state", ["inactive", "failed", "unknown", "active", ""])
def test_one_that_it_leaves_alone_or_that_is_elsewhere_is_not(systemd: Path, home: Path, state: str) -> None:
    """Then ours is started; one that stands for other settings answers somewhere else."""
    systemd.write_text(f"{state}\n", encoding="utf-8")
    with pytest.raises(ServiceUnavailable, match="our own began"):
        ensure(Client(home / "run" / "api.sock"), home / "run", OWN, os.environ)
    assert (systemd.parent / "asked").exists()


@pytest.mark.parametrize("program", ["#!/bin/sh\nexec sleep 60\n", None], ids=["hangs", "missing"])
def test_a_systemd_that_does_not_answer_is_none(
    systemd: Path, home: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    """A second at most is lost on it."""
    monkeypatch.setattr(asking, "told", told)
    systemctl = systemd.parent / "systemctl"
    if program is None:
        systemctl.unlink()
        monkeypatch.setenv("PATH", str(systemd.parent))
    else:
        systemctl.write_text(program, encoding="utf-8")
    with pytest.raises(ServiceUnavailable, match="our own began"):
        ensure(Client(home / "run" / "api.sock"), home / "run", OWN, os.environ)


def test_where_nothing_is_installed_systemd_is_not_asked(systemd: Path, home: Path) -> None:
    """A newcomer's start costs nothing more."""
    starting.UNIT.unlink()
    with pytest.raises(ServiceUnavailable, match="our own began"):
        ensure(Client(home / "run" / "api.sock"), home / "run", OWN, os.environ)
    assert not (systemd.parent / "asked").exists()
