"""The `lab` command of the hand-held lab: its words, and the socket on the head that it speaks to."""

import shlex
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.machine import Machine

SOCKET = "/run/lab.sock"
HELP = """lab status                    what is on, plugged in, and where
lab unplug NODE | plug NODE   pull the cable, put it back
lab off NODE                  cut the power (no goodbye)
lab on NODE [ADDRESS]         power on, with a new address if you like (10.77.0.99)
lab goodbye NODE              shut down in order: mDNS goodbye, then off
lab freeze NODE | thaw NODE   stop every process; the kernel still answers
lab add [NAME] | remove NODE  one node more, one less
lab external WHAT             the head's eth1: ADDRESS/PREFIX, none, unplug or plug"""


def execute(lab: Lab, words: Sequence[str]) -> str:
    """Do what a line of the `lab` command says and return its answer.

    Raises:
        LabError: It can't be done; the text says why.
        ValueError: An address is none.
    """
    match list(words):
        case [] | ["help"]:
            return HELP
        case ["status"]:
            return _status(lab)
        case ["add", *name]:
            return f"{lab.add(*name[:1]).name} is up"
        case ["remove", name]:
            lab.remove(name)
            return f"{name} is gone"
        case ["external", what]:
            return _external(lab, what)
        case [verb, name, *address]:
            return _switch(lab, verb, _machine(lab, name), address[0] if address else None)
        case _:
            raise LabError(f"can't read {shlex.join(words)!r}; `lab help` lists the words")


def _machine(lab: Lab, name: str) -> Machine:
    return lab.head if name == "head" else lab.node(name)


def _status(lab: Lab) -> str:
    lines = (
        f"{machine.name:10} {machine.address:12} {'on' if machine.on else 'off':4}"
        f"{'plugged' if machine.plugged else 'unplugged':10} {machine.host_key_fingerprint}"
        for machine in (lab.head, *lab.nodes)
    )
    return "\n".join(lines)


def _external(lab: Lab, what: str) -> str:
    match what:
        case "unplug":
            lab.external.unplug()
        case "plug":
            lab.external.plug()
        case "none":
            lab.external.set(None)
        case address:
            lab.external.set(address, None)
    return f"external: {what}"


def _switch(lab: Lab, verb: str, machine: Machine, address: str | None) -> str:
    if machine is lab.head and verb == "freeze":
        raise LabError("freezing the head would freeze this shell too; unplug it instead")

    def on() -> None:
        machine.power_on(address)
        lab.introduce()

    actions = {
        "unplug": machine.unplug,
        "plug": machine.plug,
        "off": machine.power_off,
        "on": on,
        "goodbye": machine.goodbye,
        "freeze": machine.freeze,
        "thaw": machine.thaw,
    }
    if verb not in actions:
        raise LabError(f"no word {verb!r}; `lab help` lists them")
    actions[verb]()
    return f"{machine.name}: {verb}"


class Console:
    """Answers the `lab` command through a socket in the head's /run, from a thread of its own."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._socket = socket.socket(socket.AF_UNIX)
        self._thread = threading.Thread(target=self._serve, name="lab-console", daemon=True)

    def __enter__(self) -> Self:
        path = self._lab.head.path(SOCKET)
        self._socket.bind(str(path))
        path.chmod(0o666)
        self._socket.listen()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # shut down by __exit__
            with connection, connection.makefile("rw", encoding="utf-8") as stream:
                stream.write(self._answer(stream.readline()))

    def _answer(self, line: str) -> str:
        try:
            return "ok\n" + execute(self._lab, shlex.split(line))
        except LabError as error:
            return f"error\nlab: {error}"
        except ValueError as error:
            return f"error\nlab: {error}; `lab help` shows what is expected"
