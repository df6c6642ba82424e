"""What is said of the copying of files. Pure."""

import errno

_SHOWN = 120
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM)


def size_text(size: int) -> str:
    """Write a number of bytes for people."""
    if size < 1000:
        return f"{size} bytes"
    if size < 1_000_000:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.1f} MB" if size < 1_000_000_000 else f"{size / 1e9:.1f} GB"


def files_text(count: int) -> str:
    """Write a number of files for people."""
    return "1 file" if count == 1 else f"{count} files"


def plain(text: object) -> str:
    """Make what a node said one printable line, not too long."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in str(text)[:4096])
    return clean if len(clean) <= _SHOWN else f"...{clean[-_SHOWN:]}"


def why_refused(words: str, number: int, path: str, name: str) -> tuple[str, str]:
    """Say why files could not be copied, and what to do.

    Args:
        words: What a node says of it.
        number: The error that was met (errno(3)); 0 for none.
        path: Where.
        name: The node.
    """
    path, why = plain(path), plain(words)
    if number in _FULL:
        return full(name)
    if number in _CLOSED:
        return f"{path}: {why.lower()}", f"Next: name another place, or see on {name}: ls -ld {path}"
    if number == errno.EROFS:
        return f"{path} is on a read-only disk", f"Next: on {name}: sudo mount -o remount,rw /, or dmesg"
    if number == errno.ENOENT:
        return f"{path} is not there", f"Next: sciabc-tui exec -w {name} -- ls"
    if number in {errno.EISDIR, errno.ENOTDIR, errno.EEXIST}:
        return f"{path}: {why.lower()}", f"Next: on {name}: move it away"
    if number == 0:
        return f"{path} {why}", "Next: again"
    return f"{path}: {why.lower()}", f"Next: look at the disk of {name}: dmesg"


def full(name: str, free: int | None = None, need: int = 0) -> tuple[str, str]:
    """Say that a disk is full, and what to do."""
    fix = f"Next: remove something on {name}"
    if free is None:
        return "its disk is full", fix
    return f"{size_text(free)} free, {size_text(need)} are to be copied", fix
