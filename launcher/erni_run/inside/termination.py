"""SIGTERM where the application leaves it to its default: what waits is delivered, then the process dies of it.

Nobody can tell: a handler that is an integer, and 0, is SIG_DFL to ``signal.getsignal`` and ``signal.signal``. Where
the main thread is in C code, which a handler in Python waits for, death does not: the handler is one that the kernel
takes away when it calls it (SA_RESETHAND, POSIX), and a thread of ours looks whether it is gone.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # below signal, which turns handlers into enums
import os
import signal
import sys
import time
from _thread import allocate_lock
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FunctionType

from erni_run.inside import signals
from erni_run.inside.background import Background
from erni_run.inside.ending import at_end
from erni_run.inside.forks import in_child
from erni_run.inside.ourselves import aside, is_to_be_raised

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

RunAfter = Callable[[FunctionType, Callable[[], object]], object]
"""``run_after(f, g)`` lets ``g()`` run after each call of ``f``."""

_EVERY = 0.5  # seconds between two looks
IS_POSSIBLE = sys.platform == "linux" and os.uname().machine in ("x86_64", "aarch64")
"""Whether the kernel's action for a signal looks as we know it."""

_RESET = 0x80000000  # SA_RESETHAND
_GRACE = 0.05  # seconds for the main thread to end the process itself


class Termination:
    """Calls ``last()`` in a thread of its own when SIGTERM is about to end the process, and waits ``budget`` seconds.

    Whoever sets another handler has taken the matter over.
    """

    def __init__(self, last: Callable[[], object], budget: float) -> None:
        self._last = last
        self._budget = budget
        self._thread = Background("termination", self._look, _EVERY)
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._main_waits = False
        self._is_done = allocate_lock()
        self._is_done.acquire()

    def attend(self, run_after: RunAfter) -> None:
        """Arm, and again whenever the application has set the default, as uvicorn does at its end."""
        at_end(partial(aside, _disarm))
        in_child(self._begin_in_child)
        if isinstance(signal.signal, FunctionType):  # else the application has put its own in its place
            run_after(signal.signal, self.arm)
        self.arm()

    def arm(self) -> None:
        """Be ready, if SIGTERM would end this process and this is the main thread, which alone can set handlers."""
        try:
            if _would_end_us() and self._thread.start():
                _signal.signal(signal.SIGTERM, _Handler(self._end))
                _Action.current().reset_when_called()
        except Exception as error:  # another thread; no ctypes. The journal keeps what SIGTERM leaves
            if is_to_be_raised(error):
                raise

    def _begin_in_child(self) -> None:
        _disarm()
        self._begin()

    def _look(self) -> None:
        """In our thread: has SIGTERM come? The main thread may be in C code, or have no room left for another call."""
        if self._main_waits or _has_come():
            self._last()
            self._is_done.release()
            time.sleep(_GRACE)
            _die()

    def _end(self) -> None:
        """The handler in Python. It calls nothing that might wait for a lock which this very thread holds. Handlers of
        other signals wait; what one raises all the same ends no more than the wait.
        """
        action = _our_action()
        if action is not None and not action.is_default:
            return  # _thread.interrupt_main(), which does nothing where the default is set
        with suppress(BaseException):
            if self._thread.is_running and self._process == os.getpid():  # C code may have forked
                signals.block(signals.ALL - {signal.SIGTERM})
                self._main_waits = True
                self._thread.wake()
                self._is_done.acquire(timeout=self._budget)
        _signal.signal(signal.SIGTERM, int(signal.SIG_DFL))  # where C code has a handler since, it has had its turn
        _die()


class _Handler(int):
    """0, and callable."""

    _end: Callable[[], object]

    def __new__(cls, end: Callable[[], object]) -> Self:
        handler = super().__new__(cls, 0)
        handler._end = end
        return handler

    def __call__(self, *_: object) -> None:
        aside(self._end)


class _Action:
    """What the kernel does at SIGTERM: ``struct sigaction`` as glibc and musl have it on the machines named above,
    handler (8 bytes), mask (128), flags (4), restorer (8).
    """

    def __init__(self) -> None:
        self._content = bytearray(152)

    @classmethod
    def current(cls) -> _Action:
        """Raises OSError, and ImportError where CPython has been built without ctypes."""
        action = cls()
        _sigaction(None, action._content)
        return action

    @property
    def is_default(self) -> bool:
        return not any(self._content[:8])

    @property
    def is_ours(self) -> bool:
        """Whether the handler is ours, or was: where the kernel has taken it away to call it, it leaves the flags."""
        return bool(self._flags & _RESET)

    def reset_when_called(self) -> None:
        self._content[136:140] = (self._flags | _RESET).to_bytes(4, sys.byteorder)
        _sigaction(self._content, None)

    @property
    def _flags(self) -> int:
        return int.from_bytes(self._content[136:140], sys.byteorder)


def _sigaction(new: bytearray | None, old: bytearray | None) -> None:
    """POSIX's. The interpreter's lock is kept: no other thread of Python's comes between."""
    from ctypes import PyDLL, c_char

    buffers = [(c_char * len(content)).from_buffer(content) if content is not None else None for content in (new, old)]
    if PyDLL(None).sigaction(int(signal.SIGTERM), *buffers):
        raise OSError("sigaction")


def _our_action() -> _Action | None:
    """The action for SIGTERM as long as it is our handler, or the default because the kernel has called that."""
    if type(_signal.getsignal(signal.SIGTERM)) is not _Handler:
        return None
    action = _Action.current()
    return action if action.is_ours else None


def _has_come() -> bool:
    action = _our_action()
    return action is not None and action.is_default


def _disarm() -> None:
    if _our_action() is not None:
        with suppress(ValueError):  # not the main thread
            _signal.signal(signal.SIGTERM, int(signal.SIG_DFL))


def _would_end_us() -> bool:
    """Whether SIGTERM has its default action: neither Python nor C code has a handler, and the kernel does not protect
    us from it, as it does the first process of a container.
    """
    handler = _signal.getsignal(signal.SIGTERM)
    return type(handler) is int and handler == signal.SIG_DFL and os.getpid() != 1 and _Action.current().is_default


def _die() -> None:
    """Of SIGTERM, whose action is the default by now, and which other threads may block."""
    _signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.kill(os.getpid(), signal.SIGTERM)
