"""A process's folder in the spool: its account, the segments of its journal, and blobs.

A blob is a request that waits: ``<time>-<origin>-<first>-<last>.otlp.gz``. Whoever holds the lock of the folder owns
what is in it: a process its own until it ends, and then the first that comes by.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import time
import zlib
from typing import NamedTuple

from erni_run.inside.delivery import segment
from erni_run.inside.delivery.account import ACCOUNT, Account, Mark, Tally, fold
from erni_run.inside.delivery.folder import Folder
from erni_run.inside.delivery.request import Batch
from erni_run.inside.notice import say_rarely

_BLOB = re.compile(r"(\d{20})-([jm]\d{1,20})-(\d{1,9})-(\d{1,9})\.otlp\.gz", re.ASCII)
_MOST_BYTES = 32 << 20  # of a request, packed or not; none of ours holds more than memory does
REMOVED = "removed"
"""Why spans are lost whose file somebody has removed."""

_ATTEMPTS = 100  # against whoever is tidying up


class Blob(NamedTuple):
    """A request in a file. ``stamp`` is when it was put there, in nanoseconds since 1970; it holds the spans ``first``
    to ``last`` (exclusive) of its ``origin``: a segment (``j``) or what was in memory (``m``).
    """

    name: str
    stamp: int
    origin: str
    first: int
    last: int

    @property
    def spans(self) -> int:
        """How many spans it holds."""
        return self.last - self.first

    @classmethod
    def of(cls, name: str) -> Blob | None:
        """The blob of that file name, None if it is no blob's."""
        found = _BLOB.fullmatch(name)
        if not found or int(found[3]) >= int(found[4]):
            return None
        return cls(name, int(found[1]), found[2], int(found[3]), int(found[4]))


