"""The hostile campaign in short; `tests/bench/hostile.py` runs it in full."""

from pathlib import Path

import pytest

from tests.head.hostile import REAL, Report, campaign

pytestmark = pytest.mark.alone


def check(report: Report) -> None:
    """Nothing was trusted, nothing stalled, nothing grew, little was said, and the real nodes are fine."""
    assert report.failures == ()
    heads = {node.name for node in report.state.nodes.values() if node.id == "head"}
    assert report.trusted == {REAL, *heads}
    assert report.answers > 10
    assert report.harms == (), "the trusted node was harmed by what was said in its name"
    assert report.logins == 0, "a credential was offered to a host that nobody approved"
    assert report.exchanges > 0, "host keys were read"
    assert report.newcomer_after <= 5.0
    assert report.slowest <= 0.5
    assert report.grew <= 20_000_000
    assert len(report.refusal_lines) <= 10
    assert len(report.flood_lines) == 1
    assert "10.77.0." in report.flood_lines[0]
    assert all(node.name.isascii() and node.name.isprintable() for node in report.state.nodes.values())
    assert "Traceback" not in report.log


@pytest.mark.parametrize("senders", [1, 50])
def test_a_hostile_network_does_no_harm(tmp_path: Path, senders: int) -> None:
    """Each hostile input, then 10,000 fakes at 5,000 a second; a real node is seen within 5 s amid it."""
    check(campaign(tmp_path, count=10_000, rate=5000.0, senders=senders))


def test_a_flood_without_a_warning_does_no_harm(tmp_path: Path) -> None:
    """The first thing that comes: as many are taken in as a cluster may have, and no more."""
    check(campaign(tmp_path, count=10_000, rate=5000.0, inputs=False))
