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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import _bootstrap
from typing import Any

from erni_run.inside.ourselves import aside
from erni_run.inside.signals import signals_blocked

_importing: set[int] = set()
_locks: dict[str, Any] = _bootstrap._module_locks  # type: ignore[attr-defined]  # nowhere else are they known


@contextmanager
def late_import() -> Iterator[None]:
    """What this thread imports within this block is imported anew in a child that is forked meanwhile.

    Signals wait for its end: an application's handler that raises would leave half a module behind.
    """
    thread = get_ident()
    if thread in _importing:
        yield
        return
    with signals_blocked():
        _importing.add(thread)
        try:
            yield
        finally:
            _importing.discard(thread)


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
    process.generation += 1
    _forget_half_imported()
    for call in _children:
        aside(call)


def _forget_half_imported() -> None:
    cut_off = _importing - {get_ident()}
    _importing.clear()
    if not cut_off:
        return
    for name, reference in list(_locks.items()):
        lock = reference()
        if lock is not None and lock.owner in cut_off:
            sys.modules.pop(name, None)
            _locks.pop(name, None)


def _in_parent() -> None:
    """Where logging was imported in the middle of a fork, its handler for the end of the fork, which comes next, gives
    back a lock that its handler for the beginning has not taken.
    """
    lock = getattr(sys.modules.get("logging"), "_lock", None)
    if lock is not None and not lock._is_owned():
        lock.acquire()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
    if "logging" not in sys.modules:  # else its handlers come before ours
        os.register_at_fork(after_in_parent=_in_parent)
