"""Where ended spans come in, on the application's threads. Nobody waits here for the network or for the disk.

Threads take turns under a lock that is held for about a microsecond. A signal handler may end a span while its own
thread is right here: what it brings is taken along before the lock is free.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from erni_run.inside.delivery.account import Tally
from erni_run.inside.delivery.journal import Journal
from erni_run.inside.delivery.memory import Memory
from erni_run.inside.delivery.request import Head


class Intake:
    """A journal, if there can be one, and memory for what it does not take.

    ``open_journal`` is called for the first span and must not raise; ``on_overflow`` gets the spans that had to go,
    encoded.
    """

    def __init__(
        self, tally: Tally, open_journal: Callable[[], Journal | None], on_overflow: Callable[[list[bytes]], None]
    ) -> None:
        self.memory = Memory()
        self.journal: Journal | None = None
        self._writable: Journal | None = None
        self._tally = tally
        self._open_journal = open_journal
        self._on_overflow = on_overflow
        self._refused = 0
        self._is_open = self._is_closed = self._is_busy = False
        self._lock = threading.RLock()
        self._waiting: deque[tuple[Head, bytes]] = deque()

    def take(self, head: Head, span: bytes) -> bool:
        """Take one encoded span; False if nothing is taken any more."""
        with self._lock:
            if self._is_busy:
                self._waiting.append((head, span))
                return True
            self._is_busy = True
            is_put = False
            try:
                writable = self._writable
                is_put = (writable is not None and writable.append(head, span)) or self._put(head, span)
            finally:
                self._is_busy = False
                if not is_put and not self._is_closed:  # a signal handler has raised; the next span takes this along
                    self._waiting.append((head, span))
            if self._waiting:
                self._catch_up()
            return is_put

    def _catch_up(self) -> None:
        while self._waiting and not self._is_busy:
            self._is_busy = True
            try:
                self._put(*self._waiting.popleft())
            finally:
                self._is_busy = False

    def _put(self, head: Head, span: bytes) -> bool:
        """Put ``span`` where there is room; False if nothing is taken any more."""
        if self._is_closed:
            return False
        if not self._is_open:
            self.journal = self._writable = self._open_journal()
            self._is_open = True
        if self._writable is None or not self._writable.append(head, span):
            gone = self.memory.append(head, span)
            if gone:
                self._tally.drop(len(gone), "memory full")
                self._on_overflow(gone)
        return True

    @property
    def ended(self) -> int:
        """How many spans have come in."""
        return (self.journal.appended if self.journal is not None else 0) + self.memory.appended + self._refused

    def refuse(self, reason: str) -> None:
        """Count a span that came in and cannot be taken."""
        with self._lock:
            self._refused += 1
            self._tally.drop(1, reason)

    def close(self) -> Journal | None:
        """Take nothing more. The journal, if there is one."""
        with self._lock:
            self._is_closed = True
            self._writable = None
            return self.journal
