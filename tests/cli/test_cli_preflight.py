"""`preflight` on the command line: a grid that fits the terminal, the fixes under it, and an exit code."""

import json
import re
from pathlib import Path

import pytest

from jobs.fitness import Subject
from sciabc_tui.api.messages import PreflightCheck, PreflightReport, PreflightRow, PreflightWish
from tests.api.scripted import Serving
from tests.cli.shell import Shell

SUBJECTS = [subject.value for subject in Subject]


def _row(node: str, *changed: PreflightCheck, age: float = 0.0) -> PreflightRow:
    found = {subject: PreflightCheck(subject, "ok", "fine") for subject in SUBJECTS}
    found |= {check.subject: check for check in changed}
    return PreflightRow(node, age, tuple(found.values()))


def _refused(user: str) -> PreflightCheck:
    return PreflightCheck("ssh", "fail", "refuses our key", f"Next: ssh-copy-id {user}")


def _lay_ready(service: Serving, *rows: PreflightRow) -> None:
    service.do(lambda: setattr(service.backend, "report", PreflightReport("Open MPI 5.0.11", rows)))


def test_a_grid_and_the_fixes_under_it(shell: Shell, service: Serving) -> None:
    """A word a cell; what is not well is told under it, the same of several nodes once; exit code 1."""
    missing = PreflightCheck("program", "warn", "not there, must be copied", "Next: scp it")
    dark = PreflightCheck("mpi", "unknown", "not asked")
    _lay_ready(
        service,
        _row("head"),
        _row("node01", missing),
        _row("node02", missing),
        _row("node03", _refused("pi@10.77.0.13"), dark),
    )
    done = shell.run("preflight")
    assert done.stdout.splitlines() == [
        "NODE    SSH   MPI  MPI4PY  PROGRAM  DIR  MEMORY  DISK  CLOCK",
        "head    ok    ok   ok      ok       ok   ok      ok    ok",
        "node01  ok    ok   ok      warn     ok   ok      ok    ok",
        "node02  ok    ok   ok      warn     ok   ok      ok    ok",
        "node03  FAIL  --   ok      ok       ok   ok      ok    ok",
        "",
        "node[01-02]: program: not there, must be copied",
        "  Next: scp it",
        "",
        "node03: ssh: refuses our key",
        "  Next: ssh-copy-id pi@10.77.0.13",
    ]
    assert (done.returncode, done.stderr) == (1, "")


def test_the_grid_has_80_columns(shell: Shell, service: Serving) -> None:
    """Whatever nodes are called and whatever came of the checks."""
    worst = (PreflightCheck(subject, "fail", "bad") for subject in SUBJECTS)
    _lay_ready(service, _row("n" * 63, *worst), _row("node01"))
    lines = shell.run("preflight").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("n" * 23 + "~ ")


def test_a_warning_is_no_failure(shell: Shell, service: Serving) -> None:
    """Exit code 0 unless a check failed."""
    slow = PreflightCheck("clock", "warn", "5.0 s behind the head", "Next: set it")
    _lay_ready(service, _row("head"), _row("node01", slow))
    done = shell.run("preflight")
    assert done.returncode == 0, done.stderr
    assert "node01: clock: 5.0 s behind the head" in done.stdout


def test_the_wish_reaches_the_service(shell: Shell, service: Serving, home: Path) -> None:
    """A program as `run` would take it, this directory with it, node sets, and whether to ask anew."""
    (home / "simulate").touch()
    here = str(home.resolve())
    assert shell.run("preflight").returncode == 0
    assert shell.run("preflight", "hello").returncode == 0
    options = ("-w", "head,node[01-02]", "-x", "node02", "--fresh", "--each", "--mpi", "mpich")
    assert shell.run("preflight", "simulate", *options).returncode == 0
    assert service.backend.wishes == [
        PreflightWish(),
        PreflightWish("hello", here),
        PreflightWish(
            f"{here}/simulate",
            here,
            ("head", "node01", "node02"),
            ("node02",),
            fresh=True,
            each=True,
            launcher="mpich",
        ),
    ]


def test_options_are_those_of_run(shell: Shell) -> None:
    """What asks for the same has the same names in both, long and short."""
    options = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
    asked, run = (set(options.findall(shell.run(word, "--help").stdout)) for word in ("preflight", "run"))
    assert asked - run == {"--fresh"}
    assert {"--nodes", "-w", "--exclude", "-x", "--mpi", "--each"} <= asked


def test_json_is_the_report(shell: Shell, service: Serving) -> None:
    """The same shape as in the API, and the same exit code."""
    _lay_ready(service, _row("node03", _refused("pi@10.77.0.13")))
    done = shell.run("preflight", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["launcher"], report["rows"][0]["node"]) == ("Open MPI 5.0.11", "node03")
    assert report["rows"][0]["checks"][0] == {
        "subject": "ssh",
        "verdict": "fail",
        "value": "refuses our key",
        "fix": "Next: ssh-copy-id pi@10.77.0.13",
    }


def test_old_answers_say_so(shell: Shell, service: Serving) -> None:
    """Nobody takes what held a minute ago for what holds now."""
    _lay_ready(service, _row("head"), _row("node01", age=41.6))
    assert shell.run("preflight").stderr == "as of 42 s ago. Next: --fresh asks again\n"


def test_foreign_words_are_harmless(shell: Shell, service: Serving) -> None:
    """What a service may say goes to no terminal as it is."""
    _lay_ready(service, _row("a\x1b[2Jb", PreflightCheck("ssh", "fail", "x\x07y", "Next: \x1b]0;z")))
    done = shell.run("preflight")
    assert done.stdout.replace("\n", "").isprintable()


@pytest.mark.usefixtures("service")
def test_a_refusal_is_one_line(shell: Shell) -> None:
    """The service's own words."""
    done = shell.run("preflight", "missing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sciabc-tui: program: missing not found. Next: give its path\n"


def test_without_a_service_it_says_what_to_do(shell: Shell) -> None:
    """It starts none: a service that was just started has seen no node."""
    done = shell.run("preflight")
    assert done.stderr == "sciabc-tui: No head service is running. Next: sciabc-tui head\n"
    assert done.returncode == 3


def test_a_simulation_says_so(shell: Shell) -> None:
    """Nothing of invented nodes is called well."""
    done = shell.run("--demo", "preflight", "hello")
    assert done.stdout.startswith("[SIMULATED]\n")
    assert " ok" not in done.stdout
    assert done.returncode == 0, done.stderr
