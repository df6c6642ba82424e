"""Which boards there are, and which host keys they show: asked before anything is sent there."""

from collections.abc import Callable, Iterable
from itertools import count

from sciabc_tui.api.provisioning import LookWish, ScanWish
from sciabc_tui.api.works import Board, Over, Part, Step
from sciabc_tui.cluster.nodeset import natural
from sciabc_tui.tui.present.provision import usable
from sciabc_tui.tui.requests import Request, StartWork, StopWork


class Survey:
    """Keeps what a scan of the network and a look at boards found.

    Args:
        tell: Asks the application for something.
    """

    def __init__(self, tell: Callable[[Request], None]) -> None:
        self._tell = tell
        self._numbers = count(1)
        self._looks = False
        self.number = 0
        """Of what is under way; 0 while nothing is."""
        self.under_way = ""
        self.found: dict[str, Board] = {}
        self.looked: dict[str, Board] = {}
        self.waiting: tuple[str, ...] = ()
        self.result = ""
        """What the last one said of itself."""

    def scan(self) -> None:
        """Look for boards on the cluster's network."""
        self._ask(ScanWish(), "scanning the network", looks=False)

    def look(self, targets: tuple[str, ...]) -> None:
        """Read the host keys of boards; what was read before is forgotten."""
        self.looked, self.waiting = {}, targets
        self._ask(LookWish(targets), "reading host keys", looks=True)

    def _ask(self, wish: LookWish | ScanWish, under_way: str, *, looks: bool) -> None:
        self.stop()
        self.number, self.under_way, self._looks, self.result = next(self._numbers), under_way, looks, ""
        self._tell(StartWork(wish, self.number))

    def stop(self) -> None:
        """Wait for nothing any longer."""
        if self.number:
            self._tell(StopWork(self.number))
        self.end()

    def end(self) -> None:
        """Nothing more comes."""
        self.number, self.under_way = 0, ""
        if self._looks:
            self.waiting = ()

    def hear(self, parts: Iterable[Part]) -> None:
        """Take in what was told."""
        for part in parts:
            match part:
                case Board(target) if self._looks:
                    self.looked[target] = part
                    self.waiting = tuple(waits for waits in self.waiting if waits != target)
                case Board(target):
                    self.found[target] = part
                case Step(outcome="running", step=step, text=text, share=share):
                    done = "" if share is None else f" {share:.0%}"
                    self.under_way = f"{text or step}{done}"
                case Over(text, fix):
                    self.result = f"{text} {fix}".strip()
                case _:
                    pass

    @property
    def good(self) -> tuple[Board, ...]:
        """The boards whose host keys can be approved, by their addresses."""
        boards = sorted(self.looked.values(), key=lambda board: natural(board.address or board.target))
        return tuple(board for board in boards if usable(board))
