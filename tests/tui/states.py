"""Scripted states of a cluster."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sciabc_tui.api.messages import AttemptHost, JobAttempt, PreflightCheck, PreflightReport, PreflightRow
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import Drain, Facts, HostKey, Liveness, Node, Origin, Readiness, Reading, Trust
from sciabc_tui.cluster.series import Series
from sciabc_tui.cluster.state import (
    Head,
    LampState,
    Listening,
    LogEntry,
    PanelView,
    Replay,
    Severity,
    State,
    Uplink,
)
from sciabc_tui.config import Loaded, Setting, Settings

AT = 10_000.0
"""The head's monotonic clock in every state."""

WALL = 1_795_269_600.0
"""The head's wall clock in every state: 2026-11-21 14:00:00 UTC."""

_TREND = (20, 35, 50, 62, 74, 80, 86, 91, 95, 97, 98, 98, 97, 96, 98)
_IDLE = (2, 1, 0, 3, 2, 1, 1, 2, 4, 2, 1, 0, 1, 2, 1)


def key_of(name: str) -> HostKey:
    """Make up a host key."""
    tail = (name * 9)[:40]
    return HostKey("ssh-ed25519", "AAAA", f"SHA256:{tail}Q9x")


def board(number: int, *, cpu: float = 97.0, age: float = 0.4) -> Node:
    """Make a trusted, ready compute node under load."""
    name = f"node{number:02d}"
    return Node(
        id=NodeId(name),
        name=name,
        origin=Origin.MDNS,
        addresses=(f"10.0.0.{10 + number}",),
        contact=f"10.0.0.{10 + number}",
        liveness=Liveness.ALIVE,
        since=AT - 3600,
        heard_at=AT - age,
        heard_how="reading",
        trust=Trust.TRUSTED,
        host_key=key_of(name),
        readiness=Readiness.READY,
        streaming=True,
        reading=Reading(
            at=AT - age,
            cpu_percent=cpu,
            load1=cpu / 25,
            memory_used=int((0.3 + number / 50) * 8 * 2**30),
            memory_total=8 * 2**30,
            temperature=58.0 + number,
            uptime=86400.0 * number + 3600,
            cores=tuple(round(cpu * share) for share in (1.0, 0.98, 0.99, 0.5)),
            throttle=0x50000,
            disk_used=9 * 2**30,
            disk_total=29 * 2**30,
            received=1.24e6,
            sent=35e3,
        ),
        facts=Facts(
            cores=4,
            machine="aarch64",
            kernel="6.12.25+rpt-rpi-v8",
            model="Raspberry Pi 5 Model B Rev 1.0",
            serial=f"10000000c0ffee{number:02d}",
            os="Debian GNU/Linux 12 (bookworm)",
            mpi="Open MPI 4.1.4",
            python="3.11.2",
            mpi4py="3.1.4",
        ),
        trend=_TREND if cpu > 50 else _IDLE,
    )


def head_node(cpu: float = 12.0) -> Node:
    """Make the head as a node."""
    node = board(0, cpu=cpu, age=0.2)
    return replace(
        node,
        id=NodeId("head"),
        name="headnode",
        origin=Origin.LOCAL,
        addresses=("10.0.0.1",),
        contact="10.0.0.1",
    )


def job(number: int, name: str, state: JobState, **changes: object) -> Job:
    """Make a job of eight ranks."""
    made = Job(
        id=JobId(number),
        name=name,
        program=f"/srv/jobs/{name}.py",
        args=("--steps", "4000"),
        ranks=8,
        state=state,
        submitted_at=WALL - 1700 + 5 * (number - 41),
    )
    return replace(made, **changes)


def _base(*nodes: Node, jobs: tuple[Job, ...] = (), log: tuple[LogEntry, ...] = ()) -> State:
    return State(
        revision=7,
        at=AT,
        wall=WALL,
        head=Head(
            host_name="briefcase",
            user="pi",
            version="0.1.0",
            started=WALL - 86400,
            launcher="Open MPI 5.0.11",
        ),
        uplink=Uplink("203.0.113.254", "eth1", since=AT - 3600),
        listening=Listening(("eth0",), ("10.0.0.1/24",)),
        nodes={node.id: node for node in nodes},
        jobs={one.id: one for one in jobs},
        log=log,
        panel=PanelView(
            ("203.0.113.254  ♥", "4/4up 61°C 14:00"), LampState.IDLE, rhythm="sky blue, breathes every 5 s"
        ),
    )


