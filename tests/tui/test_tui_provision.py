"""Provisioning, page by page: which boards, whose keys, what is asked for, and that no password stays."""

import pytest
from textual.events import Paste
from textual.message import Message
from textual.widget import Widget

from sciabc_tui.api.provisioning import BoardWish, LookWish, ProvisionWish, ScanWish
from sciabc_tui.api.works import Begun, Board, Over
from sciabc_tui.tui.present import provision
from sciabc_tui.tui.present.cells import cell_width
from sciabc_tui.tui.requests import OpenWork
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.new_job import NewJobScreen
from sciabc_tui.tui.screens.provision import ProvisionScreen
from sciabc_tui.tui.screens.work import WorkScreen
from sciabc_tui.tui.widgets.secret import Secret
from tests.tui import states, works_told
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage
from tests.tui.views import seen, text
from tests.tui.works_told import CHANGED, NEW, PASSWORD, TYPED

LEAST = (60, 20)


def wishes(client: CapturingClient, kind: type) -> list[object]:
    """Give the wishes of a kind that were asked for."""
    return [call[1] for call in client.asked if call[0] == "work" and isinstance(call[1], kind)]


async def to_keys(stage: Stage) -> None:
    """Go to the second page, with a node and a board that was typed."""
    works_told.looked(stage.client)
    await stage.press("P", "tab", *TYPED, "enter", "enter")
    await stage.until_text("enter approves 2")


async def to_options(stage: Stage) -> None:
    """Go to the last page."""
    await to_keys(stage)
    await stage.press("enter")
    await stage.until_text("3 of 3: how?")


def board(name: str) -> BoardWish:
    """Give what is asked for of a board that was looked at."""
    return BoardWish(name, states.key_of("typed" if name == TYPED else name).fingerprint)


async def test_new_boards_are_selected() -> None:
    """`P` lists the boards that are there and don't compute, selected; Enter reads their host keys."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("P")
        await stage.until_text("1 selected of 1")
        await stage.press("enter")
        await stage.until(lambda: wishes(client, LookWish))
        assert wishes(client, LookWish) == [LookWish((NEW,))]
        assert "node05  asking" in stage.text


async def test_selected_nodes_are_preset() -> None:
    """With nodes selected on the dashboard it begins with those, whatever their state, and no others."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("j", "space", "space", "P", "enter")
        await stage.until(lambda: wishes(client, LookWish))
        assert wishes(client, LookWish) == [LookWish(("node01", "node02"))]


async def test_space_selects() -> None:
    """A board that is not selected is not looked at; with none Enter says what to do."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("P", "space", "enter")
        await stage.until_text("No board is selected. Next: space selects one")
        assert client.asked == []


async def test_a_star_selects_all() -> None:
    """All that do not compute yet, and none when they all were."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("P", "*")
        await stage.until_text("0 selected of 1")
        await stage.press("*")
        await stage.until_text("1 selected of 1")


@pytest.mark.parametrize(
    ("typed", "targets", "problem"),
    [
        ("10.0.0.5", ("10.0.0.5",), ""),
        ("pi@10.0.0.5:2222 node[01-03]", ("pi@10.0.0.5:2222", "node01", "node02", "node03"), ""),
        ("a,b a", ("a", "b"), ""),
        ("fe80::1", ("fe80::1",), ""),
        ("-oProxyCommand=x", (), "is no [USER@]HOST"),
        ("node[3-1]", (), "backwards"),
        ("a\u202eb", (), "is no [USER@]HOST"),
        ("node[0001-9999]", (), "more than 1024 boards"),
    ],
)
def test_what_is_typed_is_read(typed: str, targets: tuple[str, ...], problem: str) -> None:
    """Boards by address or name, users and ports, and node sets; all else says what is wrong."""
    found, why = provision.read_targets(typed)
    assert found == targets
    assert problem in why
    assert bool(why) == bool(problem)


async def test_a_scan_adds_boards() -> None:
    """On request only; progress is told, what computes already is told so, and Esc ends no more than it."""
    client = CapturingClient(states.lost())
    works_told.scanning(client)
    async with on_stage(client) as stage:
        await stage.press("P")
        assert client.asked == []
        await stage.press("ctrl+n")
        await stage.until_text("128 of 254 addresses 50%; esc ends it")
        assert "10.0.0.99" in stage.text
        assert "computes already" in stage.text
        await stage.press("escape")
        await stage.until(lambda: client.cancelled == [ScanWish()])
        assert isinstance(stage.app.screen, ProvisionScreen)
        assert "10.0.0.99" in stage.text
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))


