"""What a fork does to a process, as far as it concerns us. Above all: late imports that survive it.

A module that one thread is importing while another forks stays half imported in the child, its lock held by a thread
that does not exist there: whoever imports it next waits for ever, or finds half a module. CPython leaves that to
whoever imports in threads. We import late, in threads of the application's and of our own, so the child forgets what
was only begun.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import _bootstrap
from typing import Any

from erni_run.inside import signals
from erni_run.inside.ourselves import aside

_Handlers = dict[str, Callable[[], object]]  # as os.register_at_fork takes them

_CAN_FORK = hasattr(os, "register_at_fork")
_importing: set[int] = set()
_late: list[_Handlers] = []  # of modules that were imported late
_forking: dict[int, list[_Fork]] = {}  # by thread: a signal handler may fork in the middle of a fork
_locks: dict[str, Any] = _bootstrap._module_locks  # type: ignore[attr-defined]  # nowhere else are they known


@contextmanager
def late_import() -> Iterator[None]:
    """What this thread imports within this block is imported anew in a child that is forked meanwhile.

    Signals wait for its end: an application's handler that raises would leave half a module behind. Handlers of forks
    that it registers are called by ours: in the middle of a fork, CPython would call those for its end and not those
    for its beginning, and logging's give back a lock that they have not taken.
    """
    thread = get_ident()
    if thread in _importing:
        yield
        return
    with signals.signals_blocked():
        _importing.add(thread)
        _stand_in()
        try:
            yield
        finally:
            _importing.discard(thread)
            if not _importing:
                _stand_back()


class _Process:
    generation = 0


process = _Process()
"""``process.generation`` tells how many forks this process is away from the one that was started."""


_children: list[Callable[[], object]] = []


def in_child(call: Callable[[], object]) -> None:
    """Call ``call()`` in each forked child, before the handlers of whoever has registered after we were started, those
    of random, threading and logging for instance: they may be traced, and their spans are the child's. It must not
    raise.
    """
    _children.append(call)


def _in_child() -> None:
    """Signals are blocked meanwhile: what a handler records is the child's, and must not go where the parent writes."""
    global _forking  # noqa: PLW0603  # other threads are the parent's
    process.generation += 1
    fork = _over()
    try:
        _forget_half_imported()
        _stand_back()
        for call in _children:
            aside(call)
        _forking = {get_ident(): _forking.get(get_ident(), [])}
        for handlers in _late:
            _call(handlers, "after_in_child")
    finally:
        _unblock(fork)


def _forget_half_imported() -> None:
    cut_off = _importing - {get_ident()}
    _importing.clear()
    if not cut_off:
        return
    for name, reference in list(_locks.items()):
        lock = reference()
        if lock is not None and lock.owner in cut_off:
            _forget(name)
            _locks.pop(name, None)


def _forget(name: str) -> None:
    """Where its package still had it, ``from package import module`` would find it there, and import nothing."""
    module = sys.modules.pop(name, None)
    package, _, last = name.rpartition(".")
    own = getattr(sys.modules.get(package), "__dict__", {})
    if module is not None and own.get(last) is module:
        del own[last]


def _stand_in() -> None:
    """Let ``os.register_at_fork`` be ours while something is imported late."""
    global _register  # noqa: PLW0603  # an application, or a tool that it uses, may have put another there
    if _CAN_FORK and os.register_at_fork is not _register_at_fork:
        _register = os.register_at_fork
        os.register_at_fork = _register_at_fork


def _stand_back() -> None:
    if _CAN_FORK and os.register_at_fork is _register_at_fork:
        os.register_at_fork = _register


def _register_at_fork(**handlers: Any) -> None:
    if get_ident() in _importing:
        _late.append(handlers)
    else:
        _register(**handlers)


class _Fork:
    """A fork that a thread is in the middle of: the handlers that it began with, and what signals it blocked before."""

    def __init__(self) -> None:
        self.begun: list[_Handlers] = []
        self.mask: Iterable[int] | None = None


def _before() -> None:
    """A signal handler may interrupt this at any line: it may raise, or fork itself."""
    fork = _Fork()
    _forking.setdefault(get_ident(), []).append(fork)
    for handlers in reversed(list(_late)):
        fork.begun.append(handlers)
        _call(handlers, "before")
    fork.mask = signals.blocked_now()
    signals.block(signals.ALL)


def _in_parent() -> None:
    fork = _over()
    try:
        for handlers in reversed(fork.begun):
            _call(handlers, "after_in_parent")
    finally:
        _unblock(fork)


def _over() -> _Fork:
    forks = _forking.get(get_ident())
    return forks.pop() if forks else _Fork()


def _unblock(fork: _Fork) -> None:
    if fork.mask is not None:
        signals.set_blocked(fork.mask)


def _call(handlers: _Handlers, when: str) -> None:
    if when in handlers:
        handlers[when]()


if _CAN_FORK:
    _register = os.register_at_fork
    _register(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
