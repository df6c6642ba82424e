"""`sciabc-tui install-service`: lets systemd run the head service from boot, with nobody logged in."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sciabc_tui.cli.harmless import harmless
from sciabc_tui.cli.installer import Change, File, Installer, files
from sciabc_tui.cli.output import ask, hint, say
from sciabc_tui.cli.session import Session, session
from sciabc_tui.cli.unit import SERVICE, Plan
from sciabc_tui.cli.unit_plan import find_owner, hindrance, make_plan, no_systemd
from sciabc_tui.errors import CommandRefused

_ENDS_WITHIN = 120.0
"""Seconds that a command may take: systemd waits a minute for a service to stand."""


def install_service(
    context: typer.Context,
    *,
    shown: Annotated[bool, typer.Option("--print", help="Print the files, and write nothing.")] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Undo it.")] = False,
    user: Annotated[
        str,
        typer.Option(metavar="NAME", help="Whom it runs as. Without: who typed sudo.", show_default=False),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Let systemd run the head service from boot: LCD and lamp work with nobody logged in.

    It writes systemd's unit, udev's rules for the devices and a hook that says when power may go; first it
    shows what it will do, and asks. The service runs as you, with your keys and jobs; your commands find it.
    """
    options = session(context)
    if options.demo:
        raise CommandRefused("A simulation needs no service from boot. Next: leave --demo out")
    if shown and uninstall:
        raise typer.BadParameter("--print and --uninstall exclude each other")
    if uninstall:
        _uninstall(yes=yes)
        return
    owner = find_owner(user, os.environ, os.geteuid())
    plan, state = make_plan(owner, options.config)
    wanted = files(plan)
    if shown:
        _print(wanted)
        return
    _refuse_unless_possible(options)
    if problem := hindrance(owner, state):
        raise CommandRefused(problem)
    installer = Installer(wanted, _run)
    changes = installer.changes()
    _explain(plan, changes)
    if not yes and ask("Go on? [y/N]") not in {"y", "yes"}:
        raise CommandRefused("Nothing was written. Next: sciabc-tui install-service --print shows the files")
    for problem in installer.install():
        hint(f"not done: {problem}")
    say(f"The head service runs as {owner.name}. Next: sciabc-tui status")


def _uninstall(*, yes: bool) -> None:
    _refuse_unless_possible(Session())
    if not yes and ask("Stop the head service and remove its files? Jobs go on. [y/N]") not in {"y", "yes"}:
        raise CommandRefused("Nothing was removed. Next: answer y, or leave it")
    removed = Installer((), _run).uninstall()
    for path in removed:
        say(f"removed {path}")
    say("Jobs, logs and approved keys are where they were." if removed else "There was nothing to remove.")


def _refuse_unless_possible(options: Session) -> None:
    if problem := no_systemd():
        raise CommandRefused(problem)
    if os.geteuid() != 0:
        config = f"--config {options.config} " if options.config else ""
        raise CommandRefused(
            f"Only root may change what systemd runs. Next: sudo {_own_path()} {config}install-service"
        )


def _own_path() -> str:
    """Give the command in a form that `sudo` finds, which looks in no user's folders."""
    program = Path(sys.executable).with_name("sciabc-tui")
    return str(program) if program.exists() else f"{sys.executable} -m sciabc_tui"


def _print(wanted: Sequence[File]) -> None:
    for number, file in enumerate(wanted):
        if number:
            say("")
        say(f"==> {file.path} <==")
        for line in file.text.splitlines():
            say(line)


def _explain(plan: Plan, changes: Sequence[tuple[os.PathLike[str], Change]]) -> None:
    say("Files:")
    for path, change in changes:
        say(f"  {path}  {change.value}")
    say(f"Then systemd runs {SERVICE} as {plan.owner.name}, now and at each boot; jobs that run go on.")
    say("The groups i2c and plugdev are made where they lack.")
    if not plan.halted:
        hint("The program is not on the root file system: the LCD will not say SAFE TO UNPLUG.")
    foreign = sorted(name for name in os.environ if name.startswith("SCIABC_"))
    if foreign:
        hint(f"The service does not see {', '.join(foreign)}. Next: write that into config.toml")


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"},  # after `su`
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ENDS_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandRefused(f"{command[0]}: {error}. Next: {_more(command)}") from error
    if done.returncode != 0:
        said = harmless((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0])
        raise CommandRefused(f"{' '.join(command)}: {said}. Next: {_more(command)}")


def _more(command: Sequence[str]) -> str:
    return "journalctl -u sciabc" if command[0] == "systemctl" else "type that yourself, as root"
