"""What all spans of one trace have in common, as far as it is recorded here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanContext, TraceFlags, TraceState

if TYPE_CHECKING:
    from erni_run.inside.recorder.span import Span

_FLAGS = tuple(TraceFlags(flags) for flags in range(4))


class Trace:
    """The part of a trace below one local root, with the number of its spans that have started and have ended.

    ``generation`` is that of the process which records it. ``is_kept`` was decided at the head; ``held`` is a list
    while it is open whether the trace will be kept all the same, then ``verdict`` tells. ``encoded`` is the encoder's
    to fill.
    """

    __slots__ = (
        *("encoded", "ended", "flags", "generation", "held", "is_kept", "root_id", "started", "state", "trace_id"),
        "verdict",
    )

    trace_id: int
    flags: TraceFlags
    is_kept: int
    state: TraceState
    generation: int
    root_id: int
    started: int
    ended: int
    held: list[Span] | None
    verdict: bool | None
    encoded: tuple[bytes, bytes] | None

    def again(self, generation: int, root_id: int, hold: Callable[[], list[Span]]) -> Trace:
        """The same trace in a forked child, whose spans are its own to deliver, and to hold if that is still open."""
        local = begin_trace(self.trace_id, self.flags, self.state, generation, root_id)
        local.held = hold() if self.held is not None else None
        return local

    def context(self, span_id: int) -> SpanContext:
        """The context of one span of this trace."""
        return SpanContext(self.trace_id, span_id, is_remote=False, trace_flags=self.flags, trace_state=self.state)


def begin_trace(trace_id: int, flags: int, state: TraceState, generation: int, root_id: int) -> Trace:
    """A trace with one span, its local root ``root_id``, that has started. A function, as CPython 3.11 takes half the
    time for it that it takes for an ``__init__``.
    """
    local = Trace()
    local.trace_id = trace_id
    local.flags = _FLAGS[flags]
    local.is_kept = flags & 1
    local.state = state
    local.generation = generation
    local.root_id = root_id
    local.started = 1
    local.ended = 0
    local.held = local.verdict = local.encoded = None
    return local
