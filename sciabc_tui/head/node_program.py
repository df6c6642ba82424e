"""The program that prints readings on a node. It needs a POSIX sh and any awk: mawk, gawk or busybox.

A process that is started each second costs twenty times what all the reading costs, so it starts none: bash's
`read -t` beats the time where there is a bash, and only elsewhere a `sleep` a second. `df` and `vcgencmd`
are asked seldom; what the MPI and Python there are is found out once, in the background.
"""

import re
import shlex

DISK_PERIOD = 30.0
"""Seconds between two looks at the disk."""

THROTTLE_PERIOD = 5.0
"""Seconds between two calls of `vcgencmd`, where the kernel does not tell the flags in a file."""

# It ends when nobody reads: by SIGPIPE, which sshd sets back to its default; and when nothing beats the time.
# busybox knows no "-" among files. A node that was frozen finds beats waiting: those are passed over. Numbers
# go through %.0f because mawk's %d stops at 2^31. The firmware's folder has other names on other boards,
# hence the `ls`.
PROGRAM = r"""
function line_of(path,  line) {
  line = ""
  getline line < path
  close(path)
  return line
}
function first(path) {
  return line_of(root path)
}
function last_line(command,  line) {
  line = ""
  while ((command | getline line) > 0);
  close(command)
  return line
}
function after(path, key, until,  line, found) {
  found = ""
  while (found == "" && (getline line < (root path)) > 0)
    if (index(line, key) == 1) { found = substr(line, index(line, until) + 1); sub(/^[ \t]*/, "", found) }
  close(root path)
  return found
}
function plain(text) {
  gsub(/[\t\r\n]/, " ", text)
  return text
}
function model(  text) {
  text = first("/proc/device-tree/model")
  if (text == "") text = after("/proc/cpuinfo", "Model", ":")
  if (text == "") text = first("/sys/class/dmi/id/product_name")
  if (text == "") text = after("/proc/cpuinfo", "model name", ":")
  return plain(text)
}
function serial(  text) {
  text = first("/proc/device-tree/serial-number")
  if (text == "") text = after("/proc/cpuinfo", "Serial", ":")
  return text ~ /[1-9a-fA-F]/ ? plain(text) : ""
}
function os(  text) {
  text = after("/etc/os-release", "PRETTY_NAME=", "=")
  gsub(/["']/, "", text)
  return plain(text)
}
function facts(  machine) {
  machine = last_line("uname -m")
  printf "F\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", count, plain(machine),
    plain(first("/proc/sys/kernel/osrelease")), model(), plain(first("/proc/sys/kernel/hostname")),
    plain(first("/proc/sys/kernel/random/boot_id")), serial(), os()
}
function processors(  line, part, fields, i, total, rest, passed, share) {
  jiffies = idle = shares = ""
  count = 0
  while ((getline line < (root "/proc/stat")) > 0 && line ~ /^cpu/) {
    fields = split(line, part, " ")
    if (fields <= 5) continue
    total = 0
    for (i = 2; i <= 9 && i <= fields; i++) total += part[i]
    rest = part[5] + part[6]
    if (part[1] == "cpu") { jiffies = sprintf("%.0f", total); idle = sprintf("%.0f", rest); continue }
    if (!(part[1] in total_of)) gap = samples
    passed = total - total_of[part[1]]
    share = passed > 0 ? 100 * (1 - (rest - rest_of[part[1]]) / passed) : -1
    shares = shares (count++ ? "," : "") int((share > 100 ? 100 : share < 0 ? 0 : share) + 0.5)
    if (passed <= 0) gap = samples
    total_of[part[1]] = total
    rest_of[part[1]] = rest
  }
  close(root "/proc/stat")
  if (gap == samples || count > 256) shares = ""
}
function memory(  line, part) {
  installed = available = ""
  while ((getline line < (root "/proc/meminfo")) > 0 && available == "") {
    split(line, part, " ")
    if (part[1] == "MemTotal:") installed = part[2]
    if (part[1] == "MemAvailable:") available = part[2]
  }
  close(root "/proc/meminfo")
}
function network(  line, part, found) {
  received = sent = found = 0
  while ((getline line < (root "/proc/net/dev")) > 0)
    if (sub(/:/, " ", line) && line !~ /^ *lo /) {
      split(line, part, " ")
      received += part[2]
      sent += part[10]
      found = 1
    }
  close(root "/proc/net/dev")
  received = found ? sprintf("%.0f", received) : ""
  sent = found ? sprintf("%.0f", sent) : ""
}
function disk(  part, n) {
  n = split(last_line("df -kP / 2>/dev/null"), part, " ")
  if (n >= 6) printf "D\t%s\t%.0f\n", part[n - 3], part[n - 3] + part[n - 2]
}
function throttle(  text) {
  if (flags_path == "") {
    print "" | asker
    fflush(asker)
    return
  }
  text = line_of(flags_path)
  sub(/^0x/, "", text)
  if (text != flags) printf "T\t%s\n", plain(flags = text)
}
function reading(  part, load1, uptime) {
  split(first("/proc/uptime"), part, " ")
  uptime = part[1]
  if (samples && uptime != "" && uptime - looked < period / 2) return
  looked = uptime
  samples++
  processors()
  if (samples == 1) facts()
  memory()
  network()
  split(first("/proc/loadavg"), part, " ")
  load1 = part[1]
  if ((samples - 1) % disk_every == 0) disk()
  if (flags_path != "" || may_ask && (samples - 1) % throttle_every == 0) throttle()
  printf "R\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", jiffies, idle, load1, installed, available,
    first("/sys/class/thermal/thermal_zone0/temp"), uptime, shares, received, sent
  fflush()
}
function beat(  line, got) {
  got = getline line < beats
  if (got < 0 && beats == "-") { beats = "/dev/stdin"; got = getline line < beats }
  return got > 0
}
BEGIN {
  samples = 0
  beats = "-"
  flags = ""
  printf "\n%s\n", marker
  flags_path = last_line("ls " root "/sys/devices/platform/soc*/*firmware/get_throttled 2>/dev/null")
  asker = ENVIRON["SCIABC_ASKER"]
  may_ask = last_line("command -v vcgencmd") != ""
  reading()
  system(ENVIRON["SCIABC_LATER"])
  while (beat()) reading()
}
"""


