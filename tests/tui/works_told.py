"""What works tell, laid ready for a client: boards that are looked at, provisioned, switched, and asked."""

from sciabc_tui.api.powering import PackWish, PowerWish
from sciabc_tui.api.provisioning import LookWish, ProvisionWish, ScanWish
from sciabc_tui.api.remote import ExecWish
from sciabc_tui.api.works import Begun, Board, Ended, Over, Said, Step
from tests.tui.client import CapturingClient
from tests.tui.states import key_of

PASSWORD = "correct horse"
"""Typed in tests; must be seen nowhere."""

STEPS = ("check", "head's key", "user", "names", "avahi", "sshd", "MPI", "mpi4py", "verify")

NEW, TYPED, CHANGED = "node05", "10.77.0.12", "node07"


def looked(client: CapturingClient) -> None:
    """Of three boards one is fine, one is nameless, and one shows another key than before."""
    client.tell(
        LookWish,
        Begun((NEW, TYPED, CHANGED)),
        Board(NEW, "10.0.0.15", 22, NEW, key_of(NEW).fingerprint, "ssh-ed25519"),
        Board(TYPED, TYPED, 22, "", key_of("typed").fingerprint, "ssh-ed25519"),
        Board(
            CHANGED,
            "10.0.0.17",
            22,
            CHANGED,
            key_of("other").fingerprint,
            "ssh-ed25519",
            "changed",
            problem="another key than the approved one",
            fix="Next: sciabc-tui nodes forget node07",
        ),
        Over(),
    )


def scanning(client: CapturingClient) -> None:
    """A scan goes on: half of the network was asked, two boards answered, one of which computes."""
    client.tell(
        ScanWish,
        Begun(()),
        Board("10.0.0.11", "10.0.0.11", 22, "node01", key_of("node01").fingerprint, ready=True),
        Board("10.0.0.99", "10.0.0.99", 22, "", key_of("found").fingerprint, about="OpenSSH 9.2p1 Debian"),
        Step("10.0.0.0/24", "scan", "running", "10.0.0.0/24: 128 of 254 addresses", share=0.5),
    )


def provisioning(client: CapturingClient) -> None:
    """It goes on: one board is over, one copies wheels, one let nobody in."""
    client.tell(
        ProvisionWish,
        Begun((NEW, TYPED, "node08"), STEPS),
        Step(NEW, "check", "unchanged", "aarch64, Debian 12, 22 GiB free"),
        *(Step(NEW, step, "done", "did it") for step in STEPS[1:]),
        Ended(NEW, ok=True, text="computes", changes=8),
        Step(TYPED, "check", "unchanged", "aarch64, Debian 12, 22 GiB free"),
        *(Step(TYPED, step, "done", "did it") for step in STEPS[1:6]),
        Step(TYPED, "MPI", "running", "copying openmpi-5.0.11", share=0.45),
        Step("node08", "check", "failed", "no password is right for pi", "Next: give the password of pi"),
        Ended("node08", ok=False, text="no password is right for pi", fix="Next: give the password of pi"),
    )


def provisioned(client: CapturingClient) -> None:
    """The same, over: two boards compute."""
    provisioning(client)
    client.tell(
        ProvisionWish,
        *(Step(TYPED, step, "done", "did it") for step in STEPS[6:]),
        Ended(TYPED, ok=True, text="computes", changes=8),
        Over(),
    )


def nothing_to_do(client: CapturingClient) -> None:
    """A second run: nothing is changed."""
    client.tell(
        ProvisionWish,
        Begun((NEW, TYPED), STEPS),
        *(Step(name, step, "unchanged", "well") for name in (NEW, TYPED) for step in STEPS),
        *(Ended(name, ok=True, text="computes") for name in (NEW, TYPED)),
        Over(),
    )


def dry_run(client: CapturingClient) -> None:
    """What would be changed, in several lines."""
    changes = (
        "would write /etc/avahi/services/sciabc.service:\n+ <type>_sciabc._tcp</type>\n+ <port>34343</port>"
    )
    client.tell(
        ProvisionWish,
        Begun((NEW, TYPED), STEPS),
        *(Step(name, step, "unchanged", "well") for name in (NEW, TYPED) for step in STEPS[:4]),
        *(Step(name, "avahi", "would", changes) for name in (NEW, TYPED)),
        *(Step(name, step, "would", "would do it") for name in (NEW, TYPED) for step in STEPS[5:]),
        *(Ended(name, ok=True, text="5 changes would be made", changes=0) for name in (NEW, TYPED)),
        Over(),
    )


def rebooting(client: CapturingClient) -> None:
    """One board is back, one is waited for, one has no way to do it."""
    client.tell(
        PowerWish,
        Begun(("node01", "node02", "node03")),
        Step("node02", "reboot", "running", "gone for 12 s; waits until it is back"),
        Ended("node01", ok=True, text="back after 31 s with another boot id", changes=1),
        Ended(
            "node03", ok=False, text="sudo asks for a password", fix="Next: sciabc-tui power reboot node03"
        ),
    )


def packed(client: CapturingClient) -> None:
    """The nodes are off."""
    client.tell(
        PackWish,
        Begun(("node01", "headnode"), ("drain", "jobs", "off")),
        Step("headnode", "drain", "done", "no new jobs anywhere"),
        Step("headnode", "jobs", "unchanged", "none runs"),
        Step("node01", "off", "done", "gone after 9 s"),
        Ended("node01", ok=True, text="gone after 9 s", changes=1),
        Ended("headnode", ok=True, text="stays on, as asked"),
        Over("The nodes are off: safe to unplug. The head stays on.", "Next: sciabc-tui unpack"),
    )


HOSTILE = b"\x1b[31mred\x1b[0m \x1b]52;c;QUFB\x07[bold]no markup[/] \xe2\x80\xae bidi\n"


def asked(client: CapturingClient) -> None:
    """A command goes on: two nodes said the same, one something else, one nothing yet."""
    same = b"Linux 6.12.25+rpt-rpi-v8\nup 12 days\n"
    client.tell(
        ExecWish,
        Begun(("headnode", "node01", "node02", "node03")),
        Said("node01", same),
        Said("node02", same),
        Ended("node01", ok=True, code=0),
        Ended("node02", ok=True, code=0),
        Said("node03", HOSTILE),
        Said("node03", b"ls: cannot access '/srv/data': No such file or directory\n", err=True),
        Ended("node03", ok=False, code=2),
    )


def answered(client: CapturingClient) -> None:
    """The same, over."""
    asked(client)
    client.tell(ExecWish, Said("headnode", b"Linux 6.8\n"), Ended("headnode", ok=True, code=0), Over())
