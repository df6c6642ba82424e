"""What a node says before a job goes there: the lines of ``jobs.preflight``, read.

What arrives is believed only as far as it has their form.
"""

import re
from dataclasses import dataclass

from jobs.launchers import title
from jobs.machine import UNKNOWN, Machine
from jobs.preflight import LONGEST, WORD

_NUMBER = re.compile(r"[0-9]{1,15}")
_CLOCK = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_STATUS = re.compile(r"[0-9]{1,3}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DF = re.compile(r" ([0-9]{1,15}) -?[0-9]{1,15} (-?[0-9]{1,15}) +[0-9-]{1,4}%? /")


@dataclass(frozen=True, slots=True)
class FoundLauncher:
    """A launcher on the node: where, and what it is, such as ``Open MPI 5.0.11``; empty if it did not say."""

    path: str
    title: str


@dataclass(frozen=True, slots=True)
class FoundPython:
    """What came of loading mpi4py; empty is how far it did not get.

    Attributes:
        status: The exit status; 127 means no such interpreter, 124 and 137 that it took too long.
        version: The interpreter's.
        mpi4py: Its version.
        library: The MPI that it loaded, such as ``Open MPI 5.0.11``.
    """

    status: int
    version: str = ""
    mpi4py: str = ""
    library: str = ""


@dataclass(frozen=True, slots=True)
class FoundProgram:
    """The program on the node; ``sha256`` is empty if nothing there can tell it."""

    there: bool
    readable: bool = False
    executable: bool = False
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class FoundDisk:
    """Bytes that are free on the file system of a place."""

    place: str
    free: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node said; None, or nothing, where it did not.

    Attributes:
        clock: Its time, in seconds since 1970.
        tick: How much later than ``clock`` it may have been, in seconds.
        memory: Bytes that programs could have.
        launchers: In the order in which they were asked.
        python: What came of loading mpi4py.
        program: Whether it is there.
        directory: ``there``, ``closed`` (no entry for us, or no directory) or ``missing``.
        disks: Those that a job writes to.
        complete: Whether it said that this was all.
        machine: Its processor.
    """

    clock: float | None = None
    tick: float = 1.0
    memory: int | None = None
    launchers: tuple[FoundLauncher, ...] = ()
    python: FoundPython | None = None
    program: FoundProgram | None = None
    directory: str = ""
    disks: tuple[FoundDisk, ...] = ()
    complete: bool = False
    machine: Machine = UNKNOWN


def parse(said: bytes) -> Facts:
    """Read what a node said; whatever else is in it is passed over, and of what is said twice the first."""
    told: dict[str, list[tuple[str, str]]] = {}
    for line in said.split(b"\n"):
        word, _, rest = line.partition(b"\t")
        if word == WORD.encode():
            key, first, second, *_ = (*map(_clean, rest.split(b"\t", 3)), "", "")
            told.setdefault(key, []).append((first, second))
    first = {key: answers[0] for key, answers in told.items()}
    clock, tick = _clock(first.get("clock", ("", ""))[0])
    memory = first.get("memory", ("", ""))[0]
    directory = first.get("directory", ("", ""))[0]
    return Facts(
        clock=clock,
        tick=tick,
        memory=int(memory) * 1024 if _NUMBER.fullmatch(memory) else None,
        launchers=tuple(FoundLauncher(path, title(words)) for path, words in told.get("mpi", [])[:8]),
        python=_python(*first["python"]) if "python" in first else None,
        program=_program(*first["program"]) if "program" in first else None,
        directory=directory if directory in {"there", "closed", "missing"} else "",
        disks=tuple(
            FoundDisk(place, int(found[2]) * 1024)
            for place, words in told.get("disk", [])[:8]
            if (found := _DF.search(words))
        ),
        complete="end" in told,
        machine=_machine(*first.get("machine", ("", ""))),
    )


def _machine(name: str, bits: str) -> Machine:
    return Machine(name, int(bits) if bits in {"32", "64"} else 0)


def _clock(text: str) -> tuple[float | None, float]:
    # busybox and others may know no %N: then it is a whole second that this is the beginning of
    seconds = _CLOCK.match(text)
    if seconds is None:
        return None, 1.0
    fraction = seconds[2] or ""
    return float(f"{seconds[1]}.{fraction or 0}"), 10.0 ** -len(fraction)


def _python(status: str, words: str) -> FoundPython | None:
    if not _STATUS.fullmatch(status):
        return None
    version, mpi4py, library, *_ = (*words.split(";", 2), "", "")
    return FoundPython(int(status), version.strip()[:20], mpi4py.strip()[:20], title(library.strip()))


def _program(rights: str, words: str) -> FoundProgram | None:
    if rights == "missing":
        return FoundProgram(there=False)
    if not rights.startswith("-"):
        return None
    found = _SHA256.match(words)
    return FoundProgram(
        there=True, readable="r" in rights, executable="x" in rights, sha256=found[0] if found else ""
    )


def _clean(field: bytes) -> str:
    """Keep what can be printed: no control, bidi or zero-width character passes."""
    text = field[: 4 * LONGEST].decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()[:LONGEST]
