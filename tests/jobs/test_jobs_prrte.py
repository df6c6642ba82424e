"""What mpirun and its daemons say: as it was read off the wire of Open MPI 5.0.11."""

import pytest

from jobs import prrte
from jobs.errors import LauncherRefused

_DAEMONS = "prterun-head-39@0"
_JOB = "24 7072746572756e2d686561642d33394031 00"
_WHOLE_JOB = f"{_JOB} feffffff0f"
_ALL_DAEMONS = "24 7072746572756e2d686561642d33394030 00 feffffff0f"

_HALT = bytes.fromhex(f"0200 021f 0201 02 {_ALL_DAEMONS} 0201 0213")
_EXIT = _HALT[:-1] + b"\x07"
_MEETING = bytes.fromhex(f"0200 023c 0201 02 {_WHOLE_JOB} 021f 0201 02 {_WHOLE_JOB} 02000200")
_KILLED = bytes.fromhex(
    f"0200 029f01 0201 02 {_ALL_DAEMONS} 023b 02fcffffff0f 02a306 02 {_JOB} 02 0206 0206"
    f"0306 18 706d69782e657670726f6300 0016 {_JOB} 02"
    f"1a 706d69782e657672616e676500 0016 {_WHOLE_JOB} 1e 706d69782e657869742e636f646500 0006 9202"
)


def _message(payload: bytes, tag: int) -> prrte.Message:
    return prrte.Message(_DAEMONS, 0, tag, len(payload), b"")


def test_killed_ranks_are_told_as_a_daemon_tells_them() -> None:
    """But for the pid, which is not known, they are the bytes of a daemon whose rank 2 got SIGKILL."""
    told = prrte.killed(_DAEMONS, 2, [2])
    message = prrte.read(told[: prrte.HEADER_BYTES])
    assert (message.sender, message.rank, message.tag, message.length) == (_DAEMONS, 2, 5, 32)
    assert told[prrte.HEADER_BYTES :] == bytes.fromhex(f"0202 02 {_JOB} 0202 020e00 0236 029202")
    assert told[256:260] == b"\0\0\0\x02"
    assert told[260:520] == _DAEMONS.encode().ljust(260, b"\0")
    assert told[524:528] == b"\xff\xff\xff\xff"
    assert told[532] == 4


def test_numbers_of_many_ranks_are_packed() -> None:
    """Beyond 127 a number takes two bytes, and a message all ranks of a node."""
    payload = prrte.killed(_DAEMONS, 9, [127, 128, 300])[prrte.HEADER_BYTES :]
    rest = bytes.fromhex("020e00 0236 029202")
    assert payload.endswith(b"\x02\x7f" + rest + b"\x02\x80\x01" + rest + b"\x02\xac\x02" + rest)


def test_the_order_to_end_is_known() -> None:
    """To exit as well as to halt; nothing else that goes to all daemons is one."""
    assert prrte.orders_the_end(_message(_EXIT, 15), _EXIT)
    assert prrte.orders_the_end(_message(_HALT, 15), _HALT)
    assert not prrte.orders_the_end(_message(_EXIT, 5), _EXIT)
    assert not prrte.orders_the_end(_message(_MEETING, 15), _MEETING)
    assert not prrte.orders_the_end(_message(_KILLED, 15), _KILLED)


def test_who_was_killed_is_read() -> None:
    """Mpirun tells all of a killed rank; large numbers too, and of nothing else."""
    assert prrte.rank_killed(_message(_KILLED, 15), _KILLED) == 2
    many = _KILLED.replace(bytes.fromhex(f"0016 {_JOB} 02 1a"), bytes.fromhex(f"0016 {_JOB} ac02 1a"))
    assert many != _KILLED
    assert prrte.rank_killed(_message(many, 15), many) == 300
    assert prrte.rank_killed(_message(_EXIT, 15), _EXIT) is None
    assert prrte.rank_killed(_message(_KILLED, 5), _KILLED) is None


@pytest.mark.parametrize(
    "change",
    [
        (0, b"\0"),  # from nobody
        (3, b"\xff"),  # no text
        (100, b"x"),  # more behind the name
        (260, b"q"),  # to another job
        (528, b"\x7f"),  # 2 GiB
        (532, b"\x09"),  # of no kind
    ],
)
def test_another_runtime_is_refused(change: tuple[int, bytes]) -> None:
    """A header that is not as known says so in one line, with what to do."""
    header = bytearray(prrte.killed(_DAEMONS, 2, [2])[: prrte.HEADER_BYTES])
    place, byte = change
    header[place : place + 1] = byte
    with pytest.raises(LauncherRefused, match=r"none that is known\. Next: "):
        prrte.read(bytes(header))
