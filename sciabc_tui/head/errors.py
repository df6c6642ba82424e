"""The errors of the head service, beside those of `sciabc_tui.errors`.

ContactFailed             a node could not be used; caught by the contact with that node
  Unreachable             no SSH server was met; `answered` tells whether at least its kernel spoke
  HostKeyMismatch         somebody answered with another key than the approved one; no login was tried
  LoginDenied             the host key is right, but the node does not let the head in or sends nothing
StagingFailed             a job's files could not be copied to a node; the text names it and the next step
  StagingCutOff           the connection with the node was lost meanwhile: another one may do
"""

from sciabc_tui.cluster.node import HostKey
from sciabc_tui.errors import SciabcError


class ContactFailed(SciabcError):
    """A node could not be used."""


class Unreachable(ContactFailed):
    """No SSH server was met; the text says what was, as in `no route to host`.

    Attributes:
        answered: A refused connection is an answer too: the kernel there lives.
    """

    def __init__(self, how: str, *, answered: bool) -> None:
        super().__init__(how)
        self.answered = answered


class HostKeyMismatch(ContactFailed):
    """The key offered is not the approved one.

    Attributes:
        offered: The key that was shown, with proof that its private half is there.
    """

    def __init__(self, offered: HostKey) -> None:
        super().__init__(f"shows {offered.fingerprint}, which nobody approved. Next: sciabc-tui nodes")
        self.offered = offered


class LoginDenied(ContactFailed):
    """The approved host key was shown, but no readings came; the text names the next step."""


class StagingFailed(SciabcError):
    """A job's files could not be copied to a node; the text names it and the next step."""


class StagingCutOff(StagingFailed):
    """The connection with the node was lost while files were copied."""
