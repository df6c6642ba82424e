"""What mpirun and its daemons say to each other, as far as a relay between them must know it.

The runtime of Open MPI 5 is PRRTE 3.0. Its messages are a header and a payload: ``prte_oob_tcp_hdr_t`` in
``oob_tcp_hdr.h``, in network byte order, and values as PMIx packs them: how many there are, then each. All
that is here was read off the wire of Open MPI 5.0.11 too, and the first message of every daemon is checked.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.errors import LauncherRefused

_HEADER = struct.Struct(">256sI256sIIIIB35x")  # from whom, to whom, tag, number, length, kind
HEADER_BYTES = _HEADER.size
_LONGEST = 1 << 30

# prte_rml_tag_t, mca_oob_tcp_msg_type_t, prte_plm_cmd_flag_t, prte_proc_state_t, prte_daemon_cmd_flag_t
_TAG_LAUNCHER = 5
_TAG_TO_ALL = 15
_TAG_FENCE = 33
_KINDS = range(1, 5)
_KIND_USER = 4
_ANY_NUMBER = 0xFFFFFFFF
_UPDATE_STATE = 2
_ABORTED_BY_SIGNAL = 54
_KILLED = 128 + 9
# A daemon command as it ends its message: one tag, that of daemons; one command, to exit or to halt.
_LAST_WORDS = (b"\x02\x01\x02\x07", b"\x02\x01\x02\x13")
_A_32_BIT_NUMBER = 14  # PMIX_UINT32
# An event of a process: PMIX_EVENT_AFFECTED_PROC, of the type PMIX_PROC; then its job and its number.
_AFFECTED = re.compile(rb"pmix\.evproc\0\0\x16[^@]{1,260}@1\0([\x80-\xff]{0,4}[\0-\x7f])")
_SIGNALLED = b"\xa3\x06"  # PMIX_ERR_PROC_ABORTED_BY_SIG, as it is packed


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was read.

    Attributes:
        sender: The name of the sender's job, such as ``prterun-head-39@0``.
        rank: The sender's number there: 0 is mpirun, its daemons follow.
        tag: What it is about.
        length: Bytes of payload.
        header: As it was.
    """

    sender: str
    rank: int
    tag: int
    length: int
    header: bytes


def read(header: bytes) -> Message:
    """Read a header of ``HEADER_BYTES``.

    Raises:
        LauncherRefused: It is none that is known.
    """
    sender, rank, receiver, _, tag, _, length, kind = _HEADER.unpack(header)
    name = _text(sender)
    if kind not in _KINDS or length > _LONGEST or not name or name != _text(receiver):
        raise LauncherRefused("This Open MPI's runtime is none that is known. Next: choose fail or requeue")
    return Message(name, rank, tag, length, header)


def orders_the_end(message: Message, payload: bytes) -> bool:
    """Tell whether mpirun orders its daemons to exit with it: from then on a closed connection is no loss."""
    return message.tag == _TAG_TO_ALL and payload.endswith(_LAST_WORDS)


def meets_others(message: Message) -> bool:
    """Tell whether a daemon says that all ranks of its node wait for all others: twice in MPI_Init."""
    return message.tag == _TAG_FENCE


def rank_killed(message: Message, payload: bytes) -> int | None:
    """Read which rank was ended by a signal, if mpirun tells the others of one."""
    if message.tag != _TAG_TO_ALL or _SIGNALLED not in payload:
        return None
    found = _AFFECTED.search(payload)
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(found[1])) if found else None


def killed(daemons: str, daemon: int, ranks: Sequence[int]) -> bytes:
    """Write what a daemon says when ranks of its node were ended by SIGKILL.

    Args:
        daemons: The name of the daemons' job, as in ``Message.sender``.
        daemon: The daemon's number.
        ranks: Which ranks of the program.
    """
    program = f"{daemons.removesuffix('@0')}@1".encode() + b"\0"
    payload = _one(bytes([_UPDATE_STATE])) + _one(_signed(len(program)) + program)
    for rank in ranks:
        pid = bytes([_A_32_BIT_NUMBER]) + _number(0)  # nobody asks a dead process for it
        state = _number(_ABORTED_BY_SIGNAL)
        payload += _one(_number(rank)) + _one(pid) + _one(state) + _one(_signed(_KILLED))
    who = daemons.encode()
    header = _HEADER.pack(who, daemon, who, 0, _TAG_LAUNCHER, _ANY_NUMBER, len(payload), _KIND_USER)
    return header + payload


def _one(value: bytes) -> bytes:
    return _signed(1) + value


def _signed(value: int) -> bytes:
    return _number(2 * value if value >= 0 else -2 * value - 1)


def _number(value: int) -> bytes:
    """Pack a number, seven bits a byte, the lowest first; PMIx calls it flex."""
    packed = bytearray()
    while value > 0x7F:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def _text(name: bytes) -> str:
    text, _, rest = name.partition(b"\0")
    return "" if any(rest) or not text.isascii() else text.decode()
