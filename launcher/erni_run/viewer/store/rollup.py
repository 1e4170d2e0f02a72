"""Calls, errors and durations by the minute: percentiles over any time without reading a span."""

from __future__ import annotations

import sqlite3

from erni_run.viewer.store.histogram import bucket, pack, unpack

MINUTE = 60 * 10**9
_LARGEST = 2**63 - 1  # of SQLite's integers


class Rollup:
    """Counts for ``table``, whose primary key is ``columns`` and the minute: gathered in memory, added when written."""

    def __init__(self, connection: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> None:
        self._connection = connection
        where = " and ".join(f"{column} = ?" for column in (*columns, "minute"))
        marks = ", ".join("?" * (len(columns) + 5))
        self._select = f"select calls, errors, total, histogram from {table} where {where}"
        self._replace = f"insert or replace into {table} values ({marks})"
        self._gathered: dict[tuple[int, ...], tuple[list[int], dict[int, int]]] = {}

    def add(self, key: tuple[int, ...], start: int, duration: int, *, is_error: bool) -> None:
        """Count one call; times in nanoseconds."""
        key = (*key, start // MINUTE)
        found = self._gathered.get(key)
        if found is None:
            found = self._gathered[key] = [0, 0, 0], {}
        sums, counts = found
        sums[0] += 1
        sums[1] += is_error
        sums[2] += duration
        index = bucket(duration)
        counts[index] = counts.get(index, 0) + 1

    def write(self) -> None:
        """Add what was gathered to the table."""
        for key, (sums, counts) in self._gathered.items():
            packed = pack(counts)
            known = self._connection.execute(self._select, key).fetchone()
            if known is not None:
                sums[:] = [ours + theirs for ours, theirs in zip(sums, known[:3], strict=True)]
                packed = pack(unpack((packed, known[3])))
            calls, errors, total = sums
            self._connection.execute(self._replace, (*key, calls, errors, min(total, _LARGEST), packed))
        self._gathered.clear()

    def forget(self) -> None:
        """Forget what was gathered."""
        self._gathered.clear()
