"""The form of a new job: what it reads, what it asks, what it shows, and that nothing typed is lost."""

from dataclasses import replace

import pytest
from textual.events import Key
from textual.widgets import Input

from sciabc_tui.api.messages import AttemptHost, JobDetail, JobPreview, PreflightWish, SubmitJob
from sciabc_tui.cluster.job import JobState, OnNodeLoss
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, ServiceUnavailable
from sciabc_tui.tui.present import dry_run, form_lines, new_job
from sciabc_tui.tui.present.cells import cell_width
from sciabc_tui.tui.present.dry_run import DryRun
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.present.new_job import FIELDS, Fields, Wish, fields_of, read_wish, refused_field
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.log import LogScreen
from sciabc_tui.tui.screens.new_job import NewJobScreen
from sciabc_tui.tui.widgets.slider import Slider
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.dry_runs import dry_run as dry_run_of
from tests.tui.screens import WIDE, Stage, on_stage
from tests.tui.views import seen, text


def value_of(stage: Stage, key: str) -> str:
    """Give what stands in a field."""
    field = stage.app.screen.query_one(f"#{key}")
    assert isinstance(field, (Input, Slider))
    return field.value


def submitted(client: CapturingClient) -> list[object]:
    """Give the jobs that were submitted."""
    return [call[1] for call in client.asked if call[0] == "submit"]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("program", " ", "program: name one of hello"),
        ("arguments", '"open', "arguments: a quotation mark"),
        ("ranks", "0", "ranks: a number from 1 to 4096, or all"),
        ("ranks", "10000", "ranks: "),
        ("ranks", "\u0663", "ranks: "),
        ("ranks", "-1", "ranks: "),
        ("nodes", "node[01", "nodes: "),
        ("loss", "shrink", "node loss: one of fail, requeue, survive"),
        ("limit", "soon", "time limit: a duration such as 90s"),
        ("env", "A", "environment: A is not NAME=value"),
        ("exclude", "node[", "not on: "),
        ("per_node", "x", "per node: a number from 1"),
        ("priority", "1001", "priority: a number from -1000 to 1000"),
        ("attempts", "0", "attempts: a number from 1 to 100"),
        ("files", '"open', "with files: "),
        ("outputs", "a\\", "collect: "),
        ("grow", "maybe", "grow: no or yes"),
        ("grow", "yes", "grow: it is launched again for that: ranks all, and requeue on node loss"),
        ("launcher", "lam", "launcher: one of openmpi, mpich, slurm"),
        ("kind", "some", "kind: mpi or each"),
    ],
)
def test_each_field_names_itself(field: str, value: str, problem: str) -> None:
    """What can't be used is told with the field's own name, and nothing is asked for then."""
    wish = read_wish(replace(Fields("hello"), **{field: value}))
    assert wish.problem.startswith(problem)
    assert wish == Wish(None, field, wish.problem)


def test_fields_that_exclude_each_other_are_told() -> None:
    """A command for each node has no number of ranks; a node can't be wanted and excluded."""
    assert read_wish(Fields("hello", kind="each", ranks="3")).field == "kind"
    assert read_wish(Fields("hello", nodes="a,b", exclude="b")).problem == "not on: b is wanted and excluded"


FULL = Fields(
    " sim ",
    "-n '2 3'",
    "6",
    "node[01-02]",
    "Requeue",
    "1h30m",
    "first",
    "/srv",
    "A=1 'B=x y'",
    "node03",
    "2",
    "-5",
    "4",
    "in.dat 'a b'",
    "*.csv",
    "No",
    "mpich",
    "MPI",
)


