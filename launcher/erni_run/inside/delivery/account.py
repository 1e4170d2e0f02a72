"""What became of spans, counted: ``ended = delivered + rejected + dropped + pending``.

Each process keeps its account beside its spans, so that the figures outlive it, and in one file with how much of its
journal is settled, so that no end of the process comes between the two. When all of a process's spans are settled, its
account goes into the destination's totals.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from erni_run.inside.delivery.folder import Folder

ACCOUNT = "account"
TOTALS = "totals"

_MAGIC = b"ERNIACC1"
_SLOTS = (64, 2048)
_SLOT_SIZE = 1984
_MOST_REASONS = 8
_OTHER = "other"
_LONGEST_REASON = 64  # characters
_MOST_BYTES = 1 << 16  # of the totals
_MOST_SPANS = 1 << 63
_FLIPS = 1 << 64
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
_LOCK = "totals.lock"
_LONGEST_WAIT = 0.1  # seconds for the lock of the totals


@dataclass(frozen=True)
class Counts:
    """Spans, by what became of them. ``rejected`` and ``dropped`` are by reason."""

    ended: int = 0
    delivered: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0


class Tally:
    """The counters of what is settled, for several threads and for signal handlers."""

    def __init__(self, delivered: int = 0, rejected: Any = (), dropped: Any = ()) -> None:
        self._lock = threading.RLock()
        self.delivered = delivered
        self.rejected: dict[str, int] = dict(rejected)
        self.dropped: dict[str, int] = dict(dropped)

    def deliver(self, spans: int) -> None:
        """Count ``spans`` as delivered."""
        with self._lock:
            self.delivered += spans

    def reject(self, spans: int, reason: str) -> None:
        """Count ``spans`` that the collector does not take."""
        with self._lock:
            _add(self.rejected, spans, reason)

    def drop(self, spans: int, reason: str) -> None:
        """Count ``spans`` that we had to give up."""
        with self._lock:
            _add(self.dropped, spans, reason)

    def add(self, other: Tally) -> None:
        """Count what ``other`` has counted."""
        self.deliver(other.delivered)
        for reason, spans in other.rejected.items():
            self.reject(spans, reason)
        for reason, spans in other.dropped.items():
            self.drop(spans, reason)

    @property
    def lost(self) -> int:
        """Spans that will never arrive."""
        return sum(self.rejected.values()) + sum(self.dropped.values())

    @property
    def settled(self) -> int:
        """All of them."""
        return self.delivered + self.lost

    def as_json(self) -> dict[str, Any]:
        """The counters, ready for JSON."""
        with self._lock:
            return {"delivered": self.delivered, "rejected": dict(self.rejected), "dropped": dict(self.dropped)}

    def in_short(self) -> dict[str, Any]:
        """As ``as_json``, without the reasons."""
        return {
            "delivered": self.delivered,
            "rejected": {_OTHER: sum(self.rejected.values())},
            "dropped": {_OTHER: sum(self.dropped.values())},
        }

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Tally:
        """The counters that ``as_json`` gave. Raises one of ``_UNREADABLE`` for anything else."""
        tally = cls(_count(raw["delivered"]))
        for reason, spans in raw["rejected"].items():
            tally.reject(_count(spans), reason[:_LONGEST_REASON])
        for reason, spans in raw["dropped"].items():
            tally.drop(_count(spans), reason[:_LONGEST_REASON])
        return tally


@dataclass(frozen=True)
class Mark:
    """How far a journal is settled: all segments before ``segment``, and of that one ``spans`` up to ``offset``."""

    segment: int = 0
    offset: int = 0
    spans: int = 0

    @classmethod
    def of(cls, raw: Any) -> Mark:
        """The mark of three counts. Raises one of ``_UNREADABLE`` for anything else."""
        segment, offset, spans = map(_count, raw)
        return cls(segment, offset, spans)


class Account:
    """The account of one process, in the file ``account`` of its folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._flip = 0
        self._written: dict[str, Any] = {}
        self.tally = Tally()
        self.mark = Mark()
        self.settled_blob = ""

    @classmethod
    def read(cls, folder: Folder) -> Account:
        """The account in ``folder``; an empty one if there is none, or none that can be read."""
        account = cls(folder)
        for _ in range(3):  # its owner may be writing
            try:
                content = folder.read(ACCOUNT, _SLOTS[-1] + _SLOT_SIZE)
                account._flip = int.from_bytes(content[8:16], "little")
                account._take(content)
                break
            except _UNREADABLE:
                continue
        return account

    def _take(self, content: bytes) -> None:
        if content[:8] != _MAGIC:
            raise ValueError("not an account")
        start = _SLOTS[self._flip % 2]
        raw = json.loads(content[start : start + _SLOT_SIZE])
        self.tally, self.mark, self.settled_blob = Tally.of(raw), Mark.of(raw["mark"]), str(raw["blob"])

    @property
    def is_written(self) -> bool:
        """Whether all that is counted is in the file."""
        return self._written == self.tally.as_json()

    def write(self) -> None:
        """Write all of it: into the slot that is not valid, which then becomes the valid one. Raises OSError."""
        flip = (self._flip + 1) % _FLIPS
        counters = self.tally.as_json()
        slot = self._slot(counters)
        if len(slot) > _SLOT_SIZE:
            slot = self._slot(self.tally.in_short())
        with self._folder.opened(ACCOUNT, os.O_RDWR | os.O_CREAT) as descriptor:
            os.pwrite(descriptor, slot, _SLOTS[flip % 2])
            os.pwrite(descriptor, _MAGIC + flip.to_bytes(8, "little"), 0)
            self._flip = flip
        self._written = counters

    def _slot(self, counters: dict[str, Any]) -> bytes:
        mark = [self.mark.segment, self.mark.offset, self.mark.spans]
        return json.dumps({**counters, "mark": mark, "blob": self.settled_blob}).encode().ljust(_SLOT_SIZE)


