"""What is asked for to get boards in. A password is in a wish alone: never in a path, a log or on disk."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct
from typing_extensions import override

from sciabc_tui.api.works import Wish

Name = Annotated[str, Meta(max_length=256)]
Boards = Annotated[tuple[Name, ...], Meta(max_length=1024)]


class LookWish(Wish, frozen=True):
    """Read the host keys of boards, which must be approved before anything is sent to them.

    Attributes:
        targets: `[USER@]HOST[:PORT]`, or names of nodes.
    """

    name: ClassVar[str] = "look"
    targets: Boards


class ScanWish(Wish, frozen=True):
    """Look for boards with an SSH server on the cluster's own network, which is asked address by address.

    Attributes:
        network: A part of the cluster's network, such as `10.77.0.0/26`; empty: all of it.
    """

    name: ClassVar[str] = "scan"
    network: Name = ""


class BoardWish(Struct, frozen=True, forbid_unknown_fields=True):
    """One board.

    Attributes:
        target: `[USER@]HOST[:PORT]`, or the name of a node.
        fingerprint: The host key that the person saw and approved.
        host_name: Give it this host name; empty: it keeps its own.
    """

    target: Name
    fingerprint: Name
    host_name: Name = ""


class ProvisionWish(Wish, frozen=True):
    """Make boards compute, or undo that.

    Attributes:
        boards: Which.
        password: To log in with, and for sudo; empty: keys alone, and sudo without a password.
        user: A user that is made for the cluster and used from then on; empty: whom we log in as.
        mpi: How MPI gets there. auto: as the head has it.
        slots: What each advertises; None: its cores.
        new_host_keys: Make new host keys and a new machine id, for boards whose cards were copied.
        between: Let the nodes log in to each other without a password.
        dry_run: Say what would be changed, and change nothing.
        undo: Take away again all that was done.
    """

    name: ClassVar[str] = "provision"
    boards: Annotated[tuple[BoardWish, ...], Meta(max_length=1024)]
    password: Annotated[str, Meta(max_length=1024)] = ""
    user: Name = ""
    mpi: Literal["auto", "packages", "wheels", "shared", "none"] = "auto"
    slots: Annotated[int, Meta(ge=1, le=4096)] | None = None
    new_host_keys: bool = False
    between: bool = False
    dry_run: bool = False
    undo: bool = False

    @override
    def __repr__(self) -> str:
        """Show which boards; never the password, which a log or a traceback would keep."""
        return f"ProvisionWish({', '.join(board.target for board in self.boards)})"

    @override
    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Show the same in what Rich prints."""
        return [("boards", [board.target for board in self.boards])]
