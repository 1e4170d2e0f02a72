"""Stands where a span would: whatever is started below it is not recorded either.

Most traces that are not kept need no more than that. At the root of one, all that is made is the random number that has
decided on it; ids come of it when somebody asks, the same ones in every task and thread that has inherited the number.
"""

from __future__ import annotations

import os

from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanContext, TraceFlags

from erni_run.inside.recorder.current import Current

RANDOM_BITS = 56
"""The bits of a trace id, the last ones, by which services decide (W3C Trace Context level 2)."""

_IS_RANDOM = TraceFlags(TraceFlags.RANDOM_TRACE_ID)
_SEED = int.from_bytes(os.urandom(16), "big") | 1


class Unsampled(Current, trace.NonRecordingSpan):
    """See ``opentelemetry.trace.NonRecordingSpan``."""

    _end_time = 0

    def __init__(self, context: SpanContext, base: Context | None = None) -> None:
        super().__init__(context)
        self.base = base


def of(randomness: int, base: Context | None = None) -> Unsampled:
    """The root of the trace that ``randomness``, a number of ``RANDOM_BITS``, has decided on."""
    mixed = (randomness | 1 << RANDOM_BITS) * _SEED  # differs from one to the next wherever randomness does
    trace_id = (mixed >> 64 & (1 << 72) - 1) << RANDOM_BITS | randomness
    span_id = mixed & (1 << 64) - 1
    return Unsampled(SpanContext(trace_id or 1, span_id or 1, is_remote=False, trace_flags=_IS_RANDOM), base)
