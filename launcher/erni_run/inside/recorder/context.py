"""OpenTelemetry's runtime context on top of ``current``: whoever uses its API sees what they always see."""

from __future__ import annotations

from contextvars import Token
from typing import Any

import opentelemetry.context
from opentelemetry.context.context import Context, _RuntimeContext

from erni_run.inside.ourselves import setters, setting, under_way
from erni_run.inside.recorder import unsampled
from erni_run.inside.recorder.current import Current, current


def get() -> Any:
    """What is current: a ``Context`` or a ``Current``."""
    value = current.get()
    if type(value) is int:
        value = unsampled.of(value)
        _set(value)  # whoever asks again gets the same one, until what has set the number takes that back
    return value


def _set(value: Any) -> Token[Any]:
    under_way.settings += setting
    try:
        return current.set(value)
    finally:
        under_way.settings -= setting


class _LazyContext(_RuntimeContext):
    """See ``opentelemetry.context``, whose functions call this."""

    def attach(self, context: Context) -> Token[Any]:
        return _set(context)

    def detach(self, token: Token[Any]) -> None:
        under_way.settings += setting
        try:
            current.reset(token)
        finally:
            under_way.settings -= setting

    def get_current(self) -> Context:
        value = get()
        return value.as_context() if isinstance(value, Current) else value  # anything can have been attached


setters.update({_set.__code__, _LazyContext.detach.__code__})


def install() -> None:
    """Let OpenTelemetry's context API use ``current``. What is attached already stays attached in this thread."""
    attached = opentelemetry.context.get_current()
    opentelemetry.context._RUNTIME_CONTEXT = _LazyContext()
    if attached:
        current.set(attached)
