"""What many rows share is stored once and known by a number: services, operations, resources, scopes, traces."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

_MOST_REMEMBERED = 50_000
_KEYS_FROM = 50  # spans of each operation whose attribute keys are looked at, and then each 50th


class Operation(NamedTuple):
    """What a summary needs of an operation."""

    number: int  # of the service
    service: str
    agent: str


class Interned:
    """The numbers, remembered in memory for the one writer. ``forget`` after rows were deleted or rolled back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.operations: dict[int, Operation] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._traces: dict[bytes, int] = {}
        self._seen: dict[int, int] = {}

    def forget(self) -> None:
        """Forget everything remembered: the next to ask reads the tables."""
        for memory in (self.operations, self._numbers, self._traces, self._seen):
            memory.clear()

    def trace(self, trace_id: bytes) -> int:
        """The number of the trace; a new one is the largest."""
        number = self._traces.get(trace_id)
        if number is None:
            number = self._number("traces", trace_id=trace_id)
            if len(self._traces) >= _MOST_REMEMBERED:
                self._traces.clear()
            self._traces[trace_id] = number
        return number

    def operation(self, key: tuple[str, str, int, str, str]) -> int:
        """The number of (service, name, kind, agent, handoff type)."""
        number = self._numbers.get(key)
        if number is None:
            service, name, kind, agent, handoff = key
            owner = self._number("services", name=service)
            number = self._number("operations", service=owner, name=name, kind=kind, agent=agent, handoff=handoff)
            self._remember(key, number)
            self.operations[number] = Operation(owner, service, agent)
        return number

    def known(self, operation: int) -> Operation:
        """The operation of that number."""
        found = self.operations.get(operation)
        if found is None:
            row = self._connection.execute(
                "select s.id, s.name, o.agent from operations o join services s on s.id = o.service where o.id = ?",
                (operation,),
            ).fetchone()
            found = self.operations[operation] = Operation(*row)
        return found

    def body(self, table: str, body: bytes) -> int:
        """The number of a serialized message in ``table``."""
        key = (table, body)
        number = self._numbers.get(key)
        if number is None:
            number = self._number(table, body=body)
            self._remember(key, number)
        return number

    def wants_keys(self, operation: int) -> bool:
        """Whether the attribute keys of one more span of ``operation`` are worth a look: most bring nothing new."""
        seen = self._seen[operation] = self._seen.get(operation, 0) + 1
        return seen <= _KEYS_FROM or seen % _KEYS_FROM == 0

    def keys(self, keys: set[str]) -> None:
        """Keep the names of attributes."""
        for key in keys:
            if ("key", key) not in self._numbers:
                self._connection.execute("insert or ignore into attribute_keys values (?)", (key,))
                self._remember(("key", key), 0)

    def _remember(self, key: tuple[Any, ...], number: int) -> None:
        if len(self._numbers) >= _MOST_REMEMBERED:
            self._numbers.clear()
        self._numbers[key] = number

    def _number(self, table: str, **values: Any) -> int:
        where = " and ".join(f"{column} = ?" for column in values)
        found = self._connection.execute(f"select id from {table} where {where}", tuple(values.values())).fetchone()
        if found is None:
            columns, marks = ", ".join(values), ", ".join("?" * len(values))
            command = f"insert into {table} ({columns}) values ({marks})"
            return int(self._connection.execute(command, tuple(values.values())).lastrowid or 0)
        return int(found[0])
