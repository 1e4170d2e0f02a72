"""What the list shows of traces, as the writer left it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from erni_run.viewer.query.values import kind_name

_SUMMARIES = """
select t.id, t.trace_id, t.start, t.duration, t.spans, t.errors, t.orphans, t.has_root, t.services, t.agents,
    s.name, o.name, o.kind
from traces t join operations o on o.id = t.root join services s on s.id = o.service where t.id in ({numbers})
"""


@dataclass(frozen=True)
class Summary:
    """A trace in the list. ``services`` are (name, spans, errors) in order of appearance; times in nanoseconds."""

    trace_id: str
    start: int
    duration: int
    spans: int
    errors: int
    orphans: int
    is_complete: bool
    services: list[tuple[str, int, int]]
    agents: list[str]
    root_service: str
    root_name: str
    root_kind: str


def summaries(connection: sqlite3.Connection, numbers: Iterable[int]) -> list[Summary]:
    """The summaries of the traces with these numbers, in their order. A trace of which there are no spans has none."""
    numbers = list(numbers)
    listed = ",".join(map(str, numbers))
    rows = {row[0]: row for row in connection.execute(_SUMMARIES.format(numbers=listed))}
    return [_summary(rows[number][1:]) for number in numbers if number in rows]


def number_of(connection: sqlite3.Connection, trace_id: bytes) -> int | None:
    """The number of the trace, None if it is not there."""
    row = connection.execute("select id from traces where trace_id = ? and start is not null", (trace_id,)).fetchone()
    return int(row[0]) if row else None


def _summary(row: tuple[Any, ...]) -> Summary:
    trace_id, start, duration, spans, errors, orphans, has_root, services, agents, *root = row
    return Summary(
        trace_id=trace_id.hex(),
        start=start,
        duration=duration,
        spans=spans,
        errors=errors,
        orphans=orphans,
        is_complete=bool(has_root) and not orphans,
        services=[tuple(entry) for entry in json.loads(services)],
        agents=json.loads(agents),
        root_service=root[0],
        root_name=root[1],
        root_kind=kind_name(root[2]),
    )
