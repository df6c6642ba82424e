"""Copied cards and boards with two addresses: what tells them apart."""

import pytest

from sciabc_tui.cluster.node import Facts
from sciabc_tui.head.twins import Verdict, compare


@pytest.mark.parametrize(
    ("known", "found", "alive_since", "verdict"),
    [
        (Facts(serial="1", boot_id="a"), Facts(serial="2", boot_id="a"), False, Verdict.OTHER),
        (Facts(serial="1", boot_id="a"), Facts(serial="1", boot_id="a"), True, Verdict.SAME),
        (Facts(serial="1", boot_id="a"), Facts(serial="1", boot_id="b"), True, Verdict.UNCLEAR),
        (Facts(boot_id="a"), Facts(boot_id="a"), True, Verdict.SAME),
        (Facts(boot_id="a"), Facts(boot_id="b"), True, Verdict.OTHER),
        (Facts(boot_id="a"), Facts(boot_id="b"), False, Verdict.UNCLEAR),
        (Facts(boot_id="a"), Facts(), True, Verdict.UNCLEAR),
        (Facts(), Facts(boot_id="a"), True, Verdict.UNCLEAR),
        (Facts(serial="1"), Facts(serial="2"), False, Verdict.OTHER),
        (Facts(serial="1", boot_id="a"), Facts(boot_id="b"), True, Verdict.OTHER),
    ],
)
def test_serial_numbers_decide_then_boot_ids(
    known: Facts, found: Facts, alive_since: bool, verdict: Verdict
) -> None:
    """One serial with two boot ids is a board that booted; two boot ids alive at one time are two boards."""
    assert compare(known, found, alive_since=alive_since) is verdict
