"""How often, how slow, how many errors: by operation, by handoff, by service, over any time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from erni_run.viewer.query.values import kind_name
from erni_run.viewer.store import histogram
from erni_run.viewer.store.rollup import MINUTE

_STEPS = 30

Times: TypeAlias = "tuple[int | None, int | None]"
"""From and to, in nanoseconds since the epoch, both inclusive; None: as far as there is something."""

_OPERATIONS = """
select o.id, s.name, o.name, o.kind, o.agent, o.handoff from operations o join services s on s.id = o.service
"""
_CALLS = """
select p.name, c.name, calls, errors, total, histogram
from calls join services p on p.id = parent join services c on c.id = child where minute between ? and ?
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
    """Calls between services, by (parent, child)."""
    loads: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for parent, child, *counted in connection.execute(_CALLS, _minutes(connection, times)):
        loads.setdefault((parent, child), []).append(tuple(counted))
    return {edge: _summed(minutes) for edge, minutes in loads.items()}


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
            steps.setdefault(first + (minute - first) // step * step, []).append(tuple(counted))
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
