"""One file of a journal: encoded spans that are committed one by one, in memory that is a file.

A segment begins with a magic number and the commit word: the end of the last record in its lower, the number of spans
in its upper half. Then come records: length, checksum and number of the head, and that many bytes. Number 0 is for a
head itself, whose own number comes first in it; a head stands in every segment that refers to it, before it does.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import struct
from builtins import len  # noqa: A004  # what an application puts in its place is not ours to call
from collections.abc import Iterator
from zlib import crc32

from erni_run.inside.delivery.account import Mark
from erni_run.inside.delivery.folder import Folder
from erni_run.inside.delivery.mapping import Mapping, is_locked
from erni_run.inside.delivery.request import Head, Record
from erni_run.inside.descriptor import identity

SIZE = 1 << 20
"""Bytes of a segment, and so the most that goes into one request."""

_MAGIC = b"ERNIJNL1"
START = 64
_RECORD = struct.Struct("<IIH")
_RECORD_SIZE = _RECORD.size
_put_record = _RECORD.pack_into
_HEAD = struct.Struct("<HI")  # number, length of its first part
_COMMIT = 1  # the index of the commit word
_OFFSET = 0xFFFFFFFF
_ONE_SPAN = 1 << 32
_MOST_HEADS = 0xFFFF
_PIECE = 4096  # above 5 KiB crc32 lets other threads run, and the application's would wait for its turn
_NAME = re.compile(r"(\d{8})\.jnl", re.ASCII)


class Segment:
    """One file of a journal, mapped for writing by one process."""

    def __init__(self, folder: Folder, number: int) -> None:
        """Raises OSError: there is no space, or no right to it."""
        self.number = number
        self.folder = folder
        self._heads: dict[Head, int] = {}
        self._by_number: dict[int, Head] = {}
        descriptor = folder.open(file_name(number), os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._identity = identity(descriptor)
        try:
            _reserve(descriptor, SIZE)
            self._mapping = Mapping(descriptor, SIZE)
        except BaseException:
            folder.remove(file_name(number))
            raise
        finally:
            os.close(descriptor)
        self._map = self._mapping.memory
        self._words = memoryview(self._map).cast("Q")
        self._map[:8] = _MAGIC
        self._words[_COMMIT] = self._commit = START

    @property
    def committed(self) -> tuple[int, int]:
        """Where the last committed record ends, and how many spans are committed: of one and the same moment."""
        commit = self._commit
        return commit & _OFFSET, commit >> 32

    @property
    def end(self) -> int:
        """Where the last committed record ends."""
        return self.committed[0]

    @property
    def spans(self) -> int:
        """How many spans are committed."""
        return self.committed[1]

    def append(self, head: Head, span: bytes) -> bool:
        """Write ``span``; False if there is no room for it."""
        number = self._heads.get(head) or self._define(head)
        commit = self._commit
        start = commit & _OFFSET
        begin = start + _RECORD_SIZE
        size = len(span)
        end = begin + size
        if not number or end > SIZE:
            return False
        checksum = crc32(span, number) if size <= _PIECE else _checksum(span, number)
        _put_record(self._map, start, size, checksum, number)
        self._map[begin:end] = span
        self._words[_COMMIT] = self._commit = commit + _ONE_SPAN - start + end
        return True

    def _define(self, head: Head) -> int:
        """The number of ``head``, which is written first; 0 if there is no room.

        Whatever interrupts this, and comes again, finds the number free or defines it once more.
        """
        number = len(self._heads) + 1
        content = _HEAD.pack(number, len(head.resource)) + head.resource + head.scope
        commit = self._commit
        start = commit & _OFFSET
        begin = start + _RECORD_SIZE
        if begin + len(content) > SIZE or number > _MOST_HEADS:
            return 0
        _put_record(self._map, start, len(content), _checksum(content, 0), 0)
        self._map[begin : begin + len(content)] = content
        self._by_number[number] = head
        self._words[_COMMIT] = self._commit = commit + _RECORD_SIZE + len(content)
        self._heads[head] = number
        return number

    def records(self, start: int, end: int) -> Iterator[Record]:
        """The spans from ``start`` to ``end``, as views of the mapping."""
        with memoryview(self._map) as view:
            while start < end:
                size, _, number = _RECORD.unpack_from(view, start)
                start += _RECORD_SIZE
                if number:
                    yield Record(self._by_number[number], view[start : start + size])
                start += size

    def touch(self) -> None:
        """Have its pages in memory, for whoever writes them not to wait for each."""
        for start in range(START, SIZE, mmap.PAGESIZE):
            self._map[start] = 0

    def renew(self, number: int) -> None:
        """Begin again as segment ``number``: all that was written is settled. Raises OSError."""
        self._words[_COMMIT] = self._commit = START
        self._heads.clear()
        self._by_number.clear()
        old, self.number = self.number, number
        names = file_name(old), file_name(number)
        os.rename(*names, src_dir_fd=self.folder.descriptor, dst_dir_fd=self.folder.descriptor)

    @property
    def is_missing(self) -> bool:
        """Whether somebody has removed the file, or put another in its place."""
        return self.folder.identity_of(file_name(self.number)) not in (self._identity, None)

    def close(self, *, remove: bool) -> None:
        """Give up the mapping; ``remove`` the file, too, as all in it is settled, or cut it to what is written.

        A file that cannot be removed any more holds nothing; one that cannot be cut is larger than it need be.
        """
        used = self.end
        if remove:
            self._words[_COMMIT] = self._commit = START
        self.abandon()
        if remove:
            self.folder.remove(file_name(self.number))
            return
        with contextlib.suppress(OSError), self.folder.opened(file_name(self.number), os.O_WRONLY) as descriptor:
            os.ftruncate(descriptor, used)

    def abandon(self) -> None:
        """Give up the mapping and nothing else: in a forked child the file is the parent's."""
        try:
            self._words.release()
            self._mapping.close()
        except BufferError:  # the child interrupted somebody who was reading; the mapping stays, and harms nobody
            return


