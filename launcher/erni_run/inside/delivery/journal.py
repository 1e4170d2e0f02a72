"""The journal: ended spans in files that are mapped into memory, and so outlive the process, however it ends.

Writing a span is a copy into memory and, as the last step, one store of eight bytes that commits it. A journal is a row
of segments of one size. They are made ahead of need, so that whoever ends a span never waits for the disk, and their
space is reserved, so that a full disk is an error when one is made and no fault when it is written.

A segment begins with a magic number and the commit word: the end of the last record in its lower, the number of spans
in its upper half. Then come records: length, checksum and number of the head, and that many bytes. Number 0 is for a
head itself, whose own number comes first in it; a head stands in every segment that refers to it, before it does.
"""

from __future__ import annotations

import itertools
import mmap
import os
import re
import struct
from collections import deque
from collections.abc import Iterator
from zlib import crc32

from erni_run.inside.delivery.account import Mark
from erni_run.inside.delivery.folder import Folder
from erni_run.inside.delivery.request import Batch, Head, Record, join

SIZE = 1 << 20
"""Bytes of a segment, and so the most that goes into one request."""

_MAGIC = b"ERNIJNL1"
_START = 64
_RECORD = struct.Struct("<IIH")
_HEAD = struct.Struct("<HI")  # number, length of its first part
_COMMIT = 1  # the index of the commit word
_OFFSET = 0xFFFFFFFF
_ONE_SPAN = 1 << 32
_MOST_HEADS = 0xFFFF
_PIECE = 4096  # above 5 KiB crc32 lets other threads run, and the application's would wait for its turn
_NAME = re.compile(r"(\d{8})\.jnl")
_SPARES, _MOST_SPARES = 3, 15
_EMPTY = _START


