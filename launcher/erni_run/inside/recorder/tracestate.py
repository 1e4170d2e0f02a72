"""OpenTelemetry's entry in a tracestate, ``ot``: threshold, explicit randomness, and what is not known here
(OpenTelemetry, "TraceState: Probability Sampling").

Nothing is handed to ``TraceState`` that it would refuse: it says so in the application's log.
"""

from __future__ import annotations

import re

from opentelemetry.trace import TraceState

_ENTRY = "ot"
_RANDOMNESS = re.compile("rv:[0-9a-f]{14}")
_LONGEST, _MOST = 256, 32  # characters of an entry, entries of a tracestate (W3C Trace Context)


def randomness(state: TraceState) -> int | None:
    """What decides instead of the trace id, None if that does."""
    return next((int(part[3:], 16) for part in _others(state) if _RANDOMNESS.fullmatch(part)), None)


def with_threshold(state: TraceState, threshold: str) -> TraceState:
    """``state`` with ``threshold``, "th:8" for instance, or with none if that is empty. Who changes an entry puts it
    first.
    """
    if not threshold and _ENTRY not in state:
        return state
    own = [threshold, *_others(state)] if threshold else _others(state)
    while len(";".join(own)) > _LONGEST:
        own.pop()
    entries = [(key, value) for key, value in state.items() if key != _ENTRY]
    return TraceState([(_ENTRY, ";".join(own)), *entries[: _MOST - 1]] if own else entries)


def _others(state: TraceState) -> list[str]:
    return [part for part in state.get(_ENTRY, "").split(";") if part and not part.startswith("th:")]
