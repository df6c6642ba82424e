"""When a display is written anew: a pure decision."""

import itertools

import pytest

from hw.care import RESYNC_EVERY, REWRITE_EVERY, Care, Cared


@pytest.mark.parametrize(
    ("rewritten", "resynced", "answers", "care"),
    [
        (0.0, 0.0, True, Care.NOTHING),
        (59.9, 59.9, True, Care.NOTHING),
        (60.0, 60.0, True, Care.REWRITE),
        (0.0, 599.9, True, Care.NOTHING),
        (60.0, 599.9, True, Care.REWRITE),
        (0.0, 600.0, True, Care.RESYNC),
        (60.0, 600.0, True, Care.RESYNC),
        (59.9, 59.9, False, Care.NOTHING),
        (60.0, 60.0, False, Care.RESYNC),
    ],
)
def test_what_is_due(rewritten: float, resynced: float, answers: bool, care: Care) -> None:
    """Everything once a minute; in step every ten, or every minute where the chip can't be asked."""
    now = 5000.0
    assert Cared(now - rewritten, now - resynced).due(now, answers=answers) is care


@pytest.mark.parametrize("answers", [True, False])
def test_an_hour_by_the_second(answers: bool) -> None:
    """Each is done as often as it should be, with never more than a minute between two full writes."""
    cared = Cared(0.0, 0.0)
    written = [0.0]
    done = dict.fromkeys(Care, 0)
    for second in map(float, range(1, 3601)):
        care = cared.due(second, answers=answers)
        done[care] += 1
        match care:
            case Care.NOTHING:
                continue
            case Care.REWRITE:
                cared = Cared(second, cared.resynced)
            case Care.RESYNC:
                cared = Cared(second, second)
        written.append(second)
    assert max(later - before for before, later in itertools.pairwise(written)) == REWRITE_EVERY
    assert done[Care.RESYNC] == 3600 / (RESYNC_EVERY if answers else REWRITE_EVERY)
    assert done[Care.REWRITE] + done[Care.RESYNC] == 60
