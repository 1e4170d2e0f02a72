"""The spool: a folder for each destination, in it one for each process that has spans for it.

``<path>/v1/<destination>/<process>/`` holds the process's account, the segments of its journal, and blobs: requests
that wait, as ``<time>-<origin>-<first>-<last>.otlp.gz``. Whoever holds the lock of that folder owns what is in it. A
process keeps its own until it ends; what it leaves belongs to the first that comes by.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from erni_run.inside.delivery import journal
from erni_run.inside.delivery.account import ACCOUNT, Account, Mark, Tally, fold
from erni_run.inside.delivery.folder import Folder
from erni_run.inside.delivery.journal import Journal
from erni_run.inside.delivery.request import Batch
from erni_run.plan import ExportPlan, SpoolPlan

VERSION = "v1"
REJECTED = "rejected"

_BLOB = re.compile(r"(\d{20})-([jm]\d+)-(\d+)-(\d+)\.otlp\.gz")
PROCESS = re.compile(r"\d{20}-\d+")
_MOST_REJECTED = 1 << 20  # bytes that are kept for people to look at
_MOST_UNPACKED = 256 << 20  # bytes; no request of ours is nearly as large
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
        return cls(name, int(found[1]), found[2], int(found[3]), int(found[4])) if found else None


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
            if folder.lock():
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
        return journal.committed(self.folder, number) >= blob.last

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
            request = unpacker.decompress(self.folder.read(blob.name), _MOST_UNPACKED)
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
            is_empty = not self.blobs() and not journal.numbers(self.folder)
            tally = self.account.tally
            if is_empty and (not tally.settled or fold(self.destination, self.name, tally)):
                self.folder.remove(ACCOUNT)
                self.destination.remove_folder(self.name)
        except OSError:  # the next one that comes by may do better
            return
        finally:
            self.folder.close()


OnDrop = Callable[[Holding, Blob, str], None]


class Spool:
    """What waits for one destination, with the bounds of ``plan``. ``on_drop`` is called before a blob is dropped."""

    def __init__(self, destination: Folder, plan: SpoolPlan, on_drop: OnDrop) -> None:
        self.destination = destination
        self._plan = plan
        self._on_drop = on_drop

    @classmethod
    def at(cls, export: ExportPlan, plan: SpoolPlan, on_drop: OnDrop) -> Spool:
        """The spool for the destination of ``export``. Raises OSError."""
        path = Folder.at(plan.path, create=True)
        version = path.within(VERSION, create=True)
        path.close()
        destination = version.within(destination_name(export), create=True)
        version.close()
        return cls(destination, plan, on_drop)

    def new_journal(self, holding: Holding) -> Journal:
        """A journal in ``holding``, our own. Raises OSError."""
        most = max(2, min(16, self._limit(self._used()) // journal.SIZE))
        return Journal(holding.folder, most)

    def processes(self) -> list[str]:
        """The folders of processes, oldest first."""
        return [name for name in self.destination.folders() if PROCESS.fullmatch(name)]

    def adopt(self, ours: Collection[str]) -> Holding | None:
        """The oldest holding that nobody has any more, with something in it. ``ours`` are not looked at."""
        for name in self.processes():
            if name in ours:
                continue
            try:
                holding = Holding.adopted(self.destination, name)
            except OSError:  # just removed, or not ours to read
                continue
            if holding is not None:
                if holding.blobs() or journal.numbers(holding.folder):
                    return holding
                holding.release()
        return None

    def keep(self, holding: Holding, batch: Batch, origin: str = "", first: int = 0) -> bool:
        """Write ``batch`` as a blob of ``holding``, whose oldest ones go if they must. False if there is no room.

        Raises OSError.
        """
        content = pack(batch)
        if not self._make_room(holding, len(content)):
            return False
        holding.keep(batch, origin, first, content=content)
        return True

    def _make_room(self, holding: Holding, size: int) -> bool:
        used = self._used()
        limit = self._limit(used)
        excess = used + size - limit
        for blob in holding.blobs() if excess > 0 and size <= limit else ():
            excess -= self._drop(holding, blob, "size")
            if excess <= 0:
                break
        return excess <= 0

    def expire(self, holding: Holding) -> None:
        """Drop the blobs of ``holding`` that are too old."""
        oldest = time.time_ns() - int(self._plan.max_age * 1e9)
        for blob in holding.blobs():
            if blob.stamp < oldest:
                self._drop(holding, blob, "age")

    def _drop(self, holding: Holding, blob: Blob, reason: str) -> int:
        try:
            size = os.stat(blob.name, dir_fd=holding.folder.descriptor).st_blocks * 512
        except OSError:  # somebody has removed it
            return 0
        self._on_drop(holding, blob, reason)
        holding.account.tally.drop(blob.spans, reason)
        holding.cross_off(blob)
        return size

    def keep_rejected(self, batch: Batch) -> None:
        """Keep what a collector refuses for people to look at, the latest mebibyte of it."""
        content = pack(batch)
        if len(content) > _MOST_REJECTED:
            return
        with contextlib.suppress(OSError), contextlib.closing(self.destination.within(REJECTED, create=True)) as folder:
            files = sorted(folder.files())
            excess = sum(size for _, size in files) + len(content) - _MOST_REJECTED
            for name, size in files:
                if excess > 0:
                    folder.remove(name)
                    excess -= size
            folder.write(f"{time.time_ns():020d}-{os.getpid()}-{batch.spans}.otlp.gz", content)

    def _used(self) -> int:
        """Bytes of all blobs; the journals have their own bound in each process."""
        return sum(size for name in self.processes() for file, size in _files(self.destination, name) if Blob.of(file))

    def _limit(self, used: int) -> int:
        return min(self._plan.max_size, (self.destination.free() + used) // 10)


def pack(batch: Batch) -> bytes:
    """``batch`` as the content of a blob, ready to be posted with ``Content-Encoding: gzip``."""
    return gzip.compress(batch.request, 1)


def destination_name(export: ExportPlan) -> str:
    """The folder of the destination of ``export``: its host and port for people, and a hash of all of its address.

    The address itself may hold a key, so it is not written down.
    """
    url = urlsplit(export.endpoint)
    with contextlib.suppress(ValueError):  # of a port that is none
        host = f"{url.hostname or ''}-{url.port or ''}".strip("-")
        slug = re.sub(r"[^a-z0-9.-]+", "-", host.lower())[:60]
        digest = zlib.crc32(f"{export.protocol} {export.endpoint}".encode())  # hashlib would load OpenSSL, 4 MB
        return f"{slug}-{export.protocol.partition('/')[0]}-{digest:08x}"
    return "unknown"


def _files(destination: Folder, name: str) -> Iterator[tuple[str, int]]:
    with contextlib.suppress(OSError), contextlib.closing(destination.within(name, create=False)) as folder:
        yield from folder.files()


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
