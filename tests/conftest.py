"""What holds for every test: no traffic but on loopback, and settings of nobody's home.

Tests that need a network make one of their own, in a namespace.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import settings
from typing_extensions import override
from xdist.remote import Producer  # pyright: ignore[reportMissingTypeStubs] - annotated, without a marker
from xdist.scheduler import LoadScopeScheduling  # pyright: ignore[reportMissingTypeStubs] - likewise

# Before anything reads them: a head service that a test starts listens on loopback only.
os.environ["SCIABC_CLUSTER_INTERFACES"] = "lo"
os.environ["SCIABC_PANEL_LCD"] = "off"
os.environ["SCIABC_PANEL_LAMP"] = "off"
os.environ["TZ"] = "UTC"

# A loaded machine must not decide: an example that takes 0.2 s once, and less the next time, is no fault. Nor
# must chance, where everything is required and nobody looks on: there the examples are the same each time.
settings.register_profile("default", settings.get_profile("default"), deadline=None)
if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
    settings.register_profile("same", settings.get_profile("default"), derandomize=True, database=None)
    settings.load_profile("same")

# A shell has what it starts in the background (`make test &`) ignore Ctrl-C, and so all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

_TESTS = Path(__file__).parent

_MACHINE: Mapping[str, str] = {
    "lab/test_provisioning_lab": "provisioning",
    "lab/test_power_lab": "",
    "jobs/test_jobs_slurm_real": "slurm",
    "cli/test_cli_install_systemd": "systemd",  # machines with systemd have one tree of control groups
    "docs/test_docs_machine": "systemd",
    "lab/test_survive": "",
    "jobs/test_jobs_kills": "",
    "lab/test_growing_lab": "",
    "lab/test_mpi_lab": "",
    "lab/test_node_loss": "",
    "jobs/test_programs_numbers": "",
    "lab/test_first_flight": "",
    "lab/test_membership_lab": "",
    "lab/test_staging_lab": "",
    "lab/test_ip_to_glass": "",
    "lab/test_lab_bare": "bare",
    "hw/test_hw_umock_service": "",
    "lab/test_power_cut": "",
    "lab/test_mpich_wires": "",
    "cli/test_cli_last_words_unit": "",
    "head/test_hostile_campaign": "",
    "jobs/test_jobs_collect_runner": "collect",
    "jobs/test_jobs_supervise": "supervise",
    "lab/": "",
    "jobs/test_jobs_sweep": "sweep",
    "hw/test_hw_umock": "",
    "cli/test_cli_connect_systemd": "",
}
"""Where tests build machines of their own, end processes or look at the clock, those that take longest first.
Beside each what its tests share: those are run by one worker, one after the other; the others, which share
nothing, are handed out one by one. `make test` runs all of these after the others, three at a time since labs
mostly wait, and by themselves those that are marked `alone`."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out whole files that the part of `make test` has nothing of: to import them all takes long."""
    if not collection_path.name.startswith("test_") or not all(Path(arg).is_dir() for arg in config.args):
        return None
    there = _place(collection_path) is not None
    match str(config.getoption("markexpr")).partition(" ")[0]:
        case "not":
            unwanted = there
        case "machine" | "alone":
            unwanted = not there
        case _:
            unwanted = False
    return unwanted or None  # None: others may have a say


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of machines, and put those that take longest first; beside that, the shuffle stays."""
    ranks = {place: rank for rank, place in enumerate(_MACHINE)}
    places = {item: _place(item.path) for item in items}
    for item, place in places.items():
        if place is not None:
            item.add_marker(pytest.mark.machine)
    items.sort(key=lambda item: ranks.get(places[item] or "", -1))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer | None) -> LoadScopeScheduling | None:
    """Let workers share the tests of machines as it stands in the table."""
    return _Shared(config, log) if str(config.getoption("markexpr")).startswith("machine") else None


class _Shared(LoadScopeScheduling):
    """Hands out what shares something as one, in the order of collection."""

    def __init__(self, config: pytest.Config, log: Producer | None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    @override
    def _split_scope(self, nodeid: str) -> str:
        place = _place(_TESTS.parent / nodeid.partition("::")[0])
        return nodeid if place is None else _MACHINE[place] or nodeid


def _place(path: Path) -> str | None:
    """Give the entry for a file of tests, if there is one."""
    name = str(path.relative_to(_TESTS))
    return next((place for place in _MACHINE if name.startswith(place)), None)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's own configuration, jobs and keys out of the tests, and the tests out of them."""
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.delenv("SCIABC_CONFIG", raising=False)
