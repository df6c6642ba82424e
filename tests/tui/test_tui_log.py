"""The log on the screen: its end, the reader's place in it, what is shown of it, and its bounds."""

import base64
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from sciabc_tui.api.messages import AttemptHost, JobAttempt
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import NotFound, ServiceFailed
from sciabc_tui.tui.screens.log import LogScreen
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import Stage, on_stage
from tests.tui.terminal import Terminal


async def _open_log(stage: Stage) -> LogScreen:
    await stage.press("tab", "l")
    await stage.until_text("step")
    screen = stage.app.screen
    assert isinstance(screen, LogScreen)
    await stage.until(lambda: screen.reading.index.total is not None and "line " in stage.text)
    return screen


async def _look(stage: Stage, text: str) -> None:
    """Let the screen look for more until a text is there."""
    await stage.until(lambda: stage.app._look_again() or text in stage.text)


async def test_log_follows_until_the_reader_scrolls() -> None:
    """The log opens at its end and follows; scrolling up pauses it, what is new is counted; `f` follows."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.until_text("step    99")
        await stage.press("k")
        client.log_data += states.log_records(50, first=100)
        await _look(stage, "paused, 50 new")
        assert "step    98" in stage.text
        assert "step   149" not in stage.text
        await stage.press("f")
        await stage.until_text("step   149")
        await stage.until_text("line 150 of 150  following")


async def test_the_end_of_the_log_follows_again() -> None:
    """Who scrolls down to the end follows it."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.press("k", "k")
        await stage.until_text("paused")
        await stage.press("pagedown")
        await stage.until_text("following")


async def test_log_window_is_bounded() -> None:
    """However much a job prints and wherever the reader goes, few records are in memory; all can be seen."""
    client = CapturingClient(states.running(), log=states.log_records(60_000))
    async with on_stage(client) as stage:
        screen = await _open_log(stage)
        await stage.until_text("line 60,000 of 60,000")
        await stage.press("g")
        await stage.until_text("step     0")
        for _ in range(6):
            await stage.press(*["pagedown"] * 10)
            assert len(screen.reading.pager.records) < 10_000
        await stage.until(lambda: re.search(r"line ([0-9,]+) of", stage.text))
        found = re.search(r"line ([0-9,]+) of", stage.text)
        assert found is not None
        number = int(found[1].replace(",", ""))
        assert number > 1000
        assert f"step {number - 1:5}" in stage.text
        await stage.press("G")
        await stage.until_text("step 59999")


async def test_a_burst_is_followed_at_its_end() -> None:
    """What comes faster than it can be read is left out on the screen, and is all there to go back to."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        await _open_log(stage)
        client.log_data += states.log_records(50_000, first=100)
        await _look(stage, "step 50099")
        await stage.until_text("line 50,100 of 50,100")
        await stage.press("g")
        await stage.until_text("step     0")


async def test_log_of_a_job_that_waits_is_not_read() -> None:
    """A job that has not begun has no log; nothing is asked for."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("tab", "j", "l")
        await stage.until_text("No output yet")
        assert client.asked == []


def _attempt(state: JobState, attempt: int) -> State:
    """Give the cluster with job 42 as it is at some attempt."""
    found = states.running()
    began = states.WALL if state is JobState.RUNNING else None
    nbody = replace(found.jobs[JobId(42)], state=state, attempt=attempt, started_at=began)
    return replace(found, jobs={**found.jobs, nbody.id: nbody})


