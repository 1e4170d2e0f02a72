"""The spool: a folder for each destination, in it one for each process that has spans for it, within bounds."""

from __future__ import annotations

import contextlib
import os
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator

from erni_run.inside.delivery import segment
from erni_run.inside.delivery.address import Address
from erni_run.inside.delivery.folder import Folder
from erni_run.inside.delivery.holding import Blob, Holding, pack
from erni_run.inside.delivery.journal import Journal
from erni_run.inside.delivery.request import Batch
from erni_run.plan import ExportPlan, SpoolPlan

VERSION = "v1"
PROCESS = re.compile(r"\d{20}-\d+", re.ASCII)
REJECTED = "rejected"

_MOST_REJECTED = 1 << 20  # bytes that are kept for people to look at

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
        most = max(2, min(16, self._limit(self._used()) // segment.SIZE))
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
                if holding.blobs() or segment.numbers(holding.folder):
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
        """Drop the blobs of ``holding`` that are too old, and count those that are gone."""
        holding.recount()
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


def destination_name(export: ExportPlan) -> str:
    """The folder of the destination of ``export``: its host and port for people, and a hash of all of its address.

    The address itself may hold a key, so it is not written down.
    """
    with contextlib.suppress(ValueError):  # of a port that is none
        address = Address(export.endpoint)
        host = f"{address.host}-{address.port or ''}".strip("-") or address.path
        slug = re.sub(r"[^a-z0-9.-]+", "-", host.lower()).strip("-")[:60]
        digest = zlib.crc32(f"{export.protocol} {export.endpoint}".encode())  # hashlib would load OpenSSL, 4 MB
        return f"{slug}-{export.protocol.partition('/')[0]}-{digest:08x}"
    return "unknown"


def _files(destination: Folder, name: str) -> Iterator[tuple[str, int]]:
    with contextlib.suppress(OSError), contextlib.closing(destination.within(name, create=False)) as folder:
        yield from folder.files()
