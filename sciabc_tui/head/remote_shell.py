"""A command in the shell of a node's user, such that nothing of it is left when nobody listens any more.

sshd starts what a channel asks for as the leader of a session and process group of its own (OpenSSH's
session.c), but does not end it with the channel where there is no terminal. So a watcher on the node waits
for the end of the channel's input, and then ends the group: it gets SIGTERM, and two seconds later SIGKILL.
A command that ends by itself may leave something in the background, as it may with ssh.
"""

import shlex
import signal

KILLED_AFTER = 2
"""Seconds between SIGTERM and SIGKILL."""

# One function: the shell reads it whole before the rest of its input is left to the watcher. What the shell
# itself says of a killed program has its process id in it, and would make every node's output another one.
# The group is only signalled where we lead it: a forced command could share one with something else.
_SCRIPT = """\
main() {{
exec 3<&0 </dev/null 4>&2 2>/dev/null
read -r _ _ _ _ group _ </proc/$$/stat
[ "$group" = $$ ] && group=0 || group=$$
(
trap '' HUP INT TERM
exec >/dev/null 4>&-
while read -r _; do :; done <&3
kill -s TERM $group
sleep {after}
kill -s KILL $group
) &
watcher=$!
cd "$HOME"
(exec "${{SHELL:-/bin/sh}}" -c {command} 3<&- 2>&4 4>&-)
code=$?
kill -s KILL $watcher
exit $code
}}
main
"""


def script(command: str) -> str:
    """Write what `sh` reads to run a command; its own input then stays open for as long as that may run."""
    return _SCRIPT.format(command=shlex.quote(command), after=KILLED_AFTER)


def told_status(code: int) -> str:
    """Say how a command ended, in words; nothing if it went well.

    Args:
        code: Its exit status; above 128 that of one that was killed by a signal (POSIX, 2.8.2); -1 if no
            status came.
    """
    if not code:
        return ""
    if code < 0:
        return "ended with no exit status"
    try:
        by = f" ({signal.Signals(code - 128).name})" if code > 128 else ""
    except ValueError:
        by = ""
    return f"exit status {code}{by}"
