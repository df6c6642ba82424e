"""Bring a log to its end whose writer was killed: mend it, and sort what was only kept."""

from pathlib import Path

from jobs.attempt import AttemptPlan
from jobs.errors import StoreError
from jobs.logrepair import cut_back, repair
from jobs.logspool import left_behind, spool_path
from jobs.logwriter import LogWriter
from jobs.sorter import Sorter


def rescue(log: Path, plan: AttemptPlan) -> None:
    """Let a log end with the last record that its runner took in; nobody may write to it meanwhile.

    Should we be killed on the way, the next one does the same again.

    Args:
        log: The log; one that is not there is left so.
        plan: Of the attempt.

    Raises:
        StoreError: It can't be read or written.
    """
    repair(log)
    try:
        if (left := left_behind(log)) is None:
            spool_path(log).unlink(missing_ok=True)
            return
        cut_back(log, left.end)
        with LogWriter(log, lambda: 0.0, limit=plan.log_limit) as writer:  # each block has its own time
            sorter = Sorter(plan, writer)
            for block in left.blocks:
                sorter.sort(block)
            sorter.finish()
        if not writer.problem:  # else what is missing stays there
            spool_path(log).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{log}: {error.strerror}. Next: check the state directory") from error
