"""Functions that are not coroutines but return one, or a future: the span lasts until that has its result."""

from __future__ import annotations

import sys
import weakref
from types import CoroutineType
from typing import Any

from erni_run.inside.functions.probe import Follow, Probe

_waiting: set[weakref.ref[Any]] = set()


def follower(kind: type) -> Follow | None:
    """How to follow a result of type ``kind``; None if it is no awaitable whose end can be seen."""
    if kind is CoroutineType:
        return _follow_coroutine
    futures = sys.modules.get("asyncio.futures")  # whoever returns one has imported it
    if futures is not None and hasattr(kind, "_asyncio_future_blocking"):
        return _follow_future
    return None


def _follow_coroutine(probe: Probe, state: Any, coroutine: Any, captured: tuple[Any, ...]) -> Any:
    """A coroutine of the same name that runs ``coroutine`` within the span."""
    span, token = state
    probe.detach(token)
    followed: Any = _run(probe, span, coroutine, captured)
    followed.__name__, followed.__qualname__ = coroutine.__name__, coroutine.__qualname__

    def never_awaited(reference: weakref.ref[Any]) -> None:
        _waiting.discard(reference)
        if coroutine.cr_frame is not None and coroutine.cr_frame.f_lasti < 0:
            coroutine.close()  # the warning has been given for the one that the application holds
        if span.is_recording():
            span.set_attribute("erni.outcome", "never_awaited")
            probe.end(span, None)

    _waiting.add(weakref.ref(followed, never_awaited))
    return followed


async def _run(probe: Probe, span: Any, coroutine: Any, captured: tuple[Any, ...]) -> Any:
    token = probe.attach(span)
    try:
        result = await coroutine
    except BaseException as error:
        probe.detach(token)
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        probe.end(span, error)
        raise
    probe.detach(token)
    probe.describe_result(span, result, captured)
    probe.end(span, None)
    return result


def _follow_future(probe: Probe, state: Any, future: Any, captured: tuple[Any, ...]) -> Any:
    span, token = state
    probe.detach(token)
    if future.done():
        _settle(probe, span, future, captured)
    else:
        future.add_done_callback(lambda done: _settle(probe, span, done, captured))
    return future


def _settle(probe: Probe, span: Any, future: Any, captured: tuple[Any, ...]) -> None:
    if future.cancelled():
        probe.end(span, sys.modules["asyncio.exceptions"].CancelledError())
        return
    error = future._exception  # future.exception() would silence "exception was never retrieved"
    if error is None:
        probe.describe_result(span, future._result, captured)
    probe.end(span, error)