def _log(*lines: tuple[float, Severity, str]) -> tuple[LogEntry, ...]:
    return tuple(
        LogEntry(seq, WALL - ago, severity, text) for seq, (ago, severity, text) in enumerate(lines, 1)
    )


def empty() -> State:
    """Only the head is there, nothing was ever run."""
    state = _base(
        head_node(),
        log=_log(
            (4, Severity.INFO, "listening for nodes on eth0"),
            (3, Severity.INFO, "external IP 203.0.113.254 on eth1"),
            (2, Severity.INFO, "headnode ready"),
        ),
    )
    return replace(
        state,
        panel=replace(
            state.panel or PanelView((), LampState.IDLE), lines=("203.0.113.254  ♥", "1/1up 52°C 14:00")
        ),
    )


def ready() -> State:
    """Four nodes, all well, a job behind them."""
    done = job(
        41,
        "mergesort",
        JobState.COMPLETED,
        started_at=WALL - 1600,
        ended_at=WALL - 1596,
        exit_code=0,
        attempt=1,
        allocation=_on((1, 4), (2, 4)),
    )
    return _base(
        head_node(),
        *(board(number, cpu=1.0) for number in (1, 2, 3)),
        jobs=(done,),
        log=_log(
            (1700, Severity.INFO, "node03 approved by pi"),
            (1699, Severity.INFO, "node03 ready"),
            (1600, Severity.INFO, "job 41 mergesort started: 8 ranks on node[01-02]"),
            (1596, Severity.INFO, "job 41 mergesort completed"),
        ),
    )


def _on(*parts: tuple[int, int]) -> tuple[Allocation, ...]:
    return tuple(Allocation(NodeId(f"node{n:02d}"), f"node{n:02d}", slots) for n, slots in parts)


def running() -> State:
    """A job runs on three nodes, another waits."""
    nbody = job(
        42,
        "nbody",
        JobState.RUNNING,
        ranks=12,
        started_at=WALL - 761,
        attempt=1,
        allocation=_on((1, 4), (2, 4), (3, 4)),
    )
    wave = job(43, "wave2d", JobState.PENDING, ranks=16, reason="waits for 12 slots")
    state = ready()
    return replace(
        state,
        nodes={node.id: node for node in (head_node(), board(1), board(2), board(3))},
        jobs={**state.jobs, nbody.id: nbody, wave.id: wave},
        log=(
            *state.log,
            LogEntry(9, WALL - 761, Severity.INFO, "job 42 nbody started: 12 ranks on node[01-03]"),
        ),
        panel=PanelView(
            ("nbody 3x4      ♥", "run 0:12:41     "),
            LampState.RUNNING,
            rhythm="sky blue, breathes every 2 s",
        ),
    )


def queued() -> State:
    """A job goes on without the node that it lost; of those that wait one is held and one goes first."""
    state = running()
    nbody = replace(
        state.jobs[JobId(42)], lost=("node03",), reason="node03 was lost (dead, ranks 8-11)", attempt=2
    )
    held = replace(state.jobs[JobId(43)], held_by="ada", reason="held by ada")
    urgent = job(
        44, "render", JobState.PENDING, ranks=4, priority=10, reason="waits for node09, which was never seen"
    )
    down = replace(
        board(3),
        liveness=Liveness.DEAD,
        since=AT - 134,
        heard_at=AT - 139,
        probe="ARP failed",
        streaming=False,
    )
    return replace(
        state,
        nodes={**state.nodes, down.id: down},
        jobs={**state.jobs, nbody.id: nbody, held.id: held, urgent.id: urgent},
    )


