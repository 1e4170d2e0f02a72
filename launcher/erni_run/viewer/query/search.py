"""Which traces match? A page at a time, each page a bounded amount of work."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

from erni_run.viewer.query.attribute import Wanted
from erni_run.viewer.query.parameters import BadParameter

_ERROR = 2  # Status.STATUS_CODE_ERROR
_FEW = 20_000  # spans of the operations asked for: below it they are looked up first, above it traces are
_AT_ONCE = 500  # traces
_SPANS_LOOKED_AT = 25_000  # per page


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What a trace must be like. ``service``, ``operation``, ``kind``, ``has_failed``, ``attributes`` and the bounds of
    a span's duration must hold for one of its spans, the rest for the trace. Times and durations in nanoseconds,
    inclusive.
    """

    service: str = ""
    operation: str = ""
    kind: int | None = None
    has_failed: bool = False
    attributes: tuple[Wanted, ...] = ()
    shortest_span: int | None = None
    longest_span: int | None = None
    shortest: int | None = None
    longest: int | None = None
    start: int | None = None
    end: int | None = None
    has_error: bool | None = None


@dataclass(frozen=True)
class Page:
    """The numbers of the traces, in order, and where the next page begins, None if there is none."""

    traces: list[int]
    next: str | None


class Search:
    """What ``wanted`` describes, on ``connection``, sorted by ``column`` (``start`` or ``duration``)."""

    def __init__(
        self, connection: sqlite3.Connection, wanted: Filter, *, column: str = "start", is_descending: bool = True
    ) -> None:
        self._connection = connection
        self._filter = wanted
        self._column = column
        self._descends = is_descending
        self._operations = self._matching_operations()
        self._trace_sql, self._trace_arguments = self._on_traces()
        self._span_sql, self._span_arguments = self._on_spans()

    def page(self, limit: int, cursor: str = "") -> Page:
        """Up to ``limit`` traces after ``cursor``. Raises BadParameter for a cursor that is not of such a page."""
        if self._operations == []:
            return Page([], None)
        position = _position(cursor) if cursor else None
        found: list[int] = []
        left = _SPANS_LOOKED_AT
        while len(found) < limit and left > 0:
            at_once = _AT_ONCE if self._span_sql else limit + 1
            rows = self._candidates(position, at_once)
            affordable = _affordable(rows, left) if self._span_sql else rows
            matching = self._matching(affordable)
            for number, value, spans in affordable:
                if len(found) == limit:
                    return Page(found, _cursor(position))
                position = value, number
                left -= spans
                if number in matching:
                    found.append(number)
            if len(rows) < at_once and affordable == rows:
                return Page(found, None)
        return Page(found, _cursor(position))

    def first(self, limit: int) -> list[int]:
        """The first ``limit`` traces, however many spans must be looked at."""
        page = self.page(limit)
        found = page.traces
        while page.next is not None and len(found) < limit:
            page = self.page(limit - len(found), page.next)
            found += page.traces
        return found

    def _candidates(self, position: tuple[int, int] | None, limit: int) -> list[tuple[int, int, int]]:
        sign, order = ("<", "desc") if self._descends else (">", "asc")
        after = f"and ({self._column}, id) {sign} (?, ?)" if position else ""
        command = (
            f"select id, {self._column}, spans from traces where start is not null {self._trace_sql} {after}"
            f" order by {self._column} {order}, id {order} limit ?"
        )
        return self._connection.execute(command, [*self._trace_arguments, *(position or ()), limit]).fetchall()

    def _matching(self, rows: list[tuple[int, int, int]]) -> set[int]:
        """The numbers of those traces that have a span which matches."""
        numbers = [row[0] for row in rows]
        if not self._span_sql:
            return set(numbers)
        command = f"select distinct trace from spans where trace in ({_listed(numbers)}) {self._span_sql}"
        return {trace for (trace,) in self._connection.execute(command, self._span_arguments)}

    def _matching_operations(self) -> list[int] | None:
        """The numbers of the operations asked for, None if all are."""
        wanted = {"s.name": self._filter.service, "o.name": self._filter.operation, "o.kind": self._filter.kind}
        given = {column: value for column, value in wanted.items() if value not in ("", None)}
        if not given:
            return None
        where = " and ".join(f"{column} = ?" for column in given)
        command = f"select o.id from operations o join services s on s.id = o.service where {where}"
        return [number for (number,) in self._connection.execute(command, tuple(given.values()))]

    def _on_traces(self) -> tuple[str, list[object]]:
        bounds = {
            "start >= ?": self._filter.start,
            "start <= ?": self._filter.end,
            "duration >= ?": self._filter.shortest,
            "duration <= ?": self._filter.longest,
        }
        given = {clause: value for clause, value in bounds.items() if value is not None}
        clauses = list(given)
        if self._filter.has_error is not None:
            clauses.append("errors > 0" if self._filter.has_error else "errors = 0")
        if self._operations:
            clauses.append(self._of_operations(_listed(self._operations)))
        return "".join(f" and {clause}" for clause in clauses), list(given.values())

    def _of_operations(self, operations: str) -> str:
        (count,) = self._connection.execute(
            f"select count(*) from (select 1 from spans where operation in ({operations}) limit {_FEW})"
        ).fetchone()
        if count < _FEW:
            return f"id in (select trace from spans where operation in ({operations}))"
        return f"exists (select 1 from spans where operation in ({operations}) and trace = traces.id)"

    def _on_spans(self) -> tuple[str, list[object]]:
        """Conditions that only a look at single spans can tell; none if that of the operation is all there is."""
        bounds = {"duration >= ?": self._filter.shortest_span, "duration <= ?": self._filter.longest_span}
        given = {clause: value for clause, value in bounds.items() if value is not None}
        clauses, arguments = list(given), list[object](given.values())
        if self._filter.has_failed:
            clauses.append(f"status = {_ERROR}")
        for position, wanted in enumerate(self._filter.attributes):
            clause, more = wanted.condition(self._connection, f"has_attribute_{position}")
            clauses.append(clause)
            arguments += more
        if clauses and self._operations:
            clauses.insert(0, f"operation in ({_listed(self._operations)})")
        return "".join(f" and {clause}" for clause in clauses), arguments


def _affordable(rows: list[tuple[int, int, int]], spans: int) -> list[tuple[int, int, int]]:
    """The first of ``rows`` that have no more than so many spans together, at least one."""
    for position, row in enumerate(rows):
        spans -= row[2]
        if spans < 0:
            return rows[: max(1, position)]
    return rows


def _listed(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


def _cursor(position: tuple[int, int] | None) -> str | None:
    return f"{position[0]}.{position[1]}" if position else None


def _position(cursor: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,19})\.(\d{1,19})", cursor)
    if not found:
        raise BadParameter("cursor: give what `next` of the page before held")
    return min(int(found[1]), 2**63 - 1), min(int(found[2]), 2**63 - 1)
