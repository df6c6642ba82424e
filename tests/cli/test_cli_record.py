"""`record` and `replay` as a user runs them: what is in the file, how it ends, the panel on a recording."""

import gzip
import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.logstore import LogLine, Stream, format_line
from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.api.recording import LogMoment, RecordingReader, StateMoment, to_state
from sciabc_tui.api.recording_writer import RecordingWriter
from sciabc_tui.cli.replay import check, replayed
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.errors import CommandRefused, SciabcError
from tests.api.scripted import HELLO, WALL, Serving, small_cluster
from tests.cli.shell import Shell

DOCS = (Path(__file__).parents[2] / "docs" / "recording.md").read_text(encoding="utf-8")
SECRETS = re.compile(r"PRIVATE KEY|BEGIN OPENSSH|passw|passphrase|secret|token", re.IGNORECASE)


def logs_of(path: Path) -> dict[JobId, bytes]:
    """Give what each job printed."""
    found: dict[JobId, bytes] = {}
    with RecordingReader(path) as reader:
        for moment in reader:
            if isinstance(moment, LogMoment):
                found[moment.job] = found.get(moment.job, b"") + moment.data
    return found


def until(true: Callable[[], bool]) -> None:
    """Wait, a minute at most."""
    waiting, deadline = threading.Event(), time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came"
        waiting.wait(0.01)


def until_it_has_read(service: Serving) -> None:
    """Wait until it has read the log of the job that runs, to its end: then it waits for the next state."""
    until(lambda: service.do(lambda: service.backend.reads) > 1)


@contextmanager
def recorder(shell: Shell, *args: str) -> Generator[subprocess.Popen[str]]:
    """Run a recorder until a state is in its file; it is killed in the end, if it still runs."""
    path = shell.home / args[0]
    with shell.start("record", *args) as process:
        try:
            until(lambda: path.exists() and path.stat().st_size > 500)
            yield process
        finally:
            process.kill()


def test_ctrl_c_ends_a_recording(shell: Shell, service: Serving) -> None:
    """The file is whole; the states and the log of the job that ran are in it, of ended jobs nothing."""
    with recorder(shell, "x.rec") as process:
        until_it_has_read(service)
        service.do(lambda: service.backend.happen("node03 lost"))
        before = service.do(lambda: service.backend.reads)

        def is_read() -> bool:
            service.do(service.backend.tick)
            return service.do(lambda: service.backend.reads) > before

        until(is_read)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("recorded ")
    assert "Next: sciabc-tui replay x.rec" in out
    path = shell.home / "x.rec"
    with RecordingReader(path) as reader:
        states = [to_state(one.raw) for one in reader if isinstance(one, StateMoment)]
        assert reader.complete
    assert states[0].nodes == small_cluster().nodes
    assert states[-1].log[-1].text == "node03 lost"
    assert logs_of(path) == {JobId(3): HELLO[:102]}


def test_for_so_long_and_as_json(shell: Shell, service: Serving) -> None:
    """It ends by itself, also where nothing happens; the JSON says what there is."""
    assert service.backend
    done = shell.run("record", "x.rec", "--for", "3s", "--json")  # by then the first state must have come
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["file"] == "x.rec"
    assert (told["states"], told["log_bytes"]) == (1, 102)
    assert told["bytes"] == (shell.home / "x.rec").stat().st_size
    assert 2.9 < told["seconds"] < 17


def test_a_job_to_its_end(shell: Shell, service: Serving) -> None:
    """Its log only, with all that it printed before the recording and up to its end."""
    client = Client(service.socket)
    job = client.submit(SubmitJob("wait"))
    with recorder(shell, "x.rec", "--job", str(job.id)) as process:
        service.do(lambda: service.backend.logs.update({job.id: HELLO}))
        service.do(lambda: service.backend.end_job(job.id, JobState.COMPLETED, 0))
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert logs_of(shell.home / "x.rec") == {job.id: HELLO}
    assert "recorded " in out


def test_a_killed_recorder_leaves_what_it_had(shell: Shell, service: Serving) -> None:
    """`kill -9`: the file can be read."""
    with recorder(shell, "x.rec") as process:
        until(lambda: service.do(lambda: service.backend.reads) > 0)
        process.kill()
        process.communicate(timeout=20)
    check(shell.home / "x.rec")


def test_a_service_that_goes_away_ends_it(shell: Shell, service: Serving) -> None:
    """With its exit code, and a file that is whole."""
    with recorder(shell, "x.rec") as process:
        until_it_has_read(service)
        service.loop.call_soon_threadsafe(service.stop.set)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "The head service went away; x.rec ends there" in err
    with RecordingReader(shell.home / "x.rec") as reader:
        assert list(reader)
        assert reader.complete


def test_without_a_service_no_file_is_made(shell: Shell) -> None:
    """Nor for a job that is not there, nor over a file that is."""
    done = shell.run("record", "x.rec")
    assert (done.returncode, done.stdout) == (3, "")
    assert not (shell.home / "x.rec").exists()


def test_what_is_refused(shell: Shell, service: Serving) -> None:
    """In a line each, with the next step."""
    assert service.backend
    done = shell.run("record", "x.rec", "--job", "99")
    assert (done.returncode, "There is no job 99" in done.stderr) == (1, True)
    assert not (shell.home / "x.rec").exists()
    (shell.home / "y.rec").write_text("mine", encoding="utf-8")
    done = shell.run("record", "y.rec")
    assert (done.returncode, "y.rec is there already. Next: another name" in done.stderr) == (1, True)
    assert (shell.home / "y.rec").read_text(encoding="utf-8") == "mine"
    assert shell.run("record", "z.rec", "--for", "soon").returncode == 2


