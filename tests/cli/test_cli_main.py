"""The entry point: help, version, errors, and how fast it starts."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hw.errors import BusError, BusFault
from jobs.errors import LauncherMissing
from sciabc_tui.cli import status
from sciabc_tui.cli.main import main
from sciabc_tui.errors import NotFound, ServiceUnavailable
from tests.cli.shell import ROOT, Shell

COMMANDS = ["head", "status", "nodes", "run", "jobs", "logs", "cancel", "hostfile", "config", "panel"]
HEAVY = {"textual", "rich", "aiohttp", "zeroconf", "paramiko", "psutil", "pyroute2", "asyncio", "sqlite3"}
TRACED = """
import sys
from sciabc_tui.cli.main import main
sys.argv = ["sciabc-tui", *sys.argv[1:]]
try:
    main()
finally:
    print("modules:", *sys.modules)
"""


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    "command",
    [
        ["--version"],
        ["--help"],
        ["status"],
        ["nodes"],
        ["jobs"],
        ["logs", "1"],
        ["run", "/opt/hello"],
        ["config"],
    ],
    ids=" ".join,
)
def test_short_commands_import_nothing_heavy(shell: Shell, command: list[str]) -> None:
    """What only the screen or the head service needs is not imported by commands that must start fast."""
    done = subprocess.run(
        [sys.executable, "-c", TRACED, *command],
        capture_output=True,
        text=True,
        check=True,
        env=shell.environ,
        cwd=ROOT,
    )
    modules = done.stdout.rpartition("modules:")[2].split()
    assert len(modules) > 50
    assert not HEAVY & set(modules)


def test_version(shell: Shell) -> None:
    """One line that names the program and its version."""
    done = shell.run("--version")
    assert done.stdout.split()[0] == "sciabc-tui"
    assert done.returncode == 0


@pytest.mark.parametrize("command", ["", *COMMANDS, "doctor", "nodes approve", "nodes forget", "nodes drain"])
def test_help_has_examples(shell: Shell, command: str) -> None:
    """Every command's help shows how to use it."""
    done = shell.run(*command.split(), "--help")
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert "\b" not in done.stdout


def test_help_tells_the_exit_codes(shell: Shell) -> None:
    """The codes stand in the help."""
    for command in ([], ["run"]):
        out = shell.run(*command, "--help").stdout
        for code in (
            "0    done",
            "1    refused",
            "2    wrong usage",
            "3    no head service",
            "130  interrupted",
        ):
            assert code in out


def test_the_screen_needs_a_terminal(shell: Shell) -> None:
    """Through a pipe and on a dumb terminal it is refused with what helps instead; no service is started."""
    piped = shell.run()
    assert piped.returncode == 1
    assert piped.stderr == "sciabc-tui: The control panel needs a terminal. Next: sciabc-tui status\n"
    with shell.terminal(TERM="dumb") as terminal:
        assert terminal.ended() == 1
    assert "Next: sciabc-tui status" in terminal.text
    assert "\x1b" not in terminal.text
    assert not (shell.home / "run").exists()


def test_a_library_s_warning_is_not_the_user_s(shell: Shell) -> None:
    """Errors stay one line also where a library would add warnings of its own: here for a foreign folder."""
    done = shell.run("status", SCIABC_PATHS_RUNTIME="", XDG_RUNTIME_DIR="/proc")
    assert "Warning" not in done.stderr
    assert done.stderr.count("\n") <= 1


def test_wrong_usage(shell: Shell) -> None:
    """Unknown commands and options are exit code 2."""
    assert shell.run("frobnicate").returncode == 2
    assert shell.run("status", "--frobnicate").returncode == 2
    assert shell.run("logs", "seven").returncode == 2


def test_an_unexpected_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The details are in a private file that the line names; --debug shows them too."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(status, "connected", broken)
    monkeypatch.setenv("SCIABC_PATHS_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "argv", ["sciabc-tui", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    kept = tmp_path / "state" / "unexpected.log"
    assert ended.value.code == 1
    assert (
        capsys.readouterr().err == f"sciabc-tui: unexpected ZeroDivisionError. Next: report it, with {kept}\n"
    )
    assert "ZeroDivisionError: inside" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    monkeypatch.setattr(sys, "argv", ["sciabc-tui", "--debug", "status"])
    with pytest.raises(SystemExit):
        main()
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("no node09. Next: sciabc-tui nodes"), 1),
        (ServiceUnavailable("nobody answers. Next: sciabc-tui head"), 3),
        (BusError(BusFault.ABSENT, "no LCD at 0x27. Next: see its cable"), 1),
        (LauncherMissing("no mpirun. Next: sudo apt install openmpi-bin"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_foreseen_error_is_its_own_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    """What the program, its devices and its launchers say is all that is printed; nothing is kept of it."""

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(status, "connected", broken)
    monkeypatch.setattr(sys, "argv", ["sciabc-tui", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (code, f"sciabc-tui: {error}\n")


def test_completion_offers_what_is_there(shell: Shell) -> None:
    """Without a service completion offers nothing and says nothing."""
    done = shell.run(
        _SCIABC_TUI_COMPLETE="complete_bash", COMP_WORDS="sciabc-tui nodes forget ", COMP_CWORD="3"
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sciabc-tui run he", ["heat", "hello"]),
        ("sciabc-tui scale me", ["mergesort"]),
        ("sciabc-tui preflight he", ["heat", "hello"]),
        ("sciabc-tui programs copy win", ["wing"]),
        ("sciabc-tui run ./he", []),
    ],
)
def test_completion_of_programs(shell: Shell, typed: str, offered: list[str]) -> None:
    """Bundled programs are completed wherever one is named; a path is left to the shell."""
    done = shell.run(
        _SCIABC_TUI_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(len(typed.split()) - 1)
    )
    assert done.stdout.split() == offered


@pytest.mark.parametrize("group", [(), ("nodes",), ("power",), ("programs",), ("wheels",)])
def test_the_help_of_a_group_cuts_no_sentence_off(shell: Shell, group: tuple[str, ...]) -> None:
    """Each command is told in a whole sentence; only the program itself installs completion."""
    text = shell.run(*group, "--help").stdout
    assert "..." not in text.partition("Commands:")[2].partition("Examples:")[0]
    assert ("--install-completion" in text) == (not group)


@pytest.mark.usefixtures("service")
def test_completion_of_nodes_and_jobs(shell: Shell) -> None:
    """Node names and job numbers are completed."""
    nodes = shell.run(
        _SCIABC_TUI_COMPLETE="complete_bash", COMP_WORDS="sciabc-tui nodes forget node", COMP_CWORD="3"
    )
    assert nodes.stdout.split() == ["node01", "node05", "node06"]
    jobs = shell.run(_SCIABC_TUI_COMPLETE="complete_bash", COMP_WORDS="sciabc-tui logs ", COMP_CWORD="2")
    assert jobs.stdout.split() == ["3", "2", "1"]
