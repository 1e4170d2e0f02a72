"""Exchange a function's code for a trampoline, and put the original back.

The function object keeps its identity, so every reference that anybody holds to it is instrumented: handoff tables,
decorator registries, ``from m import f``, bound methods. CPython's own compiler makes the trampoline from a few lines
of source; nothing here knows an opcode.
"""

from __future__ import annotations

import ast
import inspect
import sys
import threading
import weakref
from collections.abc import Mapping
from types import AsyncGeneratorType, CodeType, FunctionType
from typing import Any

from erni_run.inside.functions import source

Hooks = Mapping[str, object]
"""The callables of a trampoline by name. For functions and coroutines: enter(*captured) -> state, leave(state),
fail(state); for generators: begin(*captured) -> state, resume(state) -> token, pause(state, token), finish(state),
abort(state). None of them may raise; fail and abort find the exception in ``sys.exc_info()``."""


class NotInstrumentable(Exception):
    """The function's code cannot be exchanged; ``str()`` says why."""


class _Exchange:
    __slots__ = ("original", "trampoline")

    def __init__(self, original: CodeType, trampoline: CodeType) -> None:
        self.original = original
        self.trampoline = trampoline


# Not an attribute of the function: functools.wraps would copy it, and pickle would follow it.
_exchanges: weakref.WeakKeyDictionary[FunctionType, _Exchange] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def is_generator(function: FunctionType) -> bool:
    """Whether ``function`` takes the hooks of generators; they are the same for async ones."""
    return bool(function.__code__.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR))


def is_instrumented(function: FunctionType) -> bool:
    """Whether calls of ``function`` go through a trampoline of ours."""
    exchange = _exchanges.get(function)
    return exchange is not None and function.__code__ is exchange.trampoline


def instrument(function: FunctionType, hooks: Hooks, captured: tuple[str, ...] = ()) -> None:
    """Let every call of ``function`` run ``hooks``; the first hook receives the parameters named in ``captured``.

    An instrumented function gets the new hooks. Raises NotInstrumentable.
    """
    with _lock:
        exchange = _exchanges.get(function)
        again = exchange is not None and function.__code__ is exchange.trampoline
        original = exchange.original if exchange is not None and again else function.__code__
        trampoline = _compile(original, _copy(function, original), hooks, captured)
        _exchanges[function] = _Exchange(original, trampoline)
        function.__code__ = trampoline  # the one step that the application can notice, and it is atomic


def restore(function: FunctionType) -> bool:
    """Put the original code back. False if ``function`` was not ours to restore."""
    with _lock:
        exchange = _exchanges.pop(function, None)
        if exchange is None or function.__code__ is not exchange.trampoline:
            return False
        function.__code__ = exchange.original
        return True


def _copy(function: FunctionType, code: CodeType) -> FunctionType:
    """A function that runs ``code`` as ``function`` would. Defaults are left out: the trampoline passes every
    parameter.
    """
    copy = FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)
    copy.__qualname__ = function.__qualname__
    copy.__module__ = function.__module__
    return copy


def _compile(code: CodeType, original: FunctionType, hooks: Hooks, captured: tuple[str, ...]) -> CodeType:
    for name in source.Parameters.of(code).names:
        if not name.isidentifier():
            raise NotInstrumentable(f"its parameter {name!r} cannot be written in Python")
    trampoline = _find(_compile_on_line(source.write(code, captured), code))
    if trampoline.co_freevars != code.co_freevars:
        raise NotInstrumentable("its free variables cannot be kept")
    table = {
        **hooks,
        "original": original,
        "exc_info": sys.exc_info,
        "first": _first_asend,
        "asend": AsyncGeneratorType.asend,
        "StopIteration": StopIteration,
        "StopAsyncIteration": StopAsyncIteration,
    }
    return _disguise(trampoline, code, tuple(_constant(constant, table) for constant in trampoline.co_consts))


def _compile_on_line(text: str, code: CodeType) -> CodeType:
    """The module ``text``, every node of it on the line of ``code``'s def: debuggers and coverage stay right."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            ast.copy_location(node, ast.Pass(lineno=max(code.co_firstlineno, 1), col_offset=0))
            node.end_lineno, node.end_col_offset = node.lineno, 0  # type: ignore[attr-defined]  # every located node has them
    return compile(tree, code.co_filename, "exec", dont_inherit=True, optimize=0)


def _find(code: CodeType) -> CodeType:
    """The trampoline's code among the constants of the compiled module."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            return constant if constant.co_name == source.NAME else _find(constant)
    raise NotInstrumentable("the compiler left the trampoline out")


def _constant(constant: Any, table: Mapping[str, object]) -> Any:
    if type(constant) is str and constant.startswith(source.MARK):
        return table[constant.removeprefix(source.MARK)]
    return constant


def _disguise(trampoline: CodeType, code: CodeType, constants: tuple[Any, ...]) -> CodeType:
    changes: dict[str, Any] = {
        "co_consts": constants,
        "co_name": code.co_name,
        "co_firstlineno": code.co_firstlineno,
        "co_flags": trampoline.co_flags | (code.co_flags & inspect.CO_ITERABLE_COROUTINE),
    }
    if sys.version_info >= (3, 11):
        changes |= {"co_qualname": code.co_qualname, "co_linetable": _line_table(trampoline)}
    return trampoline.replace(**changes)


def _line_table(code: CodeType) -> bytes:
    """All instructions on the first line, without columns (CPython 3.11's Objects/locations.md, entries of code 13)."""
    units = len(code.co_code) // 2
    lengths = [8] * (units // 8) + ([units % 8] if units % 8 else [])
    return b"".join(bytes((0x80 | 13 << 3 | length - 1, 0)) for length in lengths)


def _first_asend(generator: AsyncGeneratorType[Any, Any], value: Any) -> Any:
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.asend(value)
    finally:
        sys.set_asyncgen_hooks(*hooks)
