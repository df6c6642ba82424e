"""Why ssh did not get to a node: what it says becomes what is wrong, and what to do."""

import pytest

from jobs.complaints import why_unreached
from jobs.hostfile import Host

HOST = Host("node01", "10.77.0.11", 4, "pi", 2222)


@pytest.mark.parametrize(
    ("complaint", "waited", "problem", "fix"),
    [
        (
            "pi@10.77.0.11: Permission denied (publickey).",
            None,
            "refuses our key",
            "Next: ssh-copy-id -p 2222 pi@10.77.0.11",
        ),
        (
            "No ED25519 host key is known for n-1 and ...\r\nHost key verification failed.\r\n",
            None,
            "shows a host key that nobody approved",
            "Next: sciabc-tui nodes, then approve or forget node01",
        ),
        (
            "ssh: connect to host 10.77.0.11 port 22: Connection refused",
            None,
            "no ssh server answers",
            "Next: sudo systemctl enable --now ssh, on node01",
        ),
        (
            "ssh: connect to host 10.77.0.11 port 22: No route to host\r\n",
            None,
            "unreachable: No route to host",
            "Next: check power and cable of node01",
        ),
        (
            "ssh: Could not resolve hostname n: Name or service not known",
            None,
            "has no known address",
            "Next: sciabc-tui nodes",
        ),
        (
            "kex_exchange_identification: Connection closed by remote host",
            None,
            "closes the connection",
            "Next: sudo systemctl restart ssh, on node01",
        ),
        ("", 5.0, "silent for 5 s", "Next: check power and cable of node01"),
        ("something \x1b[31mnew\nhappened", None, "something [31mnew happened", "Next: ssh -p 2222 pi@"),
        ("", None, "lets us in, but runs no sh", "Next: give pi a shell on node01"),
    ],
)
def test_why_ssh_did_not_get_there(complaint: str, waited: float | None, problem: str, fix: str) -> None:
    """What ssh says, and its silence, become what is wrong and what to do; no terminal is steered."""
    found, step = why_unreached(complaint, HOST, waited)
    assert found == problem
    assert step.startswith(fix)
    assert found.isprintable()


def test_a_complaint_without_end_is_cut() -> None:
    """A hostile server may say what it likes, but not as much."""
    assert len(why_unreached("x" * 10_000, HOST, None)[0]) <= 120
