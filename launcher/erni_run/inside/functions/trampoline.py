"""Exchange a function's code for a trampoline, and put the original back.

The function object keeps its identity, so every reference that anybody holds to it is instrumented: handoff tables,
decorator registries, ``from m import f``, bound methods. CPython's own compiler makes the trampoline from a few lines
of source; nothing here knows an opcode.
"""

from __future__ import annotations

import gc
import weakref
from _thread import RLock
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from erni_run.inside.forks import in_child
from erni_run.inside.functions import build
from erni_run.inside.functions.build import NotInstrumentable
from erni_run.inside.functions.source import Shape

Hooks = Mapping[str, Callable[..., Any]]
"""The callables of a trampoline by name; ``entry`` and ``exit`` are the values of the parameters that its shape names.
For functions, coroutines and generators in context: enter(*entry) -> state, leave(state), fail(state). For generators:
begin(*entry) -> state, resume(state) -> token, pause(state, token), finish(state), abort(state, token). Where the
result is taken, leave(state, result, *exit) -> what the call returns, or finish(state, result, *exit). Where the state
is None, leave and finish are not called. None of them may raise; where a signal handler or a processor does in the
midst of leave, finish or pause, fail or abort is called, too; they find the exception in ``sys.exc_info()``."""


@dataclass(frozen=True, eq=False)
class Around:
    """What is put around a function: hooks, and how they are called."""

    hooks: Hooks
    shape: Shape


@dataclass(eq=False)
class _Exchange:
    """What was done to a function. ``inner`` are the functions written within it, by the names that lead to them."""

    original: CodeType
    current: CodeType
    around: Around | None = None
    inner: dict[tuple[str, ...], Around] = field(default_factory=dict)
    made: dict[tuple[str, ...], CodeType] = field(default_factory=dict)


# Not an attribute of the function: functools.wraps would copy it, and pickle would follow it.
_exchanges: weakref.WeakKeyDictionary[FunctionType, _Exchange] = weakref.WeakKeyDictionary()
_lock = RLock()  # the collector of garbage may come back here in the middle of our work


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  # the parent's may be held by a thread that does not exist in the child
    _lock = RLock()


in_child(_renew_lock)


def is_instrumented(function: FunctionType) -> bool:
    """Whether calls of ``function`` go through a trampoline of ours."""
    exchange = _exchanges.get(function)
    return exchange is not None and exchange.around is not None and _holder(function, exchange) is not None


def original_code(function: FunctionType) -> CodeType:
    """The code that ``function`` was written with."""
    exchange = _exchanges.get(function)
    return function.__code__ if exchange is None else exchange.original


def instrument(function: FunctionType, hooks: Hooks, shape: Shape = Shape()) -> None:  # noqa: B008  # it is frozen
    """Let every call of ``function`` run ``hooks``; an instrumented one gets the new ones. Raises NotInstrumentable."""
    with _lock:
        exchange, holder = _begin(function)
        before, exchange.around = exchange.around, Around(hooks, shape)
        try:
            _settle(function, exchange, holder)
        except NotInstrumentable:
            exchange.around = before
            raise


def instrument_inner(function: FunctionType, path: tuple[str, ...], hooks: Hooks, shape: Shape) -> None:
    """The same for a function that is written within ``function``, reached by the names in ``path``: for those that
    exist already and for those that calls of ``function`` will make. Raises NotInstrumentable.
    """
    with _lock:
        exchange, holder = _begin(function)
        before = exchange.inner.get(path)
        exchange.inner[path] = Around(hooks, shape)
        try:
            _settle(function, exchange, holder)
        except NotInstrumentable:
            del exchange.inner[path]
            if before is not None:
                exchange.inner[path] = before
            raise


def restore(function: FunctionType) -> bool:
    """Let calls of ``function`` run nothing of ours. False if they did not, or if another tool has taken our place."""
    with _lock:
        exchange = _exchanges.get(function)
        if exchange is None or exchange.around is None:
            return False
        exchange.around = None
        return _restore(function, exchange)


def restore_inner(function: FunctionType, path: tuple[str, ...]) -> bool:
    """The same for a function that is written within ``function``."""
    with _lock:
        exchange = _exchanges.get(function)
        if exchange is None or exchange.inner.pop(path, None) is None:
            return False
        return _restore(function, exchange)


def _begin(function: FunctionType) -> tuple[_Exchange, FunctionType]:
    """The exchange of ``function`` and the function that holds our code; a new one if there is none."""
    exchange = _exchanges.get(function)
    holder = _holder(function, exchange) if exchange is not None else None
    if exchange is not None and holder is not None:
        return exchange, holder
    return _Exchange(function.__code__, function.__code__), function


def _holder(function: FunctionType, exchange: _Exchange) -> FunctionType | None:
    """The function that has our code: ``function``, or the copy of it that another such tool has made for itself."""
    if function.__code__ is exchange.current:
        return function
    return next(_functions_of(exchange.current), None)


def _functions_of(code: CodeType) -> Iterator[FunctionType]:
    for referrer in gc.get_referrers(code):
        if type(referrer) is FunctionType and referrer.__code__ is code:
            yield referrer


def _restore(function: FunctionType, exchange: _Exchange) -> bool:
    holder = _holder(function, exchange)
    if holder is None:
        _exchanges.pop(function, None)
        return False
    _settle(function, exchange, holder)
    return True


def _settle(function: FunctionType, exchange: _Exchange, holder: FunctionType) -> None:
    """Give ``holder`` the code that ``exchange`` asks for."""
    code, made = exchange.original, dict[tuple[str, ...], CodeType]()
    for path in sorted(exchange.inner, key=len, reverse=True):  # what is within a function goes before it
        around = exchange.inner[path]
        code, made[path] = build.with_inner(code, path, around.hooks, around.shape)
    if exchange.around is not None:
        code = build.trampoline(code, exchange.around.hooks, exchange.around.shape)
    _exchange_inner(exchange, made)
    exchange.current, exchange.made = code, made
    if exchange.around is None and not exchange.inner:
        _exchanges.pop(function, None)
    else:
        _exchanges[function] = exchange
    holder.__code__ = code  # the one step that the application can notice, and it is atomic


def _exchange_inner(exchange: _Exchange, made: dict[tuple[str, ...], CodeType]) -> None:
    """Give the inner functions that exist already the code of those that will be made."""
    for path in exchange.made.keys() | made.keys():
        original = build.inner(exchange.original, path)
        before, after = exchange.made.get(path, original), made.get(path, original)
        for existing in list(_functions_of(before)):
            existing.__code__ = after
