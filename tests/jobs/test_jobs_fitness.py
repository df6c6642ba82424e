"""Whether a node is fit: each check says what it is and, when it is not well, what to do."""

from dataclasses import replace

import pytest

from jobs.fitness import (
    Check,
    Exchange,
    Subject,
    Verdict,
    judge,
    not_asked,
    subjects,
    unreached,
)
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher
from jobs.machine import Machine
from jobs.preflight import Wanted
from jobs.preflight_facts import Facts, FoundDisk, FoundLauncher, FoundProgram, FoundPython

NEW = Launcher(Flavour.OPENMPI, (5, 0, 11), "/opt/new/bin/mpirun", "/opt/new/lib/libmpi.so.40")
OLD = Launcher(Flavour.OPENMPI, (4, 1, 4), "/usr/bin/mpirun")
MPICH = Launcher(Flavour.MPICH, (5, 0, 2), "/opt/mpich/bin/mpirun")
HOST = Host("node01", "10.77.0.11", 4, "pi", 2222)
WANTED = Wanted(NEW, "/opt/new/bin/python", "/home/pi/sort.py", "a" * 64, "/home/pi")
FACTS = Facts(
    clock=1000.0,
    tick=1e-9,
    memory=2**30,
    launchers=(FoundLauncher("/opt/new/bin/mpirun", "Open MPI 5.0.8"),),
    python=FoundPython(0, "3.11.2", "4.1.0", "Open MPI 5.0.8"),
    program=FoundProgram(there=True, readable=True, sha256="a" * 64),
    directory="there",
    disks=(FoundDisk("/home/pi", 2**33), FoundDisk("/tmp", 2**32)),
    complete=True,
)
NOW = Exchange(999.9, 1000.1)


def _check(subject: Subject, facts: Facts, wanted: Wanted = WANTED, exchange: Exchange | None = NOW) -> Check:
    return next(check for check in judge(facts, wanted, HOST, exchange) if check.subject is subject)


def _launchers(*found: tuple[str, str]) -> Facts:
    return replace(FACTS, launchers=tuple(FoundLauncher(path, title) for path, title in found))


def test_a_fit_node_is_ok_throughout() -> None:
    """Each check once, in the order of the grid, with what was found and nothing to do."""
    checks = judge(FACTS, WANTED, HOST, NOW)
    assert [check.subject for check in checks] == list(Subject)
    assert {check.verdict for check in checks} == {Verdict.OK}
    assert all(check.value and not check.fix for check in checks)


def test_only_what_the_job_needs_is_checked() -> None:
    """A program that is none of Python's needs no mpi4py, and without a program none is looked for."""
    assert Subject.MPI4PY not in subjects(replace(WANTED, python=""))
    assert {Subject.MPI4PY, Subject.PROGRAM}.isdisjoint(subjects(Wanted(NEW)))
    assert [check.subject for check in judge(FACTS, Wanted(NEW), HOST, NOW)] == list(subjects(Wanted(NEW)))


def test_a_node_that_says_nothing_is_not_judged() -> None:
    """What was not told is unknown, never well."""
    verdicts = {check.subject: check.verdict for check in judge(Facts(), WANTED, HOST, None)}
    assert verdicts.pop(Subject.SSH) is Verdict.OK
    assert set(verdicts.values()) == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("facts", "launcher", "verdict", "words"),
    [
        (_launchers(("/usr/bin/mpirun", "Open MPI 5.0.7")), NEW, Verdict.OK, "Open MPI 5.0.7"),
        (_launchers(("/usr/bin/mpirun", "Open MPI 4.1.4")), OLD, Verdict.OK, "Open MPI 4.1.4"),
        (
            _launchers(("/usr/bin/mpirun", "Open MPI 4.1.4")),
            NEW,
            Verdict.FAIL,
            "4.1.4; the head has Open MPI",
        ),
        (_launchers(("/usr/bin/mpirun", "MPICH 4.0.2")), OLD, Verdict.FAIL, "the head has Open MPI 4"),
        (_launchers(("/opt/mpich/bin/mpirun", "MPICH 5.0.1")), MPICH, Verdict.OK, "MPICH 5.0.1"),
        (
            _launchers(("/usr/bin/mpirun", "MPICH 5.0.2")),
            MPICH,
            Verdict.FAIL,
            "for it at /opt/mpich/bin",
        ),
        (_launchers(("/usr/bin/mpirun", "")), NEW, Verdict.FAIL, "does not answer"),
        (_launchers(), NEW, Verdict.FAIL, "no mpirun there"),
        (replace(_launchers(), complete=False), NEW, Verdict.UNKNOWN, "did not tell"),
    ],
)
def test_the_mpi_must_fit_the_heads(facts: Facts, launcher: Launcher, verdict: Verdict, words: str) -> None:
    """The same flavour and major version; MPICH at the same path."""
    check = _check(Subject.MPI, facts, replace(WANTED, launcher=launcher))
    assert (check.verdict, words in check.value) == (verdict, True), check
    assert check.fix.startswith("Next: ") is (verdict is not Verdict.OK)


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        (Machine("aarch64", 64), Machine("x86_64", 64), "aarch64 with 64 bits; the head is x86_64 with 64"),
        (Machine("aarch64", 32), Machine("aarch64", 64), "aarch64 with 32 bits; the head is aarch64 with 64"),
        (Machine("armv7l"), Machine("x86_64"), "armv7l; the head is x86_64, and MPI can't mix them"),
        (Machine("armv7l", 32), Machine("armv6l", 32), ""),
        (Machine("i686", 32), Machine("x86_64", 32), ""),
        (Machine("aarch64", 64), Machine(), ""),
        (Machine(), Machine("aarch64", 64), ""),
        (Machine("riscv64", 64), Machine("riscv64", 64), ""),
    ],
)
def test_mpi_does_not_mix_processors(there: Machine, here: Machine, words: str) -> None:
    """Another family, or words of another length; a command for each node needs no MPI."""
    facts, wanted = replace(FACTS, machine=there), replace(WANTED, machine=here)
    check = _check(Subject.MPI, facts, wanted)
    assert (check.verdict is Verdict.FAIL, words in check.value) == (bool(words), True), check
    assert ("--exclude node01" in check.fix) is bool(words)
    assert _check(Subject.MPI, facts, replace(wanted, each=True)).verdict is Verdict.OK