async def test_the_palette_scans_at_once() -> None:
    """`:scan` opens the first page and begins."""
    client = CapturingClient(states.empty())
    works_told.scanning(client)
    async with on_stage(client) as stage:
        await stage.press("colon", *"scan", "enter")
        await stage.until_text("10.0.0.99")


async def test_a_changed_key_can_t_be_approved() -> None:
    """It is listed with what to do, and is not among the boards of the next page."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await to_keys(stage)
        assert "HOST KEY CHANGED" in stage.text
        assert "Next: sciabc-tui nodes forget node07" in stage.text
        await stage.press("enter")
        await stage.until_text(f"2 boards: {NEW}, {TYPED}")
        assert CHANGED not in stage.text


async def test_no_key_no_next_page() -> None:
    """Where no host key could be read Enter goes nowhere."""
    client = CapturingClient(states.lost())
    client.tell(LookWish, Begun((NEW,)), Board(NEW, problem="nobody answers", fix="Next: its power"), Over())
    async with on_stage(client) as stage:
        await stage.press("P", "enter")
        await stage.until_text("nothing to approve")
        await stage.press("enter")
        assert "nobody answers" in stage.text
        assert "2 of 3" in stage.text


@pytest.mark.parametrize("size", [LEAST, SMALL, WIDE])
async def test_fingerprints_are_seen_whole(size: tuple[int, int]) -> None:
    """What must be compared is never cut, also on the narrowest terminal."""
    async with on_stage(CapturingClient(states.lost()), size) as stage:
        await to_keys(stage)
        for name in (NEW, "typed", "other"):
            assert states.key_of(name).fingerprint in stage.text


async def test_what_is_asked_for() -> None:
    """All that stands on the pages is in the wish, with the fingerprints that were seen and the password."""
    client = CapturingClient(states.lost())
    works_told.provisioned(client)
    async with on_stage(client) as stage:
        await to_options(stage)
        await stage.press(*PASSWORD, "tab", *"sciabc", "tab", "down", "down", "tab", "4", "tab")
        await stage.press(*"node[11-12]", "tab", "down", "tab", "down", "enter")
        await stage.until(lambda: wishes(client, ProvisionWish))
        boards = tuple(
            BoardWish(b.target, b.fingerprint, name)
            for b, name in zip((board(NEW), board(TYPED)), ("node11", "node12"), strict=True)
        )
        assert wishes(client, ProvisionWish) == [
            ProvisionWish(boards, PASSWORD, "sciabc", "wheels", 4, new_host_keys=True, between=True)
        ]


@pytest.mark.parametrize(
    ("tabs", "typed", "told"),
    [
        (1, "Not a user", "new user: small letters"),
        (2, "x", "mpi by: one of auto"),
        (3, "0", "slots: 1 to 4096"),
        (4, "one", "host names: 2 names for 2 boards"),
        (4, "a_,b", "host names: 2 names"),
        (5, "x", "new keys: yes or no"),
    ],
)
async def test_what_can_t_be_used_is_told(tabs: int, typed: str, told: str) -> None:
    """While it is typed; Enter then goes to that field, and nothing is asked for."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await to_options(stage)
        await stage.press(*["tab"] * tabs, *typed)
        await stage.until_text(told)
        await stage.press("enter")
        assert isinstance(stage.app.screen, ProvisionScreen)
        assert wishes(client, ProvisionWish) == []


async def test_a_dry_run_comes_back_to_the_page() -> None:
    """ctrl+t asks for a dry run, from every field; after it Esc leads back, and Enter does it for real."""
    client = CapturingClient(states.lost())
    works_told.dry_run(client)
    async with on_stage(client) as stage:
        await to_options(stage)
        await stage.press(*PASSWORD, "tab", "ctrl+t")
        await stage.until_text("Nothing was changed. Next: esc, then enter does it")
        await stage.press("right", "right")
        await stage.until_text("+ <port>34343</port>")
        (wish,) = wishes(client, ProvisionWish)
        assert isinstance(wish, ProvisionWish)
        assert wish.dry_run
        await stage.press("escape")
        await stage.until_text("3 of 3: how?")
        assert "none: keys alone" in stage.text


async def test_when_it_is_done_all_of_it_is_left() -> None:
    """It says how many compute and how much was changed; `n` opens a job; Esc leads to the dashboard."""
    client = CapturingClient(states.lost())
    works_told.nothing_to_do(client)
    async with on_stage(client) as stage:
        await to_options(stage)
        await stage.press("enter")
        await stage.until_text("2 boards compute; 0 changes. Next: n runs a job")
        await stage.press("n")
        await stage.until(lambda: isinstance(stage.app.screen, NewJobScreen))
        await stage.press("escape", "escape")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))


