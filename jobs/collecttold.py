"""What came of bringing files home, and how the end of a job tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jobs.attempt import AttemptPlan
from jobs.collectplace import plain_name
from jobs.hostfile import Host
from jobs.staging import FOLDER

_LONGEST = 120
_TOLD = 3  # nodes, in the text of a job's end


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of it.

    Attributes:
        problem: What is not here and where it is, for the text of the job's end; empty if all is here.
        silent: Names of nodes that did not answer, or no more.
        keep: Names of nodes whose folders hold outputs that could not be brought: those must stay.
    """

    problem: str = ""
    silent: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()


@dataclass(slots=True)
class Brought:
    """What came from one node.

    Attributes:
        host: The node.
        left: Why not all did; empty if all did.
        silent: Whether it did not answer, or no more.
        ahead: By how many seconds its clock is ahead of ours; 0 if by hardly any.
    """

    host: Host
    left: list[str] = field(default_factory=list[str])
    silent: bool = False
    ahead: float = 0.0


def told(plan: AttemptPlan, brought: Sequence[Brought]) -> Collected:
    """Say what could not be brought, for the nodes that have something left."""
    short = [each for each in brought if each.left]
    silent = frozenset(each.host.name for each in short if each.silent)
    keep = frozenset(each.host.name for each in short if plan.collect and not each.silent)
    texts = [_text(plan, each) for each in short[:_TOLD]]
    if len(short) > _TOLD:
        texts.append(f"{len(short) - _TOLD} more nodes have the same or other problems")
    return Collected("; ".join(texts), silent, keep)


def _text(plan: AttemptPlan, brought: Brought) -> str:
    name = plain_name(brought.host)
    more = f" (and {len(brought.left) - 1} more)" if len(brought.left) > 1 else ""
    why = f"{_shortened(brought.left[0])}{more}"
    if not plan.collect:
        return f"checkpoint files of {name} are lost: {why}"
    if brought.silent:
        return f"outputs of {name} are lost: {why}"
    return f"outputs of {name} stay there in ~/{FOLDER}/{plan.token}: {why}. Next: copy them"


def _shortened(text: str) -> str:
    """Keep begin and end of what may be very long: a path, and what is wrong with it."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 2 :]}"