def test_no_credential_is_in_it(shell: Shell) -> None:
    """Of a real head service with keys of its own: neither its files nor its words are in the recording."""
    ssh = shell.home / ".ssh"
    ssh.mkdir(mode=0o700)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh / "id_ed25519")],
        check=True,
        capture_output=True,
    )
    private = (ssh / "id_ed25519").read_text(encoding="utf-8").splitlines()[1:-1]
    done = shell.run("--demo", "record", "x.rec", "--for", "8s", SSHPASS="hunter2-hunter2")
    assert done.returncode == 0, done.stderr
    text = gzip.decompress((shell.home / "x.rec").read_bytes()).decode()
    assert "SHA256:" in text
    assert not SECRETS.findall(text)
    assert not [line for line in private if line in text]
    assert "hunter2" not in text


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Record three seconds of a job."""
    path = tmp_path / "x.rec"
    state = small_cluster()
    with RecordingWriter(path, program="x", began=WALL) as writer:
        for second in range(4):
            writer.state(float(second), replace(state, revision=second + 1, at=state.at + second))
            text = b"step %d" % second
            writer.log(second + 0.1, JobId(3), format_line(LogLine(WALL + second, 0, Stream.OUT, text)))
        writer.end(4.0)
    return path


def test_a_recording_behind_the_real_api(recording: Path) -> None:
    """The client that the panel has sees it: states, jobs, logs; and is refused everything else."""
    with replayed(recording, speed=100) as served:
        served.begin()
        served.begin()
        client = Client(served.socket)
        with closing(client.watch()) as states:
            last = next(state for state in states if state.head.replay and state.head.replay.ended)
        assert len(last.nodes) == 4
        assert client.log(JobId(3), offset=0, limit=1000).data.count(b"\n") == 4
        assert client.job_detail(JobId(3)).job.name == "nbody"
        assert len(client.events(0, 10)) == 0
        assert client.job_list(10).jobs[0].id == 3
        with pytest.raises(CommandRefused, match="This is a recording"):
            client.submit(SubmitJob("hello"))
        with pytest.raises(CommandRefused, match="This is a recording"):
            client.cancel(JobId(3))
        with pytest.raises(CommandRefused, match="This is a recording"):
            client.drain(next(iter(last.nodes)), "")
        socket = served.socket
    assert not socket.exists()


def test_the_panel_on_a_recording(shell: Shell, recording: Path) -> None:
    """On a real terminal: it says REPLAY, shows the nodes, tells the end, and leaves no folder."""
    with shell.terminal("replay", str(recording), "--speed", "4") as terminal:
        terminal.until("REPLAY")
        terminal.until("node01")
        terminal.until("the recording ends here")
        terminal.type(b"q")
        assert terminal.ended() == 0
    assert "Left the recording." in terminal.text
    assert not list(shell.home.glob("sciabc-replay-*"))


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"", "is no recording"), (b"hello", "is no recording"), (None, "Next: name a recording")],
)
def test_what_is_no_recording(shell: Shell, data: bytes | None, told: str) -> None:
    """A line before any screen is opened, with no traceback."""
    if data is not None:
        (shell.home / "x.rec").write_bytes(data)
    done = shell.run("replay", "x.rec")
    assert (done.returncode, told in done.stderr, done.stdout) == (1, True, "")
    assert done.stderr.count("\n") == 1


def test_a_recording_without_a_state(shell: Shell, tmp_path: Path) -> None:
    """A recorder was killed at once."""
    path = tmp_path / "x.rec"
    with RecordingWriter(path, program="x", began=WALL):
        pass
    done = shell.run("replay", str(path))
    assert (done.returncode, "There is nothing in" in done.stderr) == (1, True)


def test_wrong_options_and_no_terminal(shell: Shell, recording: Path) -> None:
    """The speeds that make sense; and a pipe shows no panel."""
    for speed in ("0", "0.1", "101", "nan", "fast"):
        assert shell.run("replay", str(recording), "--speed", speed).returncode == 2
    done = shell.run("replay", str(recording))
    assert (done.returncode, "needs a terminal" in done.stderr) == (1, True)


def test_a_recording_that_can_not_be_served(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why is told where the panel asks for it."""
    monkeypatch.setattr("sciabc_tui.api.rundir.LONGEST_PATH", 5)
    with replayed(recording) as served, pytest.raises(SciabcError, match="is longer than"):
        served.begin()


@pytest.mark.parametrize(
    "line",
    [
        line
        for block in re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)
        for line in block.splitlines()
        if " record " in line
    ],
)
def test_the_commands_of_the_guide(shell: Shell, service: Serving, line: str) -> None:
    """Each one that records runs; where it has no end of its own, Ctrl-C is pressed."""
    job = Client(service.socket).submit(SubmitJob("wait"))
    words = line.replace("--job 7", f"--job {job.id}").replace("10m", "3s").split()[1:]
    with recorder(shell, *words[1:]) as process:
        service.do(lambda: service.backend.end_job(job.id, JobState.COMPLETED, 0))
        if "--job" not in words and "--for" not in words:
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
