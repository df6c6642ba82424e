"""How a log is being read: the window, what of it is shown, how many lines it has, what was found in it."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from textual.message import Message

from sciabc_tui.api.messages import LogCount
from sciabc_tui.cluster.job import JobId
from sciabc_tui.tui import log_desk
from sciabc_tui.tui.log_desk import COUNTED, Lane, LogDesk, LogMessage
from sciabc_tui.tui.log_reader import PAGE, LogReader, LogSource
from sciabc_tui.tui.log_seeker import LogSeeker
from sciabc_tui.tui.present import logs
from sciabc_tui.tui.present.cells import Line, plain
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.log_hits import LineIndex
from sciabc_tui.tui.present.log_lines import LinePrinter, Look, joined_text
from sciabc_tui.tui.present.log_pager import LogPager, Want
from sciabc_tui.tui.present.log_records import EVERYTHING, Chosen, Record

_REST = 8
"""Looks that are left out after a failure."""


class LogReading:
    """Takes what the reader does and what the desk brings; gives the lines to show.

    Args:
        source: The head service.
        job: Whose log.
        glyphs: The signs of this terminal.
        post: Takes the desk's messages; from any thread.
        run: Runs something in a thread.
    """

    def __init__(
        self,
        source: LogSource,
        job: JobId,
        glyphs: Glyphs,
        post: Callable[[Message], object],
        run: Callable[[Callable[[], None]], object],
    ) -> None:
        self._source = source
        self._job = job
        self._post = post
        self._run = run
        self.printer = LinePrinter(Look(glyphs))
        self.pager = LogPager(self.printer.rows)
        self.index = LineIndex()
        self.chosen: Chosen = EVERYTHING
        self.seeker = LogSeeker()
        self.selected: tuple[int, int] | None = None
        """The offsets of the lines where a selection began and where it is now."""
        self.problem = ""
        self.removed = False
        self.saving = ""
        self.saved: log_desk.SaveMoved | None = None
        self.failure = ""
        """Why nothing was saved, until that was told."""
        self._ended = False
        self._rests = 0
        self._paused_at: int | None = None
        self._saves: threading.Event | None = None
        self._desk = self._new_desk(0)

    def _new_desk(self, attempt: int) -> LogDesk:
        return LogDesk(LogReader(self._source, self._job, attempt), self._post, self._run)

    def begin(self, attempt: int) -> None:
        """Read the log of this attempt, from its end."""
        self.forget_search()
        if self.stop_saving():
            self.failure = "the file was not saved: the log began anew. Next: S"
        self._desk = self._new_desk(attempt)
        self.pager.begin_anew()
        self.printer.forget()
        self.pager.follow(following=True)
        self.index = LineIndex()
        self.selected = self._paused_at = None
        self.problem, self.removed, self._ended, self._rests = "", False, False, 0

    def stop(self) -> None:
        """End the search and the save that are under way."""
        self.forget_search()
        self.stop_saving()

    @property
    def read_once(self) -> bool:
        """Was the log read up to its end?"""
        return self.pager.read and self.pager.last and self.index.counted_to >= self.index.size

    def leave(self) -> bool:
        """End what was begun last: a selection, a save, a search; tell whether there was any."""
        if self.selected is not None:
            self.selected = None
        elif self.stop_saving():
            self.problem = "the file was not saved"
        elif self.seeker.running:
            self.seeker.stop()
        elif self.seeker.hits is not None:
            self.forget_search()
        else:
            return False
        return True

    def look(self, *, final: bool) -> None:
        """Look whether there is more; `final` is whether the job has ended."""
        if self.removed:
            return
        self._rests = max(0, self._rests - 1)
        if self._rests:
            return
        if not (self._ended and self.index.counted_to >= self.index.size):
            self._desk.count(self.index.counted_to)
        if final and not self._ended and self.pager.last:
            self._desk.read(Want.AFTER, self.pager.end, self.chosen)  # says that it was all
        self.feed()

    def feed(self) -> None:
        """Read what the window needs, if there is anything."""
        want = self.pager.wants()
        if want is Want.AFTER and self._far_behind:
            want = Want.TAIL
        if want is not None and not self.removed and not self._rests:
            offset = self.pager.begin if want is Want.BEFORE else self.pager.end
            self._desk.read(want, offset, self.chosen)

    @property
    def _far_behind(self) -> bool:
        """Is more printed than is worth reading to follow? It is there when the reader goes back."""
        return self.pager.following and self.pager.size - self.pager.end > 2 * PAGE

    def take(self, message: LogMessage) -> None:
        """Take in what the desk brings."""
        if message.desk is not self._desk or not self._desk.takes(message):
            return
        match message:
            case log_desk.BatchRead():
                self._take_batch(message)
            case log_desk.HitsFound(ends=ends, found=found):
                self._go_to_hit(self.seeker.take(ends, found))
            case log_desk.SaveMoved():
                self._take_saved(message)
            case log_desk.LogFailed():
                self._take_failure(message)
            case _:
                self._take_place(message)
        self.feed()

    def _take_place(self, message: LogMessage) -> None:
        match message:
            case log_desk.LinesCounted(count=count):
                self._take_count(count)
            case log_desk.PageNumbered(page=page, lines=lines):
                self.index.learn(page, lines)
            case log_desk.TimeFound(offset=offset):
                self._go_to(offset)
            case _:
                raise TypeError(message)

    def _take_batch(self, message: log_desk.BatchRead) -> None:
        if message.chosen != self.chosen:
            return
        batch, self.problem = message.batch, ""
        self._ended = self._ended or batch.ended
        match message.want:
            case None:
                self.pager.put(batch, message.around)
                self._show(message.around, anew=True)
            case Want.TAIL:
                self.pager.put(batch, None)
            case Want.BEFORE:
                self.pager.prepend(batch)
            case Want.AFTER:
                self.pager.append(batch)
            case _:
                assert_never(message.want)

    def _take_count(self, count: LogCount) -> None:
        if count.size < self.index.size:
            self.begin(self._desk.attempt)
            self.problem = "the log has become shorter: read anew"
            return
        self.pager.grown(count.size)
        self.index.add(count, every=COUNTED)
        if count.lines and self.index.counted_to < count.size - COUNTED // 8:
            self._desk.count(self.index.counted_to)

    def _take_failure(self, message: log_desk.LogFailed) -> None:
        self.problem, self.removed = plain(message.text), message.removed
        if message.lane is Lane.SAVE:
            self.failure, self.problem, self.removed = self.problem, "", False
            self.saving, self._saves = "", None
        elif message.lane is Lane.SEARCH:
            self.seeker.stop()
        else:
            self._rests = _REST

    def _take_saved(self, message: log_desk.SaveMoved) -> None:
        if self._saves is None:
            return
        self.saving = f"saving {message.share:.0%}"
        if message.lines is not None:
            self.saving, self._saves, self.saved = "", None, message

    def choose(self, chosen: Chosen) -> None:
        """Show these lines only; the reader stays where they are."""
        if chosen == self.chosen:
            return
        self.chosen = chosen
        anchor, following = self.pager.anchor, self.pager.following
        self.pager.forget()
        self.selected = None
        if not following:
            self._desk.read_around(anchor, chosen)
        else:
            self._desk.read(Want.TAIL, 0, chosen, anew=True)
        self.seeker.again(self._desk, chosen, anchor)
        self.feed()

    def move(self, by: int) -> None:
        """Move by lines; the selection goes with it if there is one."""
        if self.selected is not None:
            self._move_selection(by)
        else:
            self.pager.move(by)
        self._note_pause()
        self.feed()

    def go_to_edge(self, which: int) -> None:
        """Go to the begin (-1) or to the end (1), and follow there."""
        if which > 0:
            self.follow(following=True)
        else:
            self._go_to(0)

    def follow(self, *, following: bool) -> None:
        """Go to the end and stay there, or stay here."""
        self.pager.follow(following=following)
        if self._far_behind:
            self._desk.read(Want.TAIL, 0, self.chosen, anew=True)
        self._note_pause()
        self.feed()

    def _note_pause(self) -> None:
        if self.pager.following:
            self._paused_at = None
        elif self._paused_at is None:
            self._paused_at = self.index.total

    def _go_to(self, offset: int) -> None:
        self.pager.following = False
        self._note_pause()
        if self.pager.find(offset) is None:
            self._desk.read_around(offset, self.chosen)
        else:
            self._show(offset)

    def _show(self, offset: int, *, anew: bool = False) -> None:
        index = self.pager.find(offset)
        if index is not None and offset == self.seeker.current:
            self.pager.show(index, anew=anew)
        elif index is not None:
            self.pager.put_on_top(index)

    @property
    def time_at_top(self) -> float | None:
        """When the line at the top was written, in seconds since 1970."""
        seen = self.pager.seen()
        return self.pager.records[seen[0][0]].wall if seen else None

    def go_to_time(self, since: float) -> None:
        """Go to the first line of that time or later."""
        self._desk.find_time(since)

    def seek(self, words: str, pattern: re.Pattern[bytes]) -> None:
        """Look for something, from what is on the screen on."""
        self.seeker.begin(self._desk, words, pattern, self.chosen, self.pager.anchor)
        self.printer.use(replace(self.printer.look, found=pattern))

    def forget_search(self) -> None:
        """Look for nothing."""
        self.seeker.forget()
        self.printer.use(replace(self.printer.look, found=None))

    def next_hit(self, way: int) -> None:
        """Go to the next hit (1) or the one before (-1), as soon as there is one."""
        self._go_to_hit(self.seeker.step(way))

    def _go_to_hit(self, offset: int | None) -> None:
        if offset is not None:
            self._go_to(offset)

    def save(self, path: Path, *, overwrite: bool) -> None:
        """Write what is shown into a file."""
        if self._saves is None:
            self.saving = "saving 0%"
            self._saves = self._desk.save(self.chosen, path, replace=overwrite)

    def stop_saving(self) -> bool:
        """End the save that is under way; tell whether there was one."""
        was, self._saves, self.saving = self._saves, None, ""
        if was is not None:
            was.set()
        return was is not None

    def select(self) -> None:
        """Begin to select lines: at the hit, at the end if that is followed, else at the top."""
        seen = self.pager.seen()
        if not seen:
            return
        index = seen[-1 if self.pager.following else 0][0]
        at_hit = None if self.seeker.current is None else self.pager.find(self.seeker.current)
        if at_hit is not None and any(number == at_hit for number, _ in seen):
            index = at_hit
        offset = self.pager.records[index].offset
        self.selected = offset, offset
        self.pager.following = False
        self._note_pause()

    def _move_selection(self, by: int) -> None:
        if self.selected is None:
            return
        begin, end = self.selected
        index = self.pager.find(end)
        if index is None or not self.pager.records:
            self.selected = None
            return
        index = max(0, min(len(self.pager.records) - 1, index + by))
        self.selected = begin, self.pager.records[index].offset
        self.pager.keep_in_sight(index)

    def copied(self, most: int) -> tuple[str, int]:
        """Give the selected lines, the hit, or all that is on the screen, and how many lines that is.

        Args:
            most: Characters at most.
        """
        seen = {index for index, _ in self.pager.seen()}
        records = [self.pager.records[index] for index in sorted(seen)]
        if self.selected is not None:
            first, last = min(self.selected), max(self.selected)
            records = [record for record in self.pager.records if first <= record.offset <= last]
        elif any(record.offset == self.seeker.current for record in records):
            records = [record for record in records if record.offset == self.seeker.current]
        return joined_text(records, most)

    def lines(self, width: int, height: int) -> tuple[Line, ...]:
        """Give what is to be seen."""
        self.printer.use(replace(self.printer.look, width=width))
        self.pager.resize(height)
        first, last = (min(self.selected), max(self.selected)) if self.selected else (1, 0)

        def line(record: Record, row: int) -> Line:
            return self.printer.line(
                record,
                row,
                current=record.offset == self.seeker.current,
                chosen=first <= record.offset <= last,
            )

        return tuple(line(self.pager.records[index], row) for index, row in self.pager.seen())

    def notes(self) -> tuple[str, ...]:
        """Say how it is read, the least important first."""
        pager = self.pager
        new = 0
        if self._paused_at is not None and self.index.total is not None:
            new = self.index.total - self._paused_at
        selecting = "selecting: y copies" if self.selected is not None else ""
        return (
            self._position() if pager.read else "",
            self.chosen.told(),
            self.saving or selecting,
            self.seeker.told(),
            logs.mode(
                following=pager.following,
                ended=self._ended and pager.following,
                new=new,
                reading=self._desk.busy(Lane.PAGE) and not pager.records,
            ),
        )

    def _position(self) -> str:
        seen = self.pager.seen()
        total = self.index.total
        if not seen:
            return f"none of {logs.short(total)} lines" if total else ""
        record = self.pager.records[seen[-1][0]]
        before = self.index.before(record.page)
        if before is None and total is not None and not self._desk.busy(Lane.PLACE):
            self._desk.number(record.page, self.index.nearest(record.page))
        line = None if before is None else before + record.number + 1
        return logs.position(line, total, record.end / max(1, self.pager.size))
