"""Where ended spans come in, on the application's threads. Nobody waits here for the network or for the disk.

Threads take turns of about a microsecond. A flag tells that it is somebody's turn, as a lock takes longer than all else
that is done here. It is looked at and raised in one line, within which CPython lets nobody in: no other thread, no
signal handler, no tracer of lines. A handler may end a span while its own thread is right here: what it brings is taken
along before the turn is over.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from types import FrameType

from erni_run.inside.delivery.account import Tally
from erni_run.inside.delivery.journal import Journal
from erni_run.inside.delivery.memory import Memory
from erni_run.inside.delivery.request import Head
from erni_run.inside.ourselves import sleep
from erni_run.inside.signals import signals_blocked

_PAUSE = 0.00005  # seconds: whoever's turn it is needs no more than to be let run
_MOST_PAUSES = 20_000  # two seconds at least; after that its thread is over (a daemon's, at the end of the process)


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
        self._waiting: deque[tuple[Head, bytes]] = deque()

    def take(self, head: Head, span: bytes) -> bool:
        """Take one encoded span; False if nothing is taken any more. It may not be taken if a signal handler raises."""
        was_busy, is_put = True, False
        try:
            was_busy, self._is_busy = self._is_busy, True
            if not was_busy:
                writable = self._writable
                is_put = (writable is not None and writable.last.append(head, span)) or self._put(head, span)
        finally:
            if not was_busy:
                self._is_busy = False
        if was_busy:
            return self._take_in_turn(head, span)
        if self._waiting:
            self._take_along()
        return is_put

    def _take_in_turn(self, head: Head, span: bytes) -> bool:
        if self._waits_for_turn():
            return self.take(head, span)
        if self._is_closed:
            return False
        self._waiting.append((head, span))
        self._take_along()
        return True

    def _waits_for_turn(self) -> bool:
        """Wait while another thread is here; False if it is this very one."""
        frame: FrameType | None = sys._getframe()
        while (frame := frame.f_back if frame is not None else None) is not None:
            if frame.f_code in _TURNS and frame.f_locals.get("was_busy") is False:
                return False
        pauses = 0
        while self._is_busy:
            sleep(_PAUSE)
            pauses += self._is_open  # to open the journal takes as long as the disk does
            if pauses > _MOST_PAUSES:  # the journal stays with it, in case it comes back; memory takes what follows
                self._writable, self._is_busy = None, False
        return True

    def _take_along(self) -> None:
        """Take what has come meanwhile, unless it is somebody's turn: who looks here, too, when it is over."""
        while self._waiting:
            was_busy = True
            try:
                was_busy, self._is_busy = self._is_busy, True
                if was_busy or not self._waiting or not self._put(*self._waiting[0]):
                    return
                self._waiting.popleft()
            finally:
                if not was_busy:
                    self._is_busy = False

    def _put(self, head: Head, span: bytes) -> bool:
        """Put ``span`` where there is room; False if nothing is taken any more."""
        if self._is_closed:
            return False
        if not self._is_open:
            with signals_blocked():  # a handler that raises would leave half a journal behind
                self.journal = self._open_journal()
                self._writable = None if self._is_closed else self.journal
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
        self._refused += 1
        self._tally.drop(1, reason)

    def close(self) -> Journal | None:
        """Take nothing more. The journal, if there is one."""
        self._is_closed = True
        self._writable = None
        self._waits_for_turn()
        while self._waiting:
            self.memory.append(*self._waiting.popleft())
        return self.journal


_TURNS = {Intake.take.__code__, Intake._take_along.__code__}
