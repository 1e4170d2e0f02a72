"""From OTLP messages to rows: each record stays serialized, and what is searched by is read out of it once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

_LARGEST = 2**63 - 1  # of SQLite's integers
_HANDOFF = "agent_handoff."
_AGENT_KEYS = ("gen_ai.agent.name", "agent")
_SERIALIZED_AGENT_KEYS = tuple(bytes((len(key),)) + key.encode() for key in _AGENT_KEYS)


class SpanRow(NamedTuple):
    """A span. ``operation`` is (service, name, kind, agent, handoff type); times in nanoseconds; ``resource``,
    ``scope`` and ``body`` are serialized messages.
    """

    trace_id: bytes
    span_id: bytes
    parent: bytes | None
    operation: tuple[str, str, int, str, str]
    resource: bytes
    scope: bytes
    start: int
    duration: int
    status: int
    body: bytes


class LogRow(NamedTuple):
    """A log record; ``trace_id`` is empty where it belongs to none."""

    trace_id: bytes
    resource: bytes
    scope: bytes
    time: int
    body: bytes


class MetricRow(NamedTuple):
    """A metric with the data points of one export."""

    resource: bytes
    scope: bytes
    name: str
    body: bytes


def is_id(value: bytes, length: int) -> bool:
    """Whether ``value`` is a valid id (W3C Trace Context: 16 or 8 bytes, not all zero)."""
    return len(value) == length and any(value)


def spans(request: Any) -> tuple[list[SpanRow], int]:
    """The spans of a TracesData (or a request, which is the same on the wire), and how many have no valid ids."""
    rows: list[SpanRow] = []
    rejected = 0
    for group in request.resource_spans:
        resource = group.resource.SerializeToString()
        service = service_of(group.resource)
        for inner in group.scope_spans:
            scope = inner.scope.SerializeToString()
            for span in inner.spans:
                if is_id(span.trace_id, 16) and is_id(span.span_id, 8):
                    rows.append(_span(span, service, resource, scope))
                else:
                    rejected += 1
    return rows, rejected


def _span(span: Any, service: str, resource: bytes, scope: bytes) -> SpanRow:
    body = span.SerializeToString()
    start = min(span.start_time_unix_nano, _LARGEST)
    name = span.name
    agent = _agent(span) if any(key in body for key in _SERIALIZED_AGENT_KEYS) else ""
    handoff = _text(span, "handoff_type") if name.startswith(_HANDOFF) else ""
    return SpanRow(
        span.trace_id,
        span.span_id,
        span.parent_span_id if any(span.parent_span_id) else None,
        (service, name, span.kind, agent, handoff),
        resource,
        scope,
        start,
        max(0, min(span.end_time_unix_nano, _LARGEST) - start),
        span.status.code,
        body,
    )


def logs(request: Any) -> Iterator[LogRow]:
    """The records of a LogsData."""
    for group in request.resource_logs:
        resource = group.resource.SerializeToString()
        for inner in group.scope_logs:
            scope = inner.scope.SerializeToString()
            for record in inner.log_records:
                trace_id = record.trace_id if is_id(record.trace_id, 16) else b""
                time = min(record.time_unix_nano or record.observed_time_unix_nano, _LARGEST)
                yield LogRow(trace_id, resource, scope, time, record.SerializeToString())


def metrics(request: Any) -> Iterator[MetricRow]:
    """The metrics of a MetricsData."""
    for group in request.resource_metrics:
        resource = group.resource.SerializeToString()
        for inner in group.scope_metrics:
            scope = inner.scope.SerializeToString()
            for metric in inner.metrics:
                yield MetricRow(resource, scope, metric.name, metric.SerializeToString())


def service_of(resource: Any) -> str:
    """The name of the service that a Resource describes (semantic conventions: unknown_service where it says none)."""
    return _text(resource, "service.name") or "unknown_service"


def _agent(span: Any) -> str:
    return next(filter(None, (_text(span, key) for key in _AGENT_KEYS)), "")


def _text(message: Any, key: str) -> str:
    for pair in message.attributes:
        if pair.key == key:
            value: str = pair.value.string_value
            return value
    return ""
