"""Reading tar streams that nobody can trust."""

import contextlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.collecttar import Member, members
from jobs.errors import CollectError

_MEMORY = 16 * 1024


@dataclass(slots=True)
class Bytes:
    """A stream that is all there; refuses to be read in large pieces, as memory is small."""

    data: bytes
    at: int = 0
    asked: list[int] = field(default_factory=list[int])

    def exactly(self, count: int) -> bytes:
        """Read so many bytes."""
        self.asked.append(count)
        found = self.data[self.at : self.at + count]
        self.at += count
        if len(found) < count:
            raise CollectError("the stream ends")
        return found

    def at_end(self) -> bool:
        """Tell whether there is more."""
        return self.at >= len(self.data)


def _read(data: bytes) -> Iterator[tuple[Member, bytes]]:
    source = Bytes(data)
    for member in members(source):
        if member.size > len(data):
            raise CollectError("the stream ends")
        content = source.exactly(member.size)
        source.exactly(member.padding)
        source.asked.clear()
        yield member, content
    assert max(source.asked, default=0) <= _MEMORY


def _archive(*infos: tuple[tarfile.TarInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, content in infos:
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def _info(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field_name, value in fields.items():
        setattr(info, field_name, value)
    return info


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=150).filter(
                lambda name: not name.endswith("/")
            ),
            st.binary(max_size=1500),
            st.integers(0, 2**34),
            st.integers(0, 0o7777),
        ),
        max_size=5,
    )
)
def test_files_come_back_as_they_went(files: list[tuple[str, bytes, int, int]]) -> None:
    """Name, content, time and mode, of two archives behind each other too."""
    entries = [
        (_info(name, size=len(content), mtime=mtime, mode=mode), content)
        for name, content, mtime, mode in files
    ]
    data = _archive(*entries[:2]) + _archive(*entries[2:])
    assert [*_read(data)] == [
        (Member(name, len(content), mtime, mode), content) for name, content, mtime, mode in files
    ]


def test_another_name_of_a_file_is_told() -> None:
    """A hard link names what it is the same as, however long both names are."""
    data = _archive((_info("b" * 200, tarfile.LNKTYPE, linkname="a" * 200), b""))
    assert [member for member, _ in _read(data)] == [Member("b" * 200, 0, 0, 0o644, same_as="a" * 200)]


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
        tarfile.CONTTYPE,
        tarfile.GNUTYPE_SPARSE,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        b"Z",
    ],
)
def test_what_is_no_file_is_refused(kind: bytes) -> None:
    """Links, devices, sparse files that would blow up, extended headers: our own tar sends none."""
    block = _info("work/x", kind, linkname="/etc/passwd", size=0).tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(CollectError, match="no file"):
        list(_read(block))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize("size", [0, 5000, 2**33])
def test_a_name_without_end_costs_nothing(kind: bytes, size: int) -> None:
    """However long a name is said to be, it is refused before it is read."""
    source = Bytes(_info("././@LongLink", kind, size=size).tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(CollectError, match="too long"):
        list(members(source))
    assert source.asked == [tarfile.BLOCKSIZE]


def test_a_size_below_zero_is_refused() -> None:
    """It would be read backwards, for ever."""
    block = bytearray(_info("x").tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"\xff" * 12
    with pytest.raises(CollectError, match="no tar"):
        list(_read(_signed(block)))


@given(st.binary(max_size=3000))
def test_any_bytes_end_in_one_error(data: bytes) -> None:
    """Noise is no tar, and nothing else ever happens."""
    _survives(data)


@given(st.data())
def test_any_damage_ends_in_one_error(data: st.DataObject) -> None:
    """A stream with some bytes changed, cut off, or with a header that is signed all the same."""
    files = [(_info(f"work/{number}" + "x" * 90 * number, size=700), b"c" * 700) for number in range(3)]
    stream = bytearray(_archive(*files))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(stream) - 1), st.integers(0, 255)))):
        stream[at] = value
    if data.draw(st.booleans()):
        stream[:512] = _signed(stream[:512])
    _survives(bytes(stream[: data.draw(st.integers(0, len(stream)))]))


def _signed(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _survives(data: bytes) -> None:
    read = 0
    with contextlib.suppress(CollectError):
        for _, content in _read(data):
            read += len(content)
    assert read <= len(data)
