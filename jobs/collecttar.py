"""Read the tar stream of a node, which may be hostile: regular files only, and nothing that costs memory.

``tarfile`` itself reads whole extended headers into memory, however long a stream says that they are; so it
only decodes single blocks here.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from jobs.errors import CollectError

_BLOCK = tarfile.BLOCKSIZE
_LONGEST_NAME = 4096
_LATEST = 2**40  # seconds since 1970: what a date of ours can hold


class Source(Protocol):
    """Where a stream comes from."""

    def exactly(self, count: int) -> bytes:
        """Read so many bytes; raises CollectError if the stream ends before or takes too long."""
        ...

    def at_end(self) -> bool:
        """Wait for more; tell whether there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the stream; its content follows, padded to whole blocks.

    Attributes:
        name: As the node gave it, not yet checked; bytes that are no UTF-8 are lone surrogates.
        size: In bytes.
        modified: When it was changed, in seconds since 1970 by the node's clock.
        mode: Its permissions.
        same_as: The name of an earlier file that it is another name of; empty if it is one of its own.
    """

    name: str
    size: int
    modified: float
    mode: int
    same_as: str = ""

    @property
    def padding(self) -> int:
        """How many bytes stand behind its content."""
        return -self.size % _BLOCK


def members(source: Source) -> Iterator[Member]:
    """Give the files of one tar archive, or of several that stand behind each other.

    Whoever asks for the next one has read the content and the padding of the one before.

    Raises:
        CollectError: This is no tar, or holds what no collecting tar sends: links, devices, sparse files.
    """
    names: dict[bytes, str] = {}
    while not source.at_end():
        block = source.exactly(_BLOCK)
        if not any(block):
            continue  # the end of an archive; another one may follow
        info = _header(block)
        if info.type in {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}:
            names[info.type] = _long_name(source, info.size)
            continue
        name = names.get(tarfile.GNUTYPE_LONGNAME, info.name)
        link = names.get(tarfile.GNUTYPE_LONGLINK, info.linkname)
        names.clear()
        yield _member(info, name, link)


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        raise CollectError("what it sent is no tar") from error
    if info.size < 0:
        raise CollectError("what it sent is no tar")
    return info


def _long_name(source: Source, size: int) -> str:
    if not 0 < size <= _LONGEST_NAME:
        raise CollectError("it sent a name that is too long")
    padded = source.exactly(size + -size % _BLOCK)
    return padded[:size].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _member(info: tarfile.TarInfo, name: str, link: str) -> Member:
    modified = min(max(0, info.mtime), _LATEST)
    match info.type:
        case tarfile.REGTYPE | tarfile.AREGTYPE if not name.endswith("/"):
            return Member(name, info.size, modified, info.mode)
        case tarfile.LNKTYPE:
            return Member(name, 0, modified, info.mode, same_as=link)
        case _:
            raise CollectError("it sent what is no file")