async def test_the_next_attempt_begins_a_new_page() -> None:
    """While it waits the output of the attempt before stays; then the next one is read."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        await _open_log(stage)
        client.send(_attempt(JobState.PENDING, 1))
        await stage.until_text("pending")
        assert "step    99" in stage.text
        client.log_data = states.log_records(3, first=7000)
        client.send(_attempt(JobState.RUNNING, 2))
        await _look(stage, "Output of attempt 2")
        await _look(stage, "step  7002")
        assert "step    99" not in stage.text


async def test_a_waiting_job_shows_its_last_attempt() -> None:
    """What the attempt before printed is read once, not again and again."""
    client = CapturingClient(_attempt(JobState.PENDING, 1), log=states.log_records(100))
    async with on_stage(client) as stage:
        screen = await _open_log(stage)
        await stage.until(lambda: screen.reading.read_once)
        asked = len(client.asked)
        for _ in range(5):
            stage.app._look_again()
            await stage.pilot.pause()
        assert len(client.asked) == asked


async def test_a_removed_log_is_not_asked_for_again() -> None:
    """That it was removed is told once; nothing asks again and again."""
    client = CapturingClient(states.running())
    client.refusal = NotFound("The log of job 42 was removed (jobs.keep). Next: run it again")
    async with on_stage(client) as stage:
        await stage.press("tab", "l")
        await stage.until_text("was removed (jobs.keep)")
        await stage.pilot.pause()
        asked = len(client.asked)
        for _ in range(10):
            stage.app._look_again()
            await stage.pilot.pause()
        assert len(client.asked) == asked


async def test_a_failure_is_told_and_tried_again() -> None:
    """A service that fails once is asked again after a while, and the line goes."""
    client = CapturingClient(states.running(), log=states.log_records(5))
    client.refusal = ServiceFailed("The disk is slow. Next: wait")
    async with on_stage(client) as stage:
        await stage.press("tab", "l")
        await stage.until_text("The disk is slow. Next: wait")
        client.refusal = None
        await _look(stage, "step     4")
        await stage.until(lambda: "The disk is slow" not in stage.text)


async def test_a_log_that_became_shorter_is_read_anew() -> None:
    """What is no longer there is not shown, and that is told."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        await _open_log(stage)
        client.log_data = states.log_records(3, first=5000)
        await _look(stage, "step  5002")
        assert "step    99" not in stage.text


async def test_ranks_streams_and_texts_are_filtered_in_place() -> None:
    """Each filter works while the log is paused, keeps the place, and says which it is."""
    client = CapturingClient(states.running(), log=states.log_records(3000))
    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.press("g", *["pagedown"] * 5, "r", *"3", "enter")
        await stage.until(lambda: re.search(r"line [\d,]+ of [\d,]+  rank 3", stage.text))
        ranks = {line.split("│")[0].strip() for line in stage.text.splitlines() if "residual" in line}
        assert ranks == {"3"}
        steps = [int(number) for number in re.findall(r"step +(\d+)", stage.text)]
        assert steps[0] in range(80, 110)
        await stage.press("r", "backspace", "enter", "o", "o")
        await stage.until(lambda: re.search(r"line [\d,]+ of [\d,]+  stderr", stage.text))
        steps = [int(number) for number in re.findall(r"step +(\d+)", stage.text)]
        assert {step % 17 for step in steps} == {16}
        await stage.press("o", "ampersand", *"step +1..3 ", "enter")
        await stage.until(lambda: re.search(r"line [\d,]+ of [\d,]+  &step \+1\.\.3", stage.text))
        steps = [int(number) for number in re.findall(r"step +(\d+)", stage.text)]
        assert steps[:3] == [1003, 1013, 1023]
        assert "paused" in stage.text


async def test_the_ranks_of_a_node_are_found() -> None:
    """A node's name stands for its ranks; what is neither is told in one line and can be mended."""
    client = CapturingClient(states.running(), log=states.log_records(300))
    client.attempts = (
        JobAttempt(1, JobState.RUNNING, 1.0, hosts=(AttemptHost("node02", "10.0.0.12", (4, 5)),)),
    )
    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.press("r", *"node09", "enter")
        await stage.until_text("node09 is no rank and no node of the job")
        await stage.press("backspace", "2", "enter")
        await stage.until(lambda: re.search(r"line [\d,]+ of [\d,]+  node02", stage.text))
        ranks = {line.split("│")[0].strip() for line in stage.text.splitlines() if "residual" in line}
        assert ranks == {"4", "5"}
        await stage.press("escape")  # takes the filter away, as `?` says
        await stage.until(lambda: not re.search(r"line [\d,]+ of [\d,]+  node02", stage.text))
        assert isinstance(stage.app.screen, LogScreen)
        await stage.press("escape")
        await stage.until(lambda: not isinstance(stage.app.screen, LogScreen))


