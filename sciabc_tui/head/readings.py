"""Readings of a node's load: the program that prints them there, and the parser here. Pure.

The node needs a POSIX sh and any awk (mawk, gawk, busybox), no Python. The program prints, tab-separated:

    sciabc-readings-1                                              once; what a login prints before is noise
    F cores machine kernel model host_name boot_id                 once
    R jiffies idle load1 memory_kB available_kB milli_C uptime     once a period

A field that the node can't tell is empty. What arrives is believed only as far as it has this form.
"""

import re
from collections.abc import Iterator

from sciabc_tui.cluster.node import READING_PERIOD, Facts, Instant, Reading

MARKER = "sciabc-readings-1"

LINE_LIMIT = 4096
"""Bytes of a line; a longer one is dropped as it comes in."""

TEXT_LIMIT = 64
"""Characters of a text among the facts."""

# It ends when nobody reads: by SIGPIPE, which sshd sets back to its default; and when its `sleep` is ended.
# busybox's fflush() gives -1 also when all is well, so its value is no help. Numbers go through %.0f because
# mawk's %d stops at 2^31.
PROGRAM = r"""
function first(path,  line) {
  line = ""
  getline line < (root path)
  close(root path)
  return line
}
function after_colon(path, key,  line, found) {
  found = ""
  while (found == "" && (getline line < (root path)) > 0)
    if (index(line, key) == 1) { found = line; sub(/^[^:]*:[ \t]*/, "", found) }
  close(root path)
  return found
}
function cores(  line, count) {
  count = 0
  while ((getline line < (root "/proc/stat")) > 0)
    if (line ~ /^cpu[0-9]/) count++
  close(root "/proc/stat")
  return count
}
function model(  text) {
  text = first("/proc/device-tree/model")
  if (text == "") text = after_colon("/proc/cpuinfo", "Model")
  if (text == "") text = first("/sys/class/dmi/id/product_name")
  if (text == "") text = after_colon("/proc/cpuinfo", "model name")
  return plain(text)
}
function plain(text) {
  gsub(/[\t\r\n]/, " ", text)
  return text
}
function reading(  part, count, i, jiffies, idle, load1, uptime) {
  count = split(first("/proc/stat"), part, " ")
  jiffies = idle = ""
  if (part[1] == "cpu" && count > 5) {
    jiffies = 0
    for (i = 2; i <= 9 && i <= count; i++) jiffies += part[i]
    jiffies = sprintf("%.0f", jiffies)
    idle = sprintf("%.0f", part[5] + part[6])
  }
  split(first("/proc/loadavg"), part, " ")
  load1 = part[1]
  split(first("/proc/uptime"), part, " ")
  uptime = part[1]
  printf "R\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", jiffies, idle, load1,
    kilobytes("MemTotal"), kilobytes("MemAvailable"), first("/sys/class/thermal/thermal_zone0/temp"), uptime
}
function kilobytes(key,  part) {
  split(after_colon("/proc/meminfo", key ":"), part, " ")
  return part[1]
}
BEGIN {
  "uname -m" | getline machine
  printf "\n%s\n", marker
  printf "F\t%s\t%s\t%s\t%s\t%s\t%s\n", cores(), plain(machine), plain(first("/proc/sys/kernel/osrelease")),
    model(), plain(first("/proc/sys/kernel/hostname")), plain(first("/proc/sys/kernel/random/boot_id"))
  do {
    reading()
    fflush()
  } while (system("sleep " period) == 0)
}
"""


def script(period: float = READING_PERIOD) -> str:
    """Give what a POSIX sh on the node reads from its standard input; `period` in seconds."""
    return (
        "LC_ALL=C; export LC_ALL\n"
        f"exec awk -v marker={MARKER} -v period={period:g} -v root= '{PROGRAM}' </dev/null\n"
    )


class Parser:
    """Turns the bytes of one stream into facts and readings, in any pieces, and survives any bytes.

    Attributes:
        started: The marker came.
        refused: How many lines after the marker were malformed.
    """

    def __init__(self) -> None:
        self.started = False
        self.refused = 0
        self._rest = b""
        self._overlong = False
        self._jiffies: tuple[float, float] | None = None

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
            yield self._parse([] if overlong else line.split(b"\t"), at)
        except ValueError:
            self.refused += 1

    def _parse(self, fields: list[bytes], at: Instant) -> Facts | Reading:
        match fields:
            case [b"F", cores, *texts] if len(texts) == 5:
                count = _number(cores, 0, 65536)
                machine, kernel, model, host_name, boot_id = map(_clean, texts)
                return Facts(int(count or 0), machine, kernel, model, host_name, boot_id)
            case [b"R", jiffies, idle, load1, total, available, millidegrees, uptime]:
                memory = _bytes(total)
                free = _bytes(available)
                heat = _number(millidegrees, -273_150, 1_000_000)
                return Reading(
                    at=at,
                    load1=_number(load1, 0, 1e6),
                    memory_total=memory,
                    memory_used=None if memory is None or free is None else max(0, memory - free),
                    temperature=None if heat is None else heat / 1000,
                    uptime=_number(uptime, 0, 1e10),
                    # last: a line that is refused for another field must not move the counters
                    cpu_percent=self._cpu(_number(jiffies, 0, 1e18), _number(idle, 0, 1e18)),
                )
            case _:
                raise ValueError("no such line")

    def _cpu(self, jiffies: float | None, idle: float | None) -> float | None:
        before = self._jiffies
        self._jiffies = None if jiffies is None or idle is None else (jiffies, idle)
        if before is None or self._jiffies is None:
            return None
        passed, idled = self._jiffies[0] - before[0], self._jiffies[1] - before[1]
        if passed <= 0:
            return None
        # iowait may run backwards (proc(5), /proc/stat), so the share can leave its bounds
        return min(100.0, max(0.0, 100.0 * (1.0 - idled / passed)))


_NUMBER = re.compile(rb"-?[0-9]{1,19}(\.[0-9]{1,9})?")


def _number(field: bytes, low: float, high: float) -> float | None:
    if not field:
        return None
    if not _NUMBER.fullmatch(field):
        raise ValueError("no number")
    value = float(field)
    if not low <= value <= high:
        raise ValueError("out of bounds")
    return value


def _bytes(field: bytes) -> int | None:
    kilobytes = _number(field, 0, 1e15)
    return None if kilobytes is None else int(kilobytes) * 1024


def _clean(field: bytes) -> str:
    """Keep what can be printed: no control, bidi or zero-width character passes."""
    text = field.decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()[:TEXT_LIMIT]
