"""How often, how slow, how many errors: by operation, by handoff, by service, over any time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from erni_run.viewer.query.values import kind_name
from erni_run.viewer.store import histogram

MINUTE = 60 * 10**9
_STEPS = 30

Times: TypeAlias = "tuple[int | None, int | None]"
"""From and to, in nanoseconds since the epoch, both inclusive; None: as far as there is something."""

_OPERATIONS = """
select o.id, s.name, o.name, o.kind, o.agent, o.handoff from operations o join services s on s.id = o.service
"""
_MINUTES = """
select operation, minute, calls, errors, total, histogram from minutes where minute between ? and ?
"""


@dataclass
class Load:
    """Calls with their durations in nanoseconds; ``counts`` is a histogram."""

    calls: int = 0
    errors: int = 0
    total: int = 0
    counts: dict[int, int] = field(default_factory=dict)

    def percentiles(self, *shares: float) -> list[int]:
        """Durations in nanoseconds."""
        return histogram.percentiles(self.counts, *shares)

    def add(self, other: Load) -> None:
        """Add what ``other`` counted."""
        self.calls += other.calls
        self.errors += other.errors
        self.total += other.total
        for index, count in other.counts.items():
            self.counts[index] = self.counts.get(index, 0) + count


@dataclass
class Row:
    """The load of one group in all, and by step of time: ``trend`` goes from a step's beginning to its load."""

    key: tuple[str, ...]
    whole: Load
    trend: dict[int, Load]


def operations(connection: sqlite3.Connection, times: Times, service: str = "") -> list[Row]:
    """Rows with the key (service, name, kind), the largest total first."""
    more, arguments = ("where s.name = ?", [service]) if service else ("", [])
    return _rows(connection, times, more, arguments, lambda row: (row[0], row[1], kind_name(row[2])))


def handoffs(connection: sqlite3.Connection, times: Times) -> list[Row]:
    """Rows with the key (agent, type)."""
    return _rows(connection, times, "where o.name glob 'agent_handoff.*'", [], lambda row: (row[3], row[4]))


def services(connection: sqlite3.Connection, times: Times) -> list[Row]:
    """Rows with the key (service,)."""
    return _rows(connection, times, "", [], lambda row: (row[0],))


def calls(connection: sqlite3.Connection, times: Times) -> dict[tuple[str, str], Load]:
    """Calls between services, by (parent, child), in traces that started in that time."""
    first, last = times[0] or 0, times[1] if times[1] is not None else 2**63 - 1
    rows = connection.execute(
        "select calls from traces where start between ? and ? and calls <> '[]'", (first, last)
    ).fetchall()
    loads: dict[tuple[str, str], Load] = {}
    for parent, child, duration, is_error in json.loads(f"[{','.join(row[0][1:-1] for row in rows)}]"):
        load = loads.setdefault((parent, child), Load())
        load.calls += 1
        load.errors += is_error
        load.total += duration
        index = histogram.bucket(duration)
        load.counts[index] = load.counts.get(index, 0) + 1
    return loads


def _rows(
    connection: sqlite3.Connection,
    times: Times,
    more: str,
    arguments: Iterable[object],
    key: Callable[[tuple[Any, ...]], tuple[str, ...]],
) -> list[Row]:
    first, last = _minutes(connection, times)
    step = max(1, -(-(last - first + 1) // _STEPS))
    keys = {row[0]: key(row[1:]) for row in connection.execute(_OPERATIONS + more, tuple(arguments))}
    groups: dict[tuple[str, ...], dict[int, list[tuple[Any, ...]]]] = {}
    for operation, minute, *counted in connection.execute(_MINUTES, (first, last)):
        if operation in keys:
            steps = groups.setdefault(keys[operation], {})
            steps.setdefault(first + (minute - first) // step * step, []).append(counted)
    rows = []
    for group, steps in groups.items():
        trend = {begin * MINUTE: _summed(steps[begin]) for begin in sorted(steps)}
        whole = Load()
        for load in trend.values():
            whole.add(load)
        rows.append(Row(group, whole, trend))
    return sorted(rows, key=lambda row: row.whole.total, reverse=True)


def _summed(minutes: list[tuple[Any, ...]]) -> Load:
    calls, errors, totals, histograms = zip(*minutes, strict=True)
    return Load(sum(calls), sum(errors), sum(totals), histogram.unpack(histograms))


def _minutes(connection: sqlite3.Connection, times: Times) -> tuple[int, int]:
    """The first and the last minute asked for, else those for which there is something."""
    first, last = times
    if first is None:
        first = connection.execute("select min(minute) from minutes").fetchone()[0]
        first = first * MINUTE if first is not None else 0
    if last is None:
        last = connection.execute("select max(minute) from minutes").fetchone()[0]
        last = last * MINUTE if last is not None else 0
    return first // MINUTE, last // MINUTE
