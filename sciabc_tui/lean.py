"""Loading a library without another one that it would bring along and that is never used here.

On a Pi each such module costs a start of the program a share of a second, and the service memory for good.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def without(name: str) -> Generator[None, None, None]:
    """Be an interpreter that lacks a module, for those that are loaded meanwhile and can do without.

    A None in `sys.modules` does that (Python reference, 5.3.1). What is loaded already keeps the module, and
    so does whoever asks for it afterwards.
    """
    modules: dict[str, object] = sys.modules  # pyright: ignore[reportAssignmentType] - None is allowed
    had, loaded = name in modules, modules.get(name)
    modules[name] = None
    try:
        yield
    finally:
        if had:
            modules[name] = loaded
        else:
            del modules[name]
