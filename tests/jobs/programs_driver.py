"""Run several bundled programs in one launch of MPI, one after another; for `test_programs_*.py`.

    mpirun -n 3 python -m mpi4py programs_driver.py PLAN RESULTS

PLAN is a JSON list of `{"program", "args", "wrong"}`. With `wrong` the last rank finds something else than
it should, at one place of the program: of what it computes or sends, never of what it compares with. RESULTS
gets a list of lists, for each program one `{"status", "out",
"err"}` of each rank.
"""

import importlib.util
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from mpi4py import MPI
from numpy.typing import NDArray

PROGRAMS = Path(__file__).parents[2] / "jobs" / "programs"


def loaded(name: str) -> ModuleType:
    """Import a program anew."""
    spec = importlib.util.spec_from_file_location(name, PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _changed(
    change: Callable[[Any, tuple[Any, ...]], Any],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function that changes what another one returns, or was given."""

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*args: object) -> object:
            return change(function(*args), args)

        return instead

    return around


def _poke(array: NDArray[Any]) -> None:
    array[(0,) * array.ndim] += 0.01


def _flipped(sent: bytes) -> bytes:
    """Change a single bit, of the last byte."""
    return sent[:-1] + bytes([sent[-1] ^ 1])


def _warmer(plate: list[Any]) -> list[Any]:
    plate[1][1] += 0.01
    return plate


def _dies(_function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that ends its process: a first task comes to every worker, however slow it is."""
    return lambda *_args: os.kill(os.getpid(), signal.SIGKILL)


_LAST = MPI.COMM_WORLD.size - 1

WRONG: dict[str, tuple[str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = {
    "heat": ("step", _changed(lambda plate, args: _warmer(plate))),
    "hello": ("answer", _changed(lambda said, args: (0, *said[1:]))),
    "linpack": ("update", _changed(lambda none, args: _poke(args[0]))),
    "mergesort": ("merge_sort", _changed(lambda numbers, args: [numbers[0], *numbers[:-1]])),
    "pi": ("area", _changed(lambda area, args: area * 1.00001)),
    "pingpong": ("payload", _changed(lambda sent, args: _flipped(sent) if args[1] == _LAST else sent)),
    "powers": ("raised", _changed(lambda results, args: [result + 1 for result in results])),
    "ring": ("stamped", _changed(lambda message, args: (message[0], message[1] + 1))),
    "taskfarm": ("primes", _changed(lambda count, args: count + 1)),
    "wing": ("collide", _changed(lambda none, args: _poke(args[0][:, -1:]))),
}
"""The function of each program that is made wrong, and how."""


def ran(program: str, args: list[str], wrong: str) -> dict[str, Any]:
    """Run one program; give what it left."""
    module = loaded(program)
    if wrong and MPI.COMM_WORLD.rank == MPI.COMM_WORLD.size - 1:
        name, around = ("primes", _dies) if wrong == "dies" else WRONG[program]
        setattr(module, name, around(getattr(module, name)))
    sys.argv = [program, *args]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = module.main()
        except SystemExit as ended:  # its help was wanted
            status = ended.code
    return {"status": status, "out": out.getvalue(), "err": err.getvalue()}


def main() -> None:
    """Run the plan."""
    world = MPI.COMM_WORLD
    _, plan, written = sys.argv
    sys.path.insert(0, str(PROGRAMS))
    results: list[Any] = []
    for step in json.loads(Path(plan).read_text(encoding="utf-8")):
        found = ran(step["program"], step["args"], step["wrong"])
        survived = step["wrong"] == "dies"  # who is left can't gather
        results.append([found] if survived else world.gather(found))
    if world.rank == 0:
        Path(written).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
