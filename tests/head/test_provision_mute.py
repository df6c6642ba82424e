"""A board that can't announce itself, for avahi can't be had there: what is told of it as changed."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sciabc_tui.api.provisioning import BoardWish, ProvisionWish
from sciabc_tui.api.works import Part, Step
from sciabc_tui.head.provisioning.places import Place
from sciabc_tui.head.provisioning.ports import Answer, Board, StepFailed
from sciabc_tui.head.provisioning.steps_announce import FILE, AnnounceStep
from sciabc_tui.head.provisioning.steps_user import Account
from sciabc_tui.head.provisioning.visit import Visit
from sciabc_tui.head.ssh import Credentials
from tests.head.shell_board import PI, ScriptedBoard


@dataclass(slots=True)
class Card:
    """A board whose file is what was written there last; nothing installs avahi on it, at first."""

    file: str = ""
    daemon: bool = False
    internet: bool = False
    told: list[Part] = field(default_factory=list[Part])

    def answer(self, script: str) -> Answer | None:
        """Say what is there, or take the file."""
        if f"keep {FILE}" in script:
            self.file = script.partition("printf '%s\\n' '")[2].partition("' >")[0]
        elif "echo FILE" in script:
            daemon = "daemon=yes\nrunning=yes\n" if self.daemon else ""
            return Answer(0, f"cores=4\n{daemon}FILE\n{self.file}\n", "")
        return None

    def install(self, _board: Board, package: str) -> None:
        """Have it, or not."""
        if not self.internet:
            raise StepFailed(f"{package} can't be had", "Next: give it internet")
        self.daemon = True

    def visit(self, monkeypatch: pytest.MonkeyPatch, *, dry: bool = False) -> tuple[Visit, Step]:
        """Go through the step once."""
        wish = BoardWish("pi@10.77.0.21", "SHA256:x")
        place = Place(wish.target, "10.77.0.21", "10.77.0.21", 22, "pi")
        credentials = Credentials(None, Path("/nowhere"))
        made = Visit(
            "a",
            place,
            wish,
            ProvisionWish((wish,), dry_run=dry),
            credentials,
            lambda: 0.0,
            self.told.append,
        )
        monkeypatch.setattr(made, "_board", ScriptedBoard(self.answer, PI))
        made.take(lambda: [AnnounceStep(Account(), None, 22, self.install, made.set_mute)])
        last = self.told[-1]
        assert isinstance(last, Step), self.told
        return made, last


def test_a_second_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is one change; that avahi still can't be had is none, and says why again."""
    card = Card()
    first, step = card.visit(monkeypatch)
    assert (first.changes, first.mute, step.outcome) == (1, True, "done")
    for _ in range(2):
        again, step = card.visit(monkeypatch)
        assert (again.changes, again.mute, again.failure, step.outcome) == (0, True, None, "unchanged")
        assert step.text.startswith("it can't announce itself (avahi-daemon can't be had)")


def test_it_is_tried_again_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run says so; with internet it is there after the next run, and that is a change."""
    card = Card()
    card.visit(monkeypatch)
    dry, step = card.visit(monkeypatch, dry=True)
    assert (dry.changes, step.outcome, step.text) == (1, "would", "install avahi-daemon")
    card.internet = True
    real, step = card.visit(monkeypatch)
    assert (real.changes, real.mute, step.outcome) == (1, False, "done")
    assert card.visit(monkeypatch)[0].changes == 0
