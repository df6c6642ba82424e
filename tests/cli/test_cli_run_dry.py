"""`run --dry-run`: what would run and where, and nothing is submitted."""

import json

import msgspec

from sciabc_tui.api.messages import AttemptHost, JobPreview, SubmitJob
from sciabc_tui.cli.dry_run import preview_lines
from tests.api.scripted import Serving
from tests.cli.shell import Shell

PLACED = JobPreview(
    "/opt/hello.py",
    "hello",
    "Open MPI 5.0.11",
    "/usr/bin/mpirun --hostfile /state/jobs/4/attempt-1/hostfile -n 6 python /opt/hello.py",
    (AttemptHost("head", "192.168.8.1", (0, 1, 2, 3)), AttemptHost("node01", "192.168.8.11", (4, 5))),
)


def _lay_ready(service: Serving, preview: JobPreview) -> None:
    service.do(lambda: setattr(service.backend, "preview_given", preview))


def test_it_tells_what_would_run_and_submits_nothing(shell: Shell, service: Serving) -> None:
    """The program, by what, each rank's node, and the command line; the request is that of `run`."""
    _lay_ready(service, PLACED)
    done = shell.run("run", "--dry-run", "-n", "6", "/opt/hello", "--", "x")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "program   /opt/hello.py",
        "with      Open MPI 5.0.11",
        "on        head    192.168.8.1      ranks 0-3",
        "          node01  192.168.8.11     ranks 4-5",
        f"command   {PLACED.command}",
    ]
    assert service.backend.previewed == [SubmitJob("/opt/hello", ("x",), 6, cwd=str(shell.home))]
    assert service.backend.submitted == []


def test_json_is_the_api_s_answer(shell: Shell, service: Serving) -> None:
    """The same shape as POST /v1/jobs/preview."""
    _lay_ready(service, PLACED)
    done = shell.run("run", "--dry-run", "--json", "/opt/hello")
    assert json.loads(done.stdout) == json.loads(msgspec.json.encode(PLACED))


def test_a_refusal_is_that_of_a_submission(shell: Shell, service: Serving) -> None:
    """One line that names the field, and exit code 1."""
    done = shell.run("run", "--dry-run", "/opt/missing")
    assert done.returncode == 1
    assert done.stderr == "sciabc-tui: program: /opt/missing not found. Next: give its path\n"
    assert service.backend.submitted == []


def test_a_launch_that_would_fail_is_told(shell: Shell, service: Serving) -> None:
    """With exit code 1, so that a script sees it."""
    _lay_ready(service, JobPreview("/opt/hello.py", "hello", problem="root may not. Next: be somebody else"))
    done = shell.run("run", "--dry-run", "/opt/hello")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "fails     root may not. Next: be somebody else"


def test_what_it_waits_for_is_told_with_the_queue() -> None:
    """A job that can't start has no command line yet."""
    preview = JobPreview("/opt/hello.py", "hello", "Open MPI 5.0.11", waits="waits for 8 slots", ahead=2)
    assert list(preview_lines(preview)) == [
        "program   /opt/hello.py",
        "with      Open MPI 5.0.11",
        "now       waits for 8 slots, behind 2 in the queue",
    ]
