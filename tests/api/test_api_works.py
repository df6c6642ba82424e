"""Works over the socket: each part arrives as it happens, and who hangs up cancels."""

import threading

import msgspec
import pytest

from sciabc_tui.api.client import Client
from sciabc_tui.api.powering import PackWish, PowerWish
from sciabc_tui.api.provisioning import BoardWish, ProvisionWish
from sciabc_tui.api.remote import ExecWish
from sciabc_tui.api.work_routes import WISHES
from sciabc_tui.api.works import Begun, Board, Ended, Over, Part, Said, Step
from sciabc_tui.errors import CommandRefused, SciabcError, ServiceUnavailable
from tests.api.scripted import Serving

WISH = ExecWish(("node01", "node02"), "hostname", within=5.0)
PARTS = (
    Begun(("node01", "node02"), ("key", "mpi")),
    Step("node01", "key", "running", share=0.5),
    Said("node01", b"\x1b[31m\xff\x00\n", err=True),
    Board("10.0.0.9", problem="no answer", fix="Next: plug it in"),
    Ended("node01", ok=True, text="7 things", changes=7, code=0),
    Ended("node02", ok=False, text="no route", fix="Next: plug it in"),
    Over("1 of 2 done"),
)


def test_every_part_arrives_as_it_is(client: Client, service: Serving) -> None:
    """Bytes too; the wish arrives with the name of whom the kernel knows."""
    heard: list[Part] = []
    service.backend.parts = PARTS
    client.work(WISH, heard.append)
    assert tuple(heard) == PARTS
    assert [wish for wish, _ in service.backend.works] == [WISH]


def test_parts_are_told_as_they_happen(client: Client, service: Serving) -> None:
    """The first is there while the second is waited for."""
    service.do(service.backend.go_on.clear)
    heard: list[Part] = []

    def hear(part: Part) -> None:
        heard.append(part)
        service.do(service.backend.go_on.set)

    client.work(WISH, hear)
    assert [type(part) for part in heard] == [Begun, Ended, Over]


def test_who_hangs_up_cancels(client: Client, service: Serving) -> None:
    """The work is closed within seconds, and its caller hears that nobody answers."""
    service.do(service.backend.go_on.clear)
    begun = threading.Event()
    ended: list[SciabcError] = []

    def ask() -> None:
        try:
            client.work(WISH, lambda _: begun.set())
        except SciabcError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(10)
    client.stop_works()
    asking.join(10)
    assert [type(error) for error in ended] == [ServiceUnavailable]
    service.until(service.backend.closed.is_set)


@pytest.mark.parametrize("moment", range(12))
def test_a_stop_is_heard_at_any_moment(client: Client, service: Serving, moment: int) -> None:
    """Also by a work that is about to begin: it is never begun, or it is closed; it never just goes on."""
    service.do(service.backend.go_on.clear)
    ended: list[type[SciabcError]] = []

    def ask() -> None:
        try:
            client.work(WISH, lambda _: None)
        except SciabcError as error:
            ended.append(type(error))

    asking = threading.Thread(target=ask)
    if moment:
        asking.start()
        threading.Event().wait(moment * 0.0004)
        client.stop_works()
    else:
        client.stop_works()
        asking.start()
    asking.join(10)
    assert ended == [ServiceUnavailable]
    Client(service.socket).state()  # who is answered knows that all who came before were let in
    backend = service.backend
    service.until(lambda: not service.server.connections and (not backend.works or backend.closed.is_set()))


def test_a_work_that_was_cut_off_is_not_done(client: Client, service: Serving) -> None:
    """Without the last part nobody is told that all went well."""
    service.backend.parts = PARTS[:-1]
    with pytest.raises(ServiceUnavailable):
        client.work(WISH, lambda _: None)


def test_a_refusal_comes_before_all_parts(client: Client, service: Serving) -> None:
    """It is raised as the error that it is."""
    service.backend.parts = CommandRefused("no such thing. Next: another")
    with pytest.raises(CommandRefused, match="another"):
        client.work(WISH, lambda _: None)


@pytest.mark.parametrize(
    "wish",
    [
        ProvisionWish((BoardWish("pi@10.0.0.9", "SHA256:x"),), password="hunter2"),
        PowerWish(("node01",), "off", password="hunter2"),
        PackWish(password="hunter2"),
    ],
)
def test_a_password_is_in_no_repr(wish: ProvisionWish | PowerWish | PackWish) -> None:
    """What a log or a traceback shows of a wish has none; what is sent has it."""
    assert "hunter2" not in repr(wish) + "".join(map(str, wish.__rich_repr__()))
    assert b"hunter2" in msgspec.json.encode(wish)


def test_each_wish_has_a_path_of_its_own() -> None:
    """No two works share a name, and none is without."""
    names = [kind.name for kind in WISHES]
    assert len(set(names)) == len(names)
    assert all(names)
