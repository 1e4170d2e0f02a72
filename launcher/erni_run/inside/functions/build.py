"""The code objects of trampolines: compiled from their source, with hooks among their constants.

The compiled trampoline bears the name, the file and the first line of the function that it stands for, and no other
line: debuggers, coverage and ``inspect.getsource`` find what they would have found.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from types import AsyncGeneratorType, CodeType, GeneratorType
from typing import Any

from erni_run.inside.functions import references, source
from erni_run.inside.functions.source import Shape
from erni_run.inside.ourselves import TRACEBACK

_LOOKING = {"type": type, "len": len, "str": str, "int": int, "bool": bool, "float": float}
"""What a trampoline looks at parameters with."""
_DO_NOTHING: Any = id  # a profiler sees no frame of it
_LOCATED = (ast.stmt, ast.expr, ast.arg, ast.keyword, ast.excepthandler)


class NotInstrumentable(Exception):
    """The function's code cannot be exchanged; ``str()`` says why."""


def trampoline(code: CodeType, hooks: Mapping[str, object], shape: Shape) -> CodeType:
    """A trampoline for functions with ``code``. Raises NotInstrumentable."""
    for name in source.Parameters.of(code).names:
        if not name.isidentifier():
            raise NotInstrumentable(f"its parameter {name!r} cannot be written in Python")
    compiled = _find(_compile_on_line(source.write(code, shape), code), source.NAME)
    if compiled.co_freevars != code.co_freevars:
        raise NotInstrumentable("its free variables cannot be kept")
    table = {
        **hooks,
        "documentation": source.documentation(code),
        **_LOOKING,
        "exc_info": _thrown,
        "first": _first_asend,
        "asend": AsyncGeneratorType.asend,
        "athrow": AsyncGeneratorType.athrow,
        "send": GeneratorType.send,
        "throw": GeneratorType.throw,
        "value": vars(StopIteration)["value"].__get__,
        "StopIteration": StopIteration,
        "StopAsyncIteration": StopAsyncIteration,
    }
    return _disguise(compiled, code, tuple(_constant(constant, table, code) for constant in compiled.co_consts))


def inner(code: CodeType, path: tuple[str, ...]) -> CodeType:
    """The code of the function that is written within ``code``, reached by the names in ``path``: those of functions
    and classes. Raises NotInstrumentable.
    """
    if not path:
        return code
    path = _whole(code, path)
    named = _named(code, path[0])
    if len(named) != 1:
        raise NotInstrumentable(f"{len(named) or 'no'} function{'s' if named else ''} {path[0]!r} inside")
    return inner(named[0], path[1:])


def _named(code: CodeType, name: str) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType) and constant.co_name == name]


def _whole(code: CodeType, path: tuple[str, ...]) -> tuple[str, ...]:
    """``path`` with the function that holds the type parameters (PEP 695), if the first name is below one."""
    generic = f"<generic parameters of {path[0]}>"
    return (generic, *path) if _named(code, generic) else path


def with_inner(
    code: CodeType, path: tuple[str, ...], hooks: Mapping[str, object], shape: Shape
) -> tuple[CodeType, CodeType]:
    """``code`` with a trampoline in the place of an inner function, and that trampoline. Raises NotInstrumentable."""
    if not path:
        made = trampoline(code, hooks, shape)
        return made, made
    path = _whole(code, path)
    replaced = inner(code, path[:1])
    by, made = with_inner(replaced, path[1:], hooks, shape)
    return code.replace(co_consts=tuple(by if constant is replaced else constant for constant in code.co_consts)), made


def _compile_on_line(text: str, code: CodeType) -> CodeType:
    """The module ``text``, every node of it on the line of ``code``'s def."""
    tree = ast.parse(text)
    line = max(code.co_firstlineno, 1)
    for node in ast.walk(tree):
        if isinstance(node, _LOCATED):
            node.lineno = node.end_lineno = line
            node.col_offset = node.end_col_offset = 0
    return compile(tree, code.co_filename, "exec", dont_inherit=True, optimize=0)


def _find(code: CodeType, name: str) -> CodeType:
    """The code called ``name`` among the constants of ``code``."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            return constant if constant.co_name == name else _find(constant, name)
    raise NotInstrumentable("the compiler left the trampoline out")


def _constant(constant: Any, table: Mapping[str, object], code: CodeType) -> Any:
    if type(constant) is str and constant.startswith(source.MARK):
        return table[constant.removeprefix(source.MARK)]
    return code if isinstance(constant, CodeType) else constant


def _disguise(compiled: CodeType, code: CodeType, constants: tuple[Any, ...]) -> CodeType:
    instructions = compiled.co_code + references.loading(code)
    return compiled.replace(
        co_code=instructions,
        co_consts=constants,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_firstlineno=code.co_firstlineno,
        co_linetable=_line_table(len(instructions) // 2),
        co_names=code.co_names,  # it has none of its own
        co_flags=compiled.co_flags | (code.co_flags & inspect.CO_ITERABLE_COROUTINE),
    )


def _line_table(units: int) -> bytes:
    """All instructions on the first line, without columns (CPython 3.11's Objects/locations.md, entries of code 13)."""
    lengths = [8] * (units // 8) + ([units % 8] if units % 8 else [])
    return b"".join(bytes((0x80 | 13 << 3 | length - 1, 0)) for length in lengths)


def take_exception() -> BaseException | None:
    """The exception on its way, without the trampoline's entry in its traceback."""
    error = sys.exc_info()[1]
    if error is not None:
        strip_frame(error)
    return error


def strip_frame(error: BaseException) -> None:
    """Take the outermost entry, that of the frame which is about to raise ``error`` again, off its traceback."""
    traceback = TRACEBACK.__get__(error)
    if traceback is not None and traceback.tb_next is not None:
        TRACEBACK.__set__(error, traceback.tb_next)


def _thrown() -> tuple[Any, Any, Any]:
    """``sys.exc_info()`` of what was thrown into the trampoline at its ``yield``, without the trampoline's entry in the
    traceback: what is thrown on into the original shall look as if it had been thrown there.
    """
    kind, error, traceback = sys.exc_info()
    if error is not None and traceback is not None:
        TRACEBACK.__set__(error, traceback.tb_next)
    return kind, error, traceback


def _first_asend(generator: AsyncGeneratorType[Any, Any], value: Any) -> Any:
    """The first step of the generator within a trampoline. An event loop knows the trampoline and closes that; where it
    drops it, what is within is dropped as well, and not closed for itself.
    """
    hooks = sys.get_asyncgen_hooks()
    try:
        sys.set_asyncgen_hooks(None, None if hooks.finalizer is None else _DO_NOTHING)
        return generator.asend(value)
    finally:
        sys.set_asyncgen_hooks(*hooks)
