"""What may go wrong with a stick at any moment: faults of every transfer, unplugging, hanging."""

import errno
import threading
from collections.abc import Callable

import pytest

from hw.errors import StickError, StickFault
from hw.stick import Stick
from tests.hw import usb_sticks
from tests.hw.usb_sticks import Board, Usb

BOARDS = {
    "BlinkStick": usb_sticks.blinkstick,
    "Pro": usb_sticks.pro,
    "Square": usb_sticks.square,
    "Strip": usb_sticks.strip,
    "Nano": usb_sticks.nano,
    "Flex": usb_sticks.flex,
}
every_model = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
LASTING = (errno.ENODEV, errno.ETIMEDOUT, errno.EBUSY, errno.ENOMEM, errno.EOVERFLOW, errno.ENOENT)
PASSING = (errno.EPIPE, errno.EIO)


@pytest.fixture
def usb(monkeypatch: pytest.MonkeyPatch) -> Usb:
    """Put our libusb under the real pyusb."""
    usb = Usb()
    monkeypatch.setattr("usb.backend.libusb1.get_backend", lambda: usb)
    return usb


def use(usb: Usb) -> None:
    """Open a stick, show three pictures and give it back, whatever happens."""
    stick = Stick.open_first(sleep=lambda _: None)
    try:
        for part in (1, 2, 3):
            stick.set(part, part, part)
    finally:
        stick.close()


def transfers_of_a_use(usb: Usb, board: Callable[[], Board]) -> int:
    """Count the transfers of an undisturbed use."""
    usb.plug(board())
    usb.transfers = 0
    use(usb)
    return usb.transfers


@every_model
@pytest.mark.parametrize("number", LASTING)
def test_a_fault_of_any_transfer_is_one_line_and_leaves_nothing_behind(
    usb: Usb, board: Callable[[], Board], number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whichever transfer fails: a StickError, no handle, not a word on the terminal; the next use works."""
    for place in range(1, transfers_of_a_use(usb, board) + 1):
        usb.plug(board())
        usb.transfers, usb.fault_at = 0, {place: number}
        with pytest.raises(StickError, match="Next: unplug it") as caught:
            use(usb)
        assert caught.value.kind is StickFault.GONE
        assert "\n" not in str(caught.value)
        assert usb.handles == 0
        use(usb)
        assert usb.board.lit[0] == (3, 3, 3)
    assert capfd.readouterr() == ("", "")


@every_model
@pytest.mark.parametrize("number", PASSING)
def test_a_stick_that_was_busy_is_asked_once_more(usb: Usb, board: Callable[[], Board], number: int) -> None:
    """A stall, or a garbled packet, of any transfer is nothing that the lamp goes out for."""
    for place in range(1, transfers_of_a_use(usb, board) + 1):
        usb.plug(board())
        usb.transfers, usb.fault_at = 0, {place: number}
        use(usb)
        assert usb.board.lit[0] == (3, 3, 3)


@every_model
def test_unplugged_during_any_transfer_and_plugged_in_again(
    usb: Usb, board: Callable[[], Board], capfd: pytest.CaptureFixture[str]
) -> None:
    """Pulled out at any moment it is gone, then absent, and lit as soon as it is back."""
    for place in range(1, transfers_of_a_use(usb, board) + 1):
        usb.plug(board())
        usb.transfers, usb.unplug_at = 0, place
        with pytest.raises(StickError) as caught:
            use(usb)
        assert caught.value.kind is StickFault.GONE
        with pytest.raises(StickError) as caught:
            use(usb)
        assert caught.value.kind is StickFault.ABSENT
        usb.plug()
        use(usb)
        assert usb.board.lit[0] == (3, 3, 3)
        assert usb.handles == 0
    assert capfd.readouterr() == ("", "")


@every_model
def test_plugged_in_again_unseen_it_is_opened_anew(usb: Usb, board: Callable[[], Board]) -> None:
    """Replugged between two pictures, the old handle is of no use; a new opening lights it."""
    usb.plug(board())
    stick = Stick.open_first(sleep=lambda _: None)
    stick.set(1, 1, 1)
    usb.unplug()
    usb.plug()
    assert set(usb.board.lit) == {(0, 0, 0)}
    with pytest.raises(StickError) as caught:
        stick.set(2, 2, 2)
    assert caught.value.kind is StickFault.GONE
    stick.close()
    use(usb)
    assert usb.board.lit[0] == (3, 3, 3)


def test_another_model_may_come_back(usb: Usb) -> None:
    """Somebody plugs a strip in where a single LED was: it is used as what it is."""
    Stick.open_first().close()
    usb.unplug()
    usb.plug(usb_sticks.strip())
    assert Stick.open_first(sleep=lambda _: None).count == 8


@every_model
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_missing_udev_rule_names_it_for_every_model(
    usb: Usb, board: Callable[[], Board], number: int
) -> None:
    """Not being allowed is not the stick's fault, and it is tried once only."""
    usb.plug(board())
    usb.open_fault = number
    with pytest.raises(StickError, match="udev rule") as caught:
        use(usb)
    assert caught.value.kind is StickFault.DENIED
    assert (usb.transfers, usb.handles) == (0, 0)


def test_a_hanging_stick_says_so(usb: Usb, capfd: pytest.CaptureFixture[str]) -> None:
    """A transfer that times out is told as such, after one try."""
    stick = Stick.open_first()
    usb.hangs = threading.Event()
    usb.hangs.set()
    before = usb.transfers
    with pytest.raises(StickError, match="timed out") as caught:
        stick.set(1, 2, 3)
    assert caught.value.kind is StickFault.GONE
    assert usb.transfers == before + 1
    assert capfd.readouterr() == ("", "")
