"""The stack trace of an exception, for each span that it leaves (semantic conventions, "exception.stacktrace").

One that leaves hundreds of spans, as that of a recursion without end does, would be formatted anew for each, longer
every time, and the application would wait for minutes. It is on the innermost spans; those above them go without.
"""

from __future__ import annotations

import traceback
from _thread import _local

from erni_run.inside.notice import describe
from erni_run.inside.ourselves import TRACEBACK, is_to_be_raised

_MOST_SPANS = 10


class _Last(_local):
    """The exception that this thread has recorded last, and the span above the one on which it has."""

    number = above = spans = 0


_last = _Last()


def stack_trace(error: BaseException, span_id: int, parent_id: int) -> str | None:
    """As ``traceback.format_exception`` has it; None where enough spans have it already, each within the next."""
    is_the_same = _last.number == id(error) and _last.above == span_id
    _last.number, _last.above = id(error), parent_id
    _last.spans = _last.spans + 1 if is_the_same else 1
    if _last.spans > _MOST_SPANS:
        return None
    kind = type(error)
    try:
        trace = TRACEBACK.__get__(error) if issubclass(kind, BaseException) else None  # None is recorded, too
        return "".join(traceback.format_exception(kind, error, trace))
    except BaseException as problem:  # an exception whose __str__ raises is still to be recorded
        if is_to_be_raised(problem):
            raise
        return describe(error)
