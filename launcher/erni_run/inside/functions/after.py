"""Something of ours that runs after a function of somebody else's, whether spans are wished for on that or not."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from erni_run.inside.functions import build
from erni_run.inside.functions.source import Shape
from erni_run.inside.functions.trampoline import copy
from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import aside, is_to_be_raised


def run_after(function: FunctionType, call: Callable[[], object]) -> None:
    """Let ``call()`` run, untraced, after each call of ``function`` that returns. It belongs to the function's own code
    from then on: what is instrumented later goes around it, and is taken away without it.
    """

    def enter() -> bool:
        return True

    def leave(_: bool, result: Any) -> Any:
        try:
            aside(call)
        except Exception as error:
            if is_to_be_raised(error):
                raise
            where = f"{function.__module__}.{function.__qualname__}"
            say_once(f"{where}: {describe(error)}", kind=where)
        return result

    def fail(_: bool) -> None:
        build.take_exception()

    code = function.__code__
    hooks = {"enter": enter, "leave": leave, "fail": fail}
    function.__code__ = build.trampoline(code, hooks, Shape(), copy(function, code))
