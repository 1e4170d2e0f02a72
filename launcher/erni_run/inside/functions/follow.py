"""Awaitables that a plain function returns: its span lasts until they are done, or until nobody can await them any
more.

A coroutine is exchanged for one of the same name that runs it; a future is watched. Anything else is left alone.
"""

from __future__ import annotations

import weakref
from functools import partial
from types import CoroutineType, NoneType
from typing import TYPE_CHECKING, Any

from erni_run.inside.functions.build import strip_frame
from erni_run.inside.ourselves import aside

if TYPE_CHECKING:
    from erni_run.inside.functions.probe import Probe

NEVER_FOLLOWED = frozenset(map(id, (NoneType, bool, int, float, str, bytes, list, tuple, dict, set)))
"""The ids of types that are asked after first: most results are of one of them. To look up a type itself would run the
``__hash__`` of its metaclass.
"""

_followed: set[weakref.ref[Any]] = set()


class Following:
    """The span of a call that has returned an awaitable, None if it has none: ended once. ``what`` is current while the
    awaitable runs.
    """

    def __init__(self, probe: Probe, span: Any, what: Any, exit_: tuple[Any, ...]) -> None:
        self._probe = probe
        self._span = span
        self._what = what
        self._exit = exit_
        self._is_over = False

    def resume(self) -> Any:
        """Make it current; what is returned undoes that."""
        return self._probe.attach(self._what)

    def pause(self, token: Any) -> None:
        """Undo ``resume``."""
        self._probe.detach(token)

    def finish(self, result: Any) -> None:
        """The awaitable has come to ``result``."""
        self._end_once(None, result)

    def fail(self, error: BaseException) -> None:
        """The awaitable has raised ``error``; GeneratorExit if nobody has awaited it to its end."""
        self._end_once(error, None)

    def _end_once(self, error: BaseException | None, result: Any) -> None:
        if not self._is_over:
            self._is_over = True
            self._probe.end(self._span, error, result, self._exit)


def is_followed(result: Any) -> bool:
    """Whether ``result`` is a coroutine that nobody runs yet, or one of asyncio's futures and tasks."""
    kind = type(result)
    if kind is CoroutineType:
        return not _has_begun(result)
    return _attribute(kind, "_asyncio_future_blocking") is not None  # False is what futures say there


def _has_begun(coroutine: CoroutineType[Any, Any, Any]) -> bool:
    return coroutine.cr_running or coroutine.cr_frame is None or coroutine.cr_suspended


def follow(result: Any, following: Following) -> Any:
    """What the function returns in place of ``result``, which ``is_followed``. Raises an exception where it looks like
    a future and is none.
    """
    if type(result) is CoroutineType:
        return _follow_coroutine(result, following)
    _when_gone(result, partial(_abandoned, following, None))
    _add_done_callback(result, partial(aside, _done, following))
    return result


def _add_done_callback(future: Any, callback: Any) -> None:
    """By asyncio's own method: one that the application has put in its place would see a call that it did not make."""
    for kind in type(future).__mro__:
        own = vars(kind).get("add_done_callback")
        if own is not None and kind.__module__.partition(".")[0] in ("asyncio", "_asyncio"):
            own(future, callback)
            return
    future.add_done_callback(callback)


def _attribute(kind: type, name: str) -> Any:
    """The attribute ``name`` of the class ``kind``, None if there is none; its metaclass is not asked."""
    try:
        return type.__getattribute__(kind, name)
    except AttributeError:
        return None


def _follow_coroutine(coroutine: CoroutineType[Any, Any, Any], following: Following) -> Any:
    followed: Any = _run(coroutine, following)
    followed.__name__, followed.__qualname__ = coroutine.__name__, coroutine.__qualname__
    _when_gone(followed, partial(_abandoned, following, coroutine))
    return followed


async def _run(coroutine: CoroutineType[Any, Any, Any], following: Following) -> Any:
    token = following.resume()
    try:
        result = await coroutine
    except BaseException as error:
        following.pause(token)
        strip_frame(error)
        following.fail(error)
        raise
    following.pause(token)
    following.finish(result)
    return result


def _done(following: Following, future: Any) -> None:
    if future.cancelled():
        from asyncio import CancelledError  # whose future this is

        following.fail(CancelledError())
        return
    error = getattr(future, "_exception", None)  # exception() would count as having looked at it
    if error is None:
        following.finish(future.result())
    else:
        following.fail(error)


def _when_gone(awaitable: Any, call: Any) -> None:
    def gone(reference: weakref.ref[Any]) -> None:
        _followed.discard(reference)
        call()

    _followed.add(weakref.ref(awaitable, gone))


def _abandoned(following: Following, coroutine: CoroutineType[Any, Any, Any] | None) -> None:
    """Nobody can await it any more. One that has never run is closed, for CPython has complained of ours already."""
    if coroutine is not None:
        coroutine.close()
    following.fail(GeneratorExit())
