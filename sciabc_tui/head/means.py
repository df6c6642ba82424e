"""What every contact with a node works with."""

from concurrent.futures import Executor
from dataclasses import dataclass, replace

from sciabc_tui.cluster.node import Node
from sciabc_tui.head.collector import Collector
from sciabc_tui.head.pace import Pace
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.rooms import Room
from sciabc_tui.head.sessions import Sessions
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.users import Users, login_identity


@dataclass(frozen=True, slots=True)
class Means:
    """What every contact works with.

    Attributes:
        dials: How many TCP connections may be tried in a second.
        strangers: Room for key exchanges with nodes that nobody approved: tarpits must not delay the others.
        members: Room for logins to trusted nodes.
        threads: Where streams are ended.
        users: Whom to log in as.
        sessions: Told which streams are open.
    """

    hub: Hub
    clock: Clock
    collector: Collector
    dials: Pace
    strangers: Room
    members: Room
    threads: Executor
    credentials: Credentials
    users: Users
    sessions: Sessions

    def credentials_for(self, node: Node) -> Credentials:
        """Give what to prove ourselves with there; the settings' key outranks that of the ssh_config."""
        if self.credentials.identity is not None:
            return self.credentials
        return replace(self.credentials, identity=login_identity(node, self.users))