def test_the_form_reads_every_field() -> None:
    """Node sets are unfolded, words split as a shell would, durations and numbers read, words in any case."""
    assert read_wish(FULL).request == SubmitJob(
        program="sim",
        args=("-n", "2 3"),
        ranks=6,
        name="first",
        cwd="/srv",
        env={"A": "1", "B": "x y"},
        per_node=2,
        nodes=("node01", "node02"),
        exclude=("node03",),
        time_limit=5400.0,
        priority=-5,
        on_node_loss=OnNodeLoss.REQUEUE,
        max_attempts=4,
        launcher="mpich",
        files=("in.dat", "a b"),
        outputs=("*.csv",),
    )
    grown = read_wish(Fields("sim", loss="requeue", grow="yes"))
    assert grown.request == SubmitJob("sim", on_node_loss=OnNodeLoss.REQUEUE, grow=True)
    assert read_wish(Fields("hello")).request == SubmitJob("hello")
    assert read_wish(Fields("hello", ranks="", limit="90.5")).request == SubmitJob("hello", time_limit=90.5)


def test_a_job_becomes_the_form_that_asks_for_it() -> None:
    """Every field of a job goes into the form, and out of it again as it was."""
    job = states.job(
        7,
        "first",
        JobState.FAILED,
        program="/srv/sim",
        args=("-n", "2 3"),
        ranks=None,
        cwd="/srv",
        each=False,
        per_node=2,
        nodes=("node01", "node02"),
        exclude=("node03",),
        time_limit=93784.0,
        priority=-5,
        on_node_loss=OnNodeLoss.REQUEUE,
        max_attempts=4,
        launcher="mpich",
    )
    detail = JobDetail(job, (), ("A=1", "B=x y"), ("/srv/a b",), ("*.csv",), grow=True)
    fields = fields_of(detail)
    assert fields.limit == "1d2h3m4s"
    assert read_wish(fields).request == SubmitJob(
        "/srv/sim",
        ("-n", "2 3"),
        None,
        "first",
        "/srv",
        {"A": "1", "B": "x y"},
        per_node=2,
        nodes=("node01", "node02"),
        exclude=("node03",),
        time_limit=93784.0,
        priority=-5,
        on_node_loss=OnNodeLoss.REQUEUE,
        max_attempts=4,
        launcher="mpich",
        files=("/srv/a b",),
        outputs=("*.csv",),
        grow=True,
    )
    plain = fields_of(JobDetail(states.job(8, "nbody", JobState.FAILED, time_limit=0.25), ()))
    assert (plain.name, plain.limit, plain.ranks) == ("", "0.250", "8")


@pytest.mark.parametrize(
    ("problem", "key"),
    [
        ("program: x not found. Next: give its path", "program"),
        ("cwd: nowhere is no directory", "directory"),
        ("args: longer than 100000 bytes", "arguments"),
        ("time_limit: 0 s", "limit"),
        ("max_attempts: 0", "attempts"),
        ("on_node_loss: no", "loss"),
        ("No mpirun found. Next: get one", ""),
    ],
)
def test_a_refusal_names_a_field_of_the_form(problem: str, key: str) -> None:
    """Also where the service calls it otherwise."""
    assert refused_field(problem) == key


def _previewed(state: State, fields: Fields, width: int = 76, glyphs: Glyphs = UNICODE) -> str:
    wish = read_wish(fields)
    assert wish.request
    known = DryRun(dry_run_of(state, wish.request))
    lines = dry_run.lines(seen(state, glyphs=glyphs), wish, known, width)
    assert all(cell_width(text(line)) <= width for line in lines)
    return "\n".join(text(line) for line in lines)


def test_the_preview_maps_every_rank() -> None:
    """Each rank stands on its node, and the command line is there to its last word."""
    shown = _previewed(states.ready(), Fields("hello", ranks="6"))
    assert "6 of 16 slots, on 2 nodes" in shown
    assert "0-3 headnode" in shown
    assert "4-5 node01" in shown
    assert "node02" not in shown
    assert "with      Open MPI 5.0.11" in shown
    assert "command   /usr/bin/mpirun" in shown
    assert shown.endswith("/usr/lib/sciabc/hello.py")


