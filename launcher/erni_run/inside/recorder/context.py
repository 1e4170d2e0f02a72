"""OpenTelemetry's runtime context on top of ``current``: whoever uses its API sees what they always see."""

from __future__ import annotations

import sys
from contextvars import Token, copy_context
from types import FrameType
from typing import Any

import opentelemetry.context
from opentelemetry.context.context import Context, _RuntimeContext

from erni_run.inside.ourselves import exchange, under_way
from erni_run.inside.recorder import unsampled
from erni_run.inside.recorder.current import Current, current

_NOTHING = Context()


def get() -> Any:
    """What is current: a ``Context`` or a ``Current``."""
    is_calm = under_way.exchanging is None and not under_way.beside
    value = current.get() if is_calm else copy_context().get(current)  # which CPython does not remember, see exchange
    if value is None:
        return _NOTHING
    if type(value) is float:
        value = unsampled.of(value)
        exchange(current.set, value)  # whoever asks again gets the same one, until the number's own reset
    return value


class _LazyContext(_RuntimeContext):
    """See ``opentelemetry.context``, whose functions call this."""

    def attach(self, context: Context) -> Token[Any]:
        return exchange(current.set, context)  # type: ignore[no-any-return]  # a token, None in the middle of another one

    def detach(self, token: Token[Any] | None) -> None:
        if token is None:  # as it is in the middle of an exchange
            return
        try:
            exchange(current.reset, token)
        except (RuntimeError, ValueError):  # it has been used, or another thread or task has attached: nothing to undo
            if not _is_an_instrumentations(sys._getframe(2)):
                raise

    def get_current(self) -> Context:
        value = get()
        return value.as_context() if isinstance(value, Current) else value  # anything can have been attached


def _is_an_instrumentations(caller: FrameType) -> bool:
    """Whether OpenTelemetry itself detaches in ``caller``. What is raised there, its API logs with the application's
    ``logging``: right for a mistake of the application's, which did not bring in an instrumentation's.
    """
    return str(caller.f_globals.get("__name__")).partition(".")[0] == "opentelemetry"


def install() -> None:
    """Let OpenTelemetry's context API use ``current``. What is attached already stays attached in this thread."""
    attached = opentelemetry.context.get_current()
    opentelemetry.context._RUNTIME_CONTEXT = _LazyContext()
    if attached:
        current.set(attached)
