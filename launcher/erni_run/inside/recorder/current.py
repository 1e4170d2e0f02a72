"""What is current: a variable of the runtime context that can hold a span itself instead of a mapping that holds it.

Making a span current is then one ``ContextVar.set`` (PEP 567). The mapping is made when somebody asks for it.
"""

from __future__ import annotations

from builtins import len  # noqa: A004  # what an application puts in its place is not ours to call
from contextvars import ContextVar
from typing import Any

from opentelemetry.context.context import Context
from opentelemetry.trace.propagation import _SPAN_KEY

SPAN_KEY = _SPAN_KEY

current: ContextVar[Any] = ContextVar("erni_run.current", default=None)
"""A ``Context``, or a ``Current`` that can make one; None where nothing is; or a float, the number that was drawn for a
trace that is not kept and that nobody has asked about. Whoever asks, see ``unsampled``.
"""


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
