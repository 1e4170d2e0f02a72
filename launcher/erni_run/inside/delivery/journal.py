"""The journal: ended spans in files that are mapped into memory, and so outlive the process, however it ends.

Writing a span is a copy into memory and, as the last step, one store of eight bytes that commits it. A journal is a row
of segments of one size. They are made ahead of need, so that whoever ends a span never waits for the disk, and their
space is reserved, so that a full disk is an error when one is made and no fault when it is written.
"""

from __future__ import annotations

import itertools
from builtins import len  # noqa: A004  # what an application puts in its place is not ours to call
from collections import deque
from collections.abc import Callable
from functools import partial

from erni_run.inside.delivery.account import Mark
from erni_run.inside.delivery.folder import Folder
from erni_run.inside.delivery.request import Batch, Head, join
from erni_run.inside.delivery.segment import SIZE, START, Segment, file_name, fits, numbers, read_commit, read_records

_SPARES, _MOST_SPARES = 3, 15


class Journal:
    """The segments that this process writes. ``append`` is called by one thread at a time, all else by a certain one.

    ``last`` is the segment that is being written: what it has room for may be appended to it without asking here.
    """

    def __init__(self, folder: Folder, most_segments: int) -> None:
        """Raises OSError: there is no space, or no right to it."""
        self._folder = folder
        self._most = most_segments
        self._numbers = itertools.count(1)  # for the thread that ends spans and the one that prepares
        self._segments: deque[Segment] = deque()  # the last one is written, the first one holds the oldest spans
        self._spares: deque[Segment] = deque()
        self._displaced: set[Segment] = set()
        self._wanted = 1  # spares
        self._is_refused = False  # since then
        self._used = 0  # spares since the last look
        self._is_busy = False  # has it ever needed a second segment
        self.last = self._make()
        self._segments.append(self.last)
        self.mark = Mark(1, START, 0)
        self.settled = 0
        self._closed_spans = 0  # of segments that were renewed or closed

    def append(self, head: Head, span: bytes) -> bool:
        """Write ``span``; False if there is no room for it: it is too large, or the spares are used up."""
        if self.last.append(head, span):
            return True
        spare = self._take_spare() if fits(head, span) else None
        if spare is None:
            return False
        try:
            self._segments.append(spare)
        finally:  # whatever a signal handler raises: it is the last one now, and the one before is read to its end
            self.last = self._segments[-1]
        self._used += 1
        self._is_busy = True
        return spare.append(head, span)

    def _take_spare(self) -> Segment | None:
        """A segment that comes after the last one.

        A burst that is faster than ``prepare`` makes its own: that takes 0.2 ms, for thousands of spans that memory
        would lose with the process. A spare that ``prepare`` was making meanwhile has come too late.
        """
        try:
            while (spare := self._spares.popleft()).number < self.last.number:
                spare.close(remove=True)
            return spare
        except IndexError:  # there is none
            pass
        if self._is_refused or len(self._segments) >= self._most:
            return None
        try:
            return self._make()
        except OSError:  # there is no space left, and not for each of the next spans either
            self._is_refused = True
            return None

    def move(self, folder: Folder, in_turn: Callable[[Callable[[], object]], bool]) -> None:
        """Go on in ``folder``, which may be the same, in a new segment. What was written before is ``displaced``: it is
        in memory that need not be a file any more. ``in_turn`` calls while nobody appends. Raises OSError.
        """
        fresh, spares = Segment(folder, next(self._numbers)), self._spares
        if not in_turn(partial(self._go_on, folder, fresh)):
            fresh.close(remove=True)
            return
        while spares:
            spares.pop().close(remove=True)

    def _go_on(self, folder: Folder, fresh: Segment) -> None:
        self._spares = deque()
        self._displaced.update(self._segments)
        self._folder = folder
        self._segments.append(fresh)
        self.last = fresh

    @property
    def displaced(self) -> int:
        """How many spans wait that ``move`` has left where they were."""
        spans = sum(segment.spans for segment in self._displaced)
        return spans - (self.mark.spans if self._segments[0] in self._displaced else 0) if spans else 0

    def is_whole_in(self, folder: Folder) -> bool:
        """Whether what is written here, and not displaced, is in ``folder``: nobody has removed a file."""
        segments = [segment for segment in list(self._segments) if segment not in self._displaced]
        return self._folder is folder and not any(segment.is_missing for segment in segments)

    @property
    def is_crowded(self) -> bool:
        """Whether more than the segment that is being written holds spans."""
        return len(self._segments) > 1

    @property
    def spares(self) -> int:
        """How many segments are at hand."""
        return len(self._spares)

    @property
    def appended(self) -> int:
        """How many spans have been written, all in all."""
        return self._closed_spans + sum(segment.spans for segment in list(self._segments))

    @property
    def used(self) -> int:
        """Bytes that wait to be settled."""
        return sum(segment.end - START for segment in list(self._segments)) - (self.mark.offset - START)

    def oldest(self) -> tuple[Batch, Mark] | None:
        """The oldest spans that are not settled, at most a segment of them, and the mark that settles them."""
        while True:
            segment = self._segments[0]
            is_full = self.is_crowded  # asked before its end: nobody writes to it any more
            end, spans = segment.committed
            if spans > self.mark.spans:
                request = join(segment.records(self.mark.offset, end))
                return Batch(request, spans - self.mark.spans), Mark(segment.number, end, spans)
            if not is_full:
                return None
            self._retire_first()

    def settle(self, mark: Mark) -> None:
        """What ``oldest`` gave with ``mark`` is taken care of."""
        self.settled += mark.spans - self.mark.spans
        self.mark = mark

    def _retire_first(self) -> None:
        segment = self._segments[0]
        spans = segment.spans
        self.mark = Mark(self._segments[1].number, START, 0)
        self._segments.popleft()
        self._closed_spans += spans
        if segment not in self._displaced and len(self._spares) < self._wanted:
            try:
                segment.renew(next(self._numbers))
                self._spares.append(segment)
                return
            except OSError:  # the folder is not what it was
                segment.abandon()
                return
        self._displaced.discard(segment)
        segment.close(remove=True)

    def prepare(self) -> None:
        """Make the spares that will be needed before the next call. Raises OSError."""
        used, self._used = self._used, 0
        self._is_refused = False
        fewest = _SPARES if self._is_busy else 1  # a process of few spans takes little of the disk
        self._wanted = min(max(fewest, 4 * used, self._wanted - 1), _MOST_SPARES)
        while len(self._spares) < self._wanted and len(self._segments) + len(self._spares) < self._most:
            spare = self._make()
            spare.touch()
            self._spares.append(spare)
        while len(self._spares) > self._wanted + 1:
            self._spares.pop().close(remove=True)

    def close(self) -> None:
        """Give up all files: those with nothing to settle are removed, the others are cut to what they hold."""
        while self._spares:
            self._spares.pop().close(remove=True)
        while self._segments:
            segment = self._segments.popleft()
            self._closed_spans += segment.spans
            settled = self.mark.spans if segment.number == self.mark.segment else 0
            segment.close(remove=segment.spans == settled)

    def abandon(self) -> None:
        """In a forked child: all of it is the parent's."""
        for segment in (*self._segments, *self._spares, self.last):
            segment.abandon()

    def _make(self) -> Segment:
        return Segment(self._folder, next(self._numbers))


