"""`nodes provision`, `unprovision` and `scan`: what is asked, what is told, and when nothing is sent."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sciabc_tui.api.provisioning import LookWish, ProvisionWish, ScanWish
from sciabc_tui.api.works import Begun, Board, Ended, Over, Part, Step
from sciabc_tui.cli import provision
from sciabc_tui.cli.attachment import Attachment
from sciabc_tui.cli.main import main
from sciabc_tui.cli.session import Session
from tests.api.scripted import Serving
from tests.cli.shell import Shell

KEY = "SHA256:" + "a" * 43
OTHER = "SHA256:" + "b" * 43
NEW = Board("10.77.0.21", "10.77.0.21", 22, "", KEY, "ssh-ed25519", about="OpenSSH_9.2p1")
SECOND = Board("10.77.0.22", "10.77.0.22", 22, "", OTHER, "ssh-ed25519")
MUTE = Board("10.77.0.23", problem="no answer in 5 s", fix="Next: plug it in")
DONE: tuple[Part, ...] = (
    Begun(("10.77.0.21",), ("login", "check")),
    NEW,
    Step("10.77.0.21", "login", "unchanged", "as pi: debian 12 aarch64"),
    Step("10.77.0.21", "check", "unchanged"),
    Step("10.77.0.21", "MPI", "done", "installed it"),
    Ended("10.77.0.21", ok=True, text="ready as node07: 3 changes", changes=3),
    Over(),
)


def wishes(service: Serving) -> list[ProvisionWish]:
    """Give what was asked for beside looks."""
    return [wish for wish, _ in service.backend.works if isinstance(wish, ProvisionWish)]


def test_a_board_is_looked_at_approved_and_provisioned(shell: Shell, service: Serving) -> None:
    """The host key that was shown is the one that is approved; what is well already makes no line."""
    service.backend.parts = DONE
    done = shell.run("nodes", "provision", "pi@10.77.0.21", "--yes", "--slots", "2")
    assert done.returncode == 0, done.stderr
    assert KEY in done.stdout
    assert "10.77.0.21: MPI: done installed it" in done.stdout
    assert "10.77.0.21: ready as node07: 3 changes" in done.stdout
    assert "check" not in done.stdout
    looked, wanted = (wish for wish, _ in service.backend.works)
    assert looked == LookWish(("pi@10.77.0.21",))
    assert isinstance(wanted, ProvisionWish)
    assert [(board.target, board.fingerprint) for board in wanted.boards] == [("10.77.0.21", KEY)]
    assert (wanted.slots, wanted.mpi, wanted.password) == (2, "auto", "")


def test_nobody_approves_by_silence(shell: Shell, service: Serving) -> None:
    """Without a terminal, `--yes` or `--fingerprint` nothing is sent; not for a dry run either."""
    service.backend.parts = DONE
    for more in ((), ("--dry-run",)):
        done = shell.run("nodes", "provision", "pi@10.77.0.21", *more)
        assert done.returncode == 1
        assert "Nobody is there to compare fingerprints" in done.stderr
    assert wishes(service) == []


def test_another_fingerprint_than_the_given_one_ends_it(shell: Shell, service: Serving) -> None:
    """What was given by hand must be what is shown."""
    service.backend.parts = DONE
    done = shell.run("nodes", "provision", "pi@10.77.0.21", "--fingerprint", OTHER)
    assert done.returncode == 1
    assert f"shows {KEY}, which is not what you gave" in done.stderr
    assert wishes(service) == []
    assert shell.run("nodes", "provision", "pi@10.77.0.21", "--fingerprint", KEY).returncode == 0


def test_the_password_comes_from_standard_input_alone(shell: Shell, service: Serving) -> None:
    """One line, with whatever is in it; it is in the wish and not in what is printed."""
    service.backend.parts = DONE
    secret = ' it\'s "$x" \\ '
    done = shell.run("nodes", "provision", "10.77.0.21", "--yes", "--password-stdin", typed=f"{secret}\n")
    assert done.returncode == 0
    assert [wish.password for wish in wishes(service)] == [secret]
    assert secret not in done.stdout + done.stderr


def test_on_a_terminal_one_question_and_the_password_only_where_it_is_needed(
    shell: Shell, service: Serving
) -> None:
    """The fingerprint comes first; the head's key is tried before anybody is asked for a password."""
    service.backend.parts = (
        Begun(("10.77.0.21",)),
        NEW,
        Step("10.77.0.21", "login", "unchanged", "as pi, without root: debian"),
        Ended("10.77.0.21", ok=True, text="done"),
        Over(),
    )
    with shell.terminal("nodes", "provision", "pi@10.77.0.21") as terminal:
        terminal.until("[y/N]")
        assert KEY in terminal.text
        assert wishes(service) == []
        terminal.type(b"y\n")
        terminal.until("Password on the boards")
        terminal.type(b"hunter2\n")
        assert terminal.ended() == 0
        assert "hunter2" not in terminal.text
    first, second = wishes(service)
    assert (first.dry_run, first.undo, first.password) == (True, True, "")
    assert (second.dry_run, second.undo, second.password) == (False, False, "hunter2")


