"""``os._exit`` in the main thread: what waits is delivered first, and then the process ends as it would have.

Forked children end so, as Python's documentation has it: those of multiprocessing, billiard, RQ and socketserver. So do
programs that spare themselves their clean-up. In any other thread it ends the process at once: the main thread is still
at work.
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import update_wrapper
from typing import NoReturn

from erni_run.inside.ourselves import aside
from erni_run.inside.signals import handlers_silenced, signals_blocked


class ImmediateExit:
    """Calls ``last()`` before ``os._exit`` ends the process; what that raises is swallowed."""

    def __init__(self, last: Callable[[], object]) -> None:
        self._last = last
        self._process = 0  # the one that has something to deliver: a child of its own may have nothing

    def arm(self) -> None:
        """Be ready, in this process."""
        if not self._process:
            os._exit = _Exit(os._exit, self._end)
        self._process = os.getpid()

    def _end(self) -> None:
        if self._process == os.getpid() and threading.get_ident() == threading.main_thread().ident:
            # handlers of the application have had their time
            with suppress(BaseException), signals_blocked(), handlers_silenced():
                aside(self._last)


class _Exit:
    """``first()``, and then ``exit_at_once``, which it stands for. It is no function: those are bound to the objects of
    a class that has them, and built-in functions are not.
    """

    def __init__(self, exit_at_once: Callable[[int], NoReturn], first: Callable[[], object]) -> None:
        update_wrapper(self, exit_at_once)
        self.__module__ = "os"  # where pickle finds it
        self._exit_at_once = exit_at_once
        self._first = first

    def __call__(self, status: int) -> NoReturn:
        status = operator.index(status)  # raises what the original would raise, and then the process goes on
        self._first()
        self._exit_at_once(status)

    def __reduce__(self) -> str:
        return "_exit"