class Holding:
    """A process's folder, while we hold its lock: our own, or one that we have adopted."""

    def __init__(self, destination: Folder, folder: Folder, name: str, account: Account) -> None:
        self.destination = destination
        self.folder = folder
        self.name = name
        self.account = account
        self.kept_spans = self.kept_bytes = 0  # of blobs that were written through this object
        self._undead: set[str] = set()  # blobs that are settled and could not be removed

    @classmethod
    def found(cls, destination: Folder, tally: Tally) -> Holding:
        """A new one for this process, whose counters are ``tally``. Raises OSError."""
        for _ in range(_ATTEMPTS):
            name = f"{time.time_ns():020d}-{os.getpid()}"
            try:
                folder = destination.within(name, create=True)
            except FileNotFoundError:  # somebody has taken it for an abandoned one, and removed it
                continue
            if folder.lock():  # which they may just be doing
                account = Account(folder)
                account.tally = tally
                account.write()
                return cls(destination, folder, name, account)
            folder.close()
        raise FileExistsError(f"{destination.path}: no folder for this process")

    @classmethod
    def adopted(cls, destination: Folder, name: str) -> Holding | None:
        """The holding ``name``, if its process is gone and nobody else has it. Raises OSError."""
        folder = destination.within(name, create=False)
        try:
            if folder.lock() and not segment.is_being_written(folder):
                holding = cls(destination, folder, name, Account.read(folder))
                holding._tidy()
                return holding
        except BaseException:
            folder.close()
            raise
        folder.close()
        return None

    def _tidy(self) -> None:
        """Undo what its process was in the middle of, so that every span is in one place."""
        blobs = self.blobs()
        for name in self.folder.names():
            if name.endswith(".tmp"):
                self.folder.remove(name)
        for blob in blobs:
            if blob.name == self.account.settled_blob or self._is_in_journal(blob) or _is_part(blob, blobs):
                self.folder.remove(blob.name)

    def _is_in_journal(self, blob: Blob) -> bool:
        """Whether ``blob`` holds spans that count as the journal's: it was written, and not yet crossed off there."""
        mark, number = self.account.mark, int(blob.origin[1:])
        if blob.origin[0] != "j" or (number, blob.last) <= (mark.segment, mark.spans):
            return False
        return segment.committed(self.folder, number) >= blob.last

    def regain(self) -> bool:
        """Whether it is where it was, with its lock; see ``Folder.regain``."""
        return self.destination.regain() and self.folder.regain()

    def take_over(self, old: Holding) -> None:
        """Take what is left of ``old``, which was this process's until now."""
        with contextlib.suppress(OSError):  # most likely all of it is gone
            for blob in old.blobs():
                content = old.folder.read(blob.name, _MOST_BYTES)
                self.folder.write(blob.name, content)
                self.kept_spans += blob.spans
                self.kept_bytes += len(content)
                old.folder.remove(blob.name)
            old.folder.remove(ACCOUNT)
        self._lose(old.kept_spans - self.kept_spans)
        old.folder.close()
        old.destination.close()

    def recount(self) -> None:
        """Count what somebody has removed of the blobs that this process has put here."""
        if self.kept_spans > 0:
            there = sum(blob.spans for blob in self.blobs())
            if there < self.kept_spans:
                self._lose(self.kept_spans - there)
                self.kept_spans = there
                self.kept_bytes = sum(size for name, size in self.folder.files() if Blob.of(name))

    def _lose(self, spans: int) -> None:
        if spans > 0:
            self.account.tally.drop(spans, REMOVED)
            say_rarely(f"{spans:,} spans are lost that waited on disk: somebody has removed them", kind="removed")

    def blobs(self) -> list[Blob]:
        """The blobs, oldest first."""
        return [blob for name in self.folder.names() if (blob := Blob.of(name)) and name not in self._undead]

    def keep(
        self,
        batch: Batch,
        origin: str = "",
        first: int = 0,
        stamp: int = 0,
        *,
        content: bytes = b"",
        durable: bool = True,
    ) -> None:
        """Write ``batch`` as a blob; ``content`` if it is packed already. Raises OSError."""
        now = time.time_ns()
        stamp, origin = stamp or now, origin or f"m{now}"
        name = f"{stamp:020d}-{origin}-{first}-{first + batch.spans}.otlp.gz"
        content = content or pack(batch)
        self.folder.write(name, content, durable=durable)
        self.kept_spans += batch.spans
        self.kept_bytes += len(content)

    def load(self, blob: Blob) -> bytes:
        """The request in ``blob``. Raises OSError if it cannot be read, ValueError if it is damaged."""
        try:
            unpacker = zlib.decompressobj(31)
            request = unpacker.decompress(self.folder.read(blob.name, _MOST_BYTES), _MOST_BYTES)
        except zlib.error as error:
            raise ValueError(f"{blob.name}: {error}") from None
        if not unpacker.eof:
            raise ValueError(f"{blob.name}: cut off")
        return request

    def cross_off(self, blob: Blob) -> None:
        """``blob`` is settled, as the account's counters say already."""
        self.account.settled_blob = blob.name
        with contextlib.suppress(OSError):  # a full disk: should we die now, it is delivered and counted twice
            self.account.write()
        self.kept_spans -= blob.spans
        self._undead.add(blob.name)
        with contextlib.suppress(OSError):  # read-only by now: it would come again and again
            self.kept_bytes -= os.stat(blob.name, dir_fd=self.folder.descriptor).st_size
            os.unlink(blob.name, dir_fd=self.folder.descriptor)
            self._undead.remove(blob.name)

    def advance(self, mark: Mark) -> None:
        """The journal is settled up to ``mark``, as the account's counters say already."""
        self.account.mark = mark
        with contextlib.suppress(OSError):  # as above
            self.account.write()

    def release(self) -> None:
        """Let go of it; if everything in it is settled, its figures go into the totals and it is removed."""
        try:
            is_empty = not self.blobs() and not segment.numbers(self.folder)
            tally = self.account.tally
            if is_empty and (not tally.settled or fold(self.destination, self.name, tally)):
                self.folder.remove(ACCOUNT)
                self.destination.remove_folder(self.name)
        except OSError:  # the next one that comes by may do better
            return
        finally:
            self.folder.close()


def pack(batch: Batch) -> bytes:
    """``batch`` as the content of a blob, ready to be posted with ``Content-Encoding: gzip``."""
    return gzip.compress(batch.request, 1)


def _is_part(blob: Blob, blobs: list[Blob]) -> bool:
    """Whether all that ``blob`` holds is in another of ``blobs``, of which it was to be the rest."""
    return any(
        other is not blob
        and other.origin == blob.origin
        and other.first <= blob.first
        and blob.last <= other.last
        and other.spans > blob.spans
        for other in blobs
    )
