"""Signals that wait: none is delivered to this thread, nor to one that it starts, until we are done."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # below signal, which makes enums: their functions may be traced
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_HAS_MASK = hasattr(_signal, "pthread_sigmask")  # not on Windows
ALL = frozenset(_signal.valid_signals())


@contextmanager
def signals_blocked(*, but: set[int] | frozenset[int] = frozenset()) -> Iterator[None]:
    """Block all signals except ``but`` within this block."""
    mask = blocked_now()
    block(ALL - but)
    try:
        yield
    finally:
        set_blocked(mask)


def blocked_now() -> Iterable[int]:
    """What this thread blocks."""
    return block(frozenset())


def block(signals: frozenset[int]) -> Iterable[int]:
    """Block ``signals``, too, in this thread. Returns what it blocked before."""
    mask: Iterable[int] = _signal.pthread_sigmask(_signal.SIG_BLOCK, signals) if _HAS_MASK else ()
    return mask


def set_blocked(signals: Iterable[int]) -> None:
    """Block ``signals`` and no others in this thread."""
    if _HAS_MASK:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, signals)