async def test_search_goes_both_ways_and_counts() -> None:
    """`/` goes to the first hit below the top, `n` and `N` on and back and around; the count is told."""
    client = CapturingClient(states.running(), log=states.log_records(3000))
    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.press("g", "slash", *"STEP +.00 ", "enter")
        await stage.until_text("not found")
        await stage.press("slash", *"step +.00 ", "enter")
        await stage.until_text("hit 1/9")
        await stage.press("n")
        await stage.until_text("hit 2/9")
        assert "step   200" in stage.text
        await stage.press("N", "N")
        await stage.until_text("hit 9/9")
        assert "went on from the end" in stage.text
        await stage.press("escape")
        await stage.until(lambda: "hit" not in stage.text)
        assert isinstance(stage.app.screen, LogScreen)
        await stage.press("slash", *"(", "enter")
        await stage.until_text("is no regular expression")


async def test_search_from_the_end_finds_what_is_before() -> None:
    """Behind the end there is nothing: the nearest hit before it is shown."""
    client = CapturingClient(states.running(), log=states.log_records(3000))
    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.press("slash", *"step +1234 ", "enter")
        await stage.until_text("hit 1/1")
        await stage.until_text("step  1234")
        rows = [line for line in stage.text.splitlines() if "residual" in line]
        assert "step  1234" in rows[6]


async def test_jump_to_a_time() -> None:
    """`@` goes to the first line of a time; what is no time is told."""
    client = CapturingClient(states.running(), log=states.log_records(300))
    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.press("at", *"14:00:10", "enter")
        await stage.until_text("line ")
        await stage.until(lambda: re.search(r"\n 4 │ step   100 ", stage.text))
        await stage.press("at", *"soon", "enter")
        await stage.until_text("soon is no time. Next:")


async def test_colours_are_kept_and_all_else_is_harmless() -> None:
    """Of what a program prints for the terminal only its colours get there."""
    head = b"2026-11-21T14:00:00.000Z   0 out "
    lines = (
        b"\x1b[1;31mred\x1b[0m step",
        b"10%\r50%\r100%\r",
        b"a\tb\x1b]52;c;eA==\x07c\x1b[2Jd",
        b"\xff\xfe nul\x00 bidi\xe2\x80\xae",
    )
    client = CapturingClient(states.running(), log=b"".join(head + line + b"\n" for line in lines))
    async with on_stage(client) as stage:
        await _open_log(stage)
        text = stage.text
        assert " 0 │ red step" in text
        assert " 0 │ 100% " in text
        assert "10%" not in text
        assert " 0 │ a       bcd" in text
        assert all(char.isprintable() for line in text.splitlines() for char in line)
        assert "nul? bidi?" in text
        assert "red" in stage.shot().svg


async def test_wrap_and_times() -> None:
    """`w` lets a long line go on in further rows; `t` tells when each was written."""
    head = b"2026-11-21T14:00:00.500Z   0 out "
    client = CapturingClient(states.running(), log=head + b"step " + b"x" * 100 + b"END\n")
    async with on_stage(client) as stage:
        await _open_log(stage)
        assert "END" not in stage.text
        await stage.press("w")
        await stage.until_text("END")
        await stage.press("t")
        await stage.until_text("14:00:00.500")
        await stage.press("t")
        await stage.until_text(":")
        await stage.until(lambda: "14:00:00.500" not in stage.text)


async def test_a_long_line_is_moved_sideways() -> None:
    """Lines of megabytes are kept in pieces; any part of one can be seen, and wrapped all can."""
    head = b"2026-11-21T14:00:00.500Z   0 out"
    pieces = b"".join(
        head + (b"+ " if n else b" step ") + b"%06d" % n + b"y" * 65_000 + b"\n" for n in range(160)
    )
    client = CapturingClient(states.running(), log=pieces)
    async with on_stage(client) as stage:
        screen = await _open_log(stage)
        await stage.until_text("000159yyy")
        await stage.press("right")
        await stage.until(lambda: "000159" not in stage.text)
        await stage.press("left", "w", "k")
        await stage.until_text("paused")
        assert sum(len(record.text) for record in screen.reading.pager.records) < 6 * 2**20


