"""Something is raised in the middle of our work, at any line of it."""

from __future__ import annotations

import gc
import itertools
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def raising(error: type[BaseException], lines: int, *, once: bool) -> Iterator[Iterator[int]]:
    """Raise ``error`` after so many lines of delivery; what is yielded counts down to that. ``once`` is as a signal's
    handler does it, not while signals are blocked; else no further line runs, as after SIGKILL.
    """
    left = itertools.count(lines, -1)

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if "/inside/delivery/" not in frame.f_code.co_filename:
            return None
        if event != "line" or (once and signal.pthread_sigmask(signal.SIG_BLOCK, ())):
            return trace
        number = next(left)
        if number == 0 or (number < 0 and not once):
            raise error(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return trace

    before = sys.gettrace()
    gc.disable()  # what it runs is not ours to interrupt
    sys.settrace(trace)
    try:
        yield left
    finally:
        sys.settrace(before)
        gc.enable()
