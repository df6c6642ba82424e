"""The application's errors.

Every text is one line and names the next step; the command line prints it as it is.

    SciabcError               what the program expected might happen
      ConfigError             a setting is wrong: which file, which key, what it takes
      CommandRefused          the cluster's state does not allow what was asked
      NotFound                there is no such node or job
      ServiceUnavailable      no head service answers
        NotYourService        one answers, but it belongs to another user
      AlreadyRunning          another head service holds this state directory
      ServiceFailed           the head service answered with an error of its own

The leaves have trees of their own: `hw.errors` and `jobs.errors`.
"""


class SciabcError(Exception):
    """What the program expected might happen; its text is for the user."""


class ConfigError(SciabcError):
    """A setting can't be used."""


class CommandRefused(SciabcError):
    """The cluster's state does not allow what was asked."""


class NotFound(SciabcError):
    """There is no node or job of that name."""


class ServiceUnavailable(SciabcError):
    """No head service answers on the socket."""


class NotYourService(ServiceUnavailable):
    """The socket belongs to another user."""


class AlreadyRunning(SciabcError):
    """Another head service holds the state directory."""


class ServiceFailed(SciabcError):
    """The head service answered with an error of its own."""
