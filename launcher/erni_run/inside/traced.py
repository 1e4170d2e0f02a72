"""``@traced_span``: for code that wants to say itself what a span of its is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from erni_run.inside.activate import current_plan
from erni_run.inside.notice import say_once

_F = TypeVar("_F")


def traced_span(name: str, attributes: Mapping[str, Any] | None = None) -> Callable[[_F], _F]:
    """A decorator for functions, coroutines, generators and async generators: each call becomes a span ``name``.

    ``attributes`` are OpenTelemetry attribute values (str, bool, int, float, or lists of one of them). The very
    function is returned, instrumented in place if this process is traced by erni-run and untouched if it is not.
    Raises TypeError, traced or not, where the name was left out: the function itself would take its place.
    """
    if not isinstance(name, str):
        raise TypeError('the name of the span is missing: write @traced_span("name")')

    def decorate(function: _F) -> _F:
        plan = current_plan()
        if plan is None:
            return function
        from erni_run.inside.functions.instrument import decorate as put
        from erni_run.inside.functions.resolve import plain_function
        from erni_run.plan import SpanPlan

        plain = plain_function(function)
        if plain is None:
            say_once(f"traced_span({name!r}): {function!r} has no Python code: not traced")
            return function
        span = SpanPlan(target=f"{plain.__module__}:{plain.__qualname__}", name=name, attributes=dict(attributes or {}))
        problem = put(plain, span, plan.capture)
        if problem:
            say_once(f"traced_span({name!r}): {span.target} {problem}")
        return function

    return decorate
