"""What is asked for to find, restart and switch boards, and to pack the briefcase."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta
from typing_extensions import override

from sciabc_tui.api.remote import Nodes
from sciabc_tui.api.works import Wish


class IdentifyWish(Wish, frozen=True):
    """Let boards blink, so that one sees which they are. It ends with the connection, or after the time.

    Attributes:
        nodes: By name.
        seconds: How long.
    """

    name: ClassVar[str] = "identify"
    nodes: Nodes
    seconds: Annotated[float, Meta(ge=1, le=3600)] = 30.0


class PowerWish(Wish, frozen=True):
    """Restart boards, halt them, or switch their power.

    Attributes:
        nodes: By name.
        action: `reboot` and `off` by the board itself where it answers; `on`, `cycle` and `cut` by a driver.
        password: For sudo there; empty: sudo without one.
        force: Although jobs run there, which are lost then.
    """

    name: ClassVar[str] = "power"
    nodes: Nodes
    action: Literal["reboot", "off", "on", "cycle", "cut"]
    password: Annotated[str, Meta(max_length=1024)] = ""
    force: bool = False

    @override
    def __repr__(self) -> str:
        """Never show the password."""
        return f"PowerWish({self.nodes!r}, {self.action!r})"

    @override
    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Show the same in what Rich prints."""
        return [("nodes", self.nodes), ("action", self.action)]


class PackWish(Wish, frozen=True):
    """End all in order: drain, let jobs end or stop them, halt the nodes, see each gone, then the head.

    Attributes:
        wait: Seconds that running jobs may take to end by themselves; then they are stopped.
        keep_head: Do not halt the head.
        password: For sudo; empty: sudo without one.
    """

    name: ClassVar[str] = "pack"
    wait: Annotated[float, Meta(ge=0)] = 0.0
    keep_head: bool = False
    password: Annotated[str, Meta(max_length=1024)] = ""

    @override
    def __repr__(self) -> str:
        """Never show the password."""
        return f"PackWish({self.wait})"

    @override
    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Show the same in what Rich prints."""
        return [("wait", self.wait)]


class UnpackWish(Wish, frozen=True):
    """Wait for the nodes that are expected, and name the missing.

    Attributes:
        nodes: Which; none: all that are known.
        within: Seconds.
    """

    name: ClassVar[str] = "unpack"
    nodes: Nodes = ()
    within: Annotated[float, Meta(gt=0)] = 120.0
