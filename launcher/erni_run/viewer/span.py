"""A span as people read it, decoded from OTLP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


@dataclass(frozen=True)
class Event:
    """An event within a span; ``time`` in nanoseconds since the epoch."""

    name: str
    time: int
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Span:
    """One span. Ids are lower-case hex, ``parent_id`` is "" for a root, times are nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start: int
    end: int
    attributes: dict[str, Any]
    events: tuple[Event, ...]
    is_error: bool
    message: str
    scope: str
    resource: dict[str, Any]

    @property
    def duration(self) -> int:
        """Nanoseconds from start to end."""
        return self.end - self.start


def decode(request: ExportTraceServiceRequest | trace_pb2.TracesData) -> Iterator[Span]:
    """The spans of one OTLP request, or of a trace, which is the same."""
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _decode_span(span, scope_spans.scope.name, resource)


def _decode_span(span: trace_pb2.Span, scope: str, resource: dict[str, Any]) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=_KINDS[span.kind] if span.kind < len(_KINDS) else "unspecified",
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple(Event(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events),
        is_error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        message=span.status.message,
        scope=scope,
        resource=resource,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        pairs: Any = value.kvlist_value.values
        return {pair.key: _value(pair.value) for pair in pairs if isinstance(pair, KeyValue)}
    return getattr(value, kind)
