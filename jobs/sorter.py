"""Sort out whose words are in what a launcher printed, and bring them into the log."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from jobs.attempt import AttemptPlan
from jobs.cuts import Cuts
from jobs.logbulk import Tagged
from jobs.logspool import Block
from jobs.logstore import Stream
from jobs.logwriter import LogWriter
from jobs.tags import Piece, Splitter, cuts_output, is_alone

# What Open MPI says itself of an abort. 5.0.11 may wait for ever then, with no rank left (seen on a machine
# without a free core): after the grace it is ended.
_ABORTED = b"MPI_ABORT was invoked on rank "
# Of a few hundred nodes' exit codes, behind the last line of a rank.
_LAST_BYTES = 16 * 1024
_TAIL_LINES = 200
_TAIL_BYTES = 500


class _Source(NamedTuple):
    """One output stream of the launcher."""

    splitter: Splitter
    cuts: Cuts | None


class Sorter:
    """What one launcher printed, and what of it is more than lines of a log.

    Attributes:
        tail: The last lines on standard error, and of the launcher itself.
        last_words: The last bytes on standard output, as they came.
        aborted: Whether the launcher said that a rank aborted.
    """

    def __init__(self, plan: AttemptPlan, log: LogWriter) -> None:
        """Sort nothing yet.

        Args:
            plan: What the launcher was started for.
            log: Where its words go.
        """
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.last_words = b""
        self.aborted = False
        self._launcher = plan.launcher
        self._log = log
        self._at: float | None = None
        alone = is_alone(plan.launcher, plan.argv)
        cut = not alone and cuts_output(plan.launcher)
        self._sources = {
            stream: _Source(Splitter(plan.launcher, stream, alone=alone), Cuts() if cut else None)
            for stream in Stream
        }

    @property
    def problem(self) -> str:
        """Say why the ranks' words are not complete; empty as far as we know of nothing."""
        if not any(source.cuts and source.cuts.found for source in self._sources.values()):
            return ""
        lost = f"{self._launcher.title} left out lines: many short ones came at once"
        return f"{lost}. Next: print longer ones, or use Open MPI 5"

    def sort(self, block: Block) -> None:
        """Take what was printed next."""
        source = self._sources[block.stream]
        if block.stream is Stream.OUT:
            self.last_words = (self.last_words + block.data[-_LAST_BYTES:])[-_LAST_BYTES:]
        if source.cuts:
            source.cuts.feed(block.data)
        self._at = block.at
        self._log.add(self._noted(source.splitter.feed(block.data)), at=block.at)

    def begun(self) -> Mapping[Stream, bytes] | None:
        """Tell what was taken and is not in the log, by its stream; None if there is no saying it now."""
        begun = {stream: source.splitter.begun() for stream, source in self._sources.items()}
        found = {stream: words for stream, words in begun.items() if words is not None}
        return found if len(found) == len(begun) else None

    def finish(self) -> None:
        """Bring into the log what never got its newline."""
        for source in self._sources.values():
            self._log.add(self._noted(source.splitter.close()), at=self._at)

    def _noted(self, pieces: Iterable[Piece | Tagged]) -> Iterator[Piece | Tagged]:
        for piece in pieces:
            if isinstance(piece, Tagged):
                self.tail.extend(_text(line) for line in piece.errors(_TAIL_LINES))
            elif piece.rank is None or piece.stream is Stream.ERR:
                self.tail.append(_text(piece.text))
                self.aborted |= piece.rank is None and piece.text.startswith(_ABORTED)
            yield piece


def _text(line: bytes) -> str:
    return line[:_TAIL_BYTES].decode(errors="replace")
