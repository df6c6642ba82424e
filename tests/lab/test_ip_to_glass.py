"""The external address, from the kernel of the lab's head to the glass of its display."""

import pytest

from tests.hw.umock import need_umockdev
from tests.lab.conftest import LabFactory
from tests.lab.flight import Flight
from tests.lab.glass import display

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


def test_a_new_external_address_is_on_the_glass_and_the_old_one_is_not(lab: LabFactory) -> None:
    """A lease, another lease, none: the display of a real head service follows, each in whole frames."""
    need_umockdev()
    here = lab(nodes=1)
    with display(here) as world:
        flight = Flight(here, {"SCIABC_CLUSTER_INTERFACES": "eth0", "SCIABC_PANEL_LAMP": "off", **world.env})
        flight.start()
        world.until(lambda seen: any("203.0.113.254" in line for line in seen.glass))
        here.external.set("203.0.113.7/24")
        world.until(lambda seen: any("203.0.113.7 " in line for line in seen.glass))
        here.external.set(None)
        world.until(lambda seen: any("DHCP" in line for line in seen.glass))
        later = [lines for _, lines in world.shown]
        changed = next(place for place, lines in enumerate(later) if "203.0.113.7 " in "".join(lines))
        assert not any("203.0.113.254" in "".join(lines) for lines in later[changed:])
        assert world.state.violations == 0
