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
from erni_run.inside.ourselves import aside, sleep
from erni_run.inside.signals import signals_blocked

_PAUSE = 0.00005  # seconds: whoever's turn it is needs no more than to be let run
_MOST_PAUSES = 2000  # a fifth of a second at least


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

    def in_turn(self, work: Callable[[], object]) -> bool:
        """Call ``work()``, which is short, while nobody writes. False if somebody does not come to an end."""
        while not self._try_turn(work):
            if not self._waits_for_turn():
                return False
        if self._waiting:
            self._take_along()
        return True

    def _try_turn(self, work: Callable[[], object]) -> bool:
        was_busy = True
        try:
            was_busy, self._is_busy = self._is_busy, True
            if not was_busy:
                work()
        finally:
            if not was_busy:
                self._is_busy = False
        return not was_busy

    def _waits_for_turn(self) -> bool:
        """Wait while another thread is here, but not for one that may wait for us: False if this very one is in the
        middle of its turn, or if another one does not come out of it, beneath a signal handler or a slow disk.
        """
        if _has_turn(sys._getframe()):
            return False
        pauses = 0
        while self._is_busy:
            sleep(_PAUSE)
            pauses += 1
            if pauses == _MOST_PAUSES:
                if any(_has_turn(frame) for frame in sys._current_frames().values()):
                    return False
                self._writable, self._is_busy = None, False  # of a thread that is no more: memory takes what follows
        return True

    def _take_along(self) -> None:
        """Take what has come meanwhile, unless it is somebody's turn: who looks here, too, when it is over."""
        while self._waiting:
            was_busy = True
            try:
                was_busy, self._is_busy = self._is_busy, True
                if was_busy:
                    return
                if self._waiting:  # else another thread has just taken it along
                    if not self._put(*self._waiting[0]):
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
            aside(self._open)
        if self._writable is None or not self._writable.append(head, span):
            gone = self.memory.append(head, span)
            if gone:
                aside(self._overflow, gone)
        return True

    def _open(self) -> None:
        with signals_blocked():  # a handler that raises would leave half a journal behind
            self.journal = self._open_journal()
            self._writable = None if self._is_closed else self.journal
            self._is_open = True

    def _overflow(self, gone: list[bytes]) -> None:
        self._tally.drop(len(gone), "memory full")
        self._on_overflow(gone)

    @property
    def ended(self) -> int:
        """How many spans have come in."""
        return (self.journal.appended if self.journal is not None else 0) + self.memory.appended + self._refused

    def refuse(self, reason: str) -> None:
        """Count a span that came in and cannot be taken."""
        self._refused += 1
        self._tally.drop(1, reason)

    def close(self) -> bool:
        """Take nothing more. False if somebody is still in the middle of it, and may write to the journal."""
        self._is_closed = True
        self._writable = None
        is_over = self._waits_for_turn()
        while self._waiting:
            self.memory.append(*self._waiting.popleft())
        return is_over


def _has_turn(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code in _TURNS and frame.f_locals.get("was_busy") is False:
            return True
        frame = frame.f_back
    return False


_TURNS = {Intake.take.__code__, Intake._take_along.__code__, Intake._try_turn.__code__}