def test_a_service_that_ends_while_keys_are_compared_is_begun_again(
    service: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was started for this ends after seconds of silence: each question is followed by a look."""
    service.backend.parts = DONE
    begun: list[int] = []

    @contextmanager
    def attached(_: Session) -> Generator[Attachment]:
        yield Attachment(service.socket, lambda: begun.append(len(service.backend.works)))

    monkeypatch.setattr(provision, "attached", attached)
    monkeypatch.setattr("sys.argv", ["sciabc-tui", "nodes", "provision", "10.77.0.21", "--yes"])
    with pytest.raises(SystemExit):
        main()
    assert begun == [0, 1, 1]  # before the look, after the host keys, after the password


def test_no_is_no(shell: Shell, service: Serving) -> None:
    """Enter alone approves nothing."""
    service.backend.parts = DONE
    with shell.terminal("nodes", "provision", "pi@10.77.0.21") as terminal:
        terminal.until("[y/N]")
        terminal.type(b"\n")
        assert terminal.ended() == 1
    assert wishes(service) == []


def test_a_board_that_is_known_is_not_asked_about(shell: Shell, service: Serving) -> None:
    """Its host key was approved before, and is the same."""
    known = Board("node01", "10.77.0.11", 22, "node01", KEY, "ssh-ed25519", trust="trusted", ready=True)
    service.backend.parts = (Begun(()), known, Ended("node01", ok=True, text="0 changes"), Over())
    assert shell.run("nodes", "provision", "node01").returncode == 0
    assert len(wishes(service)) == 1


def test_a_key_that_changed_is_named_so(shell: Shell, service: Serving) -> None:
    """A re-flashed board and an impostor look alike: the person must know."""
    changed = Board("node01", "10.77.0.11", 22, "node01", KEY, "ssh-ed25519", trust="changed")
    service.backend.parts = (Begun(()), changed, Over())
    with shell.terminal("nodes", "provision", "node01") as terminal:
        terminal.until("[y/N]")
        assert "KEY CHANGED" in terminal.text
        assert "flashed it anew" in terminal.text


def test_sets_of_boards_and_of_names_go_together(shell: Shell, service: Serving) -> None:
    """`pi@10.77.0.[21-22]` are two; the names are given in their order."""
    service.backend.parts = (Begun(()), SECOND, NEW, Over())
    done = shell.run("nodes", "provision", "pi@10.77.0.[21-22]", "--yes", "--host-name", "node[07-08]")
    assert done.returncode == 0, done.stderr
    assert service.backend.works[0][0] == LookWish(("pi@10.77.0.21", "pi@10.77.0.22"))
    (wish,) = wishes(service)
    assert [(board.target, board.host_name) for board in wish.boards] == [
        ("10.77.0.21", "node07"),
        ("10.77.0.22", "node08"),
    ]
    wrong = shell.run("nodes", "provision", "pi@10.77.0.[21-22]", "--yes", "--host-name", "node07")
    assert wrong.returncode == 2


def test_a_board_that_does_not_answer_is_a_failure_and_the_others_go_on(
    shell: Shell, service: Serving
) -> None:
    """The exit code says so."""
    service.backend.parts = (*DONE[:2], MUTE, *DONE[2:])
    done = shell.run("nodes", "provision", "10.77.0.[21,23]", "--yes")
    assert done.returncode == 1
    assert "10.77.0.23: FAILED no answer in 5 s" in done.stdout
    assert "Next: plug it in" in done.stderr
    assert [board.target for board in wishes(service)[0].boards] == ["10.77.0.21"]


def test_a_failure_is_said_once_with_its_next_step(shell: Shell, service: Serving) -> None:
    """The step that failed says it; in the end the board is named."""
    service.backend.parts = (
        *DONE[:2],
        Step("10.77.0.21", "MPI", "failed", "its disk is full", "Next: free some"),
        Ended("10.77.0.21", ok=False, text="MPI: its disk is full", fix="Next: free some"),
        Over(),
    )
    done = shell.run("nodes", "provision", "10.77.0.21", "--yes")
    assert done.returncode == 1
    assert done.stdout.count("its disk is full") == 1
    assert done.stdout.count("Next: free some") == 1
    assert "10.77.0.21: failed" in done.stderr


def test_a_dry_run_tells_each_change_in_a_line(shell: Shell, service: Serving) -> None:
    """As the board was found to be."""
    would = Step("10.77.0.21", "MPI", "would", "make /opt/x\ninstall mpi4py")
    service.backend.parts = (*DONE[:2], would, Ended("10.77.0.21", ok=True, text="2 changes to make"), Over())
    done = shell.run("nodes", "provision", "10.77.0.21", "--yes", "--dry-run")
    assert "10.77.0.21: MPI: would make /opt/x\n10.77.0.21: MPI: would install mpi4py\n" in done.stdout
    assert wishes(service)[0].dry_run


def test_undoing_is_asked_about(shell: Shell, service: Serving) -> None:
    """It takes a yes of its own; the wish says undo."""
    known = Board("node01", "10.77.0.11", 22, "node01", KEY, "ssh-ed25519", trust="trusted", ready=True)
    service.backend.parts = (Begun(()), known, Ended("node01", ok=True, text="as before"), Over())
    with shell.terminal("nodes", "unprovision", "node01") as terminal:
        terminal.until("Undo all that was done on node01? [y/N]")
        terminal.type(b"n\n")
        assert terminal.ended() == 1
    assert wishes(service) == []
    assert shell.run("nodes", "unprovision", "node01", "--yes").returncode == 0
    assert [wish.undo for wish in wishes(service)] == [True]


def test_a_scan_lists_what_it_found(shell: Shell, service: Serving) -> None:
    """Each board with its host key, and how many there are."""
    service.backend.parts = (Begun((), ("asked",)), SECOND, NEW, Over("254 addresses asked: 2 with SSH"))
    done = shell.run("nodes", "scan", "10.77.0.0/24")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["10.77.0.21", "10.77.0.22"]
    assert "254 addresses asked" in done.stderr
    assert service.backend.works[0][0] == ScanWish("10.77.0.0/24")


def test_a_scan_feeds_provisioning(shell: Shell, service: Serving) -> None:
    """`--scan` takes all that are not ready; naming boards beside it is a mistake, and so is neither."""
    ready = Board("10.77.0.11", "10.77.0.11", 22, "node01", OTHER, "ssh-ed25519", trust="trusted", ready=True)
    service.backend.parts = (Begun(()), ready, NEW, Ended("10.77.0.21", ok=True), Over())
    assert shell.run("nodes", "provision", "--scan", "--yes").returncode == 0
    assert [board.target for board in wishes(service)[0].boards] == ["10.77.0.21"]
    assert shell.run("nodes", "provision", "--scan", "node01").returncode == 2
    assert shell.run("nodes", "provision").returncode == 2


def test_json_is_a_line_for_each_part(shell: Shell, service: Serving) -> None:
    """Of the look and of the work; nothing else is on standard output."""
    service.backend.parts = DONE
    done = shell.run("nodes", "provision", "10.77.0.21", "--yes", "--json")
    kinds = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    assert kinds == ["begun", "board", "step", "step", "step", "ended", "over"] * 2


@pytest.mark.parametrize("command", ["provision", "unprovision", "scan"])
def test_the_help_has_examples(shell: Shell, command: str) -> None:
    """Each command shows how it is used."""
    said = shell.run("nodes", command, "--help").stdout
    assert f"sciabc-tui nodes {command}" in said.partition("Examples:")[2]


def test_the_guide_names_only_what_there_is(shell: Shell) -> None:
    """Every command and option in docs/provisioning.md is one of the program's."""
    guide = (Path(__file__).parents[2] / "docs" / "provisioning.md").read_text(encoding="utf-8")
    commands = [line.split() for line in guide.splitlines() if line.startswith("    sciabc-tui nodes ")]
    assert len(commands) >= 7
    helps = {name: shell.run("nodes", name, "--help").stdout for name in ("provision", "unprovision", "scan")}
    for words in commands:
        options = [word for word in words if word.startswith("--")]
        assert all(option in helps[words[2]] for option in options), words