def test_many_nodes_are_folded() -> None:
    """64 nodes are two lines: those with as many ranks each as one set."""
    shown = _previewed(states.many(64), Fields("hello", ranks="258"))
    assert "258 of 260 slots, on 65 nodes" in shown
    assert "0-255 headnode,node[000-062] (4 each)" in " ".join(shown.split())
    assert "256-257 node063" in shown
    mixed = tuple(AttemptHost(f"n{n}", "", tuple(range(3 * n, 3 * n + 1 + n % 2))) for n in range(64))
    known = DryRun(JobPreview("/x", "x", hosts=mixed))
    lines = dry_run.lines(seen(states.ready()), read_wish(Fields("x")), known, 40)
    assert "lines more" in "".join(map(text, lines))


def test_the_preview_tells_what_is_waited_for() -> None:
    """And how many have their turn before; without a command line, which nobody knows yet."""
    shown = _previewed(states.running(), Fields("hello", ranks="4"))
    assert "waits for 4 slots, 1 before it in the queue; starts by itself" in " ".join(shown.split())
    assert "mpirun" not in shown
    assert "never seen" in _previewed(states.ready(), Fields("hello", nodes="node09"))


def test_the_preview_tells_why_a_launch_would_fail() -> None:
    """In the service's own words; another cluster decides itself where a job goes."""
    wish = read_wish(Fields("hello", launcher="slurm"))
    known = DryRun(JobPreview("/x", "x", "Slurm 24.05", "sbatch x", problem="root may not. Next: don't"))
    shown = "\n".join(text(line) for line in dry_run.lines(seen(states.ready()), wish, known, 76))
    assert "fails     root may not. Next: don't" in shown
    assert "the other cluster decides where" in shown
    assert "command   sbatch x" in shown
    assert "ctrl+t" not in shown


def test_what_is_old_is_dim() -> None:
    """While the service is gone, or takes its time over another job, nothing looks as if it were so now."""
    wish, known = read_wish(Fields("hello")), DryRun(JobPreview("/x", "x", "MPI", "mpirun x"))
    for view, late in (
        (seen(states.ready(), gone=3.0), known),
        (seen(states.ready()), replace(known, late=True)),
    ):
        lines = dry_run.lines(view, wish, late, 76)
        assert {cell.tone.value for line in lines for cell in line} == {"dim"}


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
def test_the_slider_is_as_long_as_there_are_slots(glyphs: Glyphs) -> None:
    """A cell a slot up to 48, full for those that are taken; too many are full and marked."""
    line = form_lines.slider("6", 16, 60, glyphs)
    assert text(line) == f"{'6 of 16':14}{glyphs.levels[-1] * 6}{glyphs.silent * 10}"
    assert cell_width(text(form_lines.slider("all", 750, 80, glyphs))) == 62
    assert form_lines.slider("99", 16, 60, glyphs)[0].tone.value == "warn"
    assert text(form_lines.slider("all", 0, 60, glyphs)).strip() == "all"


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
def test_hostile_words_stay_plain(glyphs: Glyphs) -> None:
    """What comes from a folder or from the service can't leave its cells."""
    evil = "\x1b]0;x\x07[/b]\u202e\n"
    hosts = (AttemptHost(evil, evil, (0,)),)
    known = DryRun(JobPreview(evil, evil, evil, evil, hosts, problem=evil))
    wish = read_wish(Fields("x"))
    lines = [
        *dry_run.lines(seen(states.ready(), glyphs=glyphs), wish, known, 60),
        *dry_run.lines(seen(states.ready()), wish, DryRun(problem=evil, refused=True), 60),
        *form_lines.suggestions((evil, "b"), 0, 30, glyphs),
    ]
    assert all(text(line).isprintable() for line in lines)


