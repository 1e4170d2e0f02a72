"""Stands where a span would: whatever is started below it is not recorded either.

Most traces that are not kept need no more than that. At the root of one, all that is made is the number that has been
drawn for it; ids come of it when somebody asks, the same ones in every task and thread that has inherited the number.
"""

from __future__ import annotations

import os
from typing import Any

from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanContext, TraceFlags

from erni_run.inside.recorder.current import Current
from erni_run.inside.recorder.drawn import DRAWN_BITS, trace_id

_IS_RANDOM = TraceFlags(TraceFlags.RANDOM_TRACE_ID)
_SEED = int.from_bytes(os.urandom(16), "big") | 1


class Unsampled(Current, trace.NonRecordingSpan):
    """See ``opentelemetry.trace.NonRecordingSpan``."""

    _end_time = 0

    def __init__(self, context: SpanContext, base: Context | None = None) -> None:
        super().__init__(context)
        self.base = base

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is a span like any that does not record: contexts are neither copied nor pickled."""
        return trace.NonRecordingSpan, (self.get_span_context(),)


def of(drawn: float, base: Context | None = None) -> Unsampled:
    """The root of the trace that ``drawn``, a number from 0 to 1, has decided on."""
    number = int(drawn * (1 << DRAWN_BITS)) | 1 << DRAWN_BITS
    mixed = number * _SEED  # differs from one to the next wherever what was drawn does
    span_id = mixed & (1 << 64) - 1
    context = SpanContext(trace_id(drawn, mixed >> 61) or 1, span_id or 1, is_remote=False, trace_flags=_IS_RANDOM)
    return Unsampled(context, base)
