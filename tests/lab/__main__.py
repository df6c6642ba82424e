"""The lab by hand: real nodes, and a shell on their head."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

from tests.lab.bare import Bare
from tests.lab.console import HELP, SOCKET, Console
from tests.lab.errors import LabError
from tests.lab.image import HOME, REPOSITORY, Advert
from tests.lab.lab import Lab
from tests.lab.launchers import install_mpich
from tests.lab.needs import missing

_EXAMPLES = """examples:
  sudo make lab                                  three nodes, and a shell as pi on the head
  python -m tests.lab up --nodes 6 --slots 4     six nodes that advertise four slots each
  python -m tests.lab up --advert 2016           nodes that speak as those of 2016 did
  python -m tests.lab up --bare                  boards as freshly flashed, to be provisioned
  echo 'ssh node01 uptime' | python -m tests.lab   no terminal: run a script on the head
  python -m tests.lab needs                      what this machine lacks for a lab, if anything
  python -m tests.lab mpich                      fetch MPICH into a venv of its own, for tests that use it

in the shell:
  sciabc-tui            the control panel
"""

_WELCOME = """{count} nodes and this head are up after {seconds:.1f} s. You are pi.
The checkout is read-only.
  sciabc-tui   the control panel
  ssh node01   a node (as pi)
  lab help     pull cables, cut the power ...
  Ctrl-D       end it all; nothing is left behind"""


def main() -> int:
    """Run the command line; return the exit status (the shell's own, 1 after an error, 2 for bad usage)."""
    arguments = _parser().parse_args()
    if arguments.what == "needs":
        lacks = missing()
        print("\n".join(lacks) or "nothing: a lab can be built here")
        return 1 if lacks else 0
    try:
        if arguments.what == "mpich":
            print(install_mpich())
            return 0
        return _up(arguments.nodes, arguments.slots, arguments.advert, Bare() if arguments.bare else None)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    indented = "".join(f"  {line}\n" for line in HELP.splitlines())
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description=__doc__,
        epilog=_EXAMPLES + indented,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=("up", "needs", "mpich"), default="up", help="default: up")
    parser.add_argument("--nodes", type=_count(0, 200), default=3, help="how many compute nodes (default: 3)")
    parser.add_argument("--slots", type=_count(1, 256), default=2, help="slots each advertises (default: 2)")
    parser.add_argument(
        "--advert",
        type=Advert,
        choices=tuple(Advert),
        default=Advert.CURRENT,
        help="how they advertise themselves in mDNS (default: current)",
    )
    parser.add_argument("--bare", action="store_true", help="with nothing of ours, and a password for pi")
    return parser


def _up(nodes: int, slots: int, advert: Advert, bare: Bare | None) -> int:
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    started = time.monotonic()
    with Lab(nodes=nodes, slots=slots, advert=advert, bare=bare) as lab:
        _install_command(lab)
        with Console(lab):
            if sys.stdin.isatty():
                print(_WELCOME.format(count=nodes, seconds=time.monotonic() - started))
            if bare is not None:
                names = " ".join(f"{node.name}={node.address}" for node in lab.nodes)
                print(f"  bare boards: {names}; the password of pi is in ~/password")
                _leave_password(lab)
            return _shell(lab)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _shell(lab: Lab) -> int:
    """Run bash on the head until it ends; keys like Ctrl-C are its own.

    At a terminal script(1) lends it a terminal of the head's own; this one is not in the head's /dev/pts.
    """
    passed_on = {name: os.environ[name] for name in ("TERM", "COLORTERM") if name in os.environ}
    on_terminal = ["script", "--quiet", "--return", "--command", "bash", "/dev/null"]
    bash = on_terminal if sys.stdin.isatty() else ["bash"]
    command = lab.head.argv(bash, env=passed_on, cwd=str(REPOSITORY))
    shell = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return shell.wait()


def _leave_password(lab: Lab) -> None:
    file = lab.head.path(f"{HOME}/password")
    file.write_text(f"{lab.password}\n", encoding="utf-8")
    file.chmod(0o644)


def _install_command(lab: Lab) -> None:
    remote = REPOSITORY / "tests" / "lab" / "remote.py"
    line = shlex.join([sys.executable, "-I", str(remote), SOCKET])
    file = lab.head.path("/usr/local/bin/lab")
    file.write_text(f'#!/bin/sh\nexec {line} "$@"\n', encoding="utf-8")
    file.chmod(0o755)


def _count(low: int, high: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
        return int(text)

    return count


if __name__ == "__main__":
    sys.exit(main())
