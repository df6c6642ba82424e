"""A cluster whose boards halt, restart and are switched as a test says: no shell, no SSH, real liveness."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from sciabc_tui.api.works import Ended, Part
from sciabc_tui.cluster import events as ev
from sciabc_tui.cluster.changes import JobsLoaded
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import Facts, Node
from sciabc_tui.cluster.observations import FactsRead, HeadSighted, StreamClosed, StreamOpened
from sciabc_tui.cluster.powering_drivers import Turn
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Listening, State
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.power_board import Boards, Bounds
from sciabc_tui.head.power_drivers import SwitchFailed
from sciabc_tui.head.power_starts import Starts
from sciabc_tui.head.power_talk import Hear
from tests.cluster.builders import id_of, reading, ready

PATIENT = Bounds(off=20.0, cut=20.0, back=20.0, quiet=0.02, look=0.005)
QUICK = Bounds(off=0.4, cut=0.4, back=0.4, quiet=0.02, look=0.005)
"""For tests in which nothing comes."""


@dataclass(slots=True)
class World:
    """Boards by name. What a board does when it is asked stands in `does`; the default is what it should do.

    Attributes:
        does: By the board's name: what happens instead when its script runs.
        asked: Which boards were asked, and the scripts.
        kernel_up: Names of boards whose kernel answers although they are gone.
        switched: What was switched, in order.
        no_driver: Names of boards that nothing switches.
    """

    hub: StateHub
    clock: SystemClock = field(default_factory=SystemClock)
    does: dict[str, Callable[[Hear], None]] = field(default_factory=dict[str, Callable[[Hear], None]])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    kernel_up: set[str] = field(default_factory=set[str])
    switched: list[tuple[str, Turn]] = field(default_factory=list[tuple[str, Turn]])
    no_driver: set[str] = field(default_factory=set[str])
    boots: int = 1
    bounds: Bounds = PATIENT
    starts: Starts = field(default_factory=Starts)

    @property
    def boards(self) -> Boards:
        """What works do boards with."""
        return Boards(self.hub, self.clock, self, self, bounds=self.bounds, answers=self.answers)

    def node(self, name: str) -> Node:
        """Give a node as it is now."""
        return next(node for node in self.hub.state.nodes.values() if node.name == name)

    async def answers(self, node: Node) -> bool:
        """Say whether a board's kernel answers."""
        return node.name in self.kernel_up or node.present

    async def tell(self, node: NodeId, script: str, hear: Hear) -> None:
        """Be asked."""
        await asyncio.sleep(0)
        name = self.hub.state.nodes[node].name
        self.asked.append((name, script))
        if name in self.does:
            self.does[name](hear)
            return
        hear("trying")
        hear("going")
        if node != HEAD:
            asyncio.get_running_loop().call_later(
                0.01, self.restart if "action=reboot" in script else self.go, name
            )

    def why_not(self, node: str, turn: Turn) -> SwitchFailed | None:
        """Say which have no driver."""
        return SwitchFailed("nothing switches its power", "Next: name it") if node in self.no_driver else None

    async def turn(self, node: str, turn: Turn, state: State) -> None:
        """Switch it."""
        if problem := self.why_not(node, turn):
            raise problem
        await asyncio.sleep(0)
        self.switched.append((node, turn))
        if turn == "off":
            self.die(node)
        else:
            self.come(node)

    def go(self, name: str) -> None:
        """Let a board end in order: its stream closes after its goodbye."""
        self.hub.observe([StreamClosed(self.node(name).id, "the node closed the connection")])

    def die(self, name: str) -> None:
        """Let a board vanish."""
        self.hub.publish([ev.NodeLost(self.node(name).id, self.clock.monotonic(), "ARP failed")])

    def come(self, name: str) -> None:
        """Let a board boot."""
        self.boots += 1
        node = self.node(name).id
        facts = Facts(cores=4, host_name=name, boot_id=f"boot-{self.boots}")
        now = self.clock.monotonic()
        self.hub.observe([StreamOpened(node), FactsRead(node, facts), reading(node, now)])

    def restart(self, name: str) -> None:
        """Let a board end and boot."""
        self.go(name)
        self.come(name)

    def run_job(self, number: int, *names: str, elsewhere: bool = False) -> None:
        """Let a job run on nodes."""
        parts = tuple(
            Allocation(self.node(name).id, name, 1, ranks=(rank,)) for rank, name in enumerate(names)
        )
        job = Job(
            JobId(number), "nbody", "/bin/nbody", (), len(names), JobState.RUNNING, 1.0, allocation=parts
        )
        self.hub.publish([JobsLoaded((replace(job, elsewhere=elsewhere),))])

    def end_job(self, number: int, state: JobState = JobState.COMPLETED) -> None:
        """Let a job end."""
        from sciabc_tui.cluster.job_events import JobEnded  # noqa: PLC0415 - few tests need it

        self.hub.publish([JobEnded(replace(self.hub.state.jobs[JobId(number)], state=state))])


def world(*names: str) -> World:
    """Make a cluster of a head and these nodes, all ready."""
    clock = SystemClock()
    now = clock.monotonic()
    state = State(listening=Listening(("lo",), ("127.0.0.1/8",)))
    for place, name in enumerate(names):
        state = ready(state, name, now, address=f"10.77.0.{11 + place}")
    made = World(StateHub(clock, state), clock)
    made.hub.observe([HeadSighted("head", ("10.77.0.1",), 4), StreamOpened(HEAD), reading(HEAD, now)])
    for name in names:
        facts = Facts(cores=4, host_name=name, boot_id="boot-1")
        made.hub.observe([FactsRead(id_of(name), facts)])
    return made


async def whole(parts: AsyncGenerator[Part, None]) -> list[Part]:
    """Listen to the end."""
    async with aclosing(parts), asyncio.timeout(20):
        return [part async for part in parts]


def ends(parts: list[Part]) -> dict[str, Ended]:
    """Give how each node ended."""
    return {part.node: part for part in parts if isinstance(part, Ended)}


def lost() -> None:
    """Be cut off."""
    raise ContactFailed("the connection was lost")
