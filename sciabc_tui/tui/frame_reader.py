"""Reads the pictures that a job prints, over the API: the newest, never a backlog. Each call blocks."""

from sciabc_tui.api.messages import LogChunk, LogFilter
from sciabc_tui.api.pictures import Picture, newest_pictures
from sciabc_tui.cluster.job import JobId
from sciabc_tui.tui.log_reader import END, LogSource

_TAIL = 64 * 1024
"""Bytes that are read at once: some twenty pictures."""

MOST = 2
"""Pictures that one look gives at most: a job's log is written ten times a second."""


class FrameReader:
    """The end of the log of one attempt."""

    def __init__(self, source: LogSource, job: JobId, attempt: int) -> None:
        """Read nothing yet.

        Args:
            source: Gives the log.
            job: Whose.
            attempt: Which; 0 is the newest, whichever that is.
        """
        self._source = source
        self._job = job
        self._wanted = LogFilter(attempt=attempt or None)
        self._offset: int | None = None

    def look(self) -> tuple[Picture, ...]:
        """Give the pictures that were printed since the last look, the newest last; the last two at most.

        Raises:
            SciabcError: It can't be read; the text names the next step.
        """
        chunk = self._end() if self._offset is None else self._from(self._offset)
        if chunk.size - chunk.next_offset >= _TAIL:
            chunk = self._end()  # what is far behind is left out
        self._offset = chunk.next_offset
        return newest_pictures(chunk.data, MOST)

    def _from(self, offset: int) -> LogChunk:
        return self._source.log(self._job, offset=offset, limit=_TAIL, wanted=self._wanted)

    def _end(self) -> LogChunk:
        return self._source.log(self._job, offset=END, limit=_TAIL, wanted=self._wanted, before=True)