def lost() -> State:
    """One node is down, one suspect, one new, one drained, one changed its key."""
    state = running()
    failed = job(
        42,
        "nbody",
        JobState.NODE_FAIL,
        ranks=12,
        started_at=WALL - 761,
        ended_at=WALL - 134,
        attempt=1,
        allocation=_on((1, 4), (2, 4), (3, 4)),
        reason="node03 was lost",
    )
    next_ = job(
        44, "nbody", JobState.RUNNING, started_at=WALL - 101, attempt=1, allocation=_on((1, 4), (2, 4))
    )
    down = replace(
        board(3),
        liveness=Liveness.DEAD,
        since=AT - 134,
        heard_at=AT - 139,
        probe="ARP failed, mDNS valid 74 min more",
        streaming=False,
    )
    suspect = replace(
        board(4), liveness=Liveness.SUSPECT, since=AT - 3, heard_at=AT - 3.1, probe="ARP answers"
    )
    new = replace(
        board(5),
        trust=Trust.UNKNOWN,
        readiness=Readiness.UNPROVISIONED,
        reading=None,
        facts=None,
        trend=(),
        streaming=False,
    )
    drained = replace(board(6, cpu=1.0), drained=Drain("fan broken", "pi", AT - 500))
    changed = replace(board(7), trust=Trust.CHANGED, offered_key=key_of("other"), offered_at=AT - 65)
    nodes = (head_node(), board(1), board(2), down, suspect, new, drained, changed)
    why = "node03 down: silent, ARP failed, mDNS record valid 74 min more"
    return replace(
        state,
        nodes={node.id: node for node in nodes},
        jobs={**state.jobs, failed.id: failed, next_.id: next_},
        log=(
            *state.log,
            LogEntry(10, WALL - 134, Severity.ERROR, why),
            LogEntry(11, WALL - 134, Severity.ERROR, "job 42 nbody node_fail: node03 was lost"),
            LogEntry(12, WALL - 101, Severity.INFO, "job 44 nbody started: 8 ranks on node[01-02]"),
        ),
        panel=PanelView(
            ("!node03 DOWN   ♥", "2m14s       1of2"),
            LampState.DEGRADED,
            rhythm="amber, 1 flash of 0.2 s every 2 s",
        ),
    )


def happened() -> tuple[LogEntry, ...]:
    """Give what happened in `lost`, and before its service began."""
    yesterday = (
        (Severity.INFO, "head service 0.1.0 started"),
        (Severity.WARN, "node02 suspect: missed 3 readings"),
        (Severity.INFO, "node02 is back: reading"),
        (Severity.ERROR, "4 nodes lost together: switch or power? (node[01-04])"),
        (
            Severity.ERROR,
            f"node07: host key changed, is {key_of('other').fingerprint}. "
            "If you re-flashed it: sciabc-tui nodes forget node07",
        ),
    )
    old = tuple(
        LogEntry(number, WALL - 90000 + 600 * number, severity, text)
        for number, (severity, text) in enumerate(yesterday * 5, 1)
    )
    newer = (replace(entry, seq=entry.seq + len(old)) for entry in lost().log)
    return (*old, *newer)


def many(count: int) -> State:
    """Give a large cluster."""
    return _base(
        head_node(), *(replace(board(1), id=NodeId(f"n{n}"), name=f"node{n:03d}") for n in range(count))
    )


_FOUND = {
    "ssh": "logs in",
    "mpi": "Open MPI 5.0.11",
    "mpi4py": "4.1.0 with Open MPI 5.0.11",
    "program": "same as on the head",
    "directory": "there",
    "memory": "7.1 GiB free",
    "disk": "18.2 GiB free in /tmp",
    "clock": "same as the head",
}


def fitness_of(node: str, *changed: PreflightCheck, age: float = 0.0) -> PreflightRow:
    """Give what a preflight found on a node on which all is well, but for this."""
    found = {subject: PreflightCheck(subject, "ok", value) for subject, value in _FOUND.items()}
    found |= {check.subject: check for check in changed}
    return PreflightRow(node, age, tuple(found.values()))


