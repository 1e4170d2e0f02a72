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
        self._tally = tally
        self._open_journal = open_journal
        self._on_overflow = on_overflow
        self._refused = 0
        self._is_open = self._is_closed = self._is_put = False
        self._lock = threading.RLock()
        self._is_busy = False
        self._waiting: deque[tuple[Head, bytes]] = deque()

    def take(self, head: Head, span: bytes) -> bool:
        """Take one encoded span; False if nothing is taken any more."""
        with self._lock:
            if self._is_closed:
                return False
            if self._is_busy:
                self._waiting.append((head, span))
                return True
            self._put_alone(head, span)
            while self._waiting and not self._is_busy:
                self._put_alone(*self._waiting.popleft())
            return True

    def _put_alone(self, head: Head, span: bytes) -> None:
        self._is_busy = True
        self._is_put = False
        try:
            self._put(head, span)
        except BaseException:
            if not self._is_put:  # a signal handler has raised; the next span takes this one along
                self._waiting.append((head, span))
            raise
        finally:
            self._is_busy = False

    @property
    def ended(self) -> int:
        """How many spans have come in."""
        return (self.journal.appended if self.journal is not None else 0) + self.memory.appended + self._refused

    def refuse(self, reason: str) -> None:
        """Count a span that came in and cannot be taken."""
        with self._lock:
            self._refused += 1
            self._tally.drop(1, reason)

    def _put(self, head: Head, span: bytes) -> None:
        if not self._is_open:
            self.journal = self._open_journal()
            self._is_open = True
        journal = self.journal
        if journal is None or not journal.append(head, span):
            gone = self.memory.append(head, span)
            if gone:
                self._tally.drop(len(gone), "memory full")
                self._on_overflow(gone)
        self._is_put = True

    def close(self) -> Journal | None:
        """Take nothing more. The journal, if there is one."""
        with self._lock:
            self._is_closed = True
            return self.journal
