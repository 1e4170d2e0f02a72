"""Signals that wait: none is delivered to this thread, nor to one that it starts, until we are done."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_HAS_MASK = hasattr(signal, "pthread_sigmask")  # not on Windows


@contextmanager
def signals_blocked(*, but: set[int] | frozenset[int] = frozenset()) -> Iterator[None]:
    """Block all signals except ``but`` within this block."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - but) if _HAS_MASK else ()
    try:
        yield
    finally:
        if _HAS_MASK:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
