"""What became of one request, in the words that the sender acts on. It knows nothing of protocols."""

from __future__ import annotations

from dataclasses import dataclass

from erni_run.inside import forks

LONGEST_RETRY_AFTER = 300.0
_NOTHING_REJECTED = (b"", b"\n\0")  # no partial success, or an empty one


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a request.

    ``delivered``: the collector has it, save ``rejected`` spans (or records, or data points). ``refused``: it never
    will, another try is useless. ``too_large``: it may take less at a time. None of these: keep what was sent, and try
    again after ``retry_after`` seconds at least; ``misconfigured`` if that is in vain until somebody has changed what
    ``reason`` names. ``reason`` is for people, and holds no header's value.
    """

    delivered: bool = False
    refused: bool = False
    too_large: bool = False
    misconfigured: bool = False
    rejected: int = 0
    retry_after: float = 0.0
    reason: str = ""


def success(body: bytes) -> Answer:
    """The answer for a success, whose ``body`` may name what was rejected all the same (OTLP, "Partial Success")."""
    if body in _NOTHING_REJECTED:
        return Answer(delivered=True)
    with forks.late_import():  # late: most collectors reject nothing, and protobuf is large
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
    try:  # the responses to metrics and logs are the same on the wire
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except Exception:  # a success whose body is no protobuf is a success: some gateways answer text
        return Answer(delivered=True)
    return Answer(delivered=True, rejected=max(partial.rejected_spans, 0), reason=partial.error_message)


def bounded(retry_after: float) -> float:
    """``retry_after`` in seconds, as far as we follow it: a collector does not put us off for a day."""
    return min(max(retry_after, 0.0), LONGEST_RETRY_AFTER)
