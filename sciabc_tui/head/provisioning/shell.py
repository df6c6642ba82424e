"""Lets a board's shell read a script, as the user or as root, and ends it when we hang up. It blocks.

The script goes through standard input, after its length, into a shell that takes it as a whole: so nothing
that it starts can read the rest of it, and no login shell's quoting matters. Beside it a watcher reads on:
when the connection ends, it ends the script and all that this started.

sudo reads the password from the same pipe, a byte at a time (`-S`), but only if it asks for it; and a script
that arrives too early would be taken for the password, or the password for the script. So each is sent only
when its turn has come: the password when sudo's prompt, a word made up for this one time, was seen; the
script when the shell behind sudo has said so.
"""

import contextlib
import secrets
import select
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from time import monotonic

import paramiko

from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.ingress import printable
from sciabc_tui.head.keys import Transport
from sciabc_tui.head.provisioning.places import Place
from sciabc_tui.head.provisioning.ports import Answer, StepFailed

_OPEN_WITHIN = 15.0
_SUDO_WITHIN = 30.0
"""Seconds that sudo may take: where a name server is silent it waits for that first."""

_LAST_WITHIN = 1.0
"""Seconds in which a board that shuts down hangs up, after it has ended what runs there."""

_PIECE = 32 * 1024
_MOST_SAID = 2**20
_LOOK = 0.5

_LAUNCHER = (
    'IFS= read -r n; s=$(head -c "$n"); exec 3<&0; '
    '(eval "$s") 3<&- </dev/null & c=$!; '
    '(trap "" TERM HUP; IFS= read -r x <&3; kill -TERM 0; sleep 2; kill -KILL 0) >/dev/null 2>&1 & w=$!; '
    "exec 3<&-; wait $c; r=$?; kill -KILL $w 2>/dev/null; exit $r"
)


@dataclass(slots=True)
class _Heard:
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)


