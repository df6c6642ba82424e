"""Files that killed ranks and their launchers leave on a machine, until somebody removes them.

In /dev/shm each holds 2 MiB (MPICH) to 16 MiB (Open MPI) of the memory of a board, which is all used up after
some hundred jobs that were cancelled or lost a node. In /tmp MPICH's hydra describes the machine to its ranks
(5.0.2; 6 KB). They don't say whose job made them. So what goes is what nobody uses any more: at every moment
of its life, the process that made one has it open or in its memory.
"""

import contextlib
import subprocess
from pathlib import Path

# Whose they are is looked at. hydra's are there whatever TMPDIR says.
_MEMORY = "/dev/shm/"  # noqa: S108 - see shm_overview(7)
_HYDRA = "/tmp/hydra_hwloc_xmlfile_"  # noqa: S108
_FILES = (f"{_MEMORY}mpich_shm_*", f"{_MEMORY}sm_segment.*", f"{_MEMORY}vader_segment.*", f"{_HYDRA}*")
_SECONDS = 5.0  # it takes 0.02 here

# Descriptors are looked at before memory: who maps a file and closes it between the two is seen all the same.
# One that is not ours could only be removed by root, whose jobs may share the machine with others'.
REMOVING_SCRIPT = f"""
there=''
set -- {" ".join(_FILES)}
for file; do
  if [ -f "$file" ] && [ -O "$file" ]; then there=yes; fi
done
if [ "$there" ]; then
  used=$({{ ls -l /proc/[0-9]*/fd; cat /proc/[0-9]*/maps; }} 2>/dev/null | grep -F -e {_MEMORY} -e {_HYDRA})
  for file; do
    case "$used" in
      *"$file"*) ;;
      *) if [ -f "$file" ] && [ -O "$file" ]; then rm -f -- "$file"; fi ;;
    esac
  done
fi
"""
"""Removes them, for ``sh``, from the machine where it runs; only those of its user."""


def remove_unused() -> None:
    """Remove them from this machine."""
    if not any(file for files in _FILES for file in Path("/").glob(files.removeprefix("/"))):
        return
    script = REMOVING_SCRIPT.encode()
    # What could not be removed now is found after the next job.
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(["/bin/sh", "-s"], input=script, capture_output=True, timeout=_SECONDS, check=False)
