"""Is this thread doing our own work? What we call ourselves is never traced: it would call us again, without end.

Any function can be a target, those of json, logging or threading too, which the recorder itself uses.

Whoever wants to know asks at each call of a traced function, and to look at a variable of the thread takes as long as
all else that such a call needs. So what is under way is counted over all threads: nearly always that is nothing.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import _local  # threading itself is for the application to import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any


sleep = time.sleep
"""That of the thread: what gevent puts in its place later on cannot wait everywhere."""


class _Thread(_local):
    at_work = False


thread = _Thread()
"""``thread.at_work`` is true while this thread runs code of ours."""


class UnderWay:
    """What of ours is under way, over all threads: ``work``, pieces of it; ``exchanging``, what one of them is just
    making current or taking back, see ``exchange``, and ``beside``, how many do so besides, which is work, too.

    To add and to subtract is atomic, and so is to look and to store: CPython lets other threads and signals in at calls
    and backward jumps alone.
    """

    __slots__ = ("beside", "exchanging", "work")

    def __init__(self) -> None:
        self.work = self.beside = 0
        self.exchanging: Any = None


under_way = UnderWay()
exchangers: dict[CodeType, str] = {}
"""The code of functions that do themselves what ``exchange`` does, and the variable of theirs that is then
``under_way.exchanging``.
"""


_COLLECTS_ANYWHERE = sys.version_info < (3, 12)


TRACEBACK = vars(BaseException)["__traceback__"]
"""The attribute as CPython has it: a class of the application's may guard its own, as frozen dataclasses do."""


def is_ours() -> bool:
    """Whether the call that a hook looks at, the caller of this, is one of our own work, or comes out of the middle of
    an exchange. Worth asking if something is ``under_way``.
    """
    return is_within_exchange(sys._getframe(1).f_back) or thread.at_work


def is_within_exchange(frame: FrameType | None) -> bool:
    """Whether the collector of garbage has called ``frame``, one of this thread's, out of the middle of an exchange.
    What it has found to be current is forgotten: CPython would remember it without holding it.
    """
    if not _COLLECTS_ANYWHERE or (under_way.exchanging is None and not under_way.beside):
        return False
    called = None
    while frame is not None:
        if _is_exchanging(frame, under_way.exchanging) and not (called is not None and _was_given(called, frame)):
            sys.modules["_contextvars"].Context().run(int)  # another context and back makes CPython look anew
            return True
        called, frame = frame, frame.f_back
    return False


def _is_exchanging(frame: FrameType, exchanging: Any) -> bool:
    if frame.f_code is _exchange.__code__:
        return True
    name = exchangers.get(frame.f_code)
    return name is not None and exchanging is not None and frame.f_locals.get(name) is exchanging


def _was_given(called: FrameType, interrupted: FrameType) -> bool:
    """Whether a function has ``interrupted`` among its arguments: a signal handler, which runs between instructions."""
    return any(
        value is interrupted or (type(value) is tuple and any(item is interrupted for item in value))
        for value in called.f_locals.values()
    )


def _in_child() -> None:
    """What other threads had under way is the parent's."""
    exchanging, under_way.exchanging = under_way.exchanging, None
    under_way.work, under_way.beside = int(thread.at_work), 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is _exchange.__code__ and frame.f_locals["is_beside"]:
            under_way.beside += 1
            under_way.work += 1
        elif _is_exchanging(frame, exchanging):
            under_way.exchanging = exchanging
        frame = frame.f_back


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def aside(work: Callable[..., Any], *arguments: Any) -> Any:
    """``work(*arguments)``, untraced. Within it, ``thread.at_work`` is true."""
    if thread.at_work:
        return work(*arguments)
    under_way.work += 1
    try:
        thread.at_work = True
        return work(*arguments)
    finally:
        thread.at_work = False
        under_way.work -= 1


def exchange(operation: Callable[[Any], Any], what: Any) -> Any:
    """``operation(what)``, which makes ``what`` current or takes it back. Raises what it raises.

    Before CPython 3.12 the collector of garbage runs in the middle of anything, ``ContextVar.set`` included, which does
    not survive being called again by what a finalizer calls: nothing is traced or made current that comes from there.
    """
    if under_way.exchanging is None and not under_way.beside:
        under_way.exchanging = operation
        try:
            return _exchange(operation, what)
        finally:
            under_way.exchanging = None
    if is_within_exchange(sys._getframe().f_back):
        return None
    under_way.beside += 1  # another thread's mark may go before this one is through
    under_way.work += 1
    try:
        return _exchange(operation, what, is_beside=True)
    finally:
        under_way.work -= 1
        under_way.beside -= 1


def _exchange(operation: Callable[[Any], Any], what: Any, is_beside: bool = False) -> Any:  # noqa: ARG001  # see _in_child
    return operation(what)


def is_to_be_raised(error: BaseException) -> bool:
    """Whether ``error``, which has come up while we were at work, is not ours to swallow: a signal handler's, which
    Python runs between any two instructions, or what somebody has thrown into this thread, ``KeyboardInterrupt``
    included. What code of the application's raises that we have called ourselves, is.
    """
    if isinstance(error, KeyboardInterrupt) or is_a_signal_handlers(error):
        return True
    return not isinstance(error, Exception) and not _is_the_applications(error)


def is_a_signal_handlers(error: BaseException) -> bool:
    """Whether ``error`` comes out of a signal's handler: a function that was given the frame that it interrupted."""
    traceback = TRACEBACK.__get__(error)
    while traceback is not None:
        interrupted = traceback.tb_frame.f_back
        if interrupted is not None and _was_given(traceback.tb_frame, interrupted):
            return True
        traceback = traceback.tb_next
    return False


def _is_the_applications(error: BaseException) -> bool:
    """Whether the innermost frame that ``error`` has left runs code of neither ours nor the standard library's."""
    innermost = TRACEBACK.__get__(error)
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    if innermost is None:
        return False
    package = str(innermost.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    return package not in _OURS and package not in sys.stdlib_module_names


_OURS = frozenset({"erni_run", "opentelemetry", "hyperframe", "wrapt"})