def test_how_to_get_the_mpi_depends_on_the_heads() -> None:
    """The distribution's package where the head has that, else the same place as on the head."""
    assert _check(Subject.MPI, _launchers(), replace(WANTED, launcher=OLD)).fix == (
        "Next: sudo apt install openmpi-bin, on node01"
    )
    assert "/opt/new/bin, on node01" in _check(Subject.MPI, _launchers()).fix


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (FoundPython(127), Verdict.FAIL, "there is no /opt/new/bin/python"),
        (FoundPython(1, "3.11.2"), Verdict.FAIL, "has no mpi4py"),
        (FoundPython(1, "3.11.2", "4.1.0"), Verdict.FAIL, "can't load MPI"),
        (FoundPython(137, "3.11.2"), Verdict.UNKNOWN, "did not tell"),
        (
            FoundPython(0, "3.11.2", "4.1.0", "MPICH 5.0.2"),
            Verdict.FAIL,
            "the head has Open MPI",
        ),
        (FoundPython(0, "3.11.2", "4.1.0", "Open MPI 4.1.4"), Verdict.WARN, "4.1.4; the head has Open MPI"),
        (FoundPython(0, "3.11.2", "4.1.0", ""), Verdict.WARN, "an unknown MPI"),
        (None, Verdict.UNKNOWN, "did not tell"),
    ],
)
def test_mpi4py_must_be_of_use(found: FoundPython | None, verdict: Verdict, words: str) -> None:
    """Each way in which it is not has a word and a next step of its own."""
    check = _check(Subject.MPI4PY, replace(FACTS, python=found))
    assert (check.verdict, words in check.value) == (verdict, True), check
    assert check.fix.startswith("Next: ")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (FoundProgram(there=False), "copied at the start"),
        (FoundProgram(there=True, readable=True, sha256="b" * 64), "another one there; copied at the start"),
        (FoundProgram(there=True, readable=True), "another one there; copied at the start"),
        (FoundProgram(there=True), "another one there; copied at the start"),
    ],
)
def test_a_program_that_a_node_lacks_is_copied(found: FoundProgram, words: str) -> None:
    """One that is missing, another one, or of no use: nothing is left to do."""
    check = _check(Subject.PROGRAM, replace(FACTS, program=found))
    assert (check.verdict, check.value, check.fix) == (Verdict.OK, words, "")


def test_a_program_of_the_system_is_each_nodes_own() -> None:
    """It is not copied: missing, it must be installed; another version of it will do."""
    own = replace(WANTED, program="/usr/bin/uptime", python="")
    missing = _check(Subject.PROGRAM, replace(FACTS, program=FoundProgram(there=False)), own)
    assert (missing.verdict, missing.fix.startswith("Next: sudo apt install what /usr/bin/uptime")) == (
        Verdict.FAIL,
        True,
    )
    other = FoundProgram(there=True, readable=True, executable=True, sha256="b" * 64)
    assert _check(Subject.PROGRAM, replace(FACTS, program=other), own).verdict is Verdict.OK
    useless = replace(FACTS, program=replace(other, executable=False))
    assert _check(Subject.PROGRAM, useless, own).fix == "Next: chmod +x /usr/bin/uptime, on node01"


