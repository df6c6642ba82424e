"""A node's load over time, by the client and by any other."""

import pytest

from sciabc_tui.api.client import Client
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.series import SPANS
from sciabc_tui.errors import NotFound, SciabcError
from tests.api.scripted import Serving


@pytest.mark.parametrize("span", SPANS)
def test_the_client_gets_the_series_as_it_is(service: Serving, span: int) -> None:
    """What the backend gives arrives as the very same value, unmeasured places included."""
    series = Client(service.socket).history(NodeId("id-node01"), span)
    assert series == service.backend.history(NodeId("id-node01"), span)
    assert series.cpu == (*(None,) * 59, 12.0)


def test_another_span_and_another_node_are_refused(service: Serving) -> None:
    """There are three spans, and no history of a node that is not there."""
    with pytest.raises(SciabcError, match="span takes one of 60, 600, 3600"):
        Client(service.socket).history(NodeId("id-node01"), 61)
    with pytest.raises(NotFound):
        Client(service.socket).history(NodeId("nobody"), 60)