_PYTHON = """\
import os, sys
print('%d.%d.%d' % sys.version_info[:3], end=' ')
for folder in filter(os.path.isdir, sys.path):
    for name in os.listdir(folder):
        if name.startswith('mpi4py-') and name.endswith('-info'):
            sys.exit(print(name.split('-')[1].replace('.dist', '').replace('.egg', '')))
"""
# importlib.metadata would take four times as long. What hangs is ended, so that nothing outlives the stream
# for long.
_LATER = f"""\
{{
  within="nice -n 10 timeout 20"
  command -v timeout || within="nice -n 10"
  mpi=$($within mpirun --version | head -n 2 | tr -s "[:space:]" " " | cut -c 1-200)
  python=$($within python3 -c {shlex.quote(_PYTHON)} | head -n 1 | tr -s "[:space:]" " ")
  printf "V\\t%s\\t%s\\n" "$mpi" "$python" >&3
}} </dev/null 3>&1 >/dev/null 2>&1 &
"""

# What asks the firmware, which may not answer, is a shell of its own: for each line that comes in it looks,
# and prints the flags beside the readings when they are others. Where there is no access it asks no more.
ASKER = """\
within="timeout 2"
command -v timeout >/dev/null || within=
told=
while read -r now; do
  said=$($within vcgencmd get_throttled </dev/null 2>/dev/null)
  status=$?
  case $said in throttled=*) flags=${said#throttled=} ;; *) flags= ;; esac
  flags=${flags#0x}
  [ "$flags" = "$told" ] || printf "T\\t%s\\n" "$flags"
  told=$flags
  case $said in throttled=*) ;; *) [ $status -ge 124 ] || exec cat >/dev/null ;; esac
done
"""

_BOOT_ID = re.compile(r"[0-9a-f-]{36}")

# Nothing ever comes through bash's own pipe, so that each `read` ends by its timeout: a status over 128.
_BEATS = """\
beats() {
  command -v bash >/dev/null && bash -c "
    exec 9<> <(:) && while read -rt $1 -u 9; [ \\$? -gt 128 ]; do echo || exit 0; done; exit 1" && exit
  while sleep "$1"; do echo || exit; done
}
"""


def later(boot_id: str) -> str:
    """Give what tells in the background what MPI and Python there are, but in this run of the kernel."""
    if not _BOOT_ID.fullmatch(boot_id):  # it came from a node, and goes into a shell
        return _LATER
    return f'[ "$(cat /proc/sys/kernel/random/boot_id)" = {boot_id} ] ||\n{_LATER}'


def script(marker: str, period: float, boot_id: str = "") -> str:
    """Give what a POSIX sh on the node reads from its standard input.

    Args:
        marker: Printed before the first reading.
        period: Seconds between two readings.
        boot_id: In this run of the node's kernel nobody needs to be told what MPI and Python there are.
    """
    values = {
        "marker": marker,
        "period": f"{period:g}",
        "disk_every": max(1, round(DISK_PERIOD / period)),
        "throttle_every": max(1, round(THROTTLE_PERIOD / period)),
        "root": "",
    }
    given = " ".join(f"-v {name}={value}" for name, value in values.items())
    return (
        f"LC_ALL=C; export LC_ALL\n{_BEATS}"
        f"SCIABC_LATER={shlex.quote(later(boot_id))}; export SCIABC_LATER\n"
        f"SCIABC_ASKER={shlex.quote(ASKER)}; export SCIABC_ASKER\n"
        # only mawk needs and knows the option: it takes each beat as it comes
        f"beats {period:g} </dev/null | exec awk -W interactive {given} {shlex.quote(PROGRAM)}\n"
    )
