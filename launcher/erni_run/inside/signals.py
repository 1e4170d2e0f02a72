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


@contextmanager
def handlers_silenced() -> Iterator[None]:
    """Let no handler in Python run within this block, in the main thread, which runs those of all threads: a signal
    that this one blocks goes to another. What comes meanwhile is lost.
    """
    handlers = {number: _signal.getsignal(number) for number in ALL}
    silenced = {number: handler for number, handler in handlers.items() if callable(handler) and not _is_ours(handler)}
    try:
        for number in silenced:
            _signal.signal(number, _do_nothing)
        yield
    finally:
        for number, handler in silenced.items():
            _signal.signal(number, handler)


def _is_ours(handler: object) -> bool:
    return isinstance(handler, int)  # as SIG_DFL is, which the handler for SIGTERM stands for


def _do_nothing(*_: object) -> None:
    return


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
