"""What goes when the database is full: whole traces, those that arrived first."""

from __future__ import annotations

import sqlite3

from erni_run.viewer.store.database import size
from erni_run.viewer.store.rollup import MINUTE

_TRACES, _SPANS = 500, 20_000  # at once, so that senders never wait long
_RECORDS = 5_000


def prune(connection: sqlite3.Connection, most: int) -> bool:
    """Drop the oldest traces if the database takes more than ``most`` bytes. Returns whether anything was dropped.

    Log records without a trace, then metrics, go only when there is no trace left.
    """
    if size(connection) <= most:
        return False
    last = _last_to_drop(connection)
    if last is None:
        for table in ("logs", "metrics"):
            connection.execute(f"delete from {table} where id in (select id from {table} order by id limit {_RECORDS})")
        return True
    (dropped,) = connection.execute("select count(*) from traces where id <= ? and spans", (last,)).fetchone()
    for table in ("spans", "logs"):
        connection.execute(f"delete from {table} where trace <= ?", (last,))
    connection.execute("delete from traces where id <= ?", (last,))
    connection.execute(
        "insert into counters values ('dropped', ?) on conflict (name) do update set value = value + excluded.value",
        (dropped,),
    )
    _drop_what_they_shared(connection)
    return True


def _last_to_drop(connection: sqlite3.Connection) -> int | None:
    last, spans = None, 0
    for number, count in connection.execute("select id, spans from traces order by id limit ?", (_TRACES,)):
        if last is not None and spans + count > _SPANS:
            break
        last, spans = number, spans + count
    return last


def _drop_what_they_shared(connection: sqlite3.Connection) -> None:
    (start,) = connection.execute("select min(start) from traces").fetchone()
    if start is not None:
        connection.execute("delete from logs where trace is null and time < ?", (start,))
        for table in ("minutes", "calls"):
            connection.execute(f"delete from {table} where minute < ?", (start // MINUTE,))
    connection.execute(
        "delete from operations where not exists (select 1 from spans where spans.operation = operations.id)"
        " and not exists (select 1 from minutes where minutes.operation = operations.id)"
    )
    connection.execute(
        "delete from services where not exists (select 1 from operations where operations.service = services.id)"
        " and not exists (select 1 from calls where services.id in (calls.parent, calls.child))"
    )


def clear(connection: sqlite3.Connection) -> None:
    """Delete everything."""
    for table in (
        "spans", "traces", "logs", "metrics", "minutes", "calls", "operations", "services", "resources", "scopes",
        "attribute_keys", "counters",
    ):  # fmt: skip
        connection.execute(f"delete from {table}")
