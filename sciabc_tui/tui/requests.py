"""What the screens ask of the application; each is carried out at once, before the next key.

They are many, and the first frame waits for them: a Struct is made in a tenth of a dataclass's time.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from typing_extensions import override

from sciabc_tui.cluster.ids import JobId, NodeId
from sciabc_tui.tui.actions import CHANGES, Verb

if TYPE_CHECKING:
    from sciabc_tui.api.messages import PreflightWish, SubmitJob
    from sciabc_tui.api.works import Wish
    from sciabc_tui.tui.ports import Owner
    from sciabc_tui.tui.present.forms import Question
    from sciabc_tui.tui.present.new_job import Fields


class Do(Struct, frozen=True):
    """An action that needs no more than its name is wanted."""

    verb: Verb


class OpenNode(Struct, frozen=True):
    """A node is to be shown in full."""

    node: NodeId


class OpenJob(Struct, frozen=True):
    """A job is to be shown with its log."""

    job: JobId


class OpenPicture(Struct, frozen=True):
    """What a job draws is to be shown."""

    job: JobId


class DrainNode(Struct, frozen=True):
    """No new jobs are wanted on a node."""

    node: NodeId


class ResumeNode(Struct, frozen=True):
    """New jobs are wanted on a node again."""

    node: NodeId


class CancelJob(Struct, frozen=True):
    """A job is to be cancelled."""

    job: JobId


class HoldJob(Struct, frozen=True):
    """A job that waits is not to start."""

    job: JobId


class ReleaseJob(Struct, frozen=True):
    """A held job is to start again."""

    job: JobId


class RequeueJob(Struct, frozen=True):
    """A job that ended is to run once more."""

    job: JobId


class ApproveKey(Struct, frozen=True):
    """A host key was compared and is to be trusted."""

    node: NodeId
    fingerprint: str


class ForgetNode(Struct, frozen=True):
    """A node and its host key are to be forgotten."""

    node: NodeId


class ReadEvents(Struct, frozen=True):
    """What happened after the event of this number is wanted, 0 for all; the newest `limit` of it."""

    since: int
    limit: int


class Submit(Struct, frozen=True):
    """A job is to be put into the queue."""

    request: "SubmitJob"


class OpenPreflight(Struct, frozen=True):
    """The grid of nodes and checks is wanted, for what `title` names."""

    title: str
    wish: "PreflightWish"


class AskNodes(Struct, frozen=True):
    """Nodes are to be asked whether they are fit; the answer bears the number."""

    wish: "PreflightWish"
    number: int


class StopAsking(Struct, frozen=True):
    """What nodes answer is wanted no longer."""


class ReadDetail(Struct, frozen=True):
    """A job is wanted in full, with its attempts."""

    job: JobId


class ReadHistory(Struct, frozen=True):
    """How a node's load was is wanted, over the last `span` seconds."""

    node: NodeId
    span: int


class EditJob(Struct, frozen=True):
    """A form is wanted that asks for a job once more."""

    job: JobId


class AskPreview(Struct, frozen=True):
    """What would become of a job is wanted; the answer bears the number."""

    request: "SubmitJob"
    number: int


class ListPaths(Struct, frozen=True):
    """Paths that begin with a text are wanted, for a field of a form."""

    field: str
    text: str
    folders: bool


class KeepForm(Struct, frozen=True):
    """What stands in a form is to be remembered; `job` is the one that shall run again."""

    fields: "Fields"
    job: JobId | None
    left: bool = False
    submitted: bool = False


class ForMany(Struct, frozen=True):
    """Several nodes are to be drained, resumed, approved or forgotten."""

    verb: Verb
    nodes: tuple[NodeId, ...]


class OnNodes(Struct, frozen=True):
    """Boards are to be provisioned, found by their blinking, switched, logged in to, or run a command."""

    verb: Verb
    nodes: tuple[NodeId, ...] = ()


class OpenWork(Struct, frozen=True):
    """A work on nodes is to be done, and shown as it goes; `owner` knows how it is done again."""

    title: str
    wish: "Wish"
    owner: "Owner | None" = None

    @override
    def __repr__(self) -> str:
        """Show no wish: there may be a password in it."""
        return f"OpenWork({self.title!r})"


class StartWork(Struct, frozen=True):
    """A work on nodes is to be done; what is told of it bears the number."""

    wish: "Wish"
    number: int


class StopWork(Struct, frozen=True):
    """The work of this number, if it is under way, is wanted no longer."""

    number: int


class CopyText(Struct, frozen=True):
    """A text is to be put into the clipboard of the terminal."""

    text: str


class AskBefore(Struct, frozen=True):
    """Something on this machine would be lost: it is to be done after a yes only."""

    question: "Question"
    then: Callable[[], None]


Shows: TypeAlias = OpenNode | OpenJob | OpenPicture | CopyText | AskBefore
"""What is done at this end alone."""

Risky: TypeAlias = DrainNode | CancelJob | RequeueJob | ForgetNode | ForMany
"""What takes something away: the user is asked first."""

Harmless: TypeAlias = ResumeNode | HoldJob | ReleaseJob | ApproveKey | Submit
"""What is asked of the service at once."""

Checks: TypeAlias = OpenPreflight | AskNodes | StopAsking
"""What has to do with preflights."""

Forms: TypeAlias = EditJob | AskPreview | ListPaths | KeepForm
"""What has to do with forms of new jobs; the job itself is submitted by `Submit`."""

Works: TypeAlias = OnNodes | OpenWork | StartWork | StopWork
"""What has to do with works on nodes."""

Reads: TypeAlias = ReadDetail | ReadEvents | ReadHistory
"""What a screen shows that the state does not carry."""

Changing: TypeAlias = Risky | Harmless
"""What changes something on the cluster: all of it is refused in the read-only mode."""


def changes(request: "Request") -> bool:
    """Does it change something, or lead to a screen that is there for nothing else?"""
    if isinstance(request, Do):
        return request.verb in CHANGES
    return isinstance(request, Changing | EditJob | OnNodes | OpenWork | StartWork)


Request: TypeAlias = Do | Shows | Reads | Checks | Forms | Works | Risky | Harmless