def fitness() -> PreflightReport:
    """Give a preflight in which of each kind is something."""
    copy = "Next: scp -p /srv/jobs/nbody.py pi@10.0.0.11:/srv/jobs/nbody.py"
    silent = tuple(PreflightCheck(subject, "unknown", "not asked") for subject in _FOUND)
    return PreflightReport(
        "Open MPI 5.0.11",
        (
            fitness_of("headnode", age=8.0),
            fitness_of("node01", PreflightCheck("program", "warn", "not there, must be copied", copy)),
            fitness_of("node02"),
            fitness_of(
                "node03",
                *silent,
                PreflightCheck("ssh", "fail", "refuses our key", "Next: ssh-copy-id pi@10.0.0.13"),
            ),
        ),
    )


def load_of(span: int) -> Series:
    """Give a load over a span: idle, then not measured for a fifth of it, then busy."""
    step = span // 60
    known: list[int | None] = [place if place < 24 or place >= 36 else None for place in range(60)]

    def curve(idle: float, busy: float) -> tuple[float | None, ...]:
        return tuple(
            None if n is None else idle + n % 5 if n < 24 else busy - (n * 7 % 11) * busy / 80 for n in known
        )

    return Series(
        span=span,
        step=step,
        until=AT + step,
        cpu=curve(1.0, 99.0),
        memory=curve(12.0, 34.0),
        temperature=curve(41.0, 63.0),
        received=curve(900.0, 1.3e6),
        sent=curve(400.0, 42e3),
    )


def loaded() -> Loaded:
    """Give a few settings, one from each kind of source."""
    files = (Path("/etc/sciabc/config.toml"), Path("/home/pi/.config/sciabc/config.toml"))
    return Loaded(
        Settings(),
        (
            Setting("cluster.nodes", ("10.0.0.40",), str(files[0]), "Nodes that no multicast reaches."),
            Setting("cluster.user", "", "default", "Whom to log in as. Empty: the head's own user."),
            Setting("cluster.head_slots", -1, "default", "Ranks that the head itself takes."),
            Setting("jobs.keep", "30 days", str(files[1]), "Whose logs and files are kept."),
            Setting("jobs.allow_root", False, "default", "Let root run jobs on other nodes."),
            Setting("panel.size", "20x4", "$SCIABC_PANEL_SIZE", "Columns x rows of the LCD."),
        ),
        files,
    )


def simulated(state: State) -> State:
    """Give the same cluster, made up."""
    return replace(state, head=replace(state.head, simulated=True))


def replayed(state: State, *, ended: bool = False) -> State:
    """Give the same cluster out of a recording."""
    return replace(state, head=replace(state.head, replay=Replay(4.0, ended=ended)))


def log_records(count: int, ranks: int = 12, first: int = 0) -> bytes:
    """Give records as the service gives them."""
    return b"".join(
        b"2026-11-21T14:00:%02d.%03dZ %3d %s step %5d  residual %.3e\n"
        % (n // 10 % 60, n % 1000, n % ranks, b"err" if n % 17 == 16 else b"out", n, 1 / (n + 1))
        for n in range(first, first + count)
    )


ATTEMPTS = (
    JobAttempt(
        1,
        JobState.NODE_FAIL,
        WALL - 900,
        WALL - 420,
        1,
        "node03 was lost (dead, ranks 8-11). Next: sciabc-tui logs 42",
        "/usr/bin/mpirun --tag-output --map-by slot --hostfile nodes -n 16 /srv/jobs/nbody.py --steps 4000",
        tuple(
            AttemptHost(f"node{n:02}" if n else "head", f"10.77.0.{10 + n}", tuple(range(4 * n, 4 * n + 4)))
            for n in range(4)
        ),
    ),
    JobAttempt(
        2,
        JobState.RUNNING,
        WALL - 419,
        command="/usr/bin/mpirun --tag-output --hostfile nodes -n 12 /srv/jobs/nbody.py --steps 4000",
        hosts=(AttemptHost("head", "10.77.0.10", (0, 1, 2, 3)), AttemptHost("node01", "10.77.0.11")),
    ),
)
"""Two launches of a job; the nodes of the second are not all known by rank."""

STATES: dict[str, Callable[[], State]] = {
    "empty": empty,
    "ready": ready,
    "running": running,
    "queued": queued,
    "lost": lost,
}
