"""A trace as version 1 of Jaeger's API has it (Jaeger's model/json); times are microseconds."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from erni_run.viewer.query.trace import Record, Trace
from erni_run.viewer.query.values import KINDS, kind_name, plain
from erni_run.viewer.store.rows import service_of

_MICRO = 1_000
_LARGEST_EXACT = 2**53 - 1
_ERROR = 2  # Status.STATUS_CODE_ERROR


def shape(whole: Trace) -> dict[str, Any]:
    """The trace, and the processes that its spans name."""
    processes = {number: f"p{position}" for position, number in enumerate(whole.resources, 1)}
    return {
        "traceID": whole.spans[0].message.trace_id.hex() if whole.spans else "",
        "spans": [_span(record, whole, processes[record.resource]) for record in whole.spans],
        "processes": {
            processes[number]: {
                "serviceName": service_of(resource),
                "tags": _pairs(pair for pair in resource.attributes if pair.key != "service.name"),
            }
            for number, resource in whole.resources.items()
        },
        "warnings": None,
    }


def _span(record: Record, whole: Trace, process: str) -> dict[str, Any]:
    span = record.message
    start = span.start_time_unix_nano
    return {
        "traceID": span.trace_id.hex(),
        "spanID": span.span_id.hex(),
        "flags": span.flags & 0xFF,  # W3C trace flags; the rest is about the parent
        "operationName": span.name,
        "references": _references(span),
        "startTime": start // _MICRO,
        "duration": max(0, span.end_time_unix_nano - start) // _MICRO,
        "tags": _tags_of(span, whole.scopes[record.scope]),
        "logs": [
            {
                "timestamp": event.time_unix_nano // _MICRO,
                "fields": [_text("event", event.name), *_pairs(event.attributes)],
            }
            for event in span.events
        ],
        "processID": process,
        "warnings": None,
    }


def _references(span: Any) -> list[dict[str, str]]:
    found = []
    if any(span.parent_span_id):
        found.append({"refType": "CHILD_OF", "traceID": span.trace_id.hex(), "spanID": span.parent_span_id.hex()})
    found += [
        {"refType": "FOLLOWS_FROM", "traceID": link.trace_id.hex(), "spanID": link.span_id.hex()} for link in span.links
    ]
    return found


def _tags_of(span: Any, scope: Any) -> list[dict[str, Any]]:
    """Attributes, and what OpenTelemetry's mapping to Jaeger makes tags of (specification, "Jaeger exporter")."""
    tags = _pairs(span.attributes)
    if scope.name:
        tags.append(_text("otel.scope.name", scope.name))
    if scope.version:
        tags.append(_text("otel.scope.version", scope.version))
    if kind_name(span.kind) != KINDS[0]:
        tags.append(_text("span.kind", kind_name(span.kind)))
    if span.status.code:
        is_error = span.status.code == _ERROR
        tags.append(_text("otel.status_code", "ERROR" if is_error else "OK"))
        if is_error:
            tags.append({"key": "error", "type": "bool", "value": True})
    if span.status.message:
        tags.append(_text("otel.status_description", span.status.message))
    if span.trace_state:
        tags.append(_text("w3c.tracestate", span.trace_state))
    return tags


def _pairs(attributes: Iterable[Any]) -> list[dict[str, Any]]:
    return [_pair(pair.key, pair.value) for pair in attributes]


def _pair(key: str, value: Any) -> dict[str, Any]:
    kind = value.WhichOneof("value")
    if kind == "bool_value":
        return {"key": key, "type": "bool", "value": value.bool_value}
    if kind == "int_value":
        exact = abs(value.int_value) <= _LARGEST_EXACT
        return {"key": key, "type": "int64", "value": value.int_value if exact else str(value.int_value)}
    if kind == "double_value":
        return {"key": key, "type": "float64", "value": plain(value)}
    if kind == "bytes_value":
        return {"key": key, "type": "binary", "value": base64.b64encode(value.bytes_value).decode()}
    if kind == "string_value":
        return _text(key, value.string_value)
    return _text(key, "" if kind is None else json.dumps(plain(value), ensure_ascii=False))


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "type": "string", "value": value}