async def test_copy_reaches_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """`v` selects lines, `y` puts their plain text into the terminal's clipboard."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    async with on_stage(client) as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await _open_log(stage)
        await stage.press("v", "k", "y")
        await stage.until(lambda: copied)
        assert copied[0].splitlines() == ["step    98  residual 1.010e-02", "step    99  residual 1.000e-02"]
        await stage.until_text("2 lines copied")
        await stage.press("y")
        assert len(copied[1].splitlines()) == 19


def test_copy_goes_out_as_osc_52() -> None:
    """What is copied leaves for the terminal's clipboard, whatever stands between."""
    with Terminal([sys.executable, "-m", "tests.tui.play"], cwd=Path(__file__).parents[2]) as terminal:
        terminal.until("nbody", within=30)
        terminal.press(b"\t")
        terminal.press(b"l")
        terminal.until("residual", within=20)
        terminal.press(b"y")
        terminal.until("copied", within=20)
        found = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)", terminal.raw)
        assert found is not None
        assert b"residual" in base64.b64decode(found[1])


async def test_save_asks_before_it_writes_over(tmp_path: Path) -> None:
    """What is shown is written as it was printed; a file that is there is lost after a yes only."""
    client = CapturingClient(states.running(), log=states.log_records(100))
    path = tmp_path / "out.log"

    async def answer(path: Path) -> None:
        stage.app.screen.query_one("#filter", Input).value = str(path)
        await stage.press("enter")

    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.press("o", "o", "S")
        await answer(path)
        await stage.until_text("5 lines saved")
        expected = "".join(f"step {n:5}  residual {1 / (n + 1):.3e}\n" for n in range(16, 100, 17))
        assert path.read_text(encoding="utf-8") == expected
        await stage.press("o", "S", "enter")
        await stage.until_text("Write over")
        await stage.press("n")
        assert path.read_text(encoding="utf-8") == expected
        await stage.press("S", "enter")
        await stage.until_text("Write over")
        await stage.press("y")
        await stage.until_text("100 lines saved")
        assert path.read_text(encoding="utf-8").count("\n") == 100
        await stage.press("S")
        await answer(tmp_path / "no" / "where")
        await stage.until_text("another place")
    assert _names(tmp_path) == ["out.log"]


async def test_job_without_a_state_is_told() -> None:
    """A log opened for a job that is no longer known says so."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        stage.app._open_log(JobId(7))
        await stage.until_text("job 7: not known here any longer")


async def test_details_tell_of_the_attempts() -> None:
    """`i` shows what the job was asked and each attempt, the newest first, above the log; again hides it."""
    hosts = (AttemptHost("node01", "10.77.0.11", (0, 1, 2, 3)),)
    client = CapturingClient(states.running(), log=states.log_records(100))
    client.attempts = (
        JobAttempt(1, JobState.NODE_FAIL, 1.0, 63.0, 1, "lost \x1b[31mnode02", "mpirun -n 4 nbody", hosts),
        JobAttempt(2, JobState.RUNNING, 70.0, command="mpirun -n 2 nbody"),
    )
    async with on_stage(client) as stage:
        await _open_log(stage)
        await stage.press("i")
        await stage.until_text("attempt 2")
        assert "step    99" in stage.text
        await stage.until_text("OMP_NUM_THREADS=1")
        await stage.press("tab", "end")
        await stage.until_text("ranks 0-3")
        assert "\x1b" not in stage.text
        await stage.press("i")
        await stage.until(lambda: "attempt 2" not in stage.text)
        assert _details_asked(client) == 1


async def test_details_are_read_anew_when_the_job_stands_differently() -> None:
    """An attempt that ended, or another one, is told while the details are open; nothing else asks again."""
    running = states.running()
    client = CapturingClient(running)
    async with on_stage(client) as stage:
        await _open_log_of_first(stage)
        await stage.press("i")
        await stage.until(lambda: _details_asked(client) == 1)
        first = next(job for job in running.jobs.values() if job.state is JobState.RUNNING)
        again = replace(first, attempt=first.attempt + 1)
        client.send(replace(running, revision=running.revision + 1, jobs={**running.jobs, first.id: again}))
        await stage.until(lambda: _details_asked(client) == 2)


async def _open_log_of_first(stage: Stage) -> None:
    await stage.press("tab", "l")
    await stage.until(lambda: isinstance(stage.app.screen, LogScreen))


def _details_asked(client: CapturingClient) -> int:
    return sum(asked[0] == "detail" for asked in client.asked)


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]
