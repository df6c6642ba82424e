"""One board's way through its steps, in a thread; what happens is told part by part."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sciabc_tui.api.provisioning import BoardWish, ProvisionWish
from sciabc_tui.api.works import Ended, Outcome, Part
from sciabc_tui.api.works import Step as StepPart
from sciabc_tui.cluster.node import HostKey
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.ingress import host_label
from sciabc_tui.head.provisioning.board import SshBoard
from sciabc_tui.head.provisioning.login import Access, Line, key_works, log_in
from sciabc_tui.head.provisioning.places import Place
from sciabc_tui.head.provisioning.ports import Step, StepFailed
from sciabc_tui.head.ssh import Credentials

log = logging.getLogger(__name__)

LOGIN = "login"
"""What the first step is called."""

_LOST_FIX = "Next: see that it is plugged in and has power, then do it again: what is done stays done"


@dataclass(frozen=True, slots=True)
class Failure:
    """Where and why a board's way ended."""

    step: str
    text: str
    fix: str


class Visit:
    """A board, and how far it is.

    Attributes:
        name: What it is called in what is told.
        key: The host key that it proved to hold; None before.
        changes: How many things were changed, or would be.
        failure: Why it goes no further.
        mute: It can't announce itself.
    """

    def __init__(
        self,
        name: str,
        place: Place,
        wanted: BoardWish,
        wish: ProvisionWish,
        credentials: Credentials,
        wall: Callable[[], float],
        tell: Callable[[Part], None],
    ) -> None:
        self.name = name
        self.place = place
        self.wanted = wanted
        self.key: HostKey | None = None
        self.changes = 0
        self.failure: Failure | None = None
        self.mute = False
        self._wish = wish
        self._access = Access(wanted.fingerprint, credentials, wish.password)
        self._wall = wall
        self._tell = tell
        self._line = Line()
        self._board: SshBoard | None = None
        self._step = LOGIN

    def enter(self) -> None:
        """Log in, and ask what it is. Blocks."""
        with_failure(self, self._enter)

    def take(self, steps: Callable[[], Iterable[Step]]) -> None:
        """Go through steps, up to the first that fails. Blocks."""
        if self.failure is None:
            with_failure(self, lambda: self._take(steps()))

    def end(self) -> None:
        """Hang up; what runs there ends. From any thread, more than once."""
        self._line.end()

    def key_works(self, user: str) -> bool:
        """Tell whether the head's keys alone let it in as a user. Blocks."""
        return key_works(self.place, user, self._access)

    def renewed(self, key: HostKey) -> None:
        """Expect this host key from now on."""
        self.key = key
        self._access = replace(self._access, fingerprint=key.fingerprint)

    def set_mute(self) -> None:
        """Note that it can't announce itself."""
        self.mute = True

    def fail(self, step: str, text: str, fix: str) -> None:
        """Tell that it goes no further."""
        self.failure = Failure(step, text, fix)
        if not self._line.ended:
            self.say(step, "failed", text, fix)

    def say(
        self, step: str, outcome: Outcome, text: str = "", fix: str = "", share: float | None = None
    ) -> None:
        """Tell how far it is."""
        self._tell(StepPart(self.name, step, outcome, text, fix, share))

    def over(self, text: str) -> None:
        """Tell what came of it."""
        if self.failure is None:
            self._tell(Ended(self.name, ok=True, text=text, changes=self.changes))
        else:
            text = f"{self.failure.step}: {self.failure.text}"
            self._tell(Ended(self.name, ok=False, text=text, fix=self.failure.fix, changes=self.changes))

    @property
    def title(self) -> str:
        """What it is called once that is known: its host name, which it may just have been given."""
        told = "" if self._board is None else host_label(self._board.told.host_name)
        return host_label(self.wanted.host_name) or told or self.name

    @property
    def step(self) -> str:
        """What is under way."""
        return self._step

    def _enter(self) -> None:
        self._begin(LOGIN)
        transport, self.key = log_in(self.place, self._access, self._line)
        board = SshBoard(transport, self.place, self._wish.password, self._wall, self._progress)
        board.look()
        self._board = board
        told = board.told
        system = " ".join(part for part in (told.distribution, told.release, told.machine) if part)
        self.say(LOGIN, "unchanged", f"as {told.user}{'' if told.root else ', without root'}: {system}")

    def _take(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self._begin(step.title)
            self._do(step, self._entered)

    def _do(self, step: Step, board: SshBoard) -> None:
        lines = step.look(board)
        if not lines:
            self.say(step.title, "unchanged")
            return
        if self._wish.dry_run:
            self.say(step.title, "would", _joined(lines))
            self.changes += len(lines)
            return
        was_mute = self.mute
        said = step.do(board)
        # what would let it announce itself can't be had: that one thing is as it was
        made = len(lines) - (self.mute and not was_mute)
        self.say(step.title, "done" if made else "unchanged", said)
        self.changes += made

    @property
    def _entered(self) -> SshBoard:
        if self._board is None:
            raise ContactFailed("it was not entered")
        return self._board

    def _begin(self, title: str) -> None:
        self._step = title
        self.say(title, "running")

    def _progress(self, text: str, share: float | None) -> None:
        self.say(self._step, "running", text, share=share)


def with_failure(visit: Visit, work: Callable[[], None]) -> None:
    """Do something with a board; what goes wrong is told of that board, and the others go on."""
    try:
        work()
    except StepFailed as failed:
        visit.fail(visit.step, str(failed), failed.fix)
    except ContactFailed as lost:
        visit.fail(visit.step, f"{lost}: was it unplugged?", _LOST_FIX)
    except Exception as error:
        # a step that is wrong, or a board that says what nobody thought of, is that board's affair
        log.exception("%s: %s", visit.name, visit.step)
        fix = "Next: report it, with the service's log (journalctl -u sciabc-tui)"
        visit.fail(visit.step, f"unexpected {type(error).__name__}", fix)


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines)