async def test_the_failed_ones_again_with_the_password() -> None:
    """`r` leads back for the password, which was not kept, and only to those boards that failed."""
    client = CapturingClient(states.lost())
    works_told.provisioned(client)
    async with on_stage(client) as stage:
        await to_options(stage)
        await stage.press(*PASSWORD, "enter")
        await stage.until_text("2 of 3 boards compute")
        assert "no password is right for pi" in stage.text
        await stage.press("r")
        await stage.until_text("The password again")
        assert "none: keys alone" in stage.text


async def test_the_failed_ones_again_without_a_password() -> None:
    """Where keys alone were enough `r` does it again at once, on those that failed."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await to_options(stage)
        await stage.press("enter")
        await stage.until(lambda: wishes(client, ProvisionWish))
        client.tell(
            ProvisionWish,
            Begun((NEW, TYPED)),
            works_told.Ended(NEW, ok=True),
            works_told.Ended(TYPED, ok=False, text="disk full", fix="Next: free some"),
            Over(),
        )
        await stage.until_text("1 of 2 boards compute")
        await stage.press("r")
        await stage.until(lambda: len(wishes(client, ProvisionWish)) == 2)
        assert wishes(client, ProvisionWish)[1] == ProvisionWish((board(TYPED),))


async def test_the_password_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """On no screen and in no message but those of the keys; and the field forgets it when it is sent."""
    made: list[Message] = []
    post = Widget.post_message

    def noted(widget: Widget, message: Message) -> bool:
        made.append(message)
        return post(widget, message)

    monkeypatch.setattr(Widget, "post_message", noted)
    client = CapturingClient(states.lost())
    works_told.provisioned(client)
    shown: list[str] = []
    async with on_stage(client) as stage:
        await to_options(stage)
        secret = stage.app.screen.query_one(Secret)
        for key in PASSWORD:
            await stage.press("space" if key == " " else key)
        shown += [stage.text, repr(secret), repr(stage.app.screen), *(repr(m) for m in made)]
        assert secret.filled
        await stage.press("enter")
        await stage.until_text("2 of 3 boards compute")
        assert isinstance(stage.app.screen, WorkScreen)
        assert not secret.filled
        (wish,) = wishes(client, ProvisionWish)
        assert isinstance(wish, ProvisionWish)
        assert wish.password == PASSWORD
        shown += [stage.text, repr(wish), repr(OpenWork("x", wish)), repr(vars(stage.app.screen))]
        shown += [repr(message) for message in made]
    assert "*" * len(PASSWORD) in shown[0]
    assert any(isinstance(message, Secret.Changed) for message in made)
    assert not any(PASSWORD in one for one in shown)


async def test_leaving_the_page_forgets_the_password() -> None:
    """Esc to the page before, and leaving the wizard, each empty the field."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        await to_options(stage)
        secret = stage.app.screen.query_one(Secret)
        await stage.press(*PASSWORD[:7])
        assert secret.filled
        await stage.press("escape")
        await stage.until_text("2 of 3")
        assert not secret.filled


async def test_a_pasted_password_is_its_first_line() -> None:
    """Without the newline that a clipboard brings along."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await to_options(stage)
        secret = stage.app.screen.query_one(Secret)
        secret.post_message(Paste(f"{PASSWORD}\nmore\n"))
        await stage.until(lambda: secret.filled)
        assert secret.take() == PASSWORD
        assert not secret.filled


@pytest.mark.parametrize("width", [57, 77, 137])
def test_rows_fit(width: int) -> None:
    """Names from anywhere are plain, and no row is wider than the screen."""
    bad = Board("x" * 300, "10.0.0.1", problem="\x1b[31mred" * 40, fix="Next: \u202e do" * 30)
    good = Board("[/x]\x1b]0;t\x07", "10.0.0.2", fingerprint=states.key_of("a").fingerprint)
    table = provision.keys(seen(states.lost()), {"a": bad, "b": good}, ("w" * 200,), width)
    for row in table.rows:
        assert text(row.cells).isprintable()
        assert cell_width(text(row.cells)) <= width
    listed = provision.candidates(seen(states.lost()), (), ("y" * 250,), [bad, good])
    for row in provision.boards(seen(states.lost()), listed, 1, width).rows:
        assert text(row.cells).isprintable()
        assert cell_width(text(row.cells)) <= width
