"""SIGTERM where the application leaves it to its default: what waits is delivered, then the process dies of it.

Nobody can tell: a handler that is an integer, and 0, is SIG_DFL to ``signal.getsignal`` and ``signal.signal``. Where
the main thread is in C code, which a handler in Python waits for, death does not: the handler of faulthandler, which is
C itself, takes note of the signal in a file that is in memory only, and a thread of ours looks there.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # below signal, which turns handlers into enums
import faulthandler
import fcntl
import os
import signal
import sys
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FunctionType

from erni_run.inside.background import Background
from erni_run.inside.ending import at_end
from erni_run.inside.forks import in_child
from erni_run.inside.ourselves import aside

RunAfter = Callable[[FunctionType, Callable[[], object]], object]
"""``run_after(f, g)`` lets ``g()`` run after each call of ``f``."""

_EVERY = 0.5  # seconds between two looks at the note
_HIGH = 900  # a descriptor that is out of the way of those who close and open the low ones
_IS_POSSIBLE = sys.platform == "linux"  # elsewhere nobody tells whether C code handles the signal


class Termination:
    """Calls ``last()`` in a thread of its own when SIGTERM is about to end the process, and waits ``budget`` seconds.

    Whoever sets another handler has taken the matter over.
    """

    def __init__(self, last: Callable[[], object], budget: float) -> None:
        self._last = last
        self._budget = budget
        self._thread = Background("termination", self._look, _EVERY)
        self._begin()
        if _IS_POSSIBLE:
            at_end(self._disarm)
            in_child(self._begin_in_child)
            os.register_at_fork(before=self._hold_back, after_in_parent=self._let_go)

    def _begin(self) -> None:
        self._masks: dict[int, Iterable[int]] = {}
        self._note: _Note | None = None
        self._main_waits = False
        self._is_done = allocate_lock()
        self._is_done.acquire()

    def attend(self, run_after: RunAfter) -> None:
        """Arm, and again whenever the application has set the default, as uvicorn does at its end."""
        if _IS_POSSIBLE and self._budget > 0:
            run_after(signal.signal, self.arm)  # type: ignore[arg-type]  # it is one
            self.arm()

    def arm(self) -> None:
        """Be ready, if SIGTERM would end this process and this is the main thread, which alone can set handlers."""
        if self._budget > 0 and _would_end_us() and self._thread.start():
            with suppress(OSError, ValueError):  # there is no descriptor left, or this is another thread
                self._note = self._note or _Note()
                _signal.signal(signal.SIGTERM, _Handler(self._end))
                self._take_note()

    def _disarm(self) -> None:
        if _is_armed():
            faulthandler.unregister(signal.SIGTERM)
            with suppress(ValueError):  # as above
                _signal.signal(signal.SIGTERM, int(signal.SIG_DFL))

    def _hold_back(self) -> None:
        """Before a fork. What a child is sent at once waits until it is disarmed: CPython forgets what has reached its
        handler so early, and the note is the parent's.
        """
        if _is_armed():
            self._masks[get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _let_go(self) -> None:
        mask = self._masks.pop(get_ident(), None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _begin_in_child(self) -> None:
        self._disarm()
        if self._note is not None:
            self._note.close()
        self._let_go()
        self._begin()

    def _take_note(self) -> None:
        """Let faulthandler write what it has to say about SIGTERM, and then let Python's handler have it."""
        if self._note is not None and _is_armed():
            faulthandler.unregister(signal.SIGTERM)  # what it hands on to is the handler that it finds
            faulthandler.register(signal.SIGTERM, self._note.descriptor, all_threads=False, chain=True)

    def _look(self) -> None:
        """In our thread: has SIGTERM come?"""
        if self._main_waits:
            self._last()
            self._is_done.release()
        elif self._note is not None and self._has_note(self._note):
            self._last()
            if not self._main_waits:  # it is in C code still
                _die()
            self._is_done.release()

    def _has_note(self, note: _Note) -> bool:
        try:
            return note.is_written()
        except OSError:  # the application has closed all that it knew nothing of
            self._note = _Note()
            self._take_note()
            return False

    def _end(self) -> None:
        """The handler in Python. It calls nothing that might wait for a lock which this very thread holds; what the
        handler of another signal raises meanwhile ends no more than the wait, and so does a second SIGTERM.
        """
        is_first, self._main_waits = not self._main_waits, True
        with suppress(BaseException):
            if is_first and self._thread.is_running:
                self._thread.wake()
                self._is_done.acquire(timeout=self._budget)
        self._disarm()
        os.kill(os.getpid(), signal.SIGTERM)


class _Handler(int):
    """0, and callable."""

    _end: Callable[[], object]

    def __new__(cls, end: Callable[[], object]) -> _Handler:
        handler = super().__new__(cls, 0)
        handler._end = end
        return handler

    def __call__(self, *_: object) -> None:
        aside(self._end)


class _Note:
    """A file in memory that somebody writes into. Raises OSError where there can be none."""

    def __init__(self) -> None:
        low = os.memfd_create("erni-run")
        try:
            self.descriptor = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        finally:
            os.close(low)
        self._inode = os.fstat(self.descriptor).st_ino

    def is_written(self) -> bool:
        """Raises OSError if the application has closed it, whatever it has opened under that number since."""
        status = os.fstat(self.descriptor)
        if status.st_ino != self._inode:
            raise OSError("not ours any more")
        return status.st_size > 0

    def close(self) -> None:
        """Give the descriptor back, if it is still ours."""
        with suppress(OSError):
            self.is_written()
            os.close(self.descriptor)


def _is_armed() -> bool:
    return type(_signal.getsignal(signal.SIGTERM)) is _Handler


def _would_end_us() -> bool:
    """Whether SIGTERM has its default action: neither Python nor C code has a handler, and the kernel does not protect
    us from it, as it does the first process of a container.
    """
    handler = _signal.getsignal(signal.SIGTERM)
    if type(handler) is not int or handler != signal.SIG_DFL or os.getpid() == 1:
        return False
    bit = 1 << (signal.SIGTERM - 1)
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        masks = [line.split()[1] for line in status if line.startswith(("SigIgn:", "SigCgt:"))]
    return not any(int(mask, 16) & bit for mask in masks)


def _die() -> None:
    """Of SIGTERM, beside a main thread that is in C code: it alone could set a handler through Python."""
    import ctypes

    ctypes.CDLL(None).signal(int(signal.SIGTERM), None)
    os.kill(os.getpid(), signal.SIGTERM)
