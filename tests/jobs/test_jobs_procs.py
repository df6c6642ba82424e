"""Processes of a job on this machine while they are in the middle of an execve(2)."""

import os
import secrets
import subprocess
import time
from pathlib import Path

import pytest

from jobs import procs
from jobs.launchers import TOKEN

_ROUNDS = 15
_EACH = 8


def test_who_runs_one_program_after_another_is_ended(tmp_path: Path) -> None:
    """Such a process shows no environment for moments; it is ended all the same."""
    program = tmp_path / "again"
    program.write_text('#!/bin/sh\nexec "$0"\n')
    program.chmod(0o755)
    for _ in range(_ROUNDS):
        token = secrets.token_hex(16)
        started = [subprocess.Popen([program], env={**os.environ, TOKEN: token}) for _ in range(_EACH)]
        try:
            assert procs.end_all(token) == _EACH
            assert all(process.poll() is not None for process in started)
        finally:
            for process in started:
                process.kill()
                process.wait()


def test_who_has_no_environment_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It will not get one."""
    monkeypatch.setattr(procs, "_EXEC_SECONDS", 20.0)
    with subprocess.Popen(["sleep", "1000"], env={}) as process:  # it returns after the execve(2)
        try:
            began = time.monotonic()
            assert process.pid not in procs.of_job(secrets.token_hex(16))
            assert time.monotonic() - began < 10.0
        finally:
            process.kill()
