"""The directory where Open MPI's runtime keeps what it needs while an attempt runs, on each of its machines.

By itself 5.0 makes one that is named after its process, such as /tmp/ompi.4711. One that was killed leaves
it there, and the next one that is given the same number ends at once: "The PMIx server's listener thread
failed to start" (5.0.11; each of a thousand where all directories were there). Numbers come round: on a
32-bit system after 32,768. So each attempt has a directory of its own, named after its token, which goes
when the attempt is over, from the head and from each node.

4.1 starts all the same (measured), but leaves as much behind.
"""

import contextlib
import re
import shutil
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from jobs.launchers import Launcher

_TEMPORARY = Path("/tmp")  # noqa: S108 - where both look if nobody says; mode 0700 is what they make
_VARIABLES = ("TMPDIR", "TEMP", "TMP")  # in the order of both, see pmix_tmp_directory and opal_tmp_directory
_PLAIN = re.compile(r"/[\w./-]{0,80}", re.ASCII)
_TOKEN = re.compile(r"[0-9a-f]{32}")
_NODES = "${TMPDIR:-/tmp}"  # the node's login shell puts in its own
_OPTIONS = {"prte_local_tmpdir_base", "orte_tmpdir_base"}

_REMOVE = """
for folder in "{nodes}" {temporary}; do
  folder="$folder/{name}"
  rm -rf -- "$folder"
  if [ -e "$folder" ] || [ -L "$folder" ]; then left=$((left + 1)); fi
done
"""


def scratch(*environments: Mapping[str, str]) -> Path:
    """Say where this machine has room for them: where the launcher looks for it itself.

    Args:
        environments: Which the launcher will have; what the first says goes first.
    """
    for variable in _VARIABLES:
        for environment in environments:
            if said := environment.get(variable):
                return Path(said) if _PLAIN.fullmatch(said) else _TEMPORARY
    return _TEMPORARY


def options(launcher: Launcher, room: Path, token: str, *, remote: bool) -> tuple[str, ...]:
    """Say to Open MPI where its directories are; it makes them, for the owner only.

    Args:
        launcher: Which mpirun.
        room: Where those of this machine are: see ``scratch``.
        token: The attempt's.
        remote: Whether there are other nodes.
    """
    here = str(room / _name(token))
    if launcher.version >= (5,):
        there = ("--prtemca", "prte_remote_tmpdir_base", f"{_NODES}/{_name(token)}")
        return ("--prtemca", "prte_local_tmpdir_base", here, *(there if remote else ()))
    # 4.1.4 knows one place for all machines: given the head's only, no rank starts (measured). It keeps its
    # own ways where nodes may lack the place of the head.
    return ("--mca", "orte_tmpdir_base", here) if room == _TEMPORARY or not remote else ()


def remove(argv: Iterable[str], token: str) -> None:
    """Remove the directory of an attempt from this machine, if there is one; of a link the link only.

    Args:
        argv: The launcher's command line.
        token: The attempt's; only 32 hex digits are the name of a directory of ours.
    """
    for option, word in pairwise(argv):
        path = Path(word)
        if option in _OPTIONS and path.is_absolute() and path.name == _name(token) and _is_ours(token):
            with contextlib.suppress(OSError):  # there never was one, or another's
                if path.is_symlink():
                    path.unlink()
                shutil.rmtree(path)


def removing_script(token: str) -> str:
    """Write the part of a program for ``sh`` that does so on a node; what stays adds to ``left``."""
    if not _is_ours(token):
        return ""
    return _REMOVE.format(nodes=_NODES, temporary=_TEMPORARY, name=_name(token))


def _name(token: str) -> str:
    return f"sciabc-{token}"


def _is_ours(token: str) -> bool:
    return _TOKEN.fullmatch(token) is not None
