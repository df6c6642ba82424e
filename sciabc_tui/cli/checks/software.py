"""The programs: Python, terminal, MPI, mpi4py, Slurm, and what the kernel allows."""

import ctypes
import os
import platform
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass

from jobs.errors import JobsError
from jobs.launchers import LIBRARY, Launcher, nodes_python, title
from jobs.slurm_calls import Slurm
from sciabc_tui.cli.checks.findings import Finding, absent, fail, failed, ok, warn
from sciabc_tui.cli.checks.machine import Machine
from sciabc_tui.config import JobsSettings
from sciabc_tui.head.runs import find_launchers
from sciabc_tui.head.slurm_runs import find_slurm

DESCRIPTORS = 8192
"""Files and sockets that the head service takes if it may (`sciabc_tui.cli.wire`)."""

WATCHES = 1024
"""inotify watches: one a log that is followed; the kernel's default is far more."""

_LOADS_WITHIN = 3.0
"""Seconds for mpi4py: a Pi 3 reads a hundred files from its card."""

_MPI4PY = """
import mpi4py
print(mpi4py.__version__)
mpi4py.rc.initialize = mpi4py.rc.finalize = False
from mpi4py import MPI
print(MPI.Get_library_version())
"""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What is known of who reads this: $TERM, and the encoding of standard error, where the screen goes."""

    term: str
    encoding: str
    there: bool


def look_at_terminal() -> Terminal:
    """Look at our own streams and environment."""
    there = sys.stdin.isatty() and sys.stderr.isatty()
    return Terminal(os.environ.get("TERM", ""), sys.stderr.encoding or "", there)


def judge_python() -> Finding:
    """Say which Python this is; one that is too old would not have come this far."""
    return ok("Python", f"{platform.python_version()}, {sys.executable}")


def judge_terminal(terminal: Terminal) -> Finding:
    """Judge whether the control panel can be shown here."""
    subject, shown = "terminal", f"{terminal.term or 'no TERM'}, {terminal.encoding or 'no encoding'}"
    if terminal.encoding.lower().replace("-", "") != "utf8":
        return warn(subject, f"{shown}: the panel is drawn in plain ASCII", "export LANG=C.UTF-8")
    if not terminal.there:
        return absent(subject, f"none here; {terminal.encoding}")
    if terminal.term in {"", "dumb", "unknown"}:
        return warn(subject, f"{shown}: it can't show the panel", "export TERM=xterm-256color")
    return ok(subject, shown)


@dataclass(frozen=True, slots=True)
class Mpi:
    """What is known of MPI.

    Attributes:
        launchers: Every usable mpirun, the one that is taken first; or why there is none.
        python: Which runs Python programs here.
        mpi4py: Its mpi4py; empty if it has none.
        library: The MPI that mpi4py loads; empty if it can't load any.
        silent: Python is not there, or did not answer.
    """

    launchers: tuple[Launcher, ...] | JobsError
    python: str = ""
    mpi4py: str = ""
    library: str = ""
    silent: bool = False


def look_at_mpi(machine: Machine, jobs: JobsSettings) -> Mpi:
    """Ask every mpirun for its version, and Python for its mpi4py. No MPI is initialised."""
    launchers = find_launchers(jobs.launcher)
    python = jobs.python or nodes_python(launchers)
    library = "" if isinstance(launchers, JobsError) else launchers[0].library
    said = machine.ask((python, "-c", _MPI4PY), {LIBRARY: library} if library else {}, _LOADS_WITHIN)
    version, _, words = said.text.partition("\n")
    if said.status is None or not version[:1].isdecimal():
        return Mpi(launchers, python, silent=said.status is None)
    return Mpi(launchers, python, version, title(words) if said.status == 0 else "")


def judge_launcher(mpi: Mpi) -> Finding:
    """Judge the launcher."""
    subject = "MPI"
    if isinstance(mpi.launchers, JobsError):
        return failed(subject, mpi.launchers)
    first, *others = mpi.launchers
    beside = f"; also {', '.join(launcher.title for launcher in others)}" if others else ""
    return ok(subject, f"{first.title}, {first.path}{beside}")


def judge_mpi4py(mpi: Mpi) -> Finding:
    """Judge mpi4py; programs in other languages do without."""
    subject, distribution = "mpi4py", mpi.python.startswith("/usr/bin/")
    get = "sudo apt install python3-mpi4py" if distribution else f"{mpi.python} -m pip install mpi4py"
    if mpi.silent:
        return warn(subject, f"{mpi.python} does not answer", f"{mpi.python} -c 'import mpi4py', by hand")
    if not mpi.mpi4py:
        return warn(subject, f"{mpi.python} has none: no Python program runs", get)
    if not mpi.library:
        why = f"{mpi.python} -c 'from mpi4py import MPI'"
        return fail(subject, f"{mpi.mpi4py} can't load MPI", f"see why: {why}")
    value = f"{mpi.mpi4py} with {mpi.library}"
    if isinstance(mpi.launchers, JobsError) or mpi.launchers[0].fits(mpi.library):
        return ok(subject, value)
    return fail(subject, f"{value}, but mpirun is {mpi.launchers[0].title}", get)


@dataclass(frozen=True, slots=True)
class Queue:
    """What is known of Slurm.

    Attributes:
        found: Slurm, or why it is not here.
        ping: What its controller answers (scontrol(1): ping); empty if nothing.
        wanted: The settings speak of it.
    """

    found: Slurm | JobsError
    ping: str = ""
    wanted: bool = False


def look_at_slurm(machine: Machine, jobs: JobsSettings) -> Queue:
    """Look for Slurm, and ask its controller for a sign of life."""
    found, wanted = find_slurm(), bool(jobs.slurm_options)
    if isinstance(found, JobsError):
        return Queue(found, wanted=wanted)
    return Queue(found, machine.ask(("scontrol", "ping")).text, wanted)


def judge_slurm(queue: Queue) -> Finding:
    """Judge Slurm; without it `--mpi slurm` is refused and nothing else is missing."""
    subject = "Slurm"
    if isinstance(queue.found, JobsError):
        return failed(subject, queue.found) if queue.wanted else absent(subject, "not here")
    if " is UP" in queue.ping or "/UP" in queue.ping:
        return ok(subject, f"{queue.found.title}, its controller answers")
    judge = fail if queue.wanted else warn
    return judge(subject, f"{queue.found.title}, its controller does not answer", "scontrol ping; sinfo")


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the kernel lets us do.

    Attributes:
        pidfd: Hold on to a process (pidfd_open(2), Linux 5.3).
        inotify: Be told of changes in folders: an instance was to be had.
        watches: How many folders.
        descriptors: Files and sockets, at most.
    """

    pidfd: bool
    inotify: bool
    watches: int
    descriptors: int


