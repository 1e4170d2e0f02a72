"""Records into their tables, within the writer's transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from erni_run.viewer.store.interned import Interned
from erni_run.viewer.store.rollup import Rollup
from erni_run.viewer.store.rows import LogRow, MetricRow, SpanRow
from erni_run.viewer.store.summary import summarize

_ERROR = 2  # Status.STATUS_CODE_ERROR
_AT_ONCE = 1000  # spans: the summary of a larger trace is not made anew with each batch
_PATIENCE = 10  # times what making it took

_SPAN = """
insert into spans (trace, span_id, parent, operation, resource, scope, start, duration, status, body)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (trace, span_id) do nothing
"""
_LOG = "insert into logs (trace, resource, scope, time, body) values (?, ?, ?, ?, ?)"
_METRIC = """
insert into metrics (resource, scope, name, body) values (?, ?, ?, ?)
on conflict (resource, scope, name) do update set body = excluded.body
"""


class Inserter:
    """Inserts records, then settles what follows from them: summaries and minutes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._interned = Interned(connection)
        self._minutes = Rollup(connection, "minutes", ("operation",))
        self._calls = Rollup(connection, "calls", ("parent", "child"))
        self._keys: set[str] = set()
        self._touched: set[int] = set()
        self._logged: set[int] = set()
        unsettled = connection.execute("select id from traces where not is_settled and start is not null")
        self._due: dict[int, float] = {trace: 0.0 for (trace,) in unsettled}
        self._cost: dict[int, float] = {}

    def insert(self, spans: Iterable[SpanRow], logs: Iterable[LogRow], metrics: Iterable[MetricRow]) -> None:
        """Insert the records of one request; spans that are there already are left as they are."""
        for span in spans:
            self._insert_span(span)
        interned, execute = self._interned, self._connection.execute
        for log in logs:
            trace = interned.trace(log.trace_id) if log.trace_id else None
            numbers = interned.body("resources", log.resource), interned.body("scopes", log.scope)
            execute(_LOG, (trace, *numbers, log.time, log.body))
            if trace is not None:
                self._logged.add(trace)
        for metric in metrics:
            numbers = interned.body("resources", metric.resource), interned.body("scopes", metric.scope)
            execute(_METRIC, (*numbers, metric.name, metric.body))

    def _insert_span(self, span: SpanRow) -> None:
        interned = self._interned
        trace = interned.trace(span.trace_id)
        operation = interned.operation(span.operation)
        resource, scope = interned.body("resources", span.resource), interned.body("scopes", span.scope)
        values = (trace, span.span_id, span.parent, operation, resource, scope, *span[6:])
        if not self._connection.execute(_SPAN, values).rowcount:
            return
        self._touched.add(trace)
        self._minutes.add((operation,), span.start, span.duration, is_error=span.status == _ERROR)
        if interned.wants_keys(operation):
            self._keys |= _attribute_keys(span.body)

    def settle(self, now: float, *, everything: bool) -> set[int]:
        """Write what follows from the records since the last call. Returns the traces whose summary is new.

        The summary of a large trace waits a while, unless ``everything`` is wanted; until then it is marked in the
        table, so that a viewer that is killed meanwhile makes it at its next start.
        """
        self._minutes.write()
        self._interned.keys(self._keys)
        self._keys.clear()
        for trace in self._touched:
            self._due.setdefault(trace, now + self._cost.get(trace, 0.0) * _PATIENCE)
        done = {trace for trace, due in self._due.items() if everything or due <= now}
        for trace in self._touched - done:
            self._connection.execute("update traces set is_settled = 0 where id = ? and is_settled", (trace,))
        for trace in done:
            began = time.perf_counter()
            spans = summarize(self._connection, self._interned, self._calls, trace)
            del self._due[trace]
            if spans > _AT_ONCE:
                self._cost[trace] = time.perf_counter() - began
        self._calls.write()
        changed = done | self._logged
        self._touched, self._logged = set(), set()
        return changed

    def has_due(self, now: float) -> bool:
        """Whether a summary has waited long enough."""
        return any(due <= now for due in self._due.values())

    def due_in(self, now: float) -> float | None:
        """Seconds until the next summary is due, None if none waits."""
        return max(0.0, min(self._due.values()) - now) if self._due else None

    def forget(self) -> None:
        """Forget what was inserted since the last ``settle``, and every number: rows were deleted or rolled back."""
        self._interned.forget()
        self._minutes.forget()
        self._calls.forget()
        for memory in (self._keys, self._touched, self._logged, self._due, self._cost):
            memory.clear()
        unsettled = self._connection.execute("select id from traces where not is_settled and start is not null")
        self._due.update((trace, 0.0) for (trace,) in unsettled)


def _attribute_keys(body: bytes) -> set[str]:
    span = Span.FromString(body)
    return {pair.key for holder in (span, *span.events) for pair in holder.attributes}
