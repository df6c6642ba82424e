"""Logging in to a board, and being root there: what is sent when, and what is said when it is refused."""

import socket
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.provisioning.board import SshBoard
from sciabc_tui.head.provisioning.login import Line, key_works, log_in, public_key
from sciabc_tui.head.provisioning.ports import StepFailed
from tests.head.board_server import PASSWORD, BoardServer, board_server
from tests.head.servers import LOOPBACK, wait_for
from tests.lab.keys import new_key

ASKING = """
[ "$1 $2 $3" = "-S -k -p" ] || {{ echo "sudo: $*" >&2; exit 9; }}
prompt=$4; shift 5
for n in 1 2 3; do
  printf %s "$prompt" >&2
  IFS= read -r given || exit 1
  [ "$given" != {password} ] || exec "$@"
  echo "Sorry, try again." >&2
done
echo "sudo: 3 incorrect password attempts" >&2
exit 1
"""
FREE = 'shift 5\nexec "$@"\n'


@pytest.fixture
def board(tmp_path: Path) -> Generator[BoardServer]:
    """Give a board that takes a password."""
    (tmp_path / "keys").mkdir()
    with board_server(tmp_path) as server:
        server.tool("id", "case $1 in -un) echo pi ;; *) echo 1000 ;; esac\n")
        yield server


def entered(board: BoardServer, password: str = PASSWORD) -> tuple[SshBoard, Line]:
    """Log in and look."""
    line = Line()
    transport, _ = log_in(board.place, board.access(password), line)
    found = SshBoard(transport, board.place, password, time.monotonic, lambda _text, _share: None)
    found.look()
    return found, line


def key_of(board: BoardServer) -> str:
    """Give the head a key; give its public half in base64."""
    pair = new_key()
    file = board.folder / "keys" / "id_ed25519"
    file.write_text(pair.private)
    file.chmod(0o600)
    return pair.public.split()[1]


def test_nothing_is_sent_to_a_board_with_another_host_key(board: BoardServer) -> None:
    """Neither key nor password nor user name; the line names both host keys."""
    key_of(board)
    with pytest.raises(StepFailed, match="nothing was sent to it"):
        log_in(board.place, board.access(PASSWORD, "SHA256:another"), Line())
    assert board.tries == []


def test_the_heads_key_comes_before_the_password(board: BoardServer) -> None:
    """Where it does, the password stays here."""
    board.admitted.add(key_of(board))
    line = Line()
    log_in(board.place, board.access(PASSWORD), line)
    line.end()
    assert {way for way, _ in board.tries} == {"publickey"}
    assert key_works(board.place, "pi", board.access())


@pytest.mark.parametrize("way", ["password", "keyboard-interactive"])
def test_the_password_goes_the_way_that_the_server_wants(board: BoardServer, way: str) -> None:
    """As it is, whatever characters are in it."""
    board.ways = way
    line = Line()
    log_in(board.place, board.access(PASSWORD), line)
    line.end()
    assert board.tries[-1][1] == PASSWORD


@pytest.mark.parametrize(
    ("ways", "password", "said"),
    [
        ("password", "mistaken7", "wrong password for pi"),
        ("keyboard-interactive", "mistaken7", "wrong password for pi"),
        ("publickey", PASSWORD, "takes keys only"),
        ("password", "", "there is no password"),
    ],
)
def test_each_refusal_has_a_line_of_its_own(board: BoardServer, ways: str, password: str, said: str) -> None:
    """With the next step, and without the password."""
    board.ways = ways
    with pytest.raises(StepFailed, match=said) as refusal:
        log_in(board.place, board.access(password), Line())
    assert refusal.value.fix.startswith("Next: ")
    assert not password or password not in f"{refusal.value}{refusal.value.fix}{board.access(password)!r}"


def test_a_port_where_nobody_listens_is_said(board: BoardServer) -> None:
    """In the kernel's words."""
    with socket.socket() as silent:  # it has the port, so that nobody else gets it, and does not listen
        silent.bind((LOOPBACK, 0))
        board.port = int(silent.getsockname()[1])
        with pytest.raises(StepFailed, match="connection refused"):
            log_in(board.place, board.access(), Line())


def test_the_public_half_is_read_or_worked_out(board: BoardServer) -> None:
    """A key without its .pub is a key too; what is none gives nothing."""
    blob = key_of(board)
    file = board.folder / "keys" / "id_ed25519"
    assert public_key(file) == f"ssh-ed25519 {blob}"
    file.with_name("id_ed25519.pub").write_text("ssh-ed25519 AAAA me@head\n")
    assert public_key(file) == "ssh-ed25519 AAAA"
    assert public_key(board.folder / "host_keys") == ""


def test_a_script_is_taken_as_a_whole(board: BoardServer) -> None:
    """What it starts can't eat the rest of it; output, errors and status come back apart."""
    found, line = entered(board)
    script = "cat\necho out \"it's\" '$x'\necho err >&2\ncat >/dev/null\nexit 3\n"
    answer = found.run(script)
    line.end()
    assert (answer.status, answer.out, answer.err) == (3, "out it's $x\n", "err\n")


