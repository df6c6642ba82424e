"""MPICH's options: its process manager hydra, 4.0 (Debian 12) to 5.0 (wheel).

Where nothing else is told, measured with 4.0.2 and 5.0.2.
"""

import shlex
from pathlib import Path

TAG = "[1,%r]<std>:"
"""Stands before each line, and before each piece of one that hydra happened to read: `jobs.tags` joins them.

With that no process between a rank and hydra is needed to keep lines apart, which would stand in the way of
signals, standard input and the exit status.
"""


def options(*, each: bool) -> tuple[str, ...]:
    """Say how words are marked and what an end tells; ``each``: a command's failure ends no other."""
    # Without the codes of all it is not told which rank ended how.
    told = ("-prepend-pattern", TAG, "-print-all-exitcodes")
    return (*told, "-disable-auto-cleanup") if each else told


def remote_options(agent: Path, head_address: str) -> tuple[str, ...]:
    """Say how other nodes are reached, and where they reach us: by itself hydra tells its host name.

    Limits to networks are not among them: hydra and its wires know names of interfaces alone, which differ
    between nodes.
    """
    ours = ("-localhost", head_address) if head_address else ()
    return ("-launcher", "ssh", "-launcher-exec", str(agent), *ours)


def forwarded(names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the variables that ranks on other nodes get too; by default they would get all of ours."""
    return ("-genvlist", ",".join(names))


def agent_script(ssh_config: Path) -> str:
    """Write the program that hydra calls as its ssh: it can't be given options of its own.

    ``-x``, with which hydra calls it, is ssh's own for "no X11".
    """
    return f'#!/bin/sh\nexec ssh -F {shlex.quote(str(ssh_config))} "$@"\n'
