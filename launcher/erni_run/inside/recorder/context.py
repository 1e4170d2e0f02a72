"""What is current: OpenTelemetry's runtime context, which can hold a span itself instead of a mapping that holds it.

Making a span current is then one ``ContextVar.set`` (PEP 567). The mapping is made when somebody asks for it; whoever
uses OpenTelemetry's context API sees what they always see.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any

import opentelemetry.context
from opentelemetry.context.context import Context, _RuntimeContext
from opentelemetry.trace.propagation import _SPAN_KEY

SPAN_KEY = _SPAN_KEY

current: ContextVar[Any] = ContextVar("erni_run.current", default=Context())  # noqa: B039  # a Context cannot be changed
"""A ``Context``, or a ``Current`` that can make one."""


class Current:
    """What can stand in ``current`` by itself. ``base`` is the context in which it was made current, None if that was
    empty.
    """

    base: Context | None = None
    made: Context | None = None
    _end_time: int | None

    def as_context(self) -> Context:
        """The context that holds this span, and else what ``base`` holds."""
        made = self.made
        if made is None:
            made = Context({**(self.base or {}), SPAN_KEY: self})
            if not self._end_time:  # a span that is over shall go without the collector of cycles
                self.made = made
        return made


def rest(base: Context) -> Context | None:
    """What ``base`` holds beside a span, None if that is nothing. To hold the span, too, would keep alive whatever it
    descends from: a task that starts the next one, for ever.
    """
    if SPAN_KEY not in base:
        return base or None
    return Context({key: value for key, value in base.items() if key != SPAN_KEY}) if len(base) > 1 else None


class _LazyContext(_RuntimeContext):
    """See ``opentelemetry.context``, whose functions call this."""

    def attach(self, context: Context) -> Token[Any]:
        return current.set(context)

    def detach(self, token: Token[Any]) -> None:
        current.reset(token)

    def get_current(self) -> Context:
        value = current.get()
        return value.as_context() if isinstance(value, Current) else value  # anything can have been attached


def install() -> None:
    """Let OpenTelemetry's context API use ``current``. What is attached already stays attached in this thread."""
    attached = opentelemetry.context.get_current()
    opentelemetry.context._RUNTIME_CONTEXT = _LazyContext()
    if attached:
        current.set(attached)