def look_at_kernel(machine: Machine) -> Kernel:
    """Try what can be tried without a trace."""
    pidfd = inotify = False
    with suppress(OSError):
        os.close(os.pidfd_open(os.getpid()))
        pidfd = True
    if (instance := ctypes.CDLL(None).inotify_init1(os.O_CLOEXEC)) >= 0:
        os.close(instance)
        inotify = True
    watches = machine.text("/proc/sys/fs/inotify/max_user_watches")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = sys.maxsize if hard == resource.RLIM_INFINITY else hard
    return Kernel(pidfd, inotify, int(watches) if watches.isdecimal() else 0, descriptors)


def judge_kernel(kernel: Kernel) -> Finding:
    """Judge the kernel's limits."""
    subject = "kernel limits"
    if not kernel.pidfd:
        return fail(subject, "no pidfd_open(2): older than Linux 5.3", "sudo apt full-upgrade, then reboot")
    if not kernel.inotify:
        fix = "sudo sysctl fs.inotify.max_user_instances=512"
        return warn(subject, "no inotify instance left: logs are followed late", fix)
    if kernel.watches < WATCHES:
        fix = f"sudo sysctl fs.inotify.max_user_watches={8 * WATCHES}"
        return warn(subject, f"only {kernel.watches} inotify watches", fix)
    if kernel.descriptors < DESCRIPTORS:
        few = f"{kernel.descriptors} open files: enough for {kernel.descriptors // 3} nodes"
        return warn(subject, few, f"ulimit -Hn; LimitNOFILE={DESCRIPTORS} in the unit")
    return ok(subject, "pidfd, inotify, open files: enough")