class Segment:
    """One file of a journal, mapped for writing by one process."""

    def __init__(self, folder: Folder, number: int) -> None:
        """Raises OSError: there is no space, or no right to it."""
        self.number = number
        self._folder = folder
        self._heads: dict[Head, int] = {}
        self._by_number: dict[int, Head] = {}
        descriptor = folder.open(_name(number), os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            _reserve(descriptor, SIZE)
            self._map = mmap.mmap(descriptor, SIZE)
        except BaseException:
            folder.remove(_name(number))
            raise
        finally:
            os.close(descriptor)
        self._words = memoryview(self._map).cast("Q")
        self._map[:8] = _MAGIC
        self._words[_COMMIT] = _EMPTY

    @property
    def end(self) -> int:
        """Where the last committed record ends."""
        return self._words[_COMMIT] & _OFFSET

    @property
    def spans(self) -> int:
        """How many spans are committed."""
        return self._words[_COMMIT] >> 32

    def append(self, head: Head, span: bytes) -> bool:
        """Write ``span``; False if there is no room for it."""
        number = self._heads.get(head) or self._define(head)
        commit = self._words[_COMMIT]
        start = commit & _OFFSET
        begin = start + _RECORD.size
        size = len(span)
        if not number or begin + size > SIZE:
            return False
        checksum = crc32(span, number) if size <= _PIECE else _checksum(span, number)
        _RECORD.pack_into(self._map, start, size, checksum, number)
        self._map[begin : begin + size] = span
        self._words[_COMMIT] = commit + _ONE_SPAN + _RECORD.size + size
        return True

    def _define(self, head: Head) -> int:
        """The number of ``head``, which is written first; 0 if there is no room.

        Whatever interrupts this, and comes again, finds the number free or defines it once more.
        """
        number = len(self._heads) + 1
        content = _HEAD.pack(number, len(head.resource)) + head.resource + head.scope
        commit = self._words[_COMMIT]
        start = commit & _OFFSET
        begin = start + _RECORD.size
        if begin + len(content) > SIZE or number > _MOST_HEADS:
            return 0
        _RECORD.pack_into(self._map, start, len(content), _checksum(content, 0), 0)
        self._map[begin : begin + len(content)] = content
        self._by_number[number] = head
        self._words[_COMMIT] = commit + _RECORD.size + len(content)
        self._heads[head] = number
        return number

    def records(self, start: int, end: int) -> Iterator[Record]:
        """The spans from ``start`` to ``end``, as views of the mapping."""
        with memoryview(self._map) as view:
            while start < end:
                size, _, number = _RECORD.unpack_from(view, start)
                start += _RECORD.size
                if number:
                    yield Record(self._by_number[number], view[start : start + size])
                start += size

    def touch(self) -> None:
        """Have its pages in memory, for whoever writes them not to wait for each."""
        for start in range(_START, SIZE, mmap.PAGESIZE):
            self._map[start] = 0

    def renew(self, number: int) -> None:
        """Begin again as segment ``number``: all that was written is settled. Raises OSError."""
        self._words[_COMMIT] = _EMPTY
        self._heads.clear()
        self._by_number.clear()
        old, self.number = self.number, number
        names = _name(old), _name(number)
        os.rename(*names, src_dir_fd=self._folder.descriptor, dst_dir_fd=self._folder.descriptor)

    def close(self, *, remove: bool) -> None:
        """Give up the mapping; ``remove`` the file, too, or cut it to what is written."""
        used = self.end
        self.abandon()
        if remove:
            self._folder.remove(_name(self.number))
            return
        descriptor = self._folder.open(_name(self.number), os.O_WRONLY)
        try:
            os.ftruncate(descriptor, used)
        finally:
            os.close(descriptor)

    def abandon(self) -> None:
        """Give up the mapping and nothing else: in a forked child the file is the parent's."""
        try:
            self._words.release()
            self._map.close()
        except BufferError:  # the child interrupted somebody who was reading; the mapping stays, and harms nobody
            return


class Journal:
    """The segments that this process writes. ``append`` is called under a lock, all else by one thread."""

    def __init__(self, folder: Folder, most_segments: int) -> None:
        """Raises OSError: there is no space, or no right to it."""
        self._folder = folder
        self._most = most_segments
        self._numbers = itertools.count(1)  # for the thread that ends spans and the one that prepares
        self._segments: deque[Segment] = deque()  # the last one is written, the first one holds the oldest spans
        self._spares: deque[Segment] = deque()
        self._wanted = 1  # spares
        self._is_refused = False  # since then
        self._used = 0  # spares since the last look
        self._is_busy = False  # has it ever needed a second segment
        self._segments.append(self._make())
        self.mark = Mark(1, _START, 0)
        self.settled = 0
        self._closed_spans = 0  # of segments that were renewed or closed

    def append(self, head: Head, span: bytes) -> bool:
        """Write ``span``; False if there is no room for it: it is too large, or the spares are used up."""
        if self._segments[-1].append(head, span):
            return True
        spare = self._take_spare() if _fits(head, span) else None
        if spare is None:
            return False
        self._segments.append(spare)
        self._used += 1
        self._is_busy = True
        return spare.append(head, span)

    def _take_spare(self) -> Segment | None:
        """A segment that comes after the last one.

        A burst that is faster than ``prepare`` makes its own: that takes 0.2 ms, for thousands of spans that memory
        would lose with the process. A spare that ``prepare`` was making meanwhile has come too late.
        """
        try:
            while (spare := self._spares.popleft()).number < self._segments[-1].number:
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
        return sum(segment.end - _START for segment in list(self._segments)) - (self.mark.offset - _START)

    def oldest(self) -> tuple[Batch, Mark] | None:
        """The oldest spans that are not settled, at most a segment of them, and the mark that settles them."""
        while True:
            segment = self._segments[0]
            is_full = self.is_crowded  # asked before its end: nobody writes to it any more
            end, spans = segment.end, segment.spans
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
        self.mark = Mark(self._segments[1].number, _START, 0)
        self._segments.popleft()
        self._closed_spans += spans
        if len(self._spares) < self._wanted:
            try:
                segment.renew(next(self._numbers))
                self._spares.append(segment)
                return
            except OSError:  # the folder is not what it was
                segment.abandon()
                return
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
        for segment in (*self._segments, *self._spares):
            segment.abandon()

    def _make(self) -> Segment:
        return Segment(self._folder, next(self._numbers))


class Remains:
    """The journal that another process has left, read and never written."""

    def __init__(self, folder: Folder, mark: Mark) -> None:
        self._folder = folder
        self.mark = mark
        self.corrupt = 0  # spans that were committed and cannot be read, since they were last asked for
        self._numbers = deque(number for number in sorted(numbers(folder)) if number >= mark.segment)

    def oldest(self) -> tuple[Batch, Mark] | None:
        """See ``Journal.oldest``. What cannot be read is passed over and counted in ``corrupt``."""
        while self._numbers:
            number = self._numbers[0]
            if number > self.mark.segment:
                self.mark = Mark(number, _START, 0)
            try:
                found = self._read(number)
                if found is not None:
                    return found
                self._folder.remove(_name(number))
            except OSError:  # the disk fails, or somebody has removed it
                pass
            self._numbers.popleft()
        return None

    def settle(self, mark: Mark) -> None:
        """See ``Journal.settle``."""
        self.mark = mark

    def _read(self, number: int) -> tuple[Batch, Mark] | None:
        content = self._folder.read(_name(number))
        end, spans = _committed(content)
        if spans <= self.mark.spans:
            return None
        records = list(_read_records(content[:end]))
        fresh = records[self.mark.spans :]
        unread = spans - max(len(records), self.mark.spans)
        self.corrupt += unread
        if not fresh:
            self.mark = Mark(number, end, spans)
            return None
        return Batch(join(fresh), len(fresh)), Mark(number, end, spans)


def numbers(folder: Folder) -> list[int]:
    """The numbers of the segments in ``folder``."""
    return [int(found[1]) for found in map(_NAME.fullmatch, folder.names()) if found]


def pending(folder: Folder, mark: Mark) -> tuple[int, int]:
    """How many spans the segments in ``folder`` hold beyond ``mark``, and their bytes. Only headers are read."""
    spans = size = 0
    for number in numbers(folder):
        if number < mark.segment:
            continue
        try:
            descriptor = folder.open(_name(number), os.O_RDONLY)
        except OSError:  # it has just been settled
            continue
        try:
            end, committed = _committed(os.pread(descriptor, _START, 0))
        finally:
            os.close(descriptor)
        is_marked = number == mark.segment
        spans += max(0, committed - (mark.spans if is_marked else 0))
        size += max(0, end - (mark.offset if is_marked else _START))
    return spans, size


def committed(folder: Folder, number: int) -> int:
    """How many spans the segment ``number`` holds; 0 if there is none."""
    try:
        return _committed(folder.read(_name(number)))[1]
    except OSError:
        return 0


def _committed(content: bytes) -> tuple[int, int]:
    """The end of the records and the number of spans in a segment that begins with ``content``."""
    if content[:8] != _MAGIC:
        return _START, 0
    commit = int.from_bytes(content[8:16], "little")
    return commit & _OFFSET, commit >> 32


def _read_records(content: bytes) -> Iterator[Record]:
    """The records of a segment, up to the first that is damaged."""
    heads: dict[int, Head] = {}
    start = _START
    while start + _RECORD.size <= len(content):
        size, checksum, number = _RECORD.unpack_from(content, start)
        start += _RECORD.size
        record = content[start : start + size]
        if len(record) < size or _checksum(record, number) != checksum:
            return
        if number == 0 and size >= _HEAD.size:
            own, length = _HEAD.unpack_from(record)
            heads[own] = Head(record[_HEAD.size : _HEAD.size + length], record[_HEAD.size + length :])
        elif number in heads:
            yield Record(heads[number], record)
        else:
            return
        start += size


def _checksum(content: bytes, number: int) -> int:
    size = len(content)
    if size <= _PIECE:
        return crc32(content, number)
    checksum = number
    with memoryview(content) as view:
        for start in range(0, size, _PIECE):
            checksum = crc32(view[start : start + _PIECE], checksum)
    return checksum


def _fits(head: Head, span: bytes) -> bool:
    return _START + 2 * _RECORD.size + _HEAD.size + len(head.resource) + len(head.scope) + len(span) <= SIZE


def _reserve(descriptor: int, size: int) -> None:
    """Have the disk's space for ``size`` bytes now. Raises OSError."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS
        os.pwrite(descriptor, bytes(size), 0)


def _name(number: int) -> str:
    return f"{number:08d}.jnl"