class Remains:
    """The journal that another process has left, read and never written."""

    def __init__(self, folder: Folder, mark: Mark) -> None:
        self._folder = folder
        self.mark = mark
        self.corrupt = 0  # spans that were committed and cannot be read, since they were last asked for
        self.beside = 0  # the same of the segment that ``oldest`` gave, and lost when that is settled
        self._numbers = deque(number for number in sorted(numbers(folder)) if number >= mark.segment)

    def oldest(self) -> tuple[Batch, Mark] | None:
        """See ``Journal.oldest``. What cannot be read is passed over and counted in ``corrupt`` or ``beside``."""
        while self._numbers:
            number = self._numbers[0]
            if number > self.mark.segment:
                self.mark = Mark(number, START, 0)
            try:
                found = self._read(number)
                if found is not None:
                    return found
                self._folder.remove(file_name(number))
            except OSError:  # the disk fails, or somebody has removed it
                pass
            self._numbers.popleft()
        return None

    def settle(self, mark: Mark) -> None:
        """See ``Journal.settle``."""
        self.mark = mark

    def _read(self, number: int) -> tuple[Batch, Mark] | None:
        content = self._folder.read(file_name(number), SIZE)
        end, spans = read_commit(content)
        if spans <= self.mark.spans:
            return None
        records = list(read_records(content[:end]))
        fresh = records[self.mark.spans :]
        unread = spans - max(len(records), self.mark.spans)
        if not fresh:
            self.corrupt += unread
            self.mark = Mark(number, end, spans)
            return None
        self.beside = unread
        return Batch(join(fresh), len(fresh)), Mark(number, end, spans)