def test_on_the_head_a_program_must_be_of_use() -> None:
    """It is run where it is: one of Python's need not be executable, any other must be."""
    head = replace(HOST, local=True)
    found = replace(FACTS, program=FoundProgram(there=True, readable=True, sha256="a" * 64))
    checks = {check.subject: check for check in judge(found, replace(WANTED, python=""), head, NOW)}
    assert checks[Subject.PROGRAM].fix == "Next: chmod +x /home/pi/sort.py, on node01"
    checks = {check.subject: check for check in judge(found, WANTED, head, NOW)}
    assert checks[Subject.PROGRAM].value == "same as on the head"
    any_version = replace(WANTED, sha256="", python="")
    there = replace(FACTS, program=FoundProgram(there=True, readable=True, executable=True))
    assert _check(Subject.PROGRAM, there, any_version).value == "there"


def test_a_directory_that_a_node_lacks_is_made() -> None:
    """The copy brings its own. A program of the node's own has none: Open MPI goes elsewhere, MPICH ends."""
    missing = replace(FACTS, directory="missing")
    assert _check(Subject.DIRECTORY, missing).value == "made at the start"
    assert _check(Subject.DIRECTORY, replace(FACTS, directory="closed")).verdict is Verdict.OK
    own = replace(WANTED, program="/usr/bin/uptime")
    assert _check(Subject.DIRECTORY, missing, own).verdict is Verdict.WARN
    assert _check(Subject.DIRECTORY, missing, replace(own, launcher=MPICH)).verdict is Verdict.FAIL
    assert _check(Subject.DIRECTORY, missing, own).fix == "Next: mkdir -p /home/pi, on node01"
    assert _check(Subject.DIRECTORY, replace(FACTS, directory="closed"), own).verdict is Verdict.FAIL


def test_memory_is_measured_by_the_slots() -> None:
    """Four ranks of Python need a quarter of a gigabyte."""
    check = _check(Subject.MEMORY, replace(FACTS, memory=200 * 2**20))
    assert (check.verdict, check.value) == (Verdict.WARN, "200 MiB free for 4 slots")
    assert _check(Subject.MEMORY, replace(FACTS, memory=300 * 2**20)).verdict is Verdict.OK
    assert _check(Subject.MEMORY, FACTS).value == "1.0 GiB free"


def test_the_fullest_disk_counts() -> None:
    """Where a launcher can't make its files, nothing runs."""
    full = replace(FACTS, disks=(FoundDisk("/home/pi", 2**33), FoundDisk("/tmp", 2**20)))
    check = _check(Subject.DISK, full)
    assert (check.verdict, check.value) == (Verdict.FAIL, "1 MiB free in /tmp")
    nearly = replace(FACTS, disks=(FoundDisk("/tmp", 50 * 2**20),))
    assert _check(Subject.DISK, nearly).verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("clock", "tick", "exchange", "verdict", "words"),
    [
        (1001.0, 0.0, NOW, Verdict.OK, "+1.0 s"),
        (1000.05, 0.0, NOW, Verdict.OK, "same as the head"),
        (1002.5, 0.0, NOW, Verdict.WARN, "2.5 s ahead of the head"),
        (990.0, 0.0, NOW, Verdict.WARN, "10.0 s behind the head"),
        (100_000_000.0, 0.0, Exchange(1.8e9, 1.8e9), Verdict.WARN, "days behind the head"),
        # a clock without fractions may be a second further
        (998.0, 1.0, NOW, Verdict.OK, "-1.5 s"),
        (1002.5, 1.0, Exchange(1000.0, 1000.6), Verdict.OK, "+2.7 s"),
        # a slow way there and back leaves room for both
        (1003.0, 0.0, Exchange(1000.0, 1001.5), Verdict.OK, "+2.2 s"),
        (1003.0, 0.0, Exchange(998.0, 1003.5), Verdict.UNKNOWN, "too slowly"),
        (1009.0, 0.0, Exchange(998.0, 1003.5), Verdict.WARN, "ahead of"),
    ],
)
def test_the_clocks_are_compared(
    clock: float, tick: float, exchange: Exchange, verdict: Verdict, words: str
) -> None:
    """More than two seconds, however the way was divided, is a warning; what can't be told is not."""
    check = _check(Subject.CLOCK, replace(FACTS, clock=clock, tick=tick), exchange=exchange)
    assert (check.verdict, words in check.value) == (verdict, True), check
    assert check.fix.startswith("Next: ") is (verdict is not Verdict.OK)


def test_a_node_that_was_not_reached_has_one_problem() -> None:
    """The first check says why; of the others nothing is known, and their fix is the first's."""
    first, *rest = unreached("refuses our key", "Next: x", WANTED)
    assert (first.verdict, first.fix) == (Verdict.FAIL, "Next: x")
    assert {(check.verdict, check.fix) for check in rest} == {(Verdict.UNKNOWN, "")}
    assert not_asked("no time", "Next: x", WANTED)[0].verdict is Verdict.UNKNOWN
