"""The lab's error tree.

```
LabError
├── LabUnavailable     this machine lacks something that the lab needs
├── BootFailed         a machine or the switch did not come up, or the kernel refused a change to it
├── NoSuchMachine      no machine of that name or number, or it is switched off
├── NoSuchProcess      no process of that number in the machine
├── NoLauncher         the MPI launcher asked for could not be installed
└── CommandFailed      a command run in a machine ended with another status than 0
```
"""


class LabError(Exception):
    """Base of all: something in the lab went wrong."""


class LabUnavailable(LabError):
    """Raised when this machine can't hold a lab; the text says what to install or how to be root."""


class BootFailed(LabError):
    """Raised when a machine doesn't come up in time, or a change to its network or mounts is refused."""


class NoSuchMachine(LabError):
    """Raised for a name or number that no machine has, and for work on a machine that is off."""


class NoSuchProcess(LabError):
    """Raised for a process number that no process of the machine has, or has any more."""


class NoLauncher(LabError):
    """Raised when an MPI launcher can't be installed; holds the end of what the installer said."""


class CommandFailed(LabError):
    """Raised by `run(check=True)` when the command's exit status is not 0; holds the end of its output."""
