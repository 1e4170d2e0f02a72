"""``os._exit`` in a forked child, where it is the usual way out: Python's documentation says so, and multiprocessing,
billiard, RQ and socketserver go by it. What waits is delivered first.

In the process that was started it means "at once" and stays what it is, and so it does in any but the main thread of a
child: the other threads are still at work.
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import NoReturn

from erni_run.inside.forks import process
from erni_run.inside.ourselves import aside
from erni_run.inside.signals import signals_blocked


class ChildExit:
    """Calls ``last()`` before ``os._exit`` ends a forked child; what that raises is swallowed."""

    def __init__(self, last: Callable[[], object]) -> None:
        self._last = last
        self._process = 0  # the one that has something to deliver: a child of its own may have nothing

    def arm(self) -> None:
        """Be ready, if this process is a forked child."""
        if process.generation:
            if not self._process:
                os._exit = self._instead_of(os._exit)  # type: ignore[assignment]  # a function for a function
            self._process = os.getpid()

    def _instead_of(self, exit_at_once: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
        @wraps(exit_at_once)
        def _exit(status: int) -> NoReturn:
            status = operator.index(status)  # raises what the original would raise, and then the process goes on
            if self._process == os.getpid() and threading.current_thread() is threading.main_thread():
                with signals_blocked(), suppress(BaseException):  # handlers of the application have had their time
                    aside(self._last)
            exit_at_once(status)

        _exit.__module__ = "os"  # where pickle finds it
        return _exit
