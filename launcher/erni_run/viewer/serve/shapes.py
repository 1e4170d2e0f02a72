"""The answers of the viewer's own API, as docs/viewer.md describes them."""

from __future__ import annotations

from typing import Any

from erni_run.viewer.query.load import Load, Row
from erni_run.viewer.query.summaries import Summary
from erni_run.viewer.query.trace import Record, Trace
from erni_run.viewer.query.values import attributes, kind_name, plain
from erni_run.viewer.store.rows import service_of

_CODES = ("unset", "ok", "error")


def summary(found: Summary) -> dict[str, Any]:
    """A Summary."""
    return {
        "traceId": found.trace_id,
        "root": {"service": found.root_service, "name": found.root_name, "kind": found.root_kind},
        "start": str(found.start),
        "duration": str(found.duration),
        "spans": found.spans,
        "errors": found.errors,
        "orphans": found.orphans,
        "services": [{"name": name, "spans": spans, "errors": errors} for name, spans, errors in found.services],
        "agents": found.agents,
        "complete": found.is_complete,
    }


def trace(found: Summary, whole: Trace) -> dict[str, Any]:
    """A trace with all that is known of it."""
    positions = {number: position for position, number in enumerate(whole.resources)}
    services = {number: service_of(resource) for number, resource in whole.resources.items()}
    scopes = {number: {"name": scope.name, "version": scope.version} for number, scope in whole.scopes.items()}
    return {
        "traceId": found.trace_id,
        "summary": summary(found),
        "resources": [{"attributes": attributes(resource.attributes)} for resource in whole.resources.values()],
        "spans": [
            {
                **_span(record.message),
                "service": services[record.resource],
                "resource": positions[record.resource],
                "scope": scopes[record.scope],
            }
            for record in whole.spans
        ],
        "logs": [_log(record, positions[record.resource]) for record in whole.logs],
    }


def _span(span: Any) -> dict[str, Any]:
    start = span.start_time_unix_nano
    return {
        "spanId": span.span_id.hex(),
        "parentId": span.parent_span_id.hex() if any(span.parent_span_id) else None,
        "name": span.name,
        "kind": kind_name(span.kind),
        "start": str(start),
        "duration": str(max(0, span.end_time_unix_nano - start)),
        "status": {
            "code": _CODES[span.status.code] if span.status.code < len(_CODES) else _CODES[0],
            "message": span.status.message,
        },
        "attributes": attributes(span.attributes),
        "events": [
            {"time": str(event.time_unix_nano), "name": event.name, "attributes": attributes(event.attributes)}
            for event in span.events
        ],
        "links": [
            {"traceId": link.trace_id.hex(), "spanId": link.span_id.hex(), "attributes": attributes(link.attributes)}
            for link in span.links
        ],
        "dropped": {
            "attributes": span.dropped_attributes_count,
            "events": span.dropped_events_count,
            "links": span.dropped_links_count,
        },
    }


def _log(record: Record, resource: int) -> dict[str, Any]:
    log = record.message
    return {
        "time": str(log.time_unix_nano or log.observed_time_unix_nano),
        "severity": log.severity_text,
        "severityNumber": log.severity_number,
        "body": plain(log.body),
        "attributes": attributes(log.attributes),
        "spanId": log.span_id.hex() if any(log.span_id) else None,
        "resource": resource,
    }


def operation(row: Row) -> dict[str, Any]:
    """A line of the table of operations."""
    service, name, kind = row.key
    return {"service": service, "name": name, "kind": kind, **_load(row)}


def handoff(row: Row) -> dict[str, Any]:
    """A line of the table of handoffs."""
    agent, kind = row.key
    return {"agent": agent, "type": kind, **_load(row)}


def _load(row: Row) -> dict[str, Any]:
    p50, p95, p99 = row.whole.percentiles(0.5, 0.95, 0.99)
    return {
        "calls": row.whole.calls,
        "errors": row.whole.errors,
        "p50": str(p50),
        "p95": str(p95),
        "p99": str(p99),
        "total": str(row.whole.total),
        "trend": [
            {"time": str(begin), "calls": load.calls, "errors": load.errors, "p95": str(load.percentiles(0.95)[0])}
            for begin, load in row.trend.items()
        ],
    }


def service_map(nodes: list[Row], edges: dict[tuple[str, str], Load]) -> dict[str, Any]:
    """Services, and the calls between them."""
    return {
        "nodes": [{"service": row.key[0], **_node(row.whole)} for row in nodes],
        "edges": [{"parent": parent, "child": child, **_node(load)} for (parent, child), load in edges.items()],
    }


def _node(load: Load) -> dict[str, Any]:
    p50, p99 = load.percentiles(0.5, 0.99)
    return {"calls": load.calls, "errors": load.errors, "p50": str(p50), "p99": str(p99)}
