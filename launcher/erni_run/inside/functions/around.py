"""Something of ours that runs around a function of somebody else's, whether spans are wished for on that or not."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from erni_run.inside.functions import build
from erni_run.inside.functions.source import Shape
from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import aside, is_to_be_raised

Call = Callable[[], object]


def run_after(function: FunctionType, call: Call) -> None:
    """Let ``call()`` run, untraced, after each call of ``function`` that returns. It belongs to the function's own code
    from then on: what is instrumented later goes around it, and is taken away without it.
    """
    _put_around(function, _nothing, call, _nothing)


def run_around(function: FunctionType, before: Call, after: Call) -> None:
    """Let ``before()`` run when ``function`` is called and ``after()`` when that call has ended, in whatever way; else
    as ``run_after``.
    """
    _put_around(function, before, after, after)


def _put_around(function: FunctionType, before: Call, after: Call, failed: Call) -> None:
    def run(call: Call) -> None:
        try:
            aside(call)
        except Exception as error:
            if is_to_be_raised(error):
                raise
            where = f"{function.__module__}.{function.__qualname__}"
            say_once(f"{where}: {describe(error)}", kind=where)

    def enter() -> bool:
        run(before)
        return True

    def leave(_: bool, result: Any) -> Any:
        run(after)
        return result

    def fail(_: bool) -> None:
        build.take_exception()
        run(failed)

    code = function.__code__
    hooks = {"enter": enter, "leave": leave, "fail": fail}
    function.__code__ = build.trampoline(code, hooks, Shape())


def _nothing() -> None:
    return
