"""What is told of a work: an operation on many nodes that takes a while, such as `exec` or provisioning.

A wish is posted to `/v1/works/NAME`; the answer is a line of JSON for each part, as it happens. A work that
is over ends with `Over`: an answer without it was cut off. Who hangs up cancels the work.
"""

from typing import ClassVar, Literal, TypeAlias

from msgspec import Struct

Outcome = Literal["running", "done", "unchanged", "would", "failed", "skipped"]
"""Of a step. `unchanged`: all was well before. `would`: a dry run found that there is something to do."""


class Begun(Struct, frozen=True, tag="begun"):
    """Which nodes are worked on; the first part.

    Attributes:
        nodes: By name; boards that have none yet by what they were called in the wish.
        steps: What is done on each, in order, in words; none where there is only one thing to do.
        simulated: Nothing of it is real.
    """

    nodes: tuple[str, ...]
    steps: tuple[str, ...] = ()
    simulated: bool = False


class Step(Struct, frozen=True, tag="step"):
    """How far a node is; a later one of the same step takes the place of the one before.

    Attributes:
        node: As in `Begun`.
        step: As in `Begun`, or a word for what is under way.
        outcome: Where it stands.
        text: What was done, found or would be changed; one line, or several in a dry run.
        fix: What to do next, if it failed.
        share: From 0 to 1, how much is done; None where that is not known.
    """

    node: str
    step: str
    outcome: Outcome
    text: str = ""
    fix: str = ""
    share: float | None = None


class Said(Struct, frozen=True, tag="said"):
    """A piece of what a program on a node wrote. The bytes are as they came; JSON has them in base64.

    Attributes:
        node: As in `Begun`.
        data: Any bytes.
        err: Written to standard error.
    """

    node: str
    data: bytes
    err: bool = False


class Board(Struct, frozen=True, tag="board"):
    """A board that was looked at: nothing was sent to it but the key exchange.

    Attributes:
        target: What it was called in the wish, or its address.
        address: Where it answers; empty if it does not.
        port: Of its SSH server.
        node: The name of the node that it is, if it is known.
        fingerprint: Of its host key, `SHA256:...`; empty if none was read.
        kind: Of the host key.
        trust: `unknown`, `trusted` (a person approved this very key) or `changed`.
        ready: It computes already.
        about: What else is known of it, in words: its SSH server's version, its MAC address's maker.
        problem: Why it can't be worked on; empty if nothing speaks against it.
        fix: What to do about that.
    """

    target: str
    address: str = ""
    port: int = 22
    node: str = ""
    fingerprint: str = ""
    kind: str = ""
    trust: str = "unknown"
    ready: bool = False
    about: str = ""
    problem: str = ""
    fix: str = ""


class Ended(Struct, frozen=True, tag="ended"):
    """A node is over.

    Attributes:
        node: As in `Begun`.
        ok: All went well.
        text: What came of it, in a line.
        fix: What to do next, if it did not go well.
        code: The exit status of a program; None where there was none.
        changes: How many things were changed there.
    """

    node: str
    ok: bool
    text: str = ""
    fix: str = ""
    code: int | None = None
    changes: int = 0


class Over(Struct, frozen=True, tag="over"):
    """The work is over; the last part.

    Attributes:
        text: What came of it as a whole; empty where the nodes have said it all.
        fix: What to do next.
    """

    text: str = ""
    fix: str = ""


Part: TypeAlias = Begun | Step | Said | Board | Ended | Over


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """What every request for a work has in common: `name` is the last part of its path."""

    name: ClassVar[str] = ""