class Shell:
    """Runs scripts over a session that is logged in.

    Args:
        transport: The session.
        place: For the next steps in what is said.
        password: For sudo; empty: only sudo that asks for none.
        guarded: Makes `ContactFailed` of all that a lost connection makes of the library.
    """

    def __init__(
        self,
        transport: Transport,
        place: Place,
        password: str,
        guarded: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._transport = transport
        self._place = place
        self._password = password
        self._guarded = guarded

    def run(self, script: str, within: float) -> Answer:
        """Run a script as the user who logged in.

        Raises:
            StepFailed: It took too long, or was killed.
            ContactFailed: The connection was lost.
        """
        with self._guarded():
            channel = self._open(f"exec sh -c '{_LAUNCHER}'")
            self._send(channel, script)
            return self._answer(channel, _Heard(), within)

    def run_as_root(self, script: str, within: float) -> Answer:
        """Run a script by sudo.

        Raises:
            StepFailed: The user may not, or it took too long, or was killed.
            ContactFailed: The connection was lost.
        """
        word = f"sciabc-{secrets.token_hex(8)}"
        heard = _Heard()
        with self._guarded():
            launcher = f'echo "{word}"; {_LAUNCHER}'
            # -k: what sudo remembers of earlier times is neither used nor made
            channel = self._open(f"exec env LC_ALL=C sudo -S -k -p {word}: -- sh -c '{launcher}'")
            self._pass_sudo(channel, word.encode(), heard)
            heard.out.clear()
            heard.err.clear()
            self._send(channel, script)
            return self._answer(channel, heard, within)

    def _open(self, command: str) -> paramiko.Channel:
        channel = self._transport.open_session(timeout=_OPEN_WITHIN)
        channel.exec_command(command)
        return channel

    def _send(self, channel: paramiko.Channel, script: str) -> None:
        data = script.encode()
        channel.settimeout(_OPEN_WITHIN)
        # what ended before it was asked has an exit status to tell; left open: its end would end the script
        with contextlib.suppress(OSError):
            channel.sendall(f"{len(data)}\n".encode() + data)

    def _pass_sudo(self, channel: paramiko.Channel, word: bytes, heard: _Heard) -> None:
        """Wait until the shell behind sudo is there; give the password if it is asked for, once."""
        deadline = monotonic() + _SUDO_WITHIN
        prompt = word + b":"
        asked = False
        while not heard.out.startswith(word + b"\n"):
            prompts = heard.err.count(prompt)
            if prompts and not asked and self._password:
                asked = True
                channel.sendall(self._password.encode() + b"\n")
            elif prompts > asked:  # again, or without a password of ours
                raise self._refused(heard, wrong=asked)
            if not self._hear(channel, heard, deadline):
                if not self._transport.is_active():
                    raise ContactFailed("the connection was lost")
                raise self._refused(heard, wrong=False)
            if monotonic() > deadline:
                raise StepFailed(
                    "sudo does not answer", f"Next: try it yourself: {self._place.ssh} sudo true"
                )

    def _refused(self, heard: _Heard, *, wrong: bool) -> StepFailed:
        place, said = self._place, heard.err.decode("utf-8", "replace").lower()
        by_root = (
            f"Next: on it, as root: usermod -aG sudo {place.user}; or name a user who may: USER@{place.host}"
        )
        if wrong or "incorrect password" in said:
            return StepFailed(
                f"sudo does not take this password for {place.user}",
                f"Next: do it again with the password of {place.user} on {place.host}",
            )
        if "not in the sudoers" in said or "not allowed" in said or "may not run" in said:
            return StepFailed(f"{place.user} may not use sudo there", by_root)
        if "tty" in said:
            return StepFailed(
                "its sudo wants a terminal",
                "Next: on it, with visudo: remove `Defaults requiretty`, then do it again",
            )
        if "not found" in said or "no such file" in said:
            return StepFailed(
                "it has no sudo", f"Next: name root itself (root@{place.host}), or install sudo on it"
            )
        if not self._password:
            return StepFailed(
                f"sudo wants the password of {place.user}", "Next: do it again with the password"
            )
        last = printable((said.strip().splitlines() or ["it says nothing"])[-1])
        return StepFailed(f"sudo fails: {last}", f"Next: try it yourself: {place.ssh} sudo true")

    def _answer(self, channel: paramiko.Channel, heard: _Heard, within: float) -> Answer:
        deadline = monotonic() + within
        while not channel.exit_status_ready():
            if not self._hear(channel, heard, deadline) and not channel.exit_status_ready():
                break
            if monotonic() > deadline:
                channel.close()
                raise StepFailed(
                    f"it took longer than {within:.0f} s",
                    f"Next: see how busy it is: {self._place.ssh} uptime",
                )
        self._take(channel, heard)
        # -1: the connection is lost, or sshd had none to tell, since a signal ended what ran
        status = channel.recv_exit_status() if channel.exit_status_ready() else -1
        if status < 0:
            self._transport.join(_LAST_WITHIN)
        if not self._transport.is_active():
            raise ContactFailed("the connection was lost")
        channel.close()
        if status < 0:
            raise StepFailed(
                "what ran there was killed",
                f"Next: see what did that: {self._place.ssh} sudo journalctl -n 50",
            )
        return Answer(status, heard.out.decode("utf-8", "replace"), heard.err.decode("utf-8", "replace"))

    def _hear(self, channel: paramiko.Channel, heard: _Heard, deadline: float) -> bool:
        """Wait a moment for something new and take it; False when nothing can come any more."""
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN)
        left = max(0.0, min(_LOOK, deadline - monotonic()))
        if not self._pending(channel) and not channel.exit_status_ready():
            poll.poll(left * 1000)
        self._take(channel, heard)
        return self._transport.is_active() and not channel.closed and not channel.exit_status_ready()

    @staticmethod
    def _pending(channel: paramiko.Channel) -> bool:
        return channel.recv_ready() or channel.recv_stderr_ready()

    @staticmethod
    def _take(channel: paramiko.Channel, heard: _Heard) -> None:
        while channel.recv_ready() and (data := channel.recv(_PIECE)):
            heard.out += data
        while channel.recv_stderr_ready() and (data := channel.recv_stderr(_PIECE)):
            heard.err += data
        if len(heard.out) + len(heard.err) > _MOST_SAID:
            raise ContactFailed("it talks without end")
