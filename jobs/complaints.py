"""Why ssh did not get to a node, from what it said, and what to do."""

import re

from jobs.hostfile import Host

_LONGEST = 120
_CABLE = "check power and cable of {name}"
_KEY = "sciabc-tui nodes, then approve or forget {name}"
_START = "sudo systemctl enable --now ssh, on {name}"
_RESTART = "sudo systemctl restart ssh, on {name}"
_NO_KEY = r"host key is known|IDENTIFICATION HAS CHANGED|Host key verification failed"
_REFUSED = r"connect to host \S+ port \d+: Connection refused"
_NO_WAY = r"connect to host \S+ port \d+: ([A-Z][a-z]+(?: [a-z]+){0,4})"
_CLOSED = r"kex_exchange_identification|Connection (?:closed|reset) by"
_COMPLAINTS = tuple(
    (re.compile(form), problem, fix)
    for form, problem, fix in (
        (_NO_KEY, "shows a host key that nobody approved", _KEY),
        (r"Permission denied \(", "refuses our key", "ssh-copy-id {target}"),
        (r"Could not resolve hostname", "has no known address", "sciabc-tui nodes"),
        (_REFUSED, "no ssh server answers", _START),
        (_NO_WAY, "unreachable: {0}", _CABLE),
        (r"timed out|Timeout, server", "unreachable: timed out", _CABLE),
        (_CLOSED, "closes the connection", _RESTART),
    )
)


def why_unreached(complaint: str, host: Host, waited: float | None) -> tuple[str, str]:
    """Say why ssh did not get there, and what to do.

    Args:
        complaint: What ssh, or whoever stands at the other end, said on standard error.
        host: The node.
        waited: After how many seconds it was given up; None if ssh ended by itself.
    """
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in complaint).split())
    for form, problem, fix in _COMPLAINTS:
        if found := form.search(text):
            return problem.format(*found.groups()), f"Next: {_filled(fix, host)}"
    if waited is not None:
        return f"silent for {waited:.0f} s", f"Next: {_filled(_CABLE, host)}"
    if text:
        return text[:_LONGEST], f"Next: ssh {_ssh_target(host)}"
    return "lets us in, but runs no sh", f"Next: give {host.user or 'the user'} a shell on {host.name}"


def _filled(fix: str, host: Host) -> str:
    return fix.format(name=host.name, target=_ssh_target(host))


def _ssh_target(host: Host) -> str:
    port = f"-p {host.port} " if host.port != 22 else ""
    return f"{port}{host.user}@{host.address}" if host.user else f"{port}{host.address}"
