"""Ended spans in memory: where there can be no journal, and for what does not fit into it."""

from __future__ import annotations

from collections import deque

from erni_run.inside.delivery.request import Batch, Head, Record, join

CAPACITY = 16 << 20
"""Bytes of encoded spans that may wait in memory."""

_LARGEST_BATCH = 1 << 20


class Memory:
    """A queue that is bounded by bytes. ``append`` is called by one thread at a time, all else by a certain one."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._records: deque[Record] = deque()
        self._added = self._removed = 0  # bytes; each is written by one side alone
        self.appended = 0
        self.in_hand: tuple[Record, ...] = ()

    @property
    def used(self) -> int:
        """Bytes that wait."""
        return self._added - self._removed

    @property
    def pending(self) -> int:
        """Spans that wait."""
        return len(self._records) + len(self.in_hand)

    def append(self, head: Head, span: bytes) -> list[bytes]:
        """Take ``span``; the oldest ones that had to go for it."""
        gone: list[bytes] = []
        self._records.append(Record(head, span))
        self._added += len(span)
        self.appended += 1
        while self.used > self._capacity:
            try:
                oldest = self._records.popleft()
            except IndexError:  # the rest is in the sender's hand
                break
            self._added -= len(oldest.span)
            gone.append(bytes(oldest.span))
        return gone

    def oldest(self) -> Batch | None:
        """The oldest spans, about a mebibyte of them; the same ones until they are settled or put back."""
        if not self.in_hand:
            self.in_hand = tuple(self._take())
        return Batch(join(self.in_hand), len(self.in_hand)) if self.in_hand else None

    def _take(self) -> list[Record]:
        taken: list[Record] = []
        size = 0
        while self._records and size < _LARGEST_BATCH:
            try:
                record = self._records.popleft()
            except IndexError:  # an append has just dropped it
                break
            size += len(record.span)
            taken.append(record)
        return taken

    def settle(self) -> None:
        """What ``oldest`` gave is taken care of."""
        self._removed += sum(len(record.span) for record in self.in_hand)
        self.in_hand = ()

    def give_up(self) -> list[bytes]:
        """All that waits, which waits no more."""
        given_up = [bytes(record.span) for record in (*self.in_hand, *self._records)]
        self.in_hand = ()
        self._records.clear()
        return given_up

    def put_back(self, records: list[Record]) -> None:
        """Settle what ``oldest`` gave, save for ``records``, which come first again."""
        self._removed += sum(len(r.span) for r in self.in_hand) - sum(len(r.span) for r in records)
        self.in_hand = tuple(records)
