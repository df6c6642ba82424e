"""Whether a node is fit for a job: what it said in ``jobs.preflight_facts``, judged check by check."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher
from jobs.preflight import Wanted
from jobs.preflight_facts import Facts, FoundProgram, FoundPython
from jobs.staging import nodes_own

SKEW = 2.0
"""Seconds by which a node's clock may differ from the head's."""

MEMORY_A_SLOT = 64 * 2**20
"""Bytes that a rank takes at least: Python with mpi4py is 40 to 60 MB."""

LITTLE_DISK = 100 * 2**20
"""Bytes below which a disk is nearly full."""

NO_DISK = 10 * 2**20
"""Bytes below which a launcher can't make its session directory."""

_TOO_LONG = {124, 137}
_NO_SUCH_PROGRAM = {126, 127}


class Verdict(StrEnum):
    """What came of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Subject(StrEnum):
    """What is checked."""

    SSH = "ssh"
    MPI = "mpi"
    MPI4PY = "mpi4py"
    PROGRAM = "program"
    DIRECTORY = "directory"
    MEMORY = "memory"
    DISK = "disk"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Check:
    """One cell of the grid.

    Attributes:
        subject: What was checked.
        verdict: What came of it.
        value: What was found, in a few words.
        fix: ``Next: ...``; empty if all is well, or if another check's fix is what comes first.
    """

    subject: Subject
    verdict: Verdict
    value: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """When the head asked for the time and when it had the answer, by its own clock (seconds since 1970)."""

    asked: float
    answered: float


def subjects(wanted: Wanted) -> tuple[Subject, ...]:
    """Give what is checked for this job, in the order of the grid."""
    mpi4py = bool(wanted.python) and not wanted.each
    asked = {Subject.MPI4PY: mpi4py, Subject.PROGRAM: bool(wanted.program)}
    return tuple(subject for subject in Subject if asked.get(subject, True))


def judge(facts: Facts, wanted: Wanted, host: Host, exchange: Exchange | None) -> tuple[Check, ...]:
    """Judge a node that let us in.

    Args:
        facts: What it said.
        wanted: What the job needs.
        host: The node, with the slots that the job may have there.
        exchange: When it was asked for its time; None if it did not answer.

    Returns:
        A check for each of ``subjects``.
    """
    name = host.name
    by_subject = {
        Subject.SSH: lambda: _ok(Subject.SSH, "this machine" if host.local else "logs in"),
        Subject.MPI: lambda: _mixed(facts, wanted, name) or _mpi(facts, wanted.launcher, name),
        Subject.MPI4PY: lambda: _mpi4py(facts.python, wanted, name),
        Subject.PROGRAM: lambda: _program(facts, wanted, host),
        Subject.DIRECTORY: lambda: _directory(facts, wanted, host),
        Subject.MEMORY: lambda: _memory(facts, host),
        Subject.DISK: lambda: _disk(facts, name),
        Subject.CLOCK: lambda: _clock(facts, exchange, name),
    }
    return tuple(by_subject[subject]() for subject in subjects(wanted))


def unreached(problem: str, fix: str, wanted: Wanted) -> tuple[Check, ...]:
    """Give the checks of a node that could not be asked anything: the first says why."""
    first, *rest = subjects(wanted)
    why = Check(first, Verdict.FAIL, problem, fix)
    return (why, *(Check(subject, Verdict.UNKNOWN, "not asked") for subject in rest))


def not_asked(problem: str, fix: str, wanted: Wanted) -> tuple[Check, ...]:
    """Give the checks of a node that nobody tried to reach."""
    first, *rest = subjects(wanted)
    why = Check(first, Verdict.UNKNOWN, problem, fix)
    return (why, *(Check(subject, Verdict.UNKNOWN, "not asked") for subject in rest))


def _mixed(facts: Facts, wanted: Wanted, name: str) -> Check | None:
    """Say that MPI can't run on the head and there at once."""
    if wanted.each or facts.machine.mixes(wanted.machine):
        return None
    problem = f"{facts.machine.title}; the head is {wanted.machine.title}, and MPI can't mix them"
    return Check(Subject.MPI, Verdict.FAIL, problem, f"Next: leave it out: --exclude {name}; --each works")


