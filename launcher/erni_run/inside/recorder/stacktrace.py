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
    """The exception that this thread has recorded last; one that still propagates has gained entries since."""

    number = entries = spans = 0


_last = _Last()


def stack_trace(error: BaseException) -> str | None:
    """As ``traceback.format_exception`` has it; None where enough spans have it already."""
    before, entries = _last.entries, _entries(error)
    is_the_same = _last.number == id(error) and before < entries  # the number of one that is gone is given away again
    _last.number, _last.entries = id(error), entries
    _last.spans = _last.spans + 1 if is_the_same else 1
    if _last.spans > _MOST_SPANS:
        return None
    try:
        return "".join(traceback.format_exception(type(error), error, TRACEBACK.__get__(error)))
    except BaseException as problem:  # an exception whose __str__ raises is still to be recorded
        if is_to_be_raised(problem):
            raise
        return describe(error)


def _entries(error: BaseException) -> int:
    entry, number = TRACEBACK.__get__(error), 0
    while entry is not None:
        entry = entry.tb_next
        number += 1
    return number
