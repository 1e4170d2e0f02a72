"""Is this thread doing our own work? What we call ourselves is never traced: it would call us again, without end.

Any function can be a target, those of json, logging or threading too, which the recorder itself uses.
"""

from __future__ import annotations

import sys
from _thread import _local  # threading itself is for the application to import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Thread(_local):
    at_work = False


thread = _Thread()
"""``thread.at_work`` is true while this thread runs code of ours."""


def aside(work: Callable[..., Any], *arguments: Any) -> Any:
    """``work(*arguments)``, untraced. Within it, ``thread.at_work`` is true."""
    if thread.at_work:
        return work(*arguments)
    thread.at_work = True
    try:
        return work(*arguments)
    finally:
        thread.at_work = False


def is_the_applications(error: BaseException) -> bool:
    """Whether ``error`` was raised by the application while we were at work: by a signal handler, which Python runs
    between any two instructions. It is not ours to swallow.
    """
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    if innermost is None:
        return False
    package = str(innermost.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    return package not in _OURS and package not in sys.stdlib_module_names


def is_a_signal_handlers(error: BaseException) -> bool:
    """Whether ``error`` comes out of a signal's handler: a function that was given the frame that it interrupted."""
    traceback = error.__traceback__
    while traceback is not None:
        interrupted = traceback.tb_frame.f_back
        if interrupted is not None and any(
            value is interrupted or (type(value) is tuple and interrupted in value)
            for value in traceback.tb_frame.f_locals.values()
        ):
            return True
        traceback = traceback.tb_next
    return False


_OURS = frozenset({"erni_run", "opentelemetry", "google", "grpc", "wrapt"})
