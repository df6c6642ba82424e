"""Readings of a node's load: what the program there prints, taken apart here. Pure.

The program (`sciabc_tui.head.node_program`) prints lines of fields that tabs separate:

    sciabc-readings-2                          once; what a login prints before is noise
    F cores machine kernel model host_name boot_id serial os                 once
    V mpirun's_words python's_version_and_mpi4py's                           once, when they are known
    D used_kB total_kB                                                       every half minute: the disk
    T flags                                                                  when they change, hexadecimal
    R jiffies idle load1 memory_kB available_kB milli_C uptime shares_of_cores received sent
                                                                             once a period

A field that the node can't tell is empty. What arrives is believed only as far as it has this form.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.node import READING_PERIOD, Facts, Reading
from sciabc_tui.head import node_program

MARKER = "sciabc-readings-2"

LINE_LIMIT = 4096
"""Bytes of a line; a longer one is dropped as it comes in."""

TEXT_LIMIT = 64
"""Characters of a text among the facts."""

_NOW, _SINCE_BOOT = 0x0000F, 0xF0000

_NOTHING_KNOWN = Facts()

# One match for the whole line: 750 nodes send it every other second, to a head that is itself a Pi.
_READING = re.compile(
    rb"R\t(\d{0,18})\t(\d{0,18})\t(\d{1,6}(?:\.\d{1,9})?|)\t(\d{0,15})\t(\d{0,15})\t(-?\d{1,6}|)"
    rb"\t(\d{1,10}(?:\.\d{1,9})?|)\t((?:(?:100|\d\d?)(?:,(?:100|\d\d?)){0,255})?)\t(\d{0,18})\t(\d{0,18})"
)
_CORES = re.compile(rb"(\d{0,4})")
_DISK = re.compile(rb"(\d{1,15})\t(\d{1,15})")
_FLAGS = re.compile(rb"([0-9a-fA-F]{0,8})")
_OPEN_MPI = re.compile(r"\(Open MPI\) (\d[\w.+-]*)")
_MPICH = re.compile(r"HYDRA build details:\s+Version:\s+(\d[\w.+-]*)")


def script(period: float = READING_PERIOD, boot_id: str = "") -> str:
    """Give what a POSIX sh on the node reads from its standard input; see `node_program.script`."""
    return node_program.script(MARKER, period, boot_id)


class Parser:
    """Turns the bytes of one stream into facts and readings, in any pieces, and survives any bytes.

    Attributes:
        started: The marker came.
        refused: How many lines after the marker were malformed.
    """

    def __init__(self, known: Facts = _NOTHING_KNOWN) -> None:
        """Begin a stream.

        Args:
            known: What an earlier stream told. What is found out late holds on until then, if the board did
                not boot in between.
        """
        self.started = False
        self.refused = 0
        self._known = known
        self._rest = b""
        self._overlong = False
        self._facts = Facts()
        self._jiffies: tuple[int, int] | None = None
        self._traffic: tuple[float, int, int] | None = None
        self._disk: tuple[int | None, int | None] = (None, None)
        self._throttle: int | None = None
        self._seen_flags = 0

    def feed(self, data: bytes, at: Instant) -> tuple[Facts | Reading, ...]:
        """Take in what arrived at a time on the head's clock; give what it says."""
        *lines, rest = (self._rest + data).split(b"\n")
        found = tuple(item for line in lines for item in self._take(line, at))
        if len(rest) > LINE_LIMIT:
            self._overlong, rest = True, b""
        self._rest = rest
        return found

    def _take(self, line: bytes, at: Instant) -> Iterator[Facts | Reading]:
        overlong, self._overlong = self._overlong or len(line) > LINE_LIMIT, False
        if not self.started:
            self.started = not overlong and line == MARKER.encode()
            return
        try:
            found = self._parse(b"" if overlong else line, at)
        except ValueError:
            self.refused += 1
        else:
            if found is not None:
                yield found

    def _parse(self, line: bytes, at: Instant) -> Facts | Reading | None:
        """Understand one line; those that give neither facts nor a reading are kept for the next reading."""
        match line[:2]:
            case b"R\t":
                return self._reading(_matched(_READING, line), at)
            case b"F\t":
                cores, machine, kernel, model, host_name, boot_id, serial, os = line[2:].split(b"\t")
                boot = _clean(boot_id)
                late = self._known if boot and boot == self._known.boot_id else _NOTHING_KNOWN
                self._facts = Facts(
                    cores=int(_matched(_CORES, cores)[0] or 0),
                    machine=_clean(machine),
                    kernel=_clean(kernel),
                    model=_clean(model),
                    host_name=_clean(host_name),
                    boot_id=boot,
                    serial=_clean(serial),
                    os=_clean(os),
                    mpi=late.mpi,
                    python=late.python,
                    mpi4py=late.mpi4py,
                )
                return self._facts
            case b"V\t":
                mpi, pythons = line[2:].split(b"\t")
                python, _, mpi4py = pythons.partition(b" ")
                self._facts = replace(
                    self._facts, mpi=_flavour(mpi), python=_clean(python), mpi4py=_clean(mpi4py)
                )
                return self._facts
            case b"D\t":
                used, total = _matched(_DISK, line[2:])
                self._disk = int(used) * 1024, int(total) * 1024
            case b"T\t":
                self._note_throttle(_matched(_FLAGS, line[2:])[0])
            case _:
                raise ValueError("no such line")
        return None

    def _reading(self, fields: tuple[bytes, ...], at: Instant) -> Reading:
        jiffies, idle, load1, total, available, heat, uptime, cores, received, sent = fields
        millidegrees = int(heat) if heat else None
        if millidegrees is not None and millidegrees < -273_150:
            raise ValueError("colder than cold")
        memory = int(total) * 1024 if total else None
        up = float(uptime) if uptime else None
        arriving, leaving = self._flow(up, received, sent)
        return Reading(
            at=at,
            cpu_percent=self._cpu(jiffies, idle),
            load1=float(load1) if load1 else None,
            memory_used=max(0, memory - int(available) * 1024) if memory is not None and available else None,
            memory_total=memory,
            temperature=None if millidegrees is None else millidegrees / 1000,
            uptime=up,
            cores=tuple(map(int, cores.split(b","))) if cores else (),
            throttle=self._throttle,
            disk_used=self._disk[0],
            disk_total=self._disk[1],
            received=arriving,
            sent=leaving,
        )

    def _cpu(self, jiffies: bytes, idle: bytes) -> float | None:
        before = self._jiffies
        self._jiffies = (int(jiffies), int(idle)) if jiffies and idle else None
        if before is None or self._jiffies is None:
            return None
        passed, idled = self._jiffies[0] - before[0], self._jiffies[1] - before[1]
        if passed <= 0:
            return None
        # iowait may run backwards (proc(5), /proc/stat), so the share can leave its bounds
        return min(100.0, max(0.0, 100.0 * (1.0 - idled / passed)))

    def _flow(self, uptime: float | None, received: bytes, sent: bytes) -> tuple[float | None, float | None]:
        """Give bytes a second, by the node's own clock: the head sees several readings at once, or late."""
        before = self._traffic
        if uptime is not None and received and sent:
            self._traffic = uptime, int(received), int(sent)
        else:
            self._traffic = None
        if before is None or self._traffic is None:
            return None, None
        passed, arrived, left = (now - then for now, then in zip(self._traffic, before, strict=True))
        # an interface that vanishes takes its counters along
        if passed <= 0 or arrived < 0 or left < 0:
            return None, None
        return arrived / passed, left / passed

    def _note_throttle(self, flags: bytes) -> None:
        """Keep the flags; the kernel's own watch clears those that say `since boot` whenever it looks."""
        if not flags:
            self._throttle = None
            return
        self._throttle = self._seen_flags = lasting_flags(int(flags, 16), self._seen_flags)


def lasting_flags(now: int, before: int) -> int:
    """Give the firmware's flags of now, with all that were ever seen in the half that says `since boot`."""
    return (now & (_NOW | _SINCE_BOOT)) | (now & _NOW) << 16 | (before & _SINCE_BOOT)


def _matched(form: re.Pattern[bytes], field: bytes) -> tuple[bytes, ...]:
    found = form.fullmatch(field)
    if found is None:
        raise ValueError("not of this form")
    return found.groups()


def _flavour(words: bytes) -> str:
    """Name the MPI by what its `mpirun --version` says."""
    text = _clean(words, limit=200)
    for form, name in ((_OPEN_MPI, "Open MPI"), (_MPICH, "MPICH")):
        if found := form.search(text):
            return f"{name} {found[1]}"[:TEXT_LIMIT]
    return text[:TEXT_LIMIT]


def _clean(field: bytes, limit: int = TEXT_LIMIT) -> str:
    """Keep what can be printed: no control, bidi or zero-width character passes."""
    text = field.decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()[:limit]