def test_what_runs_ends_when_the_head_is_gone(board: BoardServer) -> None:
    """Though nobody is there to see: the watcher beside the script reads the end of its input."""
    found, line = entered(board)
    mark = board.folder / "pid"
    failed: list[Exception] = []

    def run() -> None:
        try:
            found.run(f"sleep 300 & echo $! >{mark}; wait", within=60.0)
        except ContactFailed as error:
            failed.append(error)

    running = threading.Thread(target=run)
    running.start()
    wait_for(lambda: mark.exists() and mark.read_text().strip() != "", "the script runs")
    line.end()
    running.join(10)
    assert len(failed) == 1
    wait_for(lambda: not _alive(int(mark.read_text())), "it ended")


def test_a_script_that_takes_too_long_is_ended(board: BoardServer) -> None:
    """The session is of use for the next one."""
    found, line = entered(board)
    with pytest.raises(StepFailed, match="longer than 1 s"):
        found.run("sleep 300", within=1.0)
    assert found.run("echo on").out == "on\n"
    line.end()


@pytest.mark.parametrize("root", [False, True], ids=["user", "root"])
def test_a_script_that_is_killed_is_no_lost_connection(board: BoardServer, *, root: bool) -> None:
    """The board is there: nobody need look for its cable, and the session is of use for the next one."""
    board.tool("sudo", FREE)
    found, line = entered(board)
    with pytest.raises(StepFailed, match="what ran there was killed") as failed:
        found.run("kill -KILL 0", root=root)
    assert "journalctl" in failed.value.fix
    assert found.run("echo on").out == "on\n"
    line.end()


def test_sudo_gets_the_password_only_when_it_asks(board: BoardServer) -> None:
    """The script sees nothing of it, and no command line does."""
    board.tool("sudo", ASKING.format(password=_quoted(PASSWORD)))
    found, line = entered(board)
    assert found.told.root
    answer = found.run("cat; echo done", root=True)
    line.end()
    assert (answer.status, answer.out) == (0, "done\n")
    assert all(PASSWORD not in command for command in board.commands)


def test_sudo_that_asks_for_nothing_gets_nothing(board: BoardServer) -> None:
    """Else the password would be run as the first line of the script."""
    board.tool("sudo", FREE)
    found, line = entered(board)
    answer = found.run("cat; echo done", root=True)
    line.end()
    assert (answer.status, answer.out, answer.err) == (0, "done\n", "")


@pytest.mark.parametrize(
    ("sudo", "said", "fix"),
    [
        (ASKING.format(password="another"), "sudo does not take this password", "password of pi"),
        ('echo "pi is not in the sudoers file." >&2; exit 1', "pi may not use sudo", "usermod -aG sudo pi"),
        ('echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1', "wants a terminal", "requiretty"),
        ('echo "sudo: no valid plugins" >&2; exit 1', "sudo fails: sudo", "sudo true"),
        ("exit 0", "sudo fails: it says nothing", "sudo true"),
    ],
)
def test_each_way_of_sudo_to_refuse_has_a_line(board: BoardServer, sudo: str, said: str, fix: str) -> None:
    """The login goes well; what needs root says why it can't be done."""
    board.tool("sudo", sudo)
    found, line = entered(board)
    assert not found.told.root
    with pytest.raises(StepFailed, match=said) as refusal:
        found.run(":", root=True)
    line.end()
    assert fix in refusal.value.fix
    assert PASSWORD not in f"{refusal.value}{refusal.value.fix}"


def test_without_a_password_sudo_says_that_it_wants_one(board: BoardServer) -> None:
    """After a login by key; nothing is sent to its prompt."""
    board.admitted.add(key_of(board))
    board.tool("sudo", ASKING.format(password="another"))
    found, line = entered(board, password="")
    with pytest.raises(StepFailed, match="sudo wants the password of pi"):
        found.run(":", root=True)
    line.end()


def test_a_lost_connection_is_a_failed_contact(board: BoardServer) -> None:
    """Whatever the library makes of it."""
    found, line = entered(board)
    cut = threading.Timer(0.3, board.cut)
    cut.start()
    with pytest.raises(ContactFailed):
        found.run("sleep 30", within=20.0)
    cut.join()
    line.end()


def test_hostile_words_of_a_board_do_no_harm(board: BoardServer) -> None:
    """What it says of itself is checked: no path, no name and no control character of its choice."""
    board.tool("uname", "printf 'x\\033[31m;rm -rf\\n'\n")
    board.tool("date", "echo 99999999999999999999\n")
    found, line = entered(board)
    line.end()
    assert found.told.machine.isprintable()
    assert found.told.clock_off is None
    board.tool("id", "echo 'root; reboot'\n")
    with pytest.raises(StepFailed, match="no home directory"):
        entered(board)


def test_a_board_without_a_shell_says_so(board: BoardServer) -> None:
    """As when the password must be changed first."""
    board.tool("sh", "echo 'Password change required but no TTY available.' >&2; exit 1\n")
    with pytest.raises(StepFailed, match="password must be changed first"):
        entered(board)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
