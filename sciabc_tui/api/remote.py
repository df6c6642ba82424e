"""What is asked for to run a command on nodes, and to copy files to and from them."""

from typing import Annotated, ClassVar

from msgspec import Meta

from sciabc_tui.api.messages import Text
from sciabc_tui.api.works import Wish

Nodes = Annotated[tuple[Text, ...], Meta(max_length=10_000)]


class ExecWish(Wish, frozen=True):
    """Run a command on nodes, all at once.

    Attributes:
        nodes: By name.
        command: A line for the shell there.
        within: Seconds after which it is ended on a node; None: never.
    """

    name: ClassVar[str] = "exec"
    nodes: Nodes
    command: Annotated[str, Meta(max_length=32_768)]
    within: Annotated[float, Meta(gt=0)] | None = None


class PushWish(Wish, frozen=True):
    """Copy the head's files to nodes.

    Attributes:
        nodes: By name.
        paths: Files and folders of the head, absolute.
        folder: Where to; empty: the place that each has here. A relative one is below the home directory.
        dry_run: Say what would be copied.
    """

    name: ClassVar[str] = "push"
    nodes: Nodes
    paths: Annotated[tuple[Text, ...], Meta(max_length=1024)]
    folder: Text = ""
    dry_run: bool = False


class PullWish(Wish, frozen=True):
    """Copy nodes' files to the head, into a folder for each node.

    Attributes:
        nodes: By name.
        paths: Files and folders of the nodes; a relative one is below the home directory.
        folder: Where to, absolute; each node gets a folder of its name in it.
        dry_run: Say what would be copied.
    """

    name: ClassVar[str] = "pull"
    nodes: Nodes
    paths: Annotated[tuple[Text, ...], Meta(max_length=1024)]
    folder: Text
    dry_run: bool = False