def _mpi(facts: Facts, launcher: Launcher, name: str) -> Check:
    subject = Subject.MPI
    if not facts.launchers:
        if not facts.complete:
            return _silent(subject)
        return Check(subject, Verdict.FAIL, "no mpirun there", _install(launcher, name))
    fitting = [found for found in facts.launchers if launcher.fits(found.title)]
    folder = PurePath(launcher.path).parent
    if near := [found for found in fitting if PurePath(found.path).parent == folder]:
        return _ok(subject, near[0].title)
    if not fitting:
        titles = ", ".join(dict.fromkeys(found.title for found in facts.launchers if found.title))
        problem = f"{titles or 'an mpirun that does not answer'}; the head has {launcher.title}"
        return Check(subject, Verdict.FAIL, problem, _install(launcher, name))
    if launcher.flavour is Flavour.OPENMPI:
        return _ok(subject, fitting[0].title)
    # hydra starts its proxy by the path that it has on the head
    problem = f"{fitting[0].title} is at {PurePath(fitting[0].path).parent}, MPICH looks for it at {folder}"
    return Check(subject, Verdict.FAIL, problem, _install(launcher, name))


def _install(launcher: Launcher, name: str) -> str:
    path = PurePath(launcher.path)
    if path.is_relative_to("/usr/bin"):
        package = "openmpi-bin" if launcher.flavour is Flavour.OPENMPI else "mpich"
        return f"Next: sudo apt install {package}, on {name}"
    return f"Next: install {launcher.title} at {path.parent}, on {name}, as on the head"


def _mpi4py(found: FoundPython | None, wanted: Wanted, name: str) -> Check:
    subject, python = Subject.MPI4PY, wanted.python
    if found is None:
        return _silent(subject)
    if not found.version and found.status in _NO_SUCH_PROGRAM:
        fix = f"Next: make it on {name} as on the head, or set jobs.python"
        return Check(subject, Verdict.FAIL, f"there is no {python}", fix)
    if found.status in _TOO_LONG:
        return _silent(subject)
    if not found.mpi4py:
        return Check(subject, Verdict.FAIL, f"{python} has no mpi4py", _install_mpi4py(python, name))
    if not found.library and found.status != 0:
        fix = f"Next: see why, on {name}: {python} -c 'from mpi4py import MPI'"
        return Check(subject, Verdict.FAIL, f"mpi4py {found.mpi4py} can't load MPI", fix)
    value = f"{found.mpi4py} with {found.library or 'an unknown MPI'}"
    if wanted.launcher.fits(found.library):
        return _ok(subject, value)
    same_flavour = found.library.split(" ")[0] == wanted.launcher.title.split(" ")[0]
    verdict = Verdict.FAIL if found.library and not same_flavour else Verdict.WARN
    return Check(
        subject, verdict, f"{value}; the head has {wanted.launcher.title}", _install_mpi4py(python, name)
    )


def _install_mpi4py(python: str, name: str) -> str:
    if PurePath(python).is_relative_to("/usr/bin"):
        return f"Next: sudo apt install python3-mpi4py, on {name}"
    return f"Next: {python} -m pip install mpi4py, on {name}"


def _program(facts: Facts, wanted: Wanted, host: Host) -> Check:
    subject, found = Subject.PROGRAM, facts.program
    if found is None:
        return _silent(subject)
    usable = found.there and found.readable and (found.executable or bool(wanted.python))
    if nodes_own(wanted.program):
        return _ok(subject, "there") if usable else _unusable(found, wanted, host)
    if host.local and not usable:
        return _unusable(found, wanted, host)
    if usable and wanted.sha256 == found.sha256 != "":
        return _ok(subject, "same as on the head")
    if usable and not wanted.sha256:
        return _ok(subject, "there")
    return _ok(subject, "another one there; copied at the start" if found.there else "copied at the start")