def is_name(name: str) -> bool:
    """Whether a segment may be called that."""
    return _NAME.fullmatch(name) is not None


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
            end, there = read_commit(folder.read(file_name(number), START))
        except OSError:  # it has just been settled, or is no segment
            continue
        is_marked = number == mark.segment
        spans += max(0, there - (mark.spans if is_marked else 0))
        size += max(0, end - (mark.offset if is_marked else START))
    return spans, size


def committed(folder: Folder, number: int) -> int:
    """How many spans the segment ``number`` holds; 0 if there is none."""
    try:
        return read_commit(folder.read(file_name(number), START))[1]
    except OSError:
        return 0


def is_being_written(folder: Folder) -> bool:
    """Whether a process has a segment in ``folder`` mapped: it is alive, whatever has become of its descriptors."""
    return any(_is_locked(folder, number) for number in numbers(folder))


def _is_locked(folder: Folder, number: int) -> bool:
    try:
        with folder.opened(file_name(number), os.O_RDONLY) as descriptor:
            return is_locked(descriptor)
    except OSError:
        return False


def read_commit(content: bytes) -> tuple[int, int]:
    """The end of the records and the number of spans in a segment that begins with ``content``."""
    if content[:8] != _MAGIC:
        return START, 0
    commit = int.from_bytes(content[8:16], "little")
    end, spans = commit & _OFFSET, commit >> 32
    return (end, spans) if spans * _RECORD_SIZE <= end <= SIZE else (START, 0)


def read_records(content: bytes) -> Iterator[Record]:
    """The records of a segment, up to the first that is damaged."""
    heads: dict[int, Head] = {}
    start = START
    while start + _RECORD_SIZE <= len(content):
        size, checksum, number = _RECORD.unpack_from(content, start)
        start += _RECORD_SIZE
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


def fits(head: Head, span: bytes) -> bool:
    """Whether an empty segment has room for ``span``."""
    return START + 2 * _RECORD_SIZE + _HEAD.size + len(head.resource) + len(head.scope) + len(span) <= SIZE


def _reserve(descriptor: int, size: int) -> None:
    """Have the disk's space for ``size`` bytes now. Raises OSError."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS
        os.pwrite(descriptor, bytes(size), 0)


def file_name(number: int) -> str:
    """The name of the file of segment ``number``."""
    return f"{number:08d}.jnl"