async def test_the_form_asks_for_the_newest_and_shows_it() -> None:
    """One question at a time; what was typed meanwhile is asked next, and old answers are not shown."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "tab", "tab", *"12")
        await stage.until_text("12 of 16 slots, on 3 nodes")
        assert client.previewed[-1] == SubmitJob("hello", ranks=12)
        assert "0-3 headnode" in stage.text
        count = len(client.previewed)
        stage.clock.now += 1
        stage.app._look_again()
        await stage.pilot.pause()
        assert len(client.previewed) == count
        client.send(states.running())
        await stage.until_text("waits for 12 slots")


async def test_the_preview_follows_the_cluster() -> None:
    """A node that takes no more jobs changes the preview, although nothing was typed."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n")
        await stage.until_text("16 of 16 slots")
        state = states.ready()
        client.send(replace(state, nodes=dict(list(state.nodes.items())[:3])))
        await stage.until_text("12 of 12 slots")


async def test_a_refused_preview_marks_the_field() -> None:
    """While one types: in the service's words, and with a sign that needs no colour."""
    client = CapturingClient(states.ready())
    client.preview_refusal = CommandRefused("cwd: /nowhere is no directory. Next: make it, or choose another")
    async with on_stage(client) as stage:
        await stage.press("n", "ctrl+o")
        await stage.until_text("cwd: /nowhere is no directory. Next: make it")
        await stage.until_text("! Directory")
        client.preview_refusal = None
        await stage.press(*"x")
        await stage.until_text("16 of 16 slots")
        assert "! Directory" not in stage.text


async def test_keys_behind_ctrl_o_go_to_the_field_that_it_shows() -> None:
    """In one burst too, and also when the form has only just come up."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "ctrl+o", *"fast")
        assert value_of(stage, "name") == "fast"
        assert value_of(stage, "program") == "hello"


@pytest.mark.parametrize("before", [(), ("tab",), ("enter",), ("e",)])
async def test_keys_behind_n_go_to_the_form(before: tuple[str, ...]) -> None:
    """What comes in one packet with `n` is typed into the form, from any screen, and in its order."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press(*before)
        below = stage.app.screen
        for key in ("n", "d", "v", "q", "space", "n", "a"):  # each would do something on the screen below
            stage.app.post_message(Key(key, " " if key == "space" else key))
        await stage.until(lambda: isinstance(stage.app.screen, NewJobScreen))
        await stage.until(lambda: value_of(stage, "program").endswith("dvq na"))
        await stage.press("b")
        assert value_of(stage, "program").endswith("dvq nab")
        await stage.press("escape")
        assert stage.app.screen is below


async def test_a_bad_field_is_marked_and_gone_to() -> None:
    """Its problem is told under the fields while one types; Enter goes there, also if it was hidden."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "ctrl+o", "tab", "tab", *"NAME", "ctrl+o")
        await stage.until_text("environment: NAME is not NAME=value")
        assert "ctrl+o shows" in stage.text
        await stage.press("enter")
        await stage.until_text("! Environment")
        assert stage.app.screen.focused is stage.app.screen.query_one("#env")
        assert submitted(client) == []


async def test_an_unanswered_preview_says_so() -> None:
    """A service that does not answer is no refusal; it is asked again at the next look."""
    client = CapturingClient(states.ready())
    client.preview_refusal = ServiceUnavailable("The head service does not answer. Next: sciabc-tui status")
    async with on_stage(client) as stage:
        await stage.press("n")
        await stage.until_text("not known: The head service does not answer")
        client.preview_refusal = None
        stage.app._look_again()
        await stage.until_text("16 of 16 slots")


async def test_nodes_are_checked_when_the_job_is_settled() -> None:
    """One line says whether they are fit and what is worst; the grid is a key away."""
    client = CapturingClient(states.ready())
    client.report = states.fitness()
    async with on_stage(client) as stage:
        await stage.press("n", "tab", "tab", *"16")
        await stage.until_text("NOT FIT")
        wishes = [call[1] for call in client.asked if call[0] == "preflight"]
        assert wishes[-1] == PreflightWish("hello", nodes=("headnode", "node01", "node02", "node03"))
        assert "node03: ssh" in stage.text
        await stage.press("ctrl+t")
        await stage.until_text("new job of 16 ranks: hello")


async def test_escape_and_n_give_back_what_was_typed() -> None:
    """Every field, also the hidden ones; from any start of the form."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", *"sim", "tab", *"-x 1", "tab", *"7", "ctrl+o", *"first", "escape")
        assert isinstance(stage.app.screen, DashboardScreen)
        await stage.press("n")
        shown = {key: value_of(stage, key) for key in FIELDS}
        assert {"program": "sim", "arguments": "-x 1", "ranks": "7", "name": "first"}.items() <= shown.items()
        await stage.until_text("name set")
        await stage.press("ctrl+s")
        await stage.until(lambda: isinstance(stage.app.screen, LogScreen))
        assert submitted(client) == [SubmitJob("sim", ("-x", "1"), 7, "first")]
        await stage.press("escape", "n")
        assert value_of(stage, "name") == "first"


