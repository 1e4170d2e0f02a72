"""A thread of our own: it works every so often, and nobody sees it.

It is started below ``threading``, so the application's ``threading.enumerate()``, ``active_count()`` and the wait for
threads at exit are what they would be without us. From 3.12 on CPython warns whoever forks a process of several
threads; ours steps out of the way before a fork and comes back after it. From 3.13 on it counts them after that, and
warns all the same.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from _thread import LockType, allocate_lock, get_native_id, start_new_thread
from collections.abc import Callable

from erni_run.inside.ending import at_end
from erni_run.inside.forks import in_child
from erni_run.inside.notice import describe, say_rarely
from erni_run.inside.ourselves import aside
from erni_run.inside.signals import signals_blocked

_FORK_WARNS = sys.version_info >= (3, 12)
# What belongs to the thread that brings it about.
_FAULTS = {signal.SIGSEGV, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, getattr(signal, "SIGBUS", signal.SIGSEGV)}
_LONGEST_WAIT = 0.05  # seconds that a fork may wait for one of our threads


class Background:
    """Calls ``work()`` in a thread every ``every`` seconds, and whenever ``wake`` is called.

    Nothing runs before ``start``. A forked child has none of it until it calls ``start`` itself.
    """

    def __init__(self, name: str, work: Callable[[], object], every: float) -> None:
        self._name = name
        self._work = work
        self._every = every
        self._begin()
        _all.append(self)

    def _begin(self) -> None:
        self._starting = allocate_lock()
        self._alarm = allocate_lock()  # a thread that waits for another one than this is over
        self._alarm.acquire()
        self._native_id = 0
        self._is_working = False
        self._is_aside = False
        self.is_running = False

    def start(self) -> bool:
        """Start the thread unless it runs. False if none can be started: the interpreter is on its way out."""
        if self.is_running:
            return True
        if not self._starting.acquire(blocking=False):
            return True  # another thread, or this one beneath a signal handler, is just doing it
        try:
            if not self.is_running:
                import threading  # noqa: F401  # whoever imports it first is the main thread to it, which ours is not

                # What the application blocks in all threads of its own must not be delivered to one of ours.
                with signals_blocked(but=_FAULTS):
                    start_new_thread(self._run, (self._alarm,))
                self.is_running = True
        except RuntimeError:
            return False
        finally:
            self._starting.release()
        return True

    def wake(self) -> None:
        """Let the thread work now."""
        _release(self._alarm)

    def _run(self, alarm: LockType) -> None:
        self._native_id = get_native_id()
        while True:
            alarm.acquire(timeout=self._every)
            if alarm is not self._alarm:
                break
            aside(self._turn)

    def _turn(self) -> None:
        self._is_working = True
        try:
            self._work()
        except Exception as error:  # the thread outlives whatever goes wrong once
            say_rarely(f"{self._name}: {describe(error)}", kind=self._name)
        finally:
            self._is_working = False

    def step_aside(self) -> None:
        """End the thread, unless it is in the middle of something: for the time of a fork, or for good."""
        if not self.is_running or self._is_working:
            return
        until = time.monotonic() + _LONGEST_WAIT
        while not self._native_id and time.monotonic() < until:  # it is just starting
            time.sleep(0.0002)
        alarm, native_id = self._alarm, self._native_id
        self._begin()
        self._is_aside = True
        _release(alarm)
        while os.path.exists(f"/proc/self/task/{native_id}") and time.monotonic() < until:
            time.sleep(0.0002)

    def come_back(self) -> None:
        """Undo ``step_aside``."""
        if self._is_aside:
            self._is_aside = False
            self.start()

    def forget(self) -> None:
        """In a forked child: the thread is the parent's."""
        self._begin()


def _release(alarm: LockType) -> None:
    try:
        alarm.release()
    except RuntimeError:  # it has been woken already
        return


_all: list[Background] = []


def _step_aside() -> None:
    for background in _all:
        background.step_aside()


def _after_in_parent() -> None:
    for background in _all:
        background.come_back()


def _after_in_child() -> None:
    for background in _all:
        background.forget()


in_child(_after_in_child)
if _FORK_WARNS and hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_step_aside, after_in_parent=_after_in_parent)

at_end(_step_aside)  # an interpreter within the process must not end before its threads (Py_EndInterpreter)
