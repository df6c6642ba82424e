"""The open SSH sessions: who works on one keeps it."""

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.head.sessions import Sessions

ONE, TWO = NodeId("id-node01"), NodeId("id-node02")


def test_a_session_is_held_by_everybody_who_works_on_it() -> None:
    """It is free again only when the last one has let go, and nobody else's is held."""
    sessions = Sessions()
    with sessions.hold([ONE]):
        with sessions.hold([ONE]):
            assert sessions.is_held(ONE)
        assert sessions.is_held(ONE)
        assert not sessions.is_held(TWO)
    assert not sessions.is_held(ONE)
