"""The stack trace of an exception, for each span that it leaves (semantic conventions, "exception.stacktrace").

One that leaves hundreds of spans, as that of a recursion without end does, would be formatted anew for each, longer
every time, and the application would wait for minutes. It is on the innermost spans; those above them go without.

It reads as Python's own, without the marks below a line: to find their place, ``traceback`` parses the line, which
CPython 3.11 does not bear in the middle of the application's own ``ast.parse``, where a finalizer may have called us.
Nor does it suggest names, for which it would run ``__dir__``.
"""

from __future__ import annotations

import textwrap
import traceback
from _thread import _local
from collections.abc import Iterator
from typing import Any

from erni_run.inside.classes import type_name
from erni_run.inside.message import cut, message
from erni_run.inside.ourselves import TRACEBACK, is_to_be_raised

_MOST_SPANS = 10
_MOST_FRAMES, _MOST_ERRORS, _MOST_NOTES, _DEEPEST = 100, 15, 15, 5

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


class _Last(_local):
    """The exception that this thread has recorded last, and the span above the one on which it has."""

    number = above = spans = 0


_last = _Last()


def stack_trace(error: BaseException, span_id: int, parent_id: int) -> str | None:
    """With the exceptions that led to ``error``; None where enough spans have it already, each within the next."""
    is_the_same = _last.number == id(error) and _last.above == span_id
    _last.number, _last.above = id(error), parent_id
    _last.spans = _last.spans + 1 if is_the_same else 1
    if _last.spans > _MOST_SPANS:
        return None
    if not issubclass(type(error), BaseException):  # OpenTelemetry's API takes anything
        return f"{type_name(type(error))}: {message(error)}\n"
    try:
        return _formatted(error, set())
    except BaseException as problem:  # source lines come from loaders of the application's, too
        if is_to_be_raised(problem):
            raise
        return _said(error)


def _formatted(error: BaseException, seen: set[int], depth: int = 0) -> str:
    return "".join(reversed(list(_from_last_to_first(error, seen, depth))))


def _from_last_to_first(error: BaseException, seen: set[int], depth: int) -> Iterator[str]:
    """``error``, and those that led to it and are not ``seen`` elsewhere, each with what stands between."""
    for _ in range(_MOST_ERRORS):
        inner = _within(error, seen, depth) if id(error) not in seen else ""
        yield f"{_frames(error)}{_said(error)}{inner}"
        cause, context = _get("__cause__", error), _get("__context__", error)
        led = cause if cause is not None or _get("__suppress_context__", error) else context
        if led is None or id(led) in seen:
            return
        yield _CONTEXT if cause is None else _CAUSE
        error = led


def _frames(error: BaseException) -> str:
    trace = TRACEBACK.__get__(error)
    if trace is None:
        return ""
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), limit=-_MOST_FRAMES)
    return f"Traceback (most recent call last):\n{''.join(frames.format())}"


def _said(error: BaseException) -> str:
    text, name = message(error), type_name(type(error)).removeprefix("__main__.")
    notes = _get("__dict__", error).get("__notes__")
    lines = [f"{name}: {text}" if text else name]
    lines += [cut(note) for note in notes[:_MOST_NOTES] if type(note) is str] if type(notes) is list else []
    return "".join(f"{line}\n" for line in lines)


def _within(error: BaseException, seen: set[int], depth: int) -> str:
    """The exceptions of a group (PEP 654), each indented."""
    seen.add(id(error))
    errors = _get("exceptions", error) if issubclass(type(error), BaseExceptionGroup) else ()
    if not errors or depth == _DEEPEST:
        return ""
    numbered = enumerate(errors[:_MOST_ERRORS], 1)
    parts = [f"+---- {number} ----\n{_formatted(inner, seen, depth + 1)}" for number, inner in numbered]
    return textwrap.indent("".join(parts), "  | ", lambda _: True)


def _get(name: str, error: BaseException) -> Any:
    """The attribute as CPython has it: a class of the application's may guard its own."""
    return vars(BaseExceptionGroup if name == "exceptions" else BaseException)[name].__get__(error)
