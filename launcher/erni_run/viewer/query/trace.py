"""One trace, as it was received."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, MetricsData
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

_LOOSE_LOGS = 1000


@dataclass(frozen=True)
class Record:
    """A message of OTLP with the resource and the scope that it came with; ``resource`` numbers resources."""

    resource: int
    scope: int
    message: Any


@dataclass(frozen=True)
class Trace:
    """Spans by start, each after its parent where both start at once, and log records by time. Resources and scopes
    are known by their numbers.
    """

    spans: list[Record]
    logs: list[Record]
    resources: dict[int, Any]
    scopes: dict[int, Any]

    def otlp(self) -> TracesData:
        """The spans as one message."""
        data = TracesData()
        for group, records in _grouped(self, self.spans, data.resource_spans, "scope_spans"):
            group.spans.extend(records)
        return data


def trace(connection: sqlite3.Connection, number: int) -> Trace:
    """The trace with that number."""
    rows = connection.execute("select resource, scope, body from spans where trace = ? order by start", (number,))
    spans = [Record(resource, scope, Span.FromString(body)) for resource, scope, body in rows]
    rows = connection.execute("select resource, scope, body from logs where trace = ? order by time, id", (number,))
    logs = [Record(resource, scope, LogRecord.FromString(body)) for resource, scope, body in rows]
    return _with_shared(connection, _parents_first(spans), logs)


def loose_logs(connection: sqlite3.Connection) -> ExportLogsServiceRequest:
    """The latest log records that belong to no trace."""
    rows = connection.execute(
        "select resource, scope, body from logs where trace is null order by time desc, id desc limit ?", (_LOOSE_LOGS,)
    )
    logs = [Record(resource, scope, LogRecord.FromString(body)) for resource, scope, body in rows]
    data = ExportLogsServiceRequest()
    for group, records in _grouped(_with_shared(connection, [], logs), logs, data.resource_logs, "scope_logs"):
        group.log_records.extend(records)
    return data


def metrics(connection: sqlite3.Connection) -> MetricsData:
    """Every metric as it was last received."""
    rows = connection.execute("select resource, scope, body from metrics order by name")
    found = [Record(resource, scope, Metric.FromString(body)) for resource, scope, body in rows]
    data = MetricsData()
    for group, records in _grouped(_with_shared(connection, [], found), found, data.resource_metrics, "scope_metrics"):
        group.metrics.extend(records)
    return data


def _with_shared(connection: sqlite3.Connection, spans: list[Record], logs: list[Record]) -> Trace:
    records = [*spans, *logs]
    resources = _messages(connection, "resources", Resource, {record.resource for record in records})
    scopes = _messages(connection, "scopes", InstrumentationScope, {record.scope for record in records})
    return Trace(spans, logs, resources, scopes)


def _messages(connection: sqlite3.Connection, table: str, kind: Any, numbers: set[int]) -> dict[int, Any]:
    listed = ",".join(map(str, sorted(numbers)))
    rows = connection.execute(f"select id, body from {table} where id in ({listed}) order by id")
    return {number: kind.FromString(body) for number, body in rows}


def _grouped(trace: Trace, records: list[Record], into: Any, scopes: str) -> Iterator[tuple[Any, list[Any]]]:
    """A group of ``into`` for each resource and scope among ``records``, with the messages that belong in it."""
    groups: dict[int, dict[int, list[Any]]] = {}
    for record in records:
        groups.setdefault(record.resource, {}).setdefault(record.scope, []).append(record.message)
    for resource, by_scope in groups.items():
        outer = into.add(resource=trace.resources[resource])
        for scope, messages in by_scope.items():
            yield getattr(outer, scopes).add(scope=trace.scopes[scope]), messages


def _parents_first(spans: list[Record]) -> list[Record]:
    by_id = {record.message.span_id: record.message for record in spans}
    depths: dict[bytes, int] = {}
    for record in spans:
        path = []
        span = record.message
        while span is not None and span.span_id not in depths:
            depths[span.span_id] = 0  # a span that is its own ancestor ends here
            path.append(span.span_id)
            span = by_id.get(span.parent_span_id)
        depth = depths[span.span_id] if span is not None else -1
        for span_id in reversed(path):
            depth += 1
            depths[span_id] = depth
    return sorted(spans, key=lambda record: (record.message.start_time_unix_nano, depths[record.message.span_id]))