def read_totals(destination: Folder) -> Tally:
    """The counters of all processes that have settled everything."""
    return _totals(destination)[0]


def last_folded(destination: Folder) -> str:
    """The folder whose account is in the totals already, even if it is still there."""
    return _totals(destination)[1]


def fold(destination: Folder, name: str, tally: Tally) -> bool:
    """Add ``tally``, of the process whose folder is ``name``, to the totals, and remove that folder's account.

    False if others keep the totals busy. A process that dies in between has the account counted once all the same: the
    totals hold the name of the last folder whose account may not be gone yet. Raises OSError.
    """
    with _totals_locked(destination) as is_ours:
        if not is_ours:
            return False
        totals, last = _totals(destination)
        _remove_account(destination, last)
        if last != name:
            totals.add(tally)
            destination.write(TOTALS, json.dumps({**totals.as_json(), "last": name}).encode())
        _remove_account(destination, name)
    return True


def _totals(destination: Folder) -> tuple[Tally, str]:
    try:
        raw = json.loads(destination.read(TOTALS, _MOST_BYTES))
        return Tally.of(raw), str(raw["last"])
    except _UNREADABLE:
        return Tally(), ""


def _remove_account(destination: Folder, name: str) -> None:
    if "/" in name:  # the totals are not what they should be
        return
    try:
        folder = destination.within(name, create=False)
    except (OSError, ValueError):
        return
    folder.remove(ACCOUNT)
    folder.close()


@contextmanager
def _totals_locked(destination: Folder) -> Iterator[bool]:
    """A record lock (POSIX): unlike ``flock`` it does not live on in a child that is forked meanwhile."""
    descriptor = destination.open(_LOCK, os.O_RDWR | os.O_CREAT)
    try:
        until = time.monotonic() + _LONGEST_WAIT
        while not (is_ours := _try(descriptor)) and time.monotonic() < until:
            time.sleep(0.002)
        yield is_ours
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _add(counters: dict[str, int], spans: int, reason: str) -> None:
    if not spans:
        return
    key = reason if reason in counters or len(counters) < _MOST_REASONS else _OTHER
    counters[key] = counters.get(key, 0) + spans


def _count(raw: Any) -> int:
    if not isinstance(raw, int) or not 0 <= raw < _MOST_SPANS:
        raise ValueError("no count of spans")
    return raw
