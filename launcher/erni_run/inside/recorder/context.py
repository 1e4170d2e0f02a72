"""OpenTelemetry's runtime context on top of ``current``: whoever uses its API sees what they always see."""

from __future__ import annotations

from contextvars import Token
from typing import Any

import opentelemetry.context
from opentelemetry.context.context import Context, _RuntimeContext

from erni_run.inside.ourselves import exchange
from erni_run.inside.recorder import unsampled
from erni_run.inside.recorder.current import Current, current

_NOTHING = Context()


def get() -> Any:
    """What is current: a ``Context`` or a ``Current``."""
    value = current.get()
    if value is None:
        return _NOTHING
    if type(value) is float:
        value = unsampled.of(value)
        exchange(current.set, value)  # whoever asks again gets the same one, until the number's own reset
    return value


class _LazyContext(_RuntimeContext):
    """See ``opentelemetry.context``, whose functions call this."""

    def attach(self, context: Context) -> Token[Any]:
        attached: Token[Any] = exchange(current.set, context)
        return attached

    def detach(self, token: Token[Any]) -> None:
        exchange(current.reset, token)

    def get_current(self) -> Context:
        value = get()
        return value.as_context() if isinstance(value, Current) else value  # anything can have been attached


def install() -> None:
    """Let OpenTelemetry's context API use ``current``. What is attached already stays attached in this thread."""
    attached = opentelemetry.context.get_current()
    opentelemetry.context._RUNTIME_CONTEXT = _LazyContext()
    if attached:
        current.set(attached)
