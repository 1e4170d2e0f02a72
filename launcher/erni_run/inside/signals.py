"""Signals that wait: none is delivered to this thread, nor to one that it starts, until we are done."""

from __future__ import annotations

# signal's own functions make enums of numbers: those of enum may be traced, and end spans meanwhile
import _signal  # type: ignore[import-not-found]  # CPython's own
from collections.abc import Iterator
from contextlib import contextmanager

_HAS_MASK = hasattr(_signal, "pthread_sigmask")  # not on Windows


@contextmanager
def signals_blocked(*, but: set[int] | frozenset[int] = frozenset()) -> Iterator[None]:
    """Block all signals except ``but`` within this block."""
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals() - but) if _HAS_MASK else ()
    try:
        yield
    finally:
        if _HAS_MASK:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