def _unusable(found: FoundProgram, wanted: Wanted, host: Host) -> Check:
    """Say why a program can't be run that is never copied."""
    subject, program = Subject.PROGRAM, wanted.program
    if not found.there:
        fix = f"Next: sudo apt install what {program} is in (dpkg -S, on the head), on {host.name}"
        return Check(subject, Verdict.FAIL, "not there", fix)
    right, flag = ("executable", "x") if found.readable else ("readable", "r")
    return Check(subject, Verdict.FAIL, f"not {right}", f"Next: chmod +{flag} {program}, on {host.name}")


def _directory(facts: Facts, wanted: Wanted, host: Host) -> Check:
    subject, place, name = Subject.DIRECTORY, wanted.cwd or "the home directory", host.name
    if facts.directory in {"closed", "missing"} and _is_copied(wanted, host):
        return _ok(subject, "made at the start")
    match facts.directory:
        case "there":
            return _ok(subject, "there")
        case "closed":
            fix = f"Next: give us access to {place}, on {name}"
            return Check(subject, Verdict.FAIL, f"{place} can't be entered", fix)
        case "missing":
            # Open MPI goes on in the home directory, MPICH ends the job.
            mild = wanted.launcher.flavour is Flavour.OPENMPI
            verdict = Verdict.WARN if mild else Verdict.FAIL
            return Check(subject, verdict, f"no {place}", f"Next: mkdir -p {place}, on {name}")
        case _:
            return _silent(subject)


def _is_copied(wanted: Wanted, host: Host) -> bool:
    """Does the program come to this node as a copy, in a directory of its own?"""
    return bool(wanted.program) and not nodes_own(wanted.program) and not host.local


def _memory(facts: Facts, host: Host) -> Check:
    subject = Subject.MEMORY
    if facts.memory is None:
        return _silent(subject)
    value = f"{_bytes(facts.memory)} free"
    if facts.memory < MEMORY_A_SLOT * host.slots:
        slots = "1 slot" if host.slots == 1 else f"{host.slots} slots"
        fix = f"Next: fewer ranks on {host.name}, or end what uses it"
        return Check(subject, Verdict.WARN, f"{value} for {slots}", fix)
    return _ok(subject, value)


def _disk(facts: Facts, name: str) -> Check:
    subject = Subject.DISK
    if not facts.disks:
        return _silent(subject)
    least = min(facts.disks, key=lambda disk: disk.free)
    value = f"{_bytes(least.free)} free in {least.place}"
    if least.free >= LITTLE_DISK:
        return _ok(subject, value)
    verdict = Verdict.FAIL if least.free < NO_DISK else Verdict.WARN
    return Check(subject, verdict, value, f"Next: remove something from {least.place}, on {name}")


def _clock(facts: Facts, exchange: Exchange | None, name: str) -> Check:
    subject = Subject.CLOCK
    if facts.clock is None or exchange is None:
        return _silent(subject)
    # it was looked at somewhere between the question and the answer
    low = facts.clock - exchange.answered
    high = facts.clock + facts.tick - exchange.asked
    least = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
    middle = (low + high) / 2
    if least > SKEW:
        problem = f"{_span(abs(middle))} {'ahead of' if middle > 0 else 'behind'} the head"
        return Check(subject, Verdict.WARN, problem, f"Next: sudo timedatectl set-ntp true, on {name}")
    if high - low > 2 * SKEW:
        fix = "Next: sciabc-tui preflight --fresh"
        return Check(subject, Verdict.UNKNOWN, f"answers too slowly to tell ({high - low:.1f} s)", fix)
    return _ok(subject, "same as the head" if least == 0.0 else f"{middle:+.1f} s")


def _ok(subject: Subject, value: str) -> Check:
    return Check(subject, Verdict.OK, value)


def _silent(subject: Subject) -> Check:
    return Check(subject, Verdict.UNKNOWN, "it did not tell", "Next: sciabc-tui preflight --fresh")


def _bytes(number: int) -> str:
    mebibytes = number / 2**20
    return f"{mebibytes:.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:.1f} GiB"


def _span(seconds: float) -> str:
    for limit, length, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / length:.{1 if length == 1 else 0}f} {unit}"
    return f"{seconds / 86_400:.0f} days"
