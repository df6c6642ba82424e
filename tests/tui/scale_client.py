"""A client behind which a scaling lesson is measured on a simulated cluster."""

from typing_extensions import override

from tests.scaled import ScaledCluster
from tests.tui import states
from tests.tui.client import CapturingClient


class ScaleClient(CapturingClient):
    """Gives the simulated cluster to whoever wants a client of its own."""

    def __init__(self, cluster: ScaledCluster) -> None:
        super().__init__(states.ready())
        self.cluster = cluster

    @override
    def apart(self) -> ScaledCluster:  # pyright: ignore[reportIncompatibleMethodOverride] - enough of one
        """Give it."""
        return self.cluster
