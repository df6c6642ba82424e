"""The errors of ``jobs``; every text is one line and names the next step.

```
JobsError
├── SpecError          what was asked can't be run as it stands: names the field
├── LauncherMissing    no MPI launcher is installed, or not where it was said to be
├── LauncherRefused    a launcher is there, but it may not or can't be used here
├── StoreError         a record, plan or status on disk can't be read or written
└── CollectError       what a node sends can't be taken: stays in `collect`, says only why
    └── NodeSilent     it does not answer, or no more
```
"""


class JobsError(Exception):
    """Something about a job went wrong; the text is one line for a person."""


class SpecError(JobsError):
    """What was asked can't be run as it stands."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class LauncherMissing(JobsError):
    """No MPI launcher is installed, or not where it was said to be."""


class LauncherRefused(JobsError):
    """A launcher is there, but it may not or can't be used here."""


class StoreError(JobsError):
    """A record, plan or status on disk can't be read or written."""


class CollectError(JobsError):
    """What a node sends can't be taken; the text says why, and ``collect`` says what follows from it."""


class NodeSilent(CollectError):
    """A node whose files are wanted does not answer, or no more."""
