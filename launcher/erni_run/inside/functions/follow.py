"""Awaitables that a plain function returns: its span lasts until they are done, or until nobody can await them any
more.

A coroutine is exchanged for one of the same name that runs it; a task, or what ``asyncio.gather`` gives, is watched.
Both only if the call has made it: nobody has it yet but the caller and, where asyncio runs it, the event loop. Whatever
somebody else holds may have been there before the call. It is left alone, and so is anything else.
"""

from __future__ import annotations

import sys
import weakref
from functools import partial
from types import CoroutineType, NoneType
from typing import TYPE_CHECKING, Any

from erni_run.inside.classes import bases
from erni_run.inside.functions.build import strip_frame
from erni_run.inside.ourselves import aside

if TYPE_CHECKING:
    from erni_run.inside.functions.probe import Probe

NEVER_FOLLOWED = frozenset(map(id, (NoneType, bool, int, float, str, bytes, list, tuple, dict, set)))
"""The ids of types that are asked after first: most results are of one of them. To look up a type itself would run the
``__hash__`` of its metaclass.
"""

_kinds: dict[int, Any] = {}
_followed: dict[int, weakref.ref[Any]] = {}
"""By their ids: the hash of a reference is that of what it refers to, which may be the application's."""


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

    @property
    def has_span(self) -> bool:
        """Whether there is anything to end."""
        return self._span is not None

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


def is_followed(result: Any, state: Any) -> bool:
    """Whether the call has made ``result``, a coroutine, or a task or the like, that nobody runs yet.

    ``state`` is what the call's first hook has returned. It has come here the same way, so that CPython counts as many
    references to it as to a result that nobody else holds, whatever that way is.
    """
    others = sys.getrefcount(result) - sys.getrefcount(state)
    if type(result) is CoroutineType:
        own = int(result.cr_code is _run.__code__)  # a call within has been followed
        return not others and weakref.getweakrefcount(result) == own and not _has_begun(result)
    kind = _asyncios(result) if others == 1 else None  # the event loop's, or that of what is gathered
    return kind is not None and _is_about_to_run(result, kind)


def _has_begun(coroutine: CoroutineType[Any, Any, Any]) -> bool:
    return coroutine.cr_running or coroutine.cr_frame is None or coroutine.cr_suspended


def _asyncios(future: Any) -> Any:
    """The class of asyncio's that ``future`` is of, if that is one whose objects asyncio itself holds as long as they
    are pending. Its methods are those to call: the application's own would see calls that it has not made.
    """
    if not _kinds and "asyncio.tasks" in sys.modules:
        tasks = vars(sys.modules["asyncio.tasks"])
        kinds = [tasks[name] for name in ("_CTask", "_PyTask", "_GatheringFuture") if name in tasks]
        _kinds.update({id(kind): kind for kind in kinds})
    return next((base for base in bases(type(future)) if id(base) in _kinds), None)


def _is_about_to_run(future: Any, kind: Any) -> bool:
    """Whether this thread's event loop will run ``future``: there is then nothing that could fail for being watched."""
    if kind.get_loop(future) is not sys.modules["asyncio.events"]._get_running_loop():
        return False
    if not hasattr(kind, "get_coro"):
        return not kind.done(future)
    coroutine = kind.get_coro(future)
    return type(coroutine) is CoroutineType and not _has_begun(coroutine)


def follow(result: Any, following: Following) -> Any:
    """What the function returns in place of ``result``, which ``is_followed``."""
    if type(result) is CoroutineType:
        return _follow_coroutine(result, following)
    if not following.has_span:
        return result
    kind = _asyncios(result)
    _when_gone(result, partial(_abandoned, following, None))
    kind.add_done_callback(result, partial(aside, _done, kind, following))
    return result


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


def _done(kind: Any, following: Following, future: Any) -> None:
    if kind.cancelled(future):
        from asyncio import CancelledError  # whose future this is

        following.fail(CancelledError())
        return
    error = getattr(future, "_exception", None)  # exception() would count as having looked at it
    if error is None:
        following.finish(kind.result(future))
    else:
        following.fail(error)


def _when_gone(awaitable: Any, call: Any) -> None:
    def gone(reference: weakref.ref[Any]) -> None:
        _followed.pop(id(reference), None)
        call()

    reference = weakref.ref(awaitable, gone)
    _followed[id(reference)] = reference


def _abandoned(following: Following, coroutine: CoroutineType[Any, Any, Any] | None) -> None:
    """Nobody can await it any more. One that has never run is closed, for CPython has complained of ours already."""
    if coroutine is not None:
        coroutine.close()
    following.fail(GeneratorExit())
