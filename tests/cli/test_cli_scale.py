"""`scale` as a user runs it: what is printed and saved, what is refused, and Ctrl-C."""

import csv
import json
import re
import signal
import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sciabc_tui.api.messages import JobAttempt
from sciabc_tui.cluster.job import JobState
from tests.api.scripted import WALL, Serving
from tests.cli.shell import Shell

DOCS = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def timed(service: Serving) -> Serving:
    """Let every job take five seconds, by its record."""
    service.backend.attempts = (JobAttempt(1, JobState.COMPLETED, WALL, WALL + 5, 0),)
    return service


def test_a_lesson_is_printed_and_saved(shell: Shell, timed: Serving) -> None:
    """Progress on standard error; table, plots and sentences on standard output; a CSV and an SVG."""
    done = shell.run("scale", "hello", "--ranks", "1,4", "--rounds", "2", "--save", "mine", "--", "-n", "5")
    assert done.returncode == 0, done.stderr
    assert "8 slots; 5 runs on 1, 4 ranks" in done.stderr
    assert "other jobs disturb what is measured: job 3 nbody" in done.stderr
    assert done.stderr.count("5.00 s") == 5
    assert done.stderr.count("not counted") == 1
    assert "saved mine.csv and mine.svg" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["RANKS", "NODES", "RUNS", "TIME", "SPEED-UP", "EFFICIENCY"]
    assert lines[2].split() == ["4", "0", "2", "5.00", "s", "1.00", "25%"]
    assert "Amdahl's law" in done.stdout
    assert "100.0 % (95 %: 100.0 to 100.0 %) of the work can't be shared out" in " ".join(done.stdout.split())
    with (shell.home / "mine.csv").open(encoding="utf-8") as file:
        assert [row["seconds"] for row in csv.DictReader(file)] == ["5.000000"] * 4
    ElementTree.parse(shell.home / "mine.svg")
    asked = [request for request, _ in timed.backend.submitted]
    assert [one.ranks for one in asked] == [4, 1, 4, 4, 1]
    assert {one.args for one in asked} == {("-n", "5")}
    assert {one.cwd for one in asked} == {str(shell.home)}


def test_as_json(shell: Shell, timed: Serving) -> None:
    """Standard output is one object, and nothing else; the files are named for the first job."""
    assert timed.backend
    done = shell.run("scale", "hello", "--ranks", "2", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["program"], told["slots"], told["simulated"], told["fit"]) == ("hello", 8, False, None)
    assert told["runs"] == [{"ranks": 2, "nodes": 0, "seconds": 5.0}]
    assert len(told["words"]) == 2
    assert (shell.home / "scale-hello-4.csv").exists()


@pytest.mark.parametrize(
    ("args", "status", "told"),
    [
        (("hello", "--ranks", "1,99"), 1, "99 ranks need 99 slots, there are 8. Next: --ranks 1,2,4,8"),
        (("missing",), 1, "does not exist. Next: check the path"),
        (("hello", "--ranks", "0,1"), 2, "is not such as 1,2,4,8"),
        (("hello", "--ranks", "one"), 2, "is not such as 1,2,4,8"),
        (("hello", "--rounds", "0"), 2, "--rounds"),
        (("hello", "-w", "node[1-"), 2, "node[1-"),
        (("hello", "-w", "node77"), 1, "No node takes jobs now"),
        (("hello", "--save", "there"), 1, "there.svg is there already. Next: another name"),
        (("exit-3", "--ranks", "1,2"), 1, "no run came to its end, so nothing was measured"),
    ],
)
def test_what_is_refused(shell: Shell, timed: Serving, args: tuple[str, ...], status: int, told: str) -> None:
    """In one line with the next step; no file is written."""
    assert timed.backend
    (shell.home / "there.svg").write_text("mine", encoding="utf-8")
    done = shell.run("scale", *args)
    assert (done.returncode, done.stdout) == (status, "")
    assert told in " ".join(done.stderr.split())
    assert not list(shell.home.glob("*.csv"))


def test_failing_runs_are_told(shell: Shell, timed: Serving) -> None:
    """Each rank count fails once, and is left out from then on."""
    done = shell.run("scale", "exit-3", "--ranks", "1,2")
    assert done.stderr.count("failed, exit 3") == 2
    assert "2 is left out from here on" in done.stderr
    assert len(timed.backend.submitted) == 2


def test_ctrl_c_cancels_the_job_that_runs(shell: Shell, service: Serving) -> None:
    """It ends with 130, and says what happened."""
    with shell.start("scale", "wait", "--ranks", "2") as process:
        waiting = threading.Event()
        for _ in range(1000):
            if service.do(lambda: service.backend.submitted):
                break
            waiting.wait(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Cancelled, and the job that ran too" in err
    assert [job for job, _ in service.do(lambda: service.backend.cancelled)] == [4]


def test_without_a_save_place(shell: Shell, timed: Serving) -> None:
    """What was measured is printed all the same."""
    assert timed.backend
    done = shell.run("scale", "hello", "--ranks", "1,2", "--rounds", "1", "--save", "none/mine")
    assert done.returncode == 1
    assert "RANKS" in done.stdout
    assert "none/mine.csv: No such file or directory. Next: --save with another place" in done.stderr


def test_a_pipe_that_knows_only_ascii(shell: Shell, timed: Serving) -> None:
    """Plots of plain signs."""
    assert timed.backend
    done = shell.run("scale", "hello", "--ranks", "1,2", "--rounds", "1", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "\\u" not in done.stdout


def test_on_the_simulation(shell: Shell) -> None:
    """A real head service plays the jobs; all that is printed and saved says that it is simulated."""
    done = shell.run("--demo", "scale", "hello", "--ranks", "1,2", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[SIMULATED]\n")
    (picture,) = shell.home.glob("*.svg")
    assert "(SIMULATED)" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_guide(shell: Shell, timed: Serving, line: str) -> None:
    """Each one runs to its end; the scripted service knows another program."""
    words = line.replace("mergesort", "hello").replace("./simulate", "hello").split()[1:]
    done = shell.run(*words)
    assert (done.returncode, "saved " in done.stderr) == (0, True), done.stderr
    assert timed.backend.submitted