async def test_a_service_that_goes_takes_nothing_along() -> None:
    """What was typed stays, the preview is dim, Enter tells why it can't be sent."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "tab", *"--size 9")
        await stage.until_text("--size 9")
        client.refusal = ServiceUnavailable("No head service is running. Next: sciabc-tui head")
        client.go_away()
        await stage.until(lambda: stage.app.view().gone is not None)
        await stage.press("enter")
        await stage.until_text("No head service is running. Next: sciabc-tui head")
        assert value_of(stage, "arguments") == "--size 9"


async def test_e_runs_a_job_again_with_changes() -> None:
    """The form has the job's own values; it goes into the queue as a job of its own."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("tab", "E")
        await stage.until_text("Job 42 again, with changes")
        assert value_of(stage, "program") == "/srv/jobs/nbody.py"
        assert value_of(stage, "arguments") == "--steps 4000"
        assert value_of(stage, "env") == "OMP_NUM_THREADS=1"
        await stage.press("tab", "tab", *"2")
        await stage.press("escape", "n")
        assert value_of(stage, "program") == "hello"
        await stage.press("escape", "E")
        await stage.until_text("Job 42 again")
        assert value_of(stage, "ranks") == "2"
        await stage.press("enter")
        await stage.until(lambda: submitted(client))
        [request] = submitted(client)
        assert isinstance(request, SubmitJob)
        assert (request.program, request.ranks, request.args) == (
            "/srv/jobs/nbody.py",
            2,
            ("--steps", "4000"),
        )


async def test_the_form_fits_80x24_with_all_fields() -> None:
    """The field with the cursor is seen, and so are the preview's first lines."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "ctrl+o", *["tab"] * 11)
        await stage.until_text("▸ Kind")
        assert "16 of 16 slots" in stage.text
        assert "Program" not in stage.text
        await stage.press("tab")
        await stage.until_text("up down scrolls")
        await stage.press(*["down"] * 20)
        await stage.until_text("hello.py")
    async with on_stage(client := CapturingClient(states.ready()), WIDE) as stage:
        await stage.press("n", "ctrl+o")
        await stage.until_text("hello.py")
        assert all(f" {field.label} " in stage.text for field in FIELDS.values())


async def test_ranks_slide_and_can_be_typed() -> None:
    """Left and right go round over `all`; digits begin a new number; backspace takes them away again."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "tab", "tab")
        for key, value in (
            ("right", "1"),
            ("right", "2"),
            ("left", "1"),
            ("left", "all"),
            ("left", "16"),
            ("pageup", "6"),
            ("pagedown", "16"),
            ("home", "1"),
            ("1", "1"),
            ("2", "12"),
            ("backspace", "1"),
            ("backspace", "all"),
            ("8", "8"),
            ("a", "all"),
        ):
            await stage.press(key)
            assert value_of(stage, "ranks") == value, key


def test_every_field_has_a_default_and_a_label() -> None:
    """What the table of fields names is what the form holds, in any order."""
    assert set(FIELDS) == set(Fields.__slots__)
    assert {field.key for field in new_job.MAIN} & {field.key for field in new_job.MORE} == set()
