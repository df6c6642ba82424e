"""One rank of MPI on a board, started by the board's own mpirun: the proof that it computes."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.launchers import LIBRARY, Flavour, Launcher, title
from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.provisioning.mpi_look import plain, see
from sciabc_tui.head.provisioning.ports import Answer, Board, StepFailed
from sciabc_tui.head.provisioning.steps import asked
from sciabc_tui.head.provisioning.steps_user import Account

_WITHIN = 90.0
_WORD = "sciabc-hello"
_SAID = re.compile(rf"^.*?{_WORD}\t(\d+)\t(.*)$", re.MULTILINE)

_CODE = f"""\
from mpi4py import MPI
said = MPI.Get_library_version().splitlines()[0][:80]
print("{_WORD}", MPI.COMM_WORLD.Get_size(), said, sep="\\t", flush=True)
"""

# The launcher is looked for as jobs do it: at the head's path, beside that by another name, then in PATH.
_HELLO = """
cd /
{library}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
for m in {launchers}; do
  if command -v "$m" >/dev/null; then
    echo "mpirun $(command -v "$m")"
    "$m" -n 1 {options} {python} -m mpi4py -c {code} </dev/null
    exit
  fi
done
exit 127
"""

# setpriv(1), of util-linux as su(1) is: su would open a session of its own, which outlives a lost connection
_AS_USER = """
home=$(awk -F: -v n={name} '$1 == n {{ print $6 }}' /etc/passwd)
exec setpriv --reuid="$(id -u {name})" --regid="$(id -g {name})" --init-groups -- \
  env -i HOME="$home" USER={name} LOGNAME={name} PATH="$PATH" LC_ALL=C sh -c {script}
"""


@dataclass(frozen=True, slots=True)
class HelloStep:
    """Says hello with one rank, and compares what MPI that was with the head's.

    Attributes:
        head: What MPI that has.
        account: Whom jobs run as there.
    """

    head: HeadMpi
    account: Account
    title: str = "MPI hello"

    def look(self, board: Board) -> Sequence[str]:
        """Say hello where MPI is there, which changes nothing; where it is not there yet, nobody can.

        Raises:
            StepFailed: It is there, and does not compute.
        """
        if see(board, self.head).fits and self._is_there(board):
            board.progress("starting one rank")
            board.progress(self.do(board))
        return ()

    def do(self, board: Board) -> str:
        """Say hello, as the user that jobs run as."""
        launcher = self.head.installed
        script, root = self._script(launcher), self.account.foreign(board)
        answer = board.run(self._as_user(script) if root else script, root=root, within=_WITHIN)
        found = _SAID.search(answer.out)
        if answer.status != 0 or found is None:
            raise self._failed(answer, launcher)
        library = title(found[2].strip())
        if found[1] != "1" or not launcher.fits(library):
            there = library or plain(found[2])
            raise StepFailed(
                f"{there} there, {launcher.title} on the head: they don't fit together",
                f"Next: the same flavour and major version on both: {self._remedy()}",
            )
        return f"one rank says hello, by {library} as on the head"

    def _is_there(self, board: Board) -> bool:
        """Tell whether there is such a user yet: a dry run makes none."""
        if not self.account.foreign(board):
            return True
        return bool(asked(board, f"id -u {shlex.quote(self.account.user)} 2>/dev/null || :").strip())

    def _as_user(self, script: str) -> str:
        """Let root run it as that user, with nothing of root's own, and end it in time."""
        name = shlex.quote(self.account.user)
        return _AS_USER.format(name=name, script=shlex.quote(script))

    def _script(self, launcher: Launcher) -> str:
        library = (
            f"export {LIBRARY}={shlex.quote(launcher.library)}" if launcher.library else f"unset {LIBRARY}"
        )
        return _HELLO.format(
            library=library,
            launchers=" ".join(shlex.quote(name) for name in launcher.counterparts),
            options="--bind-to none" if launcher.flavour is Flavour.OPENMPI else "",
            python=shlex.quote(self.head.python),
            code=shlex.quote(_CODE),
        )

    def _failed(self, answer: Answer, launcher: Launcher) -> StepFailed:
        if answer.status == 127 and "mpirun " not in answer.out:
            return StepFailed(f"no {launcher.title} there", f"Next: provision it again: {self._remedy()}")
        words = (answer.err + answer.out).strip().splitlines()
        said = [line for line in words if line.strip(" -") and not line.startswith("mpirun ")]
        last = plain(said[-1]) if said else "it says nothing"
        program = f"{launcher.path} -n 1 {self.head.python} -m mpi4py.bench helloworld"
        who = f", as {self.account.user}" if self.account.user else ""
        return StepFailed(f"one rank fails there: {last}", f"Next: try it on the board{who}: {program}")

    def _remedy(self) -> str:
        return "--mpi packages" if self.head.from_distribution else "--mpi wheels"
